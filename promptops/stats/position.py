"""Whether a pairwise judge follows the place of an answer: both orders of each pair, side by side.

A verdict is 1 where the answer shown first was chosen, -1 for the one shown second, 0 for a tie. A judge that
is consistent chooses 1 in one order and -1 in the other. Two figures, for they can differ widely: the flip
rate counts every verdict that changes with the order, the net first rate only what is left of flips when
those to either side are set off.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.binary import mcnemar_p
from promptops.stats.clusters import Labels, TooFewClustersError
from promptops.stats.intervals import Interval, mean_interval, wilson_interval


@dataclass(frozen=True)
class Position:
    """What the order did to the verdicts of n pairs; figures without a case to tell them are None."""

    n: int
    flips: int
    """Pairs whose verdict changed with the order, also from a tie to a choice."""
    flip_rate: Interval | None
    first_both: int
    """Pairs whose answer shown first was chosen in both orders."""
    second_both: int
    p: float
    """Exact two-sided binomial p-value of as many first|first as second|second."""
    first_share: Interval | None
    """Share of first|first among the pairs that were decided by place alone."""
    first_rate: Interval | None
    """Share of all choices, ties left out, that fell on the answer shown first; 0.5 without a bias."""


def position(
    forward: npt.ArrayLike,
    backward: npt.ArrayLike,
    clusters: Labels | None = None,
    level: float = 0.95,
) -> Position:
    """Compare verdicts (n,) of 1, 0 and -1 in both orders; pairs with a NaN are left out.

    Shares of pairs have Wilson's interval, with clusters the cluster-robust t. So has the net first rate,
    with pairs as clusters: both orders of one pair hang together, and Wilson's of single choices is too
    narrow for a judge that mostly follows the place. Where that has no width, it is Wilson's of single
    choices. Raises ValueError for other verdicts.
    """
    one, other = np.asarray(forward, dtype=np.float64), np.asarray(backward, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"verdicts {one.shape} and {other.shape} are of the same pairs in both orders")
    known = ~(np.isnan(one) | np.isnan(other))
    labels = None if clusters is None else [each for each, kept in zip(clusters, known, strict=True) if kept]
    one, other = one[known], other[known]
    if not np.isin([one, other], (-1.0, 0.0, 1.0)).all():
        raise ValueError("a verdict is 1 for the answer shown first, -1 for the second, 0 for a tie")
    flipped = one != -other
    first_both, second_both = (one + other == 2), (one + other == -2)
    by_place = first_both | second_both
    return Position(
        n=len(one),
        flips=int(flipped.sum()),
        flip_rate=_share(flipped, np.ones(len(one), dtype=bool), labels, level),
        first_both=int(first_both.sum()),
        second_both=int(second_both.sum()),
        p=mcnemar_p(int(first_both.sum()), int(second_both.sum())),
        first_share=_share(first_both, by_place, labels, level),
        first_rate=_first_rate(one, other, labels, level),
    )


def _first_rate(one: Floats, other: Floats, labels: list[Hashable] | None, level: float) -> Interval | None:
    choices = np.abs(one) + np.abs(other)
    some = choices > 0
    if not some.any():
        return None
    first = ((one > 0) + (other > 0).astype(np.float64))[some]
    wilson = wilson_interval(int(first.sum()), int(choices.sum()), level)
    kept = None if labels is None else [each for each, chosen in zip(labels, some, strict=True) if chosen]
    try:
        found = mean_interval(first / choices[some], kept, level, weights=choices[some])
    except TooFewClustersError:
        return wilson if labels is None else None
    if found.se == 0:
        return wilson
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0))


def _share(
    hits: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_], labels: list[Hashable] | None, level: float
) -> Interval | None:
    if not of.any():
        return None
    wilson = wilson_interval(int(hits[of].sum()), int(of.sum()), level)
    if labels is None:
        return wilson
    kept = [each for each, counted in zip(labels, of, strict=True) if counted]
    groups = len(set(kept))
    if groups < 2:
        return None
    found = mean_interval(hits[of].astype(np.float64), kept, level)
    if found.se == 0:
        return wilson_interval(round(found.mean * groups), groups, level)
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0))
