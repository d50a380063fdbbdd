"""Bets against two hypotheses, one case after the other; the winnings are evidence at any time.

Under its hypothesis a bettor's wealth is a non-negative supermartingale, so it ever reaches 1/a with
probability at most a (Ville), at every n and however often one looks. A mixture of twenty stakes;
Waudby-Smith & Ramdas 2024, arXiv 2010.09686. Computed in logarithms; wealth stops growing at e^700.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels, numbered, summed

_STAKES = np.geomspace(0.01, 0.95, 20)
_LARGEST_LOG = 700.0


def e_pass(
    d: npt.ArrayLike, margin: float, clusters: Labels | None = None, largest: int | None = None
) -> Floats:
    """Return the running e-values against "the mean difference is -margin or worse".

    d (n,) or (n, runs) lies in [-1, 1] (a range of 1) in an order fixed in advance; 0 < margin < 1. With
    clusters there is one bet for each, in the order of their first case, on its sum divided by the size of
    the `largest` cluster that can come (by default the largest one in here).
    """
    if not 0 < margin < 1:
        raise ValueError(f"a margin on a range of 1 lies between 0 and 1, not {margin!r}")
    return _wealth(_bets(_checked(d) + margin, clusters, largest), _STAKES / (1 - margin))


def e_harm(d: npt.ArrayLike, clusters: Labels | None = None, largest: int | None = None) -> Floats:
    """Return the running e-values against "the mean difference is 0 or better"."""
    return _wealth(_bets(-_checked(d), clusters, largest), _STAKES)


def _checked(d: npt.ArrayLike) -> Floats:
    x = np.asarray(d, dtype=np.float64)
    if not np.all(np.abs(x) <= 1 + 1e-9):
        raise ValueError("bets need differences within [-1, 1]")
    return np.clip(x, -1.0, 1.0)


def _bets(x: Floats, clusters: Labels | None, largest: int | None) -> Floats:
    numbers, count = numbered(clusters, len(x))
    most = int(np.bincount(numbers).max(initial=1))
    if largest is not None and largest < most:
        raise ValueError(f"a cluster of {most} cases is larger than the largest one, {largest}")
    return summed(x, numbers, count) / (largest or most)


def _wealth(bets: Floats, stakes: Floats) -> Floats:
    wealths = [np.cumsum(np.log1p(stake * bets), axis=0) for stake in stakes]
    top = np.maximum.reduce(wealths)
    total = sum((np.exp(wealth - top) for wealth in wealths), start=np.zeros(bets.shape))
    wealth: Floats = np.exp(np.minimum(top + np.log(total / len(stakes)), _LARGEST_LOG))
    return wealth
