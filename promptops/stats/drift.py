"""Has a judge changed? The same anchor cases, judged again and again.

If nothing changed, the times at which one case got its scores could be exchanged. So all its scores are
turned around in time, each cluster of cases by a random shift, and the largest step of the mean score over
all dates is compared with those of the turned series: an exact permutation test for any scores, which tells
the date of the change as well. Each of the planned checks is made at alpha / planned (Bonferroni), so that a
judge that stays the same raises an alarm in at most alpha of all series of so many checks.

Not a bet on differences to the first scores: their noise is in all differences ever after, and sooner or
later such a bet wins against a judge that never changed (docs/decisions/0036).
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.clusters import Labels, TooFewClustersError, numbered, summed
from promptops.stats.intervals import MeanInterval, mean_interval

PLANNED = 100
"""Checks of one series of anchors; after them, or after an alarm, a new series begins."""

_HITS = 20
"""Turned series as extreme as the real one after which no more are drawn (Besag & Clifford 1991)."""
_DRAWS_A_LEVEL = 20
_BLOCK = 2_000
_TIE = 1e-9


class TooFewAnchorsError(ValueError):
    """So few anchors can't raise an alarm, whatever the judge says."""

    def __init__(self, anchors: int, needed: int) -> None:
        super().__init__(f"{anchors} independent anchors can never raise an alarm; it takes {needed}")
        self.anchors = anchors
        self.needed = needed


@dataclass(frozen=True)
class Check:
    """What the last time that anchors were judged says of the judge."""

    difference: MeanInterval
    """Last time less first, paired by case; of cases with both scores."""
    p: float
    threshold: float
    """alpha / planned: the alarm is raised where p is that or less."""
    alarm: bool
    change: int | None
    """With an alarm: the first time, counted from 0, at which the judge had most likely changed."""
    shift: MeanInterval | None
    """With an alarm: mean after it less mean before. The date was chosen to make that large, so that it
    lies a bit too far from 0."""
    missing: int
    """Scores that are missing; in the test they count as their case's mean."""


def anchors_needed(planned: int = PLANNED, alpha: float = 0.05) -> int:
    """Return how many independent anchors can raise an alarm at the first check: 2 / 2^n <= alpha/planned."""
    return math.ceil(math.log2(2 * planned / alpha))


def check_anchors(
    scores: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    planned: int = PLANNED,
    alpha: float = 0.05,
    level: float = 0.95,
    seed: int = 0,
) -> Check:
    """Check scores (times, n) of the same n anchors, the first time first; NaN where missing.

    `planned` is the number of checks that was settled before the first, each of them one more row. It rests
    on this alone: without a change a case's scores are exchangeable in time, and clusters of cases are
    independent at each time. Raises TooFewAnchorsError, TooFewClustersError where fewer than two clusters
    have the first and the last score, and ValueError for other tables and for more checks than planned.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or np.isinf(table).any():
        raise ValueError("scores are a table of two times or more by anchors, NaN where missing")
    if len(table) - 1 > planned:
        raise ValueError(
            f"{len(table) - 1} checks, but {planned} were planned: begin a new series of anchors"
        )
    labels = None if clusters is None else list(clusters)
    numbers, count = numbered(labels, table.shape[1])
    needed = anchors_needed(planned, alpha)
    if count < needed:
        raise TooFewAnchorsError(count, needed)
    known = np.isfinite(table)
    sizes = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, table, 0.0).sum(axis=0) / sizes
    centred = np.where(known, table - means, 0.0)
    series = summed(centred.T, numbers, count)
    threshold = alpha / planned
    p = _p(series, threshold, seed)
    alarm = p <= threshold
    change = _largest(np.abs(_steps(series.sum(axis=0)[None])[0])) + 1 if alarm else None
    return Check(
        difference=_difference(table[:1], table[-1:], labels, level),
        p=p,
        threshold=threshold,
        alarm=alarm,
        change=change,
        shift=None if change is None else _difference(table[:change], table[change:], labels, level),
        missing=int((~known).sum()),
    )


def _largest(sizes: Floats) -> int:
    """Return the first place of the largest, whatever the last digits of equal ones are."""
    return int(np.flatnonzero(sizes >= sizes.max() * (1 - _TIE))[0])


def _p(series: Floats, threshold: float, seed: int) -> float:
    """Return the p-value of the largest step, from clusters' series (clusters, times) turned at random."""
    size = float(np.abs(series).max(initial=0.0))
    seen = float(np.abs(_steps(series.sum(axis=0)[None])).max())
    if size == 0.0:
        return 1.0
    times = series.shape[1]
    turned = np.stack([np.roll(series, -shift, axis=1) for shift in range(times)], axis=1)
    rng = np.random.default_rng(seed)
    most = math.ceil(_DRAWS_A_LEVEL / threshold)
    drawn, hits, block = 0, 0, _HITS
    while drawn < most:
        block = min(2 * block, _BLOCK, most - drawn)
        total = np.zeros((block, times))
        for own in turned:
            total += own[rng.integers(0, times, block)]
        extreme = np.abs(_steps(total)).max(axis=1) >= seen - _TIE * size
        if hits + int(extreme.sum()) >= _HITS:
            last = int(np.flatnonzero(extreme)[_HITS - hits - 1])
            return _HITS / (drawn + last + 1)
        drawn, hits = drawn + block, hits + int(extreme.sum())
    return (1 + hits) / (1 + drawn)


def _steps(totals: Floats) -> Floats:
    """(b, times - 1) how far the mean steps at each date, over its spread if times were shuffled."""
    times = totals.shape[1]
    after = np.arange(times - 1, 0, -1)
    late = np.cumsum(totals[:, :0:-1], axis=1)[:, ::-1]
    steps: Floats = late / np.sqrt(after * (times - after) / times)
    return steps


def _difference(before: Floats, after: Floats, labels: list[Hashable] | None, level: float) -> MeanInterval:
    """Return the mean over cases of their mean after less their mean before."""
    sides = [np.isfinite(side).sum(axis=0) > 0 for side in (before, after)]
    known: Bools = sides[0] & sides[1]
    if not known.any():
        raise TooFewClustersError(0)
    kept = None if labels is None else [each for each, both in zip(labels, known, strict=True) if both]
    gaps = np.nanmean(after[:, known], axis=0) - np.nanmean(before[:, known], axis=0)
    return mean_interval(gaps, kept, level)
