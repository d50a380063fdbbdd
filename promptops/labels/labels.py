"""What people say about outputs: cases drawn at random, and their ratings, in a file that git tracks.

A line is a case: a sample, an output, and the ratings by rater. Nothing in it tells which prompt or model
wrote the output or what the judge said, so that whoever rates is blind to both. For a judge of pairs a case
has a second output, and a rating says which is better.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import Field, ValidationError

from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import Faults
from promptops.files.textfile import file_name, replacing
from promptops.noun import Noun

DRAWN = 60
"""Samples that are drawn unless said otherwise: enough for an interval that is worth reading."""
FEW_OF_ONE = 5
"""Ratings below which somebody is not counted among the people who rated; the ratings count all the same."""
MOST_SHARES = 50
PREFERENCES = (1.0, 0.0, -1.0)
"""What people say of a pair: its output is better, neither is, the other one is."""
LONGEST_REASON = 500
"""Characters in which somebody says why there is no telling."""
DRAW = ". Draw and rate: "
"""What stands between the reason why ratings can't be used and the command that mends it."""


class Case(Noun):
    """One output that people rate, or a pair of them."""

    sample: str = Field(min_length=1)
    """Id of the set's sample that it answers."""
    output: str
    twice: bool = False
    """Whether a second rater is to rate it as well."""
    ratings: dict[str, float] = Field(default_factory=dict)
    """By rater, on the judge's scale; of a pair 1 where `output` is better, -1 where `other` is, else 0."""
    seed: int | None = None
    """Of the draw that chose its sample; none where people chose it."""
    judge: str = ""
    """Digest of the signature of the judge for whose sake it was drawn."""
    unrated: dict[str, str] = Field(default_factory=dict)
    """By rater who can't tell: why. That is no rating, and the case is not asked of them again."""
    other: str | None = None
    """Of a pair the output that it is held against: the older one."""

    @property
    def id(self) -> str:
        """By what the case is known again; a pair by its outputs in whatever order."""
        outputs = [self.output] if self.other is None else sorted((self.output, self.other))
        return digest_of([self.sample, *outputs])[:16]

    def is_done(self, rater: str) -> bool:
        """Tell whether a rater has rated it, or said that there is no telling."""
        return rater in self.ratings or rater in self.unrated


def ratings_digest(cases: Iterable[Case]) -> str:
    """Return a digest of the cases that have a rating, with their ratings; the order tells nothing."""
    return digest_of(sorted([case.id, sorted(case.ratings.items())] for case in cases if case.ratings))


def draw(
    answers: Sequence[Sequence[tuple[str, str] | tuple[str, str, str]]],
    count: int,
    seed: int,
    second: float,
    judge: str = "",
) -> tuple[Case, ...]:
    """Make cases of the first `count` samples that have an output; shuffled, so that no order tells a run.

    `answers` holds each sample's (sample id, output) of all runs, or of pairs (sample id, output, other one),
    in the order that was drawn (lots.py); equal outputs to one sample are one case. A share `second` of the
    samples is for two raters.
    """
    chosen = [each for each in answers if each][:count]
    twice = math.ceil(second * len(chosen) - 1e-9)
    cases = {
        case.id: case
        for place, outputs in enumerate(chosen)
        for sample, output, *other in outputs
        for case in [
            Case(
                sample=sample,
                output=output,
                other=other[0] if other else None,
                twice=place < twice,
                seed=seed,
                judge=judge,
            )
        ]
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


def dealt(cases: Sequence[Case], part: int, of: int) -> list[Case]:
    """Return one of `of` shares of all cases, `part` from 1 on, for people who rate at the same time.

    A case is in one share, and one that two are to rate is in two. Each two shares have as many of these in
    common as any other two, to within one, and all are about equally large. The same for everybody who has
    the same cases, whatever is rated by then. Raises UsageError for a share that there can't be.
    """
    if not 1 <= part <= of <= MOST_SHARES:
        raise UsageError(f"Share {part} of {of} can't be; write 1/2 and 2/2 for two raters, say.")
    loads, mine = [0] * of, []
    couples: list[tuple[int, ...]] = [*combinations(range(of), 2)] or [(0,)]
    used = dict.fromkeys(couples, 0)
    for case in sorted(cases, key=lambda case: (not case.twice, _lot("share", case.id))):
        shares: tuple[int, ...] = (loads.index(min(loads)),)
        if case.twice:
            shares = min(used, key=lambda each: (used[each], sum(loads[share] for share in each)))
            used[shares] += 1
        for share in shares:
            loads[share] += 1
        if part - 1 in shares:
            mine.append(case)
    return mine


def is_swapped(case: Case, rater: str) -> bool:
    """Tell whether a rater sees a pair's `other` output first: drawn by lot for each rater and pair."""
    return int(_lot("first", rater, case.id)[:8], 16) % 2 == 1


def in_order(case: Case, *, swapped: bool) -> tuple[str, str]:
    """Return both outputs of a pair as they are shown, the first one and the second one."""
    other = case.other or ""
    return (other, case.output) if swapped else (case.output, other)


def said_by(cases: Iterable[Case]) -> Counter[str]:
    """Count each rater's ratings."""
    return Counter(rater for case in cases for rater in case.ratings)


def people_in(counts: Iterable[int]) -> int:
    """Return how many count as people who rated, by how many ratings each gave.

    Whoever rated a case or two only is no further person to hold a judge against.
    """
    given = [count for count in counts if count]
    return max(sum(count >= FEW_OF_ONE for count in given), min(len(given), 1))


def without_rater(cases: Sequence[Case], rater: str) -> tuple[Case, ...]:
    """Return cases without anything that a rater said."""
    return tuple(
        case.model_copy(
            update={
                "ratings": {name: value for name, value in case.ratings.items() if name != rater},
                "unrated": {name: why for name, why in case.unrated.items() if name != rater},
            }
        )
        if case.is_done(rater)
        else case
        for case in cases
    )


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


def read_cases(
    path: Path, low: float = -math.inf, high: float = math.inf, *, pairs: bool | None = None
) -> tuple[Case, ...]:
    """Return a file's cases. Raises FileProblems with each fault, and for ratings off the scale.

    `pairs` tells whether they must be pairs, or must not be.
    """
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
            elif case.other is not None and rating not in PREFERENCES:
                faults.add(("ratings", rater), f"is {rating:g}; of a pair it is 1, 0 or -1")
        if pairs is not None and pairs == (case.other is None):
            needs = "is missing, and this judge compares two outputs"
            faults.add(("other",), needs if pairs else "is a second output, and this judge rates single ones")
        if case.other == case.output:
            faults.add(("other",), "is the same as `output`, so that neither is better")
        if case.id in found:
            faults.add(("output",), "stands above already; ratings of one output belong in one line")
        found[case.id] = case
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return tuple(found.values())


def mean_ratings(path: Path) -> dict[tuple[str, str], float]:
    """Return the mean of each case's ratings, by sample id and output. Raises FileProblems."""
    cases = read_cases(path)
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


def labels_file(folder: Path, label: str, labels: str | Path | None = None) -> Path:
    """Return where the labels of a set's judge stand, unless another file is named."""
    return folder / "labels" / f"{label}.jsonl" if labels is None else Path(labels)


def check_rater(rater: str) -> str:
    """Return a rater's name. Raises UsageError for one that can't be a key."""
    name = rater.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise UsageError(f"{rater!r} can't be a rater's name. Give one, as --rater anna.")
    return name


def check_reason(why: str) -> str:
    """Return why somebody can't tell, on one line. Raises UsageError for none."""
    reason = " ".join(why.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(f"Say in up to {LONGEST_REASON} characters why there is no telling.")
    return reason


def read_share(written: str) -> tuple[int, int] | None:
    """Return the share that `1/2` stands for; None where it is written otherwise."""
    part, _, of = written.partition("/")
    return (int(part), int(of)) if part.strip().isdecimal() and of.strip().isdecimal() else None


def told(inputs: Mapping[str, object]) -> str:
    """Return a sample's inputs for people to read."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in inputs.items()
    )


def _lot(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
