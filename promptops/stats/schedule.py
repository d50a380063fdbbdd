"""Which pairs of systems to judge next, so that calls are spent where ranks are unsure.

Among pairs whose order is not sure yet, the next is the one that tells most: p (1 - p) Var(b_i - b_j) is
largest, which grows the information's determinant most (D-optimal). After each choice the covariance is
updated as if the pair had been judged, so that a round spreads over the pairs.

Looking again and again errs more often than looking once. So the number of looks is planned, and each is
made at level 1 - alpha / looks: all orders that were ever called sure are right with 1 - alpha (Bonferroni).
After such a schedule an interval at the plain level is no 95 % interval, for who stops when it suits has
chosen it: of five equal systems some are called unequal in 38 % of all schedules of 20 such looks.
Where a system only won or only lost, its order to others is sure by an exact sign test (`separated`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.bradley_terry import Strengths, bradley_terry
from promptops.stats.clusters import Labels
from promptops.stats.many import Differences, RankSets, rank_sets
from promptops.stats.separated import sure_differences

Pair = tuple[int, int]

_NEIGHBOURS = 3
"""Others that each system meets on either side in the opening."""


@dataclass(frozen=True)
class Look:
    """What is sure after some comparisons, and which pairs to judge next."""

    strengths: Strengths
    differences: Differences
    """In intervals that hold at every one of the planned looks, with 1 - alpha for all together."""
    ranks: RankSets
    level: float
    pairs: tuple[Pair, ...]
    """Empty where every order is sure, or nothing is left to judge about those that are not."""


def opening(systems: int, times: int = 2) -> tuple[Pair, ...]:
    """Return the pairs to begin with: each system with three others on either side, so many times."""
    if systems < 2:
        raise ValueError("a ranking has two systems at least")
    pairs = {
        (min(here, there), max(here, there))
        for step in range(1, min(_NEIGHBOURS, systems // 2) + 1)
        for here in range(systems)
        for there in [(here + step) % systems]
    }
    return tuple(sorted(pairs)) * times


def look(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    score: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    size: int,
    looks: int,
    alpha: float = 0.05,
    systems: int | None = None,
    weights: npt.ArrayLike | None = None,
    room: npt.ArrayLike | None = None,
) -> Look:
    """Tell what all comparisons so far say, and the next `size` pairs; `looks` were planned before the first.

    `room` (K, K) is how often each pair can still be judged; where it has run out, other pairs are. Begin
    with the comparisons of `opening`; other arguments and errors are those of `bradley_terry`.
    """
    if looks < 1 or size < 1:
        raise ValueError(f"looks and pairs a round are 1 at least, not {looks} and {size}")
    labels = None if clusters is None else list(clusters)
    strengths = bradley_terry(first, second, score, labels, systems=systems, weights=weights)
    level = 1 - alpha / looks
    differences = sure_differences(strengths, first, second, score, labels, weights=weights, level=level)
    k = len(strengths.strengths)
    left = np.full((k, k), float(size)) if room is None else np.asarray(room, dtype=np.float64)
    pairs = tuple(_chosen(strengths, _unsure(differences), size, left))
    return Look(strengths, differences, rank_sets(differences), level, pairs)


def _unsure(differences: Differences) -> Bools:
    unsure: Bools = (differences.low <= 0) & (differences.high >= 0)
    return unsure


def _chosen(strengths: Strengths, unsure: Bools, size: int, left: Floats) -> list[Pair]:
    upper = np.triu_indices(len(unsure), 1)
    open_to = unsure[upper] & (left[upper] > 0)
    first, second = (side[open_to] for side in upper)
    room = left[upper][open_to].copy()
    covariance: Floats = strengths.model_covariance.copy()
    chance = 1 / (1 + np.exp(strengths.strengths[second] - strengths.strengths[first]))
    weight = chance * (1 - chance)
    chosen: list[Pair] = []
    while len(chosen) < size and (room > 0).any():
        own = np.diag(covariance)
        variance = own[first] + own[second] - 2 * covariance[first, second]
        best = int(np.where(room > 0, weight * variance, -np.inf).argmax())
        i, j = int(first[best]), int(second[best])
        chosen.append((i, j))
        room[best] -= 1
        moved = covariance[:, i] - covariance[:, j]
        covariance -= np.outer(moved, moved) * weight[best] / (1 + weight[best] * variance[best])
    return chosen
