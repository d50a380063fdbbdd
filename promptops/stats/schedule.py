"""Which pairs of systems to judge next, so that calls are spent where ranks are unsure.

Among pairs whose order is not sure yet, the next is the one that tells most: p (1 - p) Var(b_i - b_j) is
largest, which grows the information's determinant most (D-optimal). After each choice the covariance is
updated as if the pair had been judged, so that a round spreads over the pairs.

Looking again and again errs more often than looking once. So the number of looks is planned, and each is
made at level 1 - alpha / looks: all orders that were ever called sure are right with 1 - alpha (Bonferroni).
After such a schedule an interval at the plain level is no 95 % interval, for who stops when it suits has
chosen it: of five equal systems some are called unequal in 38 % of all schedules of 20 such looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.bradley_terry import Strengths, bradley_terry
from promptops.stats.clusters import Labels
from promptops.stats.many import Differences, RankSets, rank_sets

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
    """Empty where every order is sure."""


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
) -> Look:
    """Tell what all comparisons so far say, and the next `size` pairs; `looks` were planned before the first.

    Nothing is sure while a system has only won or only lost. Begin with the comparisons of `opening`; other
    arguments and errors are those of `bradley_terry`.
    """
    if looks < 1 or size < 1:
        raise ValueError(f"looks and pairs a round are 1 at least, not {looks} and {size}")
    strengths = bradley_terry(first, second, score, clusters, systems=systems)
    level = 1 - alpha / looks
    differences = strengths.differences(level)
    if strengths.penalised:
        nothing = np.full_like(differences.low, np.inf)
        differences = Differences(differences.difference, -nothing, nothing)
    pairs = tuple(_chosen(strengths, _unsure(differences), size))
    return Look(strengths, differences, rank_sets(differences), level, pairs)


def _unsure(differences: Differences) -> Bools:
    unsure: Bools = (differences.low <= 0) & (differences.high >= 0)
    return unsure


def _chosen(strengths: Strengths, unsure: Bools, size: int) -> list[Pair]:
    upper = np.triu_indices(len(unsure), 1)
    first, second = (side[unsure[upper]] for side in upper)
    covariance: Floats = strengths.model_covariance.copy()
    chance = 1 / (1 + np.exp(strengths.strengths[second] - strengths.strengths[first]))
    weight = chance * (1 - chance)
    chosen: list[Pair] = []
    for _ in range(size if len(first) else 0):
        own = np.diag(covariance)
        variance = own[first] + own[second] - 2 * covariance[first, second]
        best = int((weight * variance).argmax())
        i, j = int(first[best]), int(second[best])
        chosen.append((i, j))
        moved = covariance[:, i] - covariance[:, j]
        covariance -= np.outer(moved, moved) * weight[best] / (1 + weight[best] * variance[best])
    return chosen
