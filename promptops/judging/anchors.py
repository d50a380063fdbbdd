"""Anchors: frozen cases that a judge judges again and again, and each of its readings; files in git.

Both lie in `anchors/LABEL` beside a set. `cases.jsonl` is a header and a case a line, whole with its sample,
so that an edited set asks the same as before. `readings.jsonl` is only ever appended to.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError

from promptops.canonical import canonical_json, digest_of
from promptops.errors import FileProblems, Problem
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import Faults, Located, shown
from promptops.files.textfile import file_name, replacing
from promptops.noun import Noun
from promptops.types import Sample

FORMAT = 1
BINS = 10
"""Parts of the scale over which cases are spread, where it has more values than this."""

Kind = TypeVar("Kind", bound=BaseModel)


def moment(date: str) -> datetime:
    """Return a date as a moment in time. Raises ValueError for what is none, or names no time zone."""
    found = datetime.fromisoformat(date)
    if found.tzinfo is None:
        raise ValueError(f"{date!r} has no time zone")
    return found.astimezone(UTC)


def now() -> str:
    """Return this moment as files and runs write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _dated(date: str) -> str:
    moment(date)
    return date


Date = Annotated[str, AfterValidator(_dated)]


class Anchor(Noun):
    """A question and an output (or two), with the score that the judge gave when it was frozen."""

    sample: Sample
    output: str
    other: str | None = None
    """The output that a judge of pairs holds it against; null before any other judge."""
    score: FiniteFloat

    @cached_property
    def id(self) -> str:
        """By what the case is known again."""
        return anchor_id(self.sample, self.output, self.other)


class Freezing(Noun):
    """When and by whom anchors were judged first; the first line of their file."""

    format: int = FORMAT
    evalset: str
    label: str
    judge: str
    """Its models, joined by ` + `."""
    signature: str
    """Of the judge: model, prompts, parameters, scale and options."""
    frozen_at: Date
    source: str
    """Where the outputs were drawn from: a run, the labels of a certificate, or the anchors before."""
    seed: int = 0
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    """The scale; None where the judge has none."""
    stand_in: bool = False


class Anchors(Noun):
    """The anchors of one judge."""

    freezing: Freezing
    cases: tuple[Anchor, ...] = Field(min_length=1)

    @cached_property
    def digest(self) -> str:
        """Identity: cases, their scores, and when these were given."""
        rows = [self.freezing.model_dump(mode="json"), *(_case_row(case) for case in self.cases)]
        return digest_of(rows)[:16]

    @property
    def clusters(self) -> list[str]:
        """Of each case the group that it hangs together with: that of its sample, else the sample."""
        return [case.sample.group or f"\0{case.sample.id}" for case in self.cases]


class Reading(Noun):
    """What a judge said of all anchors at one time, and what was found then; a line of the history."""

    date: Date
    anchors: str
    """Digest of the anchors."""
    signature: str
    judge: str
    scores: dict[str, FiniteFloat | None]
    """By the anchor's id; null where the reply had no score."""
    p: float | None = None
    """Of the test for a change over all readings of the series; null where there was nothing to test."""
    alarm: bool = False
    before: Date | None = None
    """With an alarm: the last reading before the change."""
    since: Date | None = None
    """With an alarm: the first reading after it."""
    shift: FiniteFloat | None = None
    """With an alarm: mean after the change less mean before."""


def anchor_id(sample: Sample, output: str, other: str | None = None) -> str:
    """Return by what a case is known again."""
    outputs = [output] if other is None else [output, other]
    return digest_of([sample.model_dump(mode="json"), *outputs])[:16]


def _case_row(case: Anchor) -> dict[str, object]:
    """Return a case as it counts for the digest: as ever where there is no other output."""
    return {key: each for key, each in case.model_dump(mode="json").items() if (key, each) != ("other", None)}


def anchors_file(folder: Path, label: str) -> Path:
    """Return where a set keeps the anchors of its judge `label`."""
    return folder / "anchors" / label / "cases.jsonl"


def readings_file(folder: Path, label: str) -> Path:
    """Return where a set keeps what its judge said of its anchors."""
    return folder / "anchors" / label / "readings.jsonl"


def spread(scored: Iterable[tuple[Sample, str, float]], count: int, seed: int) -> list[tuple[Sample, str]]:
    """Draw outputs at random, as many from each part of the scale as there are, and one a sample.

    The parts take turns, so that rare scores come as often as frequent ones. Drawn by the SHA-256 of seed and
    case: the same everywhere. The score by which a case was chosen is no anchor's: chosen for being high or
    low it is partly luck, and the next one lies nearer to the middle. Anchors are judged anew.
    """
    lots: dict[str, tuple[str, Sample, str, float]] = {}
    for sample, output, score in scored:
        lot = hashlib.sha256(f"{seed}\n{anchor_id(sample, output)}".encode()).hexdigest()
        if sample.id not in lots or lot < lots[sample.id][0]:
            lots[sample.id] = (lot, sample, output, score)
    drawn = sorted(lots.values(), key=lambda each: each[0])
    parts: dict[float, list[tuple[Sample, str]]] = {}
    for part, (_, sample, output, _) in zip(_parts([each[3] for each in drawn]), drawn, strict=True):
        parts.setdefault(part, []).append((sample, output))
    queues = [parts[part] for part in sorted(parts)]
    longest = max(map(len, queues), default=0)
    turns = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return turns[:count]


def _parts(scores: Sequence[float]) -> list[float]:
    """Return the part of the scale of each score: the score itself where there are few of them."""
    if len(set(scores)) <= BINS:
        return list(scores)
    low, high = min(scores), max(scores)
    return [float(min(int(BINS * (score - low) / (high - low)), BINS - 1)) for score in scores]


def write_anchors(path: Path, anchors: Anchors) -> None:
    """Write anchors, whole or not at all. Raises FileProblems."""
    with replacing(path) as file:
        for each in (anchors.freezing, *anchors.cases):
            file.write(_line(each.model_dump(mode="json", exclude_defaults=True) | _kept(each)))


def read_anchors(path: Path) -> Anchors:
    """Return a file's anchors. Raises FileProblems with each fault: line, column and reason."""
    problems: list[Problem] = []
    freezing: Freezing | None = None
    cases: dict[str, Anchor] = {}
    for number, row in enumerate(read_json_lines(path, problems)):
        faults = Faults(file_name(path), row, problems)
        if number == 0:
            freezing = _freezing(row, faults)
            continue
        case = _valid(Anchor, row, faults)
        if case is None:
            continue
        if case.id in cases:
            faults.add(("output",), "stands above already")
        _check_scale(case.score, freezing, faults, ("score",))
        cases[case.id] = case
    if not problems and (freezing is None or not cases):
        problems.append(Problem(file_name(path), "holds no anchors; make some with promptops judge freeze"))
    if problems or freezing is None:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return Anchors(freezing=freezing, cases=tuple(cases.values()))


def read_readings(path: Path, anchors: Anchors) -> tuple[Reading, ...]:
    """Return a history by date; nothing where there is no file. Those of other anchors are among them.

    A line that a merge left there twice counts once. Raises FileProblems with each fault.
    """
    if not path.exists():
        return ()
    problems: list[Problem] = []
    found: dict[str, Reading] = {}
    known = {case.id for case in anchors.cases}
    for row in read_json_lines(path, problems):
        faults = Faults(file_name(path), row, problems)
        reading = _valid(Reading, row, faults)
        if reading is None:
            continue
        if reading.alarm and (reading.before is None or reading.since is None):
            faults.add(("alarm",), "names no dates `before` and `since` the change")
        for key, score in reading.scores.items() if reading.anchors == anchors.digest else ():
            if key not in known:
                faults.add(("scores", key), "is none of the anchors")
            if score is not None and reading.signature == anchors.freezing.signature:
                _check_scale(score, anchors.freezing, faults, ("scores", key))
        found[canonical_json(reading.model_dump(mode="json"))] = reading
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return tuple(sorted(found.values(), key=lambda reading: moment(reading.date)))


def append_reading(path: Path, reading: Reading) -> None:
    """Add a line to a history. Raises FileProblems where it can't be written."""
    line = _line(reading.model_dump(mode="json", exclude_defaults=True))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileProblems([Problem(file_name(path), f"can't be written: {error.strerror}")]) from None


def _freezing(row: Located, faults: Faults) -> Freezing | None:
    if not isinstance(row.value, dict) or "format" not in row.value:
        faults.add((), "is no header of anchors; make the file with promptops judge freeze")
        return None
    if row.value["format"] != FORMAT or isinstance(row.value["format"], bool):
        told = f"must be {FORMAT}, not {shown(row.value['format'])}; a newer promptops may read it"
        faults.add(("format",), told)
        return None
    return _valid(Freezing, row, faults)


def _valid(kind: type[Kind], row: Located, faults: Faults) -> Kind | None:
    try:
        return kind.model_validate(row.value)
    except ValidationError as error:
        for fault in error.errors():
            told = fault["msg"].removeprefix("Value error, ")
            faults.add(tuple(fault["loc"]), f"{told[:1].lower()}{told[1:]}")
    return None


def _check_scale(score: float, freezing: Freezing | None, faults: Faults, path: tuple[str, ...]) -> None:
    if freezing is None or freezing.low is None or freezing.high is None:
        return
    if not freezing.low <= score <= freezing.high:
        faults.add(path, f"is {score:g}; the judge's scale is {freezing.low:g} to {freezing.high:g}")


def _kept(each: Noun) -> dict[str, int]:
    return {"format": FORMAT} if isinstance(each, Freezing) else {}


def _line(row: object) -> bytes:
    # Half a character is written as JSON escapes it.
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
