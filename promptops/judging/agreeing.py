"""How well metrics and judges agree with people, from recorded scores: the tables that papers print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.located import Faults, did_you_mean, shown
from promptops.files.textfile import file_name
from promptops.instruments import Found
from promptops.noun import Noun
from promptops.sets.samplefiles import read_rows
from promptops.stats import Floats
from promptops.stats.correlation import Coefficient
from promptops.stats.metaevaluation import Level, meta_correlation, pair_order
from promptops.stats.reweighting import Estimated

LEVELS: tuple[Level, ...] = ("sample", "group", "system")
COEFFICIENTS: tuple[Coefficient, ...] = ("spearman", "kendall", "pearson")


Row = tuple[dict[str, JsonValue], int | None]
"""A row's values by key, and its line."""


class MetaRow(Noun):
    """One metric's correlation with people at one level."""

    metric: str
    level: str
    coefficient: str
    correlation: Found
    left_out: int
    """`group`: documents without a correlation. Else outputs without both scores."""


class Ordering(Noun):
    """Which pairs of systems a metric orders as people do."""

    metric: str
    accuracy: Found
    agreed: int
    reversed: int
    metric_ties: int
    human_ties: int


class MetaEvaluation(Noun):
    """Recorded scores held against people's."""

    file: str
    documents: int
    systems: int
    outputs: int
    """With a human score."""
    human: tuple[str, ...]
    """The keys whose mean is the human score."""
    rows: tuple[MetaRow, ...]
    orderings: tuple[Ordering, ...]


def agree(
    path: Path,
    human: Sequence[str],
    metrics: Sequence[str] = (),
    *,
    document: str = "sample",
    system: str = "system",
) -> MetaEvaluation:
    """Correlate metrics with the mean of human scores at sample, group and system level.

    A row of the file (JSONL, CSV, YAML, Parquet) is one output: its document, its system, and scores by key;
    null, or no key, is a missing one. Without `metrics` every other key that holds numbers alone is one.
    Raises FileProblems, and UsageError for a key that is nowhere and for fewer than two documents or systems.
    """
    if not human:
        raise UsageError("Name the key of the human scores, as --human rating.")
    rows = _read(path, document, system)
    keys = {key for row, _ in rows for key in row}
    for key in (*human, *metrics):
        if key not in keys:
            raise UsageError(f"No row of {file_name(path)!r} has the key {key!r}.{did_you_mean(key, keys)}")
    own = {document, system, *human}
    chosen = tuple(metrics) or tuple(
        key for key in sorted(keys - own) if all(_is_score(row.get(key)) for row, _ in rows)
    )
    if not chosen:
        raise UsageError(f"No other key of {file_name(path)!r} holds numbers alone. Name one: --metric KEY")
    documents, systems = (list(dict.fromkeys(str(row[key]) for row, _ in rows)) for key in (document, system))
    if len(documents) < 2 or len(systems) < 2:
        raise UsageError(
            f"{file_name(path)!r} has {len(documents)} documents ({document}) and {len(systems)} systems "
            f"({system}); a correlation takes two of each."
        )
    tables = _tables(path, rows, (document, documents), (system, systems), (*human, *chosen))
    people = _mean([tables[key] for key in human])
    return MetaEvaluation(
        file=file_name(path),
        documents=len(documents),
        systems=len(systems),
        outputs=int(np.isfinite(people).sum()),
        human=tuple(human),
        rows=tuple(row for key in chosen for row in _correlations(key, tables[key], people)),
        orderings=tuple(_ordering(key, tables[key], people) for key in chosen),
    )


def _correlations(metric: str, own: Floats, people: Floats) -> Iterator[MetaRow]:
    for level in LEVELS:
        for coefficient in COEFFICIENTS:
            found = meta_correlation(own, people, level, coefficient)
            yield MetaRow(
                metric=metric,
                level=level,
                coefficient=coefficient,
                correlation=_found(found.correlation),
                left_out=found.left_out,
            )


def _ordering(metric: str, own: Floats, people: Floats) -> Ordering:
    order = pair_order(own, people)
    return Ordering(
        metric=metric,
        accuracy=_found(order.accuracy),
        agreed=order.agreed,
        reversed=order.reversed,
        metric_ties=order.metric_ties,
        human_ties=order.human_ties,
    )


def _tables(
    path: Path,
    rows: Sequence[Row],
    document: tuple[str, Sequence[str]],
    system: tuple[str, Sequence[str]],
    keys: Sequence[str],
) -> dict[str, Floats]:
    """Return each key's scores (documents, systems), NaN where missing. Raises FileProblems."""
    problems: list[Problem] = []
    across, down = ({name: place for place, name in enumerate(names)} for _, names in (system, document))
    tables = {key: np.full((len(down), len(across)), np.nan) for key in keys}
    seen: set[tuple[int, int]] = set()
    for row, line in rows:
        place = down[str(row[document[0]])], across[str(row[system[0]])]
        if place in seen:
            told = f"{shown(row[document[0]])} by {shown(row[system[0]])} stands above already"
            problems.append(Problem(file_name(path), told, line))
        seen.add(place)
        for key, table in tables.items():
            value = row.get(key)
            if not _is_score(value):
                problems.append(Problem(file_name(path), f"is no number: {shown(value)}", line, None, key))
            elif isinstance(value, int | float):
                table[place] = value
    if problems:
        raise FileProblems(problems)
    return tables


def _read(path: Path, document: str, system: str) -> list[Row]:
    problems: list[Problem] = []
    rows: list[Row] = []
    for row in read_rows(path, problems):
        faults = Faults(file_name(path), row, problems)
        if not isinstance(row.value, dict):
            faults.add((), "must be an object, one a row")
            continue
        missing = [key for key in (document, system) if not isinstance(row.value.get(key), str | int)]
        for key in missing:
            faults.add((key,), "is missing, and tells which output this is (--document, --system)")
        if not missing:
            rows.append((row.value, row.place(())[0]))
    if problems or not rows:
        raise FileProblems(problems or [Problem(file_name(path), "holds no scores", 1)])
    return rows


def _is_score(value: JsonValue) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _mean(tables: Sequence[Floats]) -> Floats:
    stacked = np.stack(tables)
    known = np.isfinite(stacked)
    sums, sizes = np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0)
    found: Floats = np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0)
    return found


def _found(each: Estimated) -> Found:
    return Found(value=each.value, low=each.low, high=each.high, n=each.n, reason=each.reason)
