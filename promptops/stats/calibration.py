"""Do scores say how likely something is? The reliability curve, isotonic regression, and the gap between.

Bins of equal counts. The plug-in gap (expected calibration error) is above 0 even for scores that are
perfectly calibrated (Bröcker 2012; Roelofs et al. 2022), so what chance alone would make of it stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.intervals import finite, wilson_interval

_DRAWS = 400


@dataclass(frozen=True)
class Bin:
    """Cases with similar scores: their mean score and how often it came true, with Wilson's interval."""

    score: float
    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """The gap between scores and shares, and what it would be on average were they calibrated."""

    gap: float
    by_chance: float
    bins: tuple[Bin, ...]


def reliability_curve(scores: npt.ArrayLike, outcomes: npt.ArrayLike, bins: int = 10) -> tuple[Bin, ...]:
    """Return bins of about equal counts in the order of scores; equal scores share a bin.

    `outcomes` (n,) are 0 or 1.
    """
    x, y = finite(scores), finite(outcomes)
    numbers = _numbered(x, bins)
    found = []
    for number in range(int(numbers.max(initial=-1)) + 1):
        inside = numbers == number
        count = int(inside.sum())
        share = wilson_interval(int(y[inside].sum()), count)
        found.append(Bin(float(x[inside].mean()), share.value, share.low, share.high, count))
    return tuple(found)


def calibration(scores: npt.ArrayLike, outcomes: npt.ArrayLike, bins: int = 10, seed: int = 0) -> Calibration:
    """Return the expected calibration error of scores in [0, 1] and its size by chance. Raises ValueError."""
    x, y = finite(scores), finite(outcomes)
    if not len(x) or x.min() < 0 or x.max() > 1:
        raise ValueError("calibration needs one score or more within [0, 1]")
    numbers = _numbered(x, bins)
    drawn = (np.random.default_rng(seed).random((_DRAWS, len(x))) < x).astype(np.float64)
    return Calibration(
        float(_gap(x, y[None], numbers)[0]),
        float(_gap(x, drawn, numbers).mean()),
        reliability_curve(x, y, bins),
    )


def isotonic(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> Floats:
    """Return for each case the rising curve's value that is nearest to the outcomes in squares.

    Pool adjacent violators (Ayer et al. 1955); equal scores are one step.
    """
    x, y = finite(scores), finite(outcomes)
    steps, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    means, sizes, spans = list[float](), list[float](), list[int]()
    for mean, size in zip(np.bincount(place, weights=y) / counts, counts, strict=True):
        means.append(float(mean))
        sizes.append(float(size))
        spans.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            both = sizes[-2] + sizes[-1]
            means[-2:] = [(means[-2] * sizes[-2] + means[-1] * sizes[-1]) / both]
            sizes[-2:] = [both]
            spans[-2:] = [spans[-2] + spans[-1]]
    fitted: Floats = np.repeat(np.array(means), spans)[place]
    return fitted if len(steps) else np.empty(0)


def _numbered(x: Floats, bins: int) -> Ints:
    """Return each case's bin; the bins have about equal counts, and equal scores are in one."""
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    _, numbers = np.unique(
        np.minimum((middle * bins / max(len(x), 1)).astype(np.intp), bins - 1)[place], return_inverse=True
    )
    return numbers.astype(np.intp)


def _gap(x: Floats, outcomes: Floats, numbers: Ints) -> Floats:
    """(b,) mean distance of score and share over the bins, weighted by their counts, of (b, n) outcomes."""
    belongs = (numbers[None, :] == np.arange(int(numbers.max()) + 1)[:, None]).astype(np.float64)
    distances: Floats = np.abs(belongs @ x - outcomes @ belongs.T).sum(axis=1) / len(x)
    return distances
