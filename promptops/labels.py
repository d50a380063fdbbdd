"""What people say about outputs: cases drawn at random, and their ratings, in a file that git tracks.

A line is a case: a sample, an output, and the ratings by rater. Nothing in it tells which prompt or model
wrote the output or what the judge said, so that whoever rates is blind to both.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from promptops.canonical import digest_of
from promptops.csvfile import neutral, read_csv
from promptops.errors import FileProblems, Problem, UsageError
from promptops.jsonfile import read_json_lines
from promptops.located import Faults, shown
from promptops.noun import Noun
from promptops.textfile import file_name, replacing
from promptops.types import Sample

DRAWN = 60
"""Samples that are drawn unless said otherwise: enough for an interval that is worth reading."""
DRAW = ". Draw and rate: "
"""What stands between the reason why ratings can't be used and the command that mends it."""


class Case(Noun):
    """One output that people rate."""

    sample: str = Field(min_length=1)
    """Id of the set's sample that it answers."""
    output: str
    twice: bool = False
    """Whether a second rater is to rate it as well."""
    ratings: dict[str, float] = Field(default_factory=dict)
    """By rater, on the judge's scale."""
    seed: int | None = None
    """Of the draw that chose its sample; none where people chose it."""
    judge: str = ""
    """Digest of the signature of the judge for whose sake it was drawn."""
    unrated: dict[str, str] = Field(default_factory=dict)
    """By rater who can't tell: why. That is no rating, and the case is not asked of them again."""

    @property
    def id(self) -> str:
        """By what the case is known again."""
        return digest_of([self.sample, self.output])[:16]

    def is_done(self, rater: str) -> bool:
        """Tell whether a rater has rated it, or said that there is no telling."""
        return rater in self.ratings or rater in self.unrated


def draw(
    answers: Sequence[Sequence[tuple[str, str]]], count: int, seed: int, second: float, judge: str = ""
) -> tuple[Case, ...]:
    """Make cases of the first `count` samples that have an output; shuffled, so that no order tells a run.

    `answers` holds each sample's (sample id, output) of all runs, in the order that was drawn (lots.py);
    equal outputs to one sample are one case. A share `second` of the samples is for two raters.
    """
    chosen = [each for each in answers if each][:count]
    twice = math.ceil(second * len(chosen) - 1e-9)
    cases = {
        case.id: case
        for place, outputs in enumerate(chosen)
        for sample, output in outputs
        for case in [Case(sample=sample, output=output, twice=place < twice, seed=seed, judge=judge)]
    }
    return tuple(sorted(cases.values(), key=lambda case: _lot(str(seed), case.id)))


def draw_command(
    judge: str, runs: Sequence[str], count: int = DRAWN, seed: int | None = None, file: str | None = None
) -> str:
    """Return the command that draws `count` samples of these runs for a judge, SET:LABEL."""
    command = ["promptops", "judge", "draw", judge, *(part for run in runs for part in ("--run", run))]
    command += [] if count == DRAWN else ["-n", str(count)]
    command += ["--seed", str(seed)] if seed else []
    return shlex.join([*command, *([] if file is None else ["--labels", file])])


def left_for(cases: Sequence[Case], rater: str) -> list[Case]:
    """Return what a rater is still to rate, in an order of the rater's own.

    That is what nobody has rated, and what one other has rated that two are to rate.
    """
    return [case for case in share_of(cases, rater) if not case.is_done(rater)]


def share_of(cases: Sequence[Case], rater: str) -> list[Case]:
    """Return what a rater has done and is still to do, in the rater's own order."""
    wanted = []
    for case in cases:
        others = set(case.ratings) - {rater}
        if case.is_done(rater) or not others or (case.twice and len(others) == 1):
            wanted.append(case)
    return sorted(wanted, key=lambda case: _lot(rater, case.id))


def with_ratings(cases: Sequence[Case], rater: str, said: Mapping[str, float | str]) -> tuple[Case, ...]:
    """Return cases with what a rater said of them, by case id: a number, or why there is none."""
    return tuple(_said_of(case, rater, said[case.id]) if case.id in said else case for case in cases)


def _said_of(case: Case, rater: str, said: float | str) -> Case:
    ratings = {name: value for name, value in case.ratings.items() if name != rater}
    unrated = {name: why for name, why in case.unrated.items() if name != rater}
    if isinstance(said, str):
        unrated[rater] = said
    else:
        ratings[rater] = said
    return case.model_copy(update={"ratings": ratings, "unrated": unrated})


def read_cases(path: Path, low: float, high: float) -> tuple[Case, ...]:
    """Return a file's cases. Raises FileProblems with each fault, and for ratings off the scale."""
    problems: list[Problem] = []
    found: dict[str, Case] = {}
    for row in read_json_lines(path, problems):
        faults = Faults(file_name(path), row, problems)
        try:
            case = Case.model_validate(row.value)
        except ValidationError as error:
            for fault in error.errors():
                faults.add(tuple(fault["loc"]), f"{fault['msg'][:1].lower()}{fault['msg'][1:]}")
            continue
        for rater, rating in case.ratings.items():
            if not low <= rating <= high:
                faults.add(("ratings", rater), f"is {rating:g}; the judge's scale is {low:g} to {high:g}")
        if case.id in found:
            faults.add(("output",), "stands above already; ratings of one output belong in one line")
        found[case.id] = case
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return tuple(found.values())


def mean_ratings(path: Path) -> dict[tuple[str, str], float]:
    """Return the mean of each case's ratings, by sample id and output. Raises FileProblems."""
    cases = read_cases(path, -math.inf, math.inf)
    return {
        (case.sample, case.output): sum(case.ratings.values()) / len(case.ratings)
        for case in cases
        if case.ratings
    }


def write_cases(path: Path, cases: Iterable[Case]) -> None:
    """Write cases, whole or not at all. Raises FileProblems."""
    with replacing(path) as file:
        for case in cases:
            row = case.model_dump(mode="json", exclude_defaults=True)
            # Half a character is written as JSON escapes it.
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


SHEET = ("case", "inputs", "target", "output", "rating")


def write_sheet(path: Path, cases: Sequence[Case], samples: Mapping[str, Sample]) -> None:
    """Write cases as CSV with an empty column `rating`. No cell is one that a spreadsheet would run."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SHEET)
    for case in cases:
        sample = samples[case.sample]
        cells = (told(sample.inputs), "\n".join(map(str, sample.target)), case.output)
        writer.writerow([f"#{case.id}", *map(neutral, cells), ""])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def read_sheet(path: Path, cases: Sequence[Case], low: float, high: float) -> dict[str, float]:
    """Return the ratings of a sheet that was filled in, by case id; empty cells are left out.

    Only `case` and `rating` are read: a spreadsheet may have changed the texts. Raises FileProblems.
    """
    problems: list[Problem] = []
    found: dict[str, float] = {}
    known = {case.id for case in cases}
    name = file_name(path)
    rows = read_csv(path)
    header = [cell.text.strip().lower() for cell in next(rows, [])]
    if not {"case", "rating"} <= set(header):
        raise FileProblems([Problem(name, "has no columns `case` and `rating`; write one with --sheet", 1)])
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        case, rating = cells.get("case"), cells.get("rating")
        if case is None or rating is None or not rating.text.strip():
            continue
        key, line = case.text.strip().removeprefix("#"), rating.place.line
        if key not in known:
            problems.append(Problem(name, f"{shown(case.text)} is no case of these labels", line))
            continue
        value = _number(rating.text)
        if value is None or not low <= value <= high:
            told_scale = f"is {shown(rating.text)}; the judge's scale is {low:g} to {high:g}"
            problems.append(Problem(name, told_scale, line, rating.place.column, "rating"))
        elif key in found:
            problems.append(Problem(name, f"the case {shown(key)} stands above already", line))
        else:
            found[key] = value
    if problems:
        raise FileProblems(problems)
    return found


def labels_file(folder: Path, label: str, labels: str | Path | None = None) -> Path:
    """Return where the labels of a set's judge stand, unless another file is named."""
    return folder / "labels" / f"{label}.jsonl" if labels is None else Path(labels)


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Let one process or thread at a time change labels: two raters at once must not undo each other.

    `path` is a file that is locked and holds nothing. Raises FileProblems where it can't be opened.
    """
    try:
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", "utf-8")
        file = path.open("ab")
    except OSError as error:
        raise FileProblems([Problem(file_name(path), f"can't be written: {error.strerror}")]) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # closing it lets go
        yield


def check_rater(rater: str) -> str:
    """Return a rater's name. Raises UsageError for one that can't be a key."""
    name = rater.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise UsageError(f"{rater!r} can't be a rater's name. Give one, as --rater anna.")
    return name


def check_reason(why: str) -> str:
    """Return why somebody can't tell, on one line. Raises UsageError for none."""
    reason = " ".join(why.split())
    if not reason or len(reason) > 500:
        raise UsageError("Say in up to 500 characters why there is no telling.")
    return reason


def told(inputs: Mapping[str, object]) -> str:
    """Return a sample's inputs for people to read."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in inputs.items()
    )


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _lot(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
