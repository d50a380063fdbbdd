"""By how much did a mean or a quantile change from one sample to another? Bounds that are exact at any n.

For each figure that the first sample may truly have, both samples have a p-value of their own: binomial tails
for shares and quantiles, else one over what a bet won. Fisher's product joins them, and the least favourable
figure decides. So evidence of both adds up, where two bounds apart would each have to be wide enough alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats
from promptops.stats.confidence import STAKES, distinct
from promptops.stats.sequential import last_rejected, log_gains, mixed
from promptops.stats.student import binomial_cdf

_FAR, _NEAR, _STEP = 8.0, 3.0, 1 / 16
"""Standard errors that are looked at on the side of the evidence and on the other, and how finely."""
_COARSE = np.linspace(0.0, 1.0, 33)
_LEAST = 1e-300


@dataclass(frozen=True)
class Sample:
    """Values (n,) of records and their weights; of a mean they lie in [0, 1], of a quantile anywhere."""

    values: Floats
    weights: Floats
    share: float | None = None
    """The share of values below the figure, of a quantile; None for a mean."""
    largest: float = 1.0
    """The largest weight that can come."""


def change_bounds(before: Sample, after: Sample, alpha: float) -> tuple[float, float]:
    """Return between what the figure of `after` less that of `before` lies, with chance alpha of each end.

    An end is infinite where so few values leave it open.
    """
    return _lead(after, before, alpha), -_lead(before, after, alpha)


def _lead(higher: Sample, lower: Sample, alpha: float) -> float:
    """Return by how much one figure surely lies above another; -inf where nothing is sure."""
    limit = _fisher_limit(alpha)
    tops, top_at, top_below = _curve(higher, 1.0)
    ends, end_at, end_above = _curve(lower, -1.0)
    top_below, end_above = np.append(top_below, 0.0), np.insert(end_above, 0, 0.0)

    def rejected(by: float) -> bool:
        moved = ends + by
        figures = np.concatenate([[-np.inf], tops, moved])
        first, after = (np.searchsorted(tops, figures, side=side) for side in ("left", "right"))
        before, last = (np.searchsorted(moved, figures, side=side) for side in ("left", "right"))
        # At the places themselves, and anywhere between one and the next.
        here = np.where(after > first, np.append(top_at, 0.0)[first], top_below[first]) + np.where(
            last > before, np.append(end_at, 0.0)[before], end_above[before]
        )
        between = top_below[after] + end_above[last]
        return bool(max(here.max(), between.max()) <= limit)

    # A little before the first that can be: values that are all alike are rejected up to there.
    start, stop = float(tops[0] - ends[-1]), float(tops[-1] - ends[0])
    start -= 1e-9 * (1 + abs(start))
    return last_rejected(rejected, start, stop) if rejected(start) else -np.inf


def _fisher_limit(alpha: float) -> float:
    """Return the logarithm of the product of two p-values that has chance alpha (Fisher 1932)."""
    return last_rejected(lambda log: np.exp(log) * (1 - log) <= alpha, -_FAR * 100, 0.0)


def _curve(sample: Sample, sign: float) -> tuple[Floats, Floats, Floats]:
    """Return places, and logarithms of p-values of "the figure is no more (1) or less (-1)" than a place.

    Those at the places, and the most that they are between a place and the last one before it (1), or the
    next one after it (-1).
    """
    if sample.share is not None:
        places = _ranked(sample, sign)
        x, share = sample.values, sample.share
        # A quantile above a place is a share of values up to it that is too small.
        up_to = np.array([_log_p((x <= each).astype(np.float64), sample, share, -sign) for each in places])
        below = np.array([_log_p((x < each).astype(np.float64), sample, share, -sign) for each in places])
        return (places, up_to, below) if sign > 0 else (places, below, up_to)
    places = _near(sample, sign)
    if _counts(sample.values, sample):
        logs = np.array([_log_p(sample.values, sample, float(each), sign) for each in places])
    else:
        rows, counts = distinct(sample.values, sample.weights)
        logs = np.array([_log_bet(rows, counts, sample.largest, float(each), sign) for each in places])
    return places, logs, logs


def _near(sample: Sample, sign: float) -> Floats:
    """Return the means that are worth to look at, in order."""
    mean = float(np.average(sample.values, weights=sample.weights))
    near = mean - sign * np.arange(-_NEAR, _FAR, _STEP) * _error(sample)
    return np.unique(np.clip(np.concatenate([_COARSE, near]), 0.0, 1.0))


def _error(sample: Sample) -> float:
    x, w = sample.values, sample.weights
    n = float(w.sum() ** 2 / (w @ w))
    spread = float(np.average((x - np.average(x, weights=w)) ** 2, weights=w))
    return float(np.sqrt(max(spread, 4 / n) / n))


def _ranked(sample: Sample, sign: float) -> Floats:
    """Return the values about a quantile that are worth to look at, in order."""
    share = sample.share or 0.0
    x, n = np.sort(sample.values), len(sample.values)
    size = float(sample.weights.sum() ** 2 / (sample.weights @ sample.weights))
    error = np.sqrt(max(share * (1 - share), 4 / size) / size)
    shares = np.concatenate([[0.0, 1.0], share - sign * np.arange(-_NEAR, _FAR, _STEP) * error])
    found: Floats = np.unique(x[np.clip(np.rint(shares * n), 0, n - 1).astype(np.intp)])
    return found


def _counts(x: Floats, sample: Sample) -> bool:
    """Tell whether values are yes and no of like weight, so that counts say all."""
    return bool(((x == 0) | (x == 1)).all() and np.ptp(sample.weights) == 0)


def _log_p(x: Floats, sample: Sample, bound: float, sign: float) -> float:
    """Return the logarithm of the p-value of "the mean is no more (1) or no less (-1) than a bound"."""
    if not _counts(x, sample):
        return _log_bet(*distinct(x, sample.weights), sample.largest, bound, sign)
    n, yes = len(x), int(x.sum())
    p = binomial_cdf(n - yes, n, 1 - bound) if sign > 0 else binomial_cdf(yes, n, bound)
    return float(np.log(max(p, _LEAST)))


def _log_bet(rows: Floats, counts: Floats, largest: float, bound: float, sign: float) -> float:
    value, weight = rows
    low = 0.0 if sign > 0 else -1.0
    heaviest = max(float(weight.max()), largest)
    gains = log_gains(sign * value * weight, weight, sign * bound, heaviest, low=low, stakes=STAKES)
    return -float(np.log(max(float(mixed(gains @ counts)), 1.0)))
