"""Bets against a hypothesis, one case after the other; the winnings are evidence at any time.

Under its hypothesis a bettor's wealth is a non-negative supermartingale, so it ever reaches 1/a with
probability at most a (Ville), at every n and however often one looks. A mixture of twenty stakes;
Waudby-Smith & Ramdas 2024, arXiv 2010.09686. Wealth stops growing at e^700.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.clusters import Labels, case_weights, numbered, summed

_STAKES = np.geomspace(0.01, 0.95, 20)
_LARGEST_LOG = 700.0
_NARROW = 0.01
"""Room below a bound, as a share of the range, that a stake is measured by at least."""
_HALVINGS = 30
_MANY = 64
"""Series from which on it is faster to multiply wealth step by step than to add logarithms."""
_STEPS = 16
"""Bets between two times that the largest wealth is taken out: one grows it to 200 times at most."""


@dataclass(frozen=True)
class BetBounds:
    """Bounds of a mean that hold at every number of cases, with the p-values of 0 on either side."""

    low: float
    high: float
    p_below: float
    """For "the mean lies below 0": 1 over the wealth of who bets on it."""
    p_above: float


class Wealth:
    """Bets on one cluster after the other, as they come: the same figures as `e_above` and `e_below`."""

    def __init__(self, bound: float, largest: float, *, low: float = -1.0) -> None:
        self._bound = bound
        self._largest = largest
        self._stakes = _STAKES / _room(bound, low)
        self._logs: Floats = np.zeros(len(_STAKES))

    @classmethod
    def below(cls, bound: float, largest: float, *, high: float = 1.0) -> Wealth:
        """Bet against "the mean is `bound` or more"; totals are then to be given with their sign turned."""
        return cls(-bound, largest, low=-high)

    def add(self, total: float, weight: float) -> float:
        """Bet on a cluster with the weighted sum `total` of its cases' values; return the e-value now."""
        bet = (total - self._bound * weight) / self._largest
        self._logs = self._logs + np.log1p(self._stakes * bet)
        return float(mixed(self._logs))


def e_pass(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    largest: float | None = None,
    *,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return the running e-values against "the mean difference is -margin or worse"."""
    if not 0 < margin < 1:
        raise ValueError(f"a margin on a range of 1 lies between 0 and 1, not {margin!r}")
    return e_above(d, -margin, clusters, largest, weights=weights)


def e_harm(
    d: npt.ArrayLike,
    clusters: Labels | None = None,
    largest: float | None = None,
    *,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return the running e-values against "the mean difference is 0 or better"."""
    return e_below(d, 0.0, clusters, largest, weights=weights)


def e_above(
    values: npt.ArrayLike,
    bound: float,
    clusters: Labels | None = None,
    largest: float | None = None,
    *,
    low: float = -1.0,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return the running e-values against "the mean is `bound` or less".

    Values (n,) or (n, runs) lie within [-1, 1] and are at least `low`, in an order fixed in advance. With
    clusters there is one bet for each, in the order of their first case: its weighted sum of (value - bound)
    over the weight of the `largest` cluster that can come (by default the heaviest one in here). Raises
    ValueError for other values, and for a cluster that is heavier than the largest one.
    """
    x = _checked(values)
    numbers, count = numbered(clusters, len(x))
    w = case_weights(weights, len(x))
    return _running(*_cluster_sums(x, w, numbers, count), bound, _heaviest(w, numbers, largest), low)


def e_below(
    values: npt.ArrayLike,
    bound: float,
    clusters: Labels | None = None,
    largest: float | None = None,
    *,
    high: float = 1.0,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return the running e-values against "the mean is `bound` or more"; values are at most `high`."""
    flipped = -np.asarray(values, dtype=np.float64)
    return e_above(flipped, -bound, clusters, largest, low=-high, weights=weights)


def bet_bounds(
    values: npt.ArrayLike,
    clusters: Labels | None = None,
    alpha: float = 0.05,
    *,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
    ever: bool = False,
    low: float = -1.0,
    high: float = 1.0,
) -> BetBounds:
    """Return the means (n,) that bets leave possible: one-sided bounds at (1 - alpha) each, exact at any n.

    The lower one is the largest bound that is rejected from above, so it exceeds -margin just when
    `e_pass` reaches 1/alpha. With `ever` the evidence is the most that there has been after any cluster: the
    running intersection of a confidence sequence, for who may stop when it suits.
    """
    x = _checked(values)
    numbers, count = numbered(clusters, len(x))
    w = case_weights(weights, len(x))
    sums, sizes = _cluster_sums(x, w, numbers, count)
    heaviest = _heaviest(w, numbers, largest)

    def evidence(bound: float, sign: float) -> float:
        end = low if sign > 0 else -high
        logs = log_gains(sign * sums, sizes, sign * bound, heaviest, low=end)
        return float(mixed(np.cumsum(logs, axis=1)).max() if ever else mixed(logs.sum(axis=1)))

    return BetBounds(
        low=last_rejected(lambda bound: evidence(bound, 1.0) >= 1 / alpha, low, high),
        high=last_rejected(lambda bound: evidence(bound, -1.0) >= 1 / alpha, high, low),
        p_below=min(1.0, 1 / max(evidence(0.0, -1.0), 1e-300)),
        p_above=min(1.0, 1 / max(evidence(0.0, 1.0), 1e-300)),
    )


def log_gains(
    sums: Floats,
    sizes: Floats,
    bound: float,
    heaviest: float,
    *,
    low: float = -1.0,
    stakes: Floats = _STAKES,
) -> Floats:
    """(stakes, clusters) what a bet on each cluster adds to the logarithm of each stake's wealth.

    The bet is on a mean above `bound`; `sums` are weighted sums of values that are at least `low`.
    """
    stakes = stakes / _room(bound, low)
    return np.log1p(stakes[:, None] * ((sums - bound * sizes) / heaviest))


def mixed(logs: Sequence[Floats] | Floats) -> Floats:
    """Return the mean of wealths that are given in logarithms, a stake a row."""
    top = np.maximum.reduce(logs)
    total = (
        np.exp(logs - top).sum(axis=0)
        if isinstance(logs, np.ndarray)
        else sum((np.exp(each - top) for each in logs), start=np.zeros_like(top))
    )
    mean: Floats = np.exp(np.minimum(top + np.log(total / len(logs)), _LARGEST_LOG))
    return mean


def last_rejected(rejected: Callable[[float], bool], start: float, end: float) -> float:
    """Return the last bound on the way from start to end that is rejected, within a 2^-30th of the way."""
    if not rejected(start):
        return start
    for _ in range(_HALVINGS):
        middle = (start + end) / 2
        start, end = (middle, end) if rejected(middle) else (start, middle)
    return start


def _checked(values: npt.ArrayLike) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if not np.all(np.abs(x) <= 1 + 1e-9):
        raise ValueError("bets need differences within [-1, 1]")
    return np.clip(x, -1.0, 1.0)


def _cluster_sums(x: Floats, w: Floats, numbers: Ints, count: int) -> tuple[Floats, Floats]:
    """Return each cluster's weighted sum of values, (clusters,) or (clusters, runs), and its weight."""
    weighted = x * (w if x.ndim == 1 else w[:, None])
    return summed(weighted, numbers, count), summed(w, numbers, count)


def _heaviest(w: Floats, numbers: Ints, largest: float | None) -> float:
    here = float(np.bincount(numbers, weights=w).max(initial=0.0)) or 1.0
    if largest is not None and largest < here * (1 - 1e-9):
        raise ValueError(f"a cluster of {here:g} cases is larger than the largest one, {largest:g}")
    return largest or here


def _running(sums: Floats, sizes: Floats, bound: float, heaviest: float, low: float) -> Floats:
    if sums.ndim == 1:
        return mixed(np.cumsum(log_gains(sums, sizes, bound, heaviest, low=low), axis=1))
    stakes = _STAKES / _room(bound, low)
    bets = (sums - bound * sizes[:, None]) / heaviest
    if bets.shape[1] >= _MANY:
        return _products(bets, stakes)
    return mixed([np.cumsum(np.log1p(stake * bets), axis=0) for stake in stakes])


def _products(bets: Floats, stakes: Floats) -> Floats:
    """Return the running mean of the stakes' wealths for many series (clusters, runs).

    By products, many times faster than by logarithms where a step has many series. After every few steps the
    largest wealth is taken out, so that none grows out of the numbers; one that falls 300 decimal places
    behind is given up, which only ever loses evidence.
    """
    means = np.empty_like(bets)
    wealth, factors = np.ones((2, len(stakes), bets.shape[1]))
    taken = np.zeros(bets.shape[1])
    for start in range(0, len(bets), _STEPS):
        for place in range(start, min(start + _STEPS, len(bets))):
            np.multiply(stakes[:, None], bets[place], out=factors)
            factors += 1.0
            wealth *= factors
            np.add.reduce(wealth, axis=0, out=means[place])
        block = slice(start, start + _STEPS)
        means[block] = np.exp(np.minimum(taken + np.log(means[block] / len(stakes)), _LARGEST_LOG))
        top = wealth.max(axis=0)
        wealth /= top
        taken += np.log(top)
    return means


def _room(bound: float, low: float) -> float:
    """Return how far a value can lie below the bound: no stake may lose more than all."""
    return max(bound - low, _NARROW)
