"""Pairwise judgements that somebody recorded, in the formats of others, each fault with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.jsonfile import read_json
from promptops.files.located import MAX_PROBLEMS, Faults, Located, Place, did_you_mean
from promptops.files.textfile import file_name, read_text
from promptops.pairs.styles import STYLES, Keys, Style
from promptops.sets.samplefiles import read_rows

GROUPS = ("group", "sample_id", "sample", "question_id", "instruction", "prompt")
"""Keys that tell which question was answered, the first that a file has."""
MAX_BYTES = 256_000_000
"""Of one JSON list; lines may be more."""


@dataclass(frozen=True)
class JudgedPair:
    """One judgement of two systems' answers to one question."""

    first: str
    second: str
    score: float
    """1 where the first won, 0 where the second did, 0.5 for a tie."""
    group: str
    """What hangs together: the question, or a group of them."""
    weight: float = 1.0
    both_orders: bool = False
    """Whether the score is the mean of both orders."""


@dataclass(frozen=True)
class RecordedPairs:
    """What a file says, and what of it is no judgement."""

    file: str
    style: str
    """In whose format it is written."""
    group: str | None
    """The key of the question; None where each row stands for itself."""
    pairs: tuple[JudgedPair, ...]
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Why rows are without a judgement, and how many; nothing of them is counted as a tie."""
    judges: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


def read_pairs(
    path: Path,
    *,
    first: str | None = None,
    second: str | None = None,
    winner: str | None = None,
    group: str | None = None,
    judge: str | None = None,
    baseline: str | None = None,
) -> RecordedPairs:
    """Read pairwise judgements (JSONL, a JSON list, CSV, YAML, Parquet); the first row tells the format.

    `first`, `second` and `winner` name the keys of a format of one's own; `group` that of the question.
    `judge` keeps one judge's rows, `baseline` is whom Arena-Hard's files leave unnamed. Raises FileProblems
    with line and reason, among others for a winner that is none; UsageError for a key that no row has.
    """
    problems: list[Problem] = []
    rows = _objects(path, problems)
    row = next(rows, None)
    if row is None:
        raise FileProblems(problems or [Problem(file_name(path), "holds no judgements", 1)])
    style = _style(path, row, Keys(first, second, winner, baseline))
    key = _group_key(path, row, group)
    reader = _Reader(file_name(path), style, key, judge, problems)
    for each in _chained(row, rows):
        reader.take(each)
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise FileProblems(problems)
    if judge is not None and judge not in reader.judges:
        told = did_you_mean(judge, sorted(reader.judges))
        raise UsageError(f"No row of {file_name(path)!r} is by the judge {judge!r}.{told}")
    return RecordedPairs(
        file=file_name(path),
        style=style.name,
        group=key,
        pairs=tuple(reader.pairs),
        unscored=dict(reader.unscored.most_common()),
        judges=(judge,) if judge is not None else tuple(sorted(reader.judges)),
        systems=tuple(reader.systems),
    )


class _Reader:
    """Takes rows of one format."""

    def __init__(
        self, file: str, style: Style, group: str | None, judge: str | None, problems: list[Problem]
    ) -> None:
        self.pairs: list[JudgedPair] = []
        self.unscored: Counter[str] = Counter()
        self.judges: set[str] = set()
        self.systems: dict[str, None] = {}
        self._file, self._style, self._group, self._judge = file, style, group, judge
        self._problems = problems
        self._rows = 0

    def take(self, row: Located) -> None:
        value = row.value if isinstance(row.value, dict) else {}
        faults = Faults(self._file, row, self._problems)
        self._rows += 1
        judge = _judge_of(value)
        self.judges.update([judge] if judge else [])
        if self._judge is not None and judge != self._judge:
            return
        found = self._style.read(value, faults)
        group = self._question(value, faults)
        if found is None or group is None:
            return
        self.systems.update(dict.fromkeys((found.first, found.second)))
        if found.score is None:
            self.unscored[found.why] += 1
            return
        self.pairs.append(
            JudgedPair(found.first, found.second, found.score, group, both_orders=self._style.both_orders)
        )

    def _question(self, value: Mapping[str, JsonValue], faults: Faults) -> str | None:
        if self._group is None:
            return str(self._rows)
        found = value.get(self._group)
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            faults.add((self._group,), "is missing, and tells which question was answered (--group)")
            return None
        return str(found)


def _style(path: Path, row: Located, keys: Keys) -> Style:
    """Return the format of a file by its first row. Raises FileProblems, and UsageError for unknown keys."""
    value = row.value if isinstance(row.value, dict) else {}
    for key in (keys.first, keys.second, keys.winner):
        if key is not None and key not in value:
            raise UsageError(f"{file_name(path)!r} has no key {key!r}.{did_you_mean(key, value)}")
    for kind in STYLES:
        style = kind.found(value, keys)
        if style is not None:
            return style
    line = row.place(()).line
    known = "; ".join(f"{kind.name} ({', '.join(kind.needs)})" for kind in STYLES)
    told = (
        f"is in no known format of pairwise judgements: {known}. "
        "Name the keys: --first KEY --second KEY --winner KEY"
    )
    raise FileProblems([Problem(file_name(path), told, line)])


def _group_key(path: Path, row: Located, group: str | None) -> str | None:
    value = row.value if isinstance(row.value, dict) else {}
    if group is not None and group not in value:
        raise UsageError(f"{file_name(path)!r} has no key {group!r}.{did_you_mean(group, value)}")
    return group if group is not None else next((key for key in GROUPS if key in value), None)


def _judge_of(value: Mapping[str, JsonValue]) -> str:
    """Return who judged: a name, or the first one of a list (FastChat writes model and prompt)."""
    found = value.get("judge", value.get("annotator"))
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, str) else ""


def _objects(path: Path, problems: list[Problem]) -> Iterator[Located]:
    rows = _listed(path) if path.suffix == ".json" else read_rows(path, problems)
    for row in rows:
        if isinstance(row.value, dict):
            yield row
        else:
            Faults(file_name(path), row, problems).add((), "must be an object, one a judgement")


def _listed(path: Path) -> Iterator[Located]:
    """Yield the items of a JSON list, each with the line on which it stands."""
    text = read_text(path, MAX_BYTES)
    document = read_json(text, file_name(path))
    if not isinstance(document.value, list):
        raise FileProblems(
            [Problem(file_name(path), "must be a list of judgements; one a line is .jsonl", 1)]
        )
    for index, value in enumerate(document.value):
        yield Located(value, lambda rest, index=index: _line(text, document.place((index, *rest))))  # type: ignore[misc]


def _line(text: str, place: Place) -> Place:
    """Turn a column of a whole text into a line and a column of that line."""
    before = text[: (place.column or 1) - 1]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _chained(row: Located, rows: Iterable[Located]) -> Iterator[Located]:
    yield row
    yield from rows
