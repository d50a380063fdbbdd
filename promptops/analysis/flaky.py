"""Which cases flip between repeats, and why: the model answered or the judge scored differently."""

from __future__ import annotations

from typing import Literal

import numpy as np

from promptops.analysis.grid import Grid
from promptops.analysis.summary import Bools, Floats, bounded_interval
from promptops.errors import UsageError
from promptops.noun import Noun
from promptops.stats.passes import pass_all, pass_at

FlipKind = Literal["model", "judge", "measure", "missing"]
"""model: answers differ, and the score with them; judge: one answer, byte for byte, got several scores;
measure: the same by a metric that asks nobody (seconds, cost); missing: some repeats have no answer."""

_SAME = 1e-12


class FlakyCase(Noun):
    """A sample whose score differs between repeats."""

    sample_id: str
    kind: FlipKind
    figures: tuple[float | None, ...]
    """Each repeat's own figure; None where it has none."""
    spread: float | None
    """Standard deviation of the figures; None where there are fewer than two."""
    answers: int | None
    """How many different answers the repeats gave; None where outputs are not stored."""


class Flaky(Noun):
    """The flaky cases of a run in one metric, the widest spread first, and their share with its interval."""

    n: int
    """Cases with two or more repeats that could be looked at."""
    share: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    model: int = 0
    judge: int = 0
    measure: int = 0
    missing: int = 0
    cases: tuple[FlakyCase, ...] = ()


class Passes(Noun):
    """What k answers to a case come to: one of them succeeds (pass@k), all of them succeed (pass^k)."""

    k: int
    n: int
    """Cases with k or more repeats."""
    at: float
    at_low: float | None
    at_high: float | None
    all: float
    all_low: float | None
    all_high: float | None
    level: float = 0.95


def flaky_cases(grid: Grid, label: str, level: float = 0.95) -> Flaky:
    """Return the samples whose repeats scored differently, or of which some have no answer."""
    own = grid.scores[label].own
    seen = (np.isfinite(own) | grid.failed).sum(axis=1) > 1
    found = [
        case for number in np.flatnonzero(seen).tolist() if (case := _case(grid, label, number)) is not None
    ]
    n = int(seen.sum())
    if n == 0:
        return Flaky(n=0, share=None, level=level)
    names = {case.sample_id for case in found}
    flips = np.array([float(sample.id in names) for sample in grid.table.samples])[seen]
    low, high = _ends(grid, flips, seen, level)
    kinds = [case.kind for case in found]
    return Flaky(
        n=n,
        share=float(flips @ grid.table.weights[seen] / grid.table.weights[seen].sum()),
        low=low,
        high=high,
        level=level,
        model=kinds.count("model"),
        judge=kinds.count("judge"),
        measure=kinds.count("measure"),
        missing=kinds.count("missing"),
        cases=tuple(sorted(found, key=lambda case: (-(case.spread or 0.0), case.sample_id))),
    )


def pass_rates(
    grid: Grid, label: str, threshold: float | None = None, level: float = 0.95
) -> tuple[Passes, ...]:
    """Return pass@k and pass^k for each k up to the repeats; none where success has no meaning.

    Success is a score of 1 in a metric that gives 0 and 1 only, else a score of `threshold` or better. A
    repeat without an answer is no success; one that could not be scored is left out. Raises UsageError
    for a threshold that no score can reach or miss.
    """
    scores = grid.scores[label]
    good = _successes(grid, label, threshold)
    if good is None:
        return ()
    there = np.isfinite(scores.own) | grid.failed
    repeats, successes = there.sum(axis=1), (good & there).sum(axis=1)
    found = []
    for k in range(1, grid.run.repeats + 1):
        used = repeats >= k
        if not used.any():
            break
        at, every = (rate(k, repeats, successes)[used] for rate in (pass_at, pass_all))
        weights = grid.table.weights[used]
        (at_low, at_high), (all_low, all_high) = (_ends(grid, each, used, level) for each in (at, every))
        found.append(
            Passes(
                k=k,
                n=int(used.sum()),
                at=float(at @ weights / weights.sum()),
                at_low=at_low,
                at_high=at_high,
                all=float(every @ weights / weights.sum()),
                all_low=all_low,
                all_high=all_high,
                level=level,
            )
        )
    return tuple(found)


def _case(grid: Grid, label: str, number: int) -> FlakyCase | None:
    row, texts, failed = grid.scores[label].own[number], grid.texts[number], grid.failed[number]
    record = grid.scores[label].column.record
    there = np.isfinite(row)
    close = _SAME * max(1.0, float(np.abs(row[there]).max(initial=0.0)))
    flips = there.any() and float(np.ptp(row[there])) > close
    if not flips and not (failed.any() and there.any()):
        return None
    kind: FlipKind = "missing"
    if flips:
        same = any(
            np.ptp(row[there & (texts == text)]) > close for text in np.unique(texts[there & (texts != 0)])
        )
        kind = "model" if not same else "judge" if record.judge else "measure"
    known = texts[there & (texts != 0)]
    return FlakyCase(
        sample_id=grid.table.samples[number].id,
        kind=kind,
        figures=tuple(float(value) if np.isfinite(value) else None for value in row),
        spread=float(np.std(row[there], ddof=1)) if there.sum() > 1 else None,
        answers=len(np.unique(known)) if len(known) else None,
    )


def _successes(grid: Grid, label: str, threshold: float | None) -> Bools | None:
    scores = grid.scores[label]
    record = scores.column.record
    if threshold is None:
        measured = scores.own[np.isfinite(scores.own)]
        plain = (record.low, record.high) == (0.0, 1.0) and record.higher_is_better
        return scores.own == 1.0 if plain and np.isin(measured, (0.0, 1.0)).all() else None
    low, high = record.low, record.high
    if (low is not None and threshold < low) or (high is not None and threshold > high):
        ends = f"{'-' if low is None else f'{low:g}'} to {'-' if high is None else f'{high:g}'}"
        raise UsageError(f"--threshold {threshold:g} lies outside the range of {label!r}, {ends}.")
    with np.errstate(invalid="ignore"):
        better = scores.own >= threshold if record.higher_is_better else scores.own <= threshold
    return np.asarray(better)


def _ends(grid: Grid, values: Floats, used: Bools, level: float) -> tuple[float | None, float | None]:
    """Return the cluster-robust interval of a mean of values in 0 to 1; none for a single cluster."""
    clusters = grid.table.clusters[used]
    if len(np.unique(clusters)) < 2:
        return None, None
    return bounded_interval(values, clusters, grid.table.weights[used], level, low=0.0, high=1.0)
