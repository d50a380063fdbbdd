"""A judge's scores beside people's ratings of the same cases: each pair once, with how often it occurs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from promptops.judging.certificates import Pairing

MOST = 2_000
"""Different pairs that a certificate keeps as they are; of more, numbers are rounded."""
STEPS = 50
"""Parts of the scale to which they are rounded then."""


def pairings(
    judge: npt.NDArray[np.float64], people: npt.NDArray[np.float64], low: float, high: float
) -> tuple[Pairing, ...]:
    """Count the pairs of a judge's scores (n,) and people's ratings (n, raters); NaN where missing."""
    pairs = [
        (float(score), float(rating))
        for score, ratings in zip(judge, people, strict=True)
        for rating in ratings[np.isfinite(ratings)]
    ]
    counts = Counter(pairs)
    if len(counts) > MOST and high > low:
        step = (high - low) / STEPS
        counts = Counter((_rounded(one, low, step), _rounded(two, low, step)) for one, two in pairs)
    return tuple(Pairing(judge=one, person=two, times=counts[one, two]) for one, two in sorted(counts))


def _rounded(value: float, low: float, step: float) -> float:
    return low + round((value - low) / step) * step
