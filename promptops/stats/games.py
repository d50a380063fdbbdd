"""Comparisons of pairs as sums of wins, who can be compared with whom, and the likelihood's maximum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats, Ints
from promptops.stats.clusters import Labels, case_weights, numbered

_STEPS = 100
_LONGEST = 2.0
"""How far one step may move a strength: from afar Newton's would overshoot."""
_PRECISION = 1e-10


class NotConnectedError(ValueError):
    """Some systems were never compared with the others, not even by way of a third one."""

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        super().__init__(f"no comparison joins these groups of systems: {[list(group) for group in groups]}")
        self.groups = tuple(tuple(group) for group in groups)


@dataclass(frozen=True)
class Games:
    """All comparisons, summed up by pair of systems."""

    first: Ints
    second: Ints
    score: Floats
    weights: Floats
    numbers: Ints
    clusters: int
    systems: int
    low: Ints
    high: Ints
    pairs: Ints
    """The pair of each comparison (m,), numbered as `low` and `high`."""

    @classmethod
    def of(
        cls,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        score: npt.ArrayLike,
        clusters: Labels | None,
        weights: npt.ArrayLike | None,
        systems: int | None,
    ) -> Games:
        """Check comparisons (m,) and sum them up. Raises ValueError for what is no comparison."""
        a, b = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
        x = np.asarray(score, dtype=np.float64)
        if not a.shape == b.shape == x.shape or a.ndim != 1 or not len(a):
            raise ValueError("comparisons are two systems and a score each")
        if (a == b).any() or min(a.min(), b.min()) < 0 or not ((x >= 0) & (x <= 1)).all():
            raise ValueError("a comparison is of two different systems, with a score from 0 to 1")
        last = int(max(a.max(), b.max()))
        count = last + 1 if systems is None else systems
        if last >= count:
            raise ValueError(f"system {last} is none of the {count}, which count from 0")
        w = case_weights(weights, len(a))
        numbers, groups = numbered(clusters, len(a))
        low, high = np.triu_indices(count, 1)
        place = np.zeros((count, count), dtype=np.intp)
        place[low, high] = place[high, low] = np.arange(len(low))
        return cls(a, b, x, w, numbers, groups, count, low, high, place[a, b])

    def totals(self) -> tuple[Floats, Floats]:
        """Return wins of the lower-numbered system and games of each pair, (1, P) each."""
        wins, games = (
            np.bincount(self.pairs, weights=part, minlength=len(self.low)).astype(np.float64)[None]
            for part in self._parts()
        )
        return wins, games

    def by_cluster(self) -> Floats:
        """Return the same of each cluster, side by side (clusters, 2P)."""
        cells, size = self.numbers * len(self.low) + self.pairs, self.clusters * len(self.low)
        parts = [
            np.bincount(cells, weights=part, minlength=size).reshape(self.clusters, -1)
            for part in self._parts()
        ]
        return np.concatenate(parts, axis=1)

    def _parts(self) -> tuple[Floats, Floats]:
        won = np.where(self.first < self.second, self.score, 1 - self.score)
        return self.weights * won, self.weights

    def table(self, wins: Floats, totals: Floats) -> Floats:
        """(b, K, K) how often the row beat the column."""
        found = np.zeros((len(wins), self.systems, self.systems))
        found[:, self.low, self.high], found[:, self.high, self.low] = wins, totals - wins
        return found

    def solve(self, wins: Floats, totals: Floats, penalised: bool) -> Floats:
        """(b, K) the strengths for wins and games (b, P) of each pair, all at once by Newton's method."""
        strengths = np.zeros((len(wins), self.systems))
        own = np.eye(self.systems)
        sides = own[self.low] - own[self.high]
        for _ in range(_STEPS):
            chance = self.chances(strengths)
            more = self._leverages(strengths, totals) if penalised else np.zeros_like(totals)
            slope = (wins + more / 2 - (totals + more) * chance) @ sides
            curved = self.information(strengths, totals + more) + 1 / self.systems
            step = np.linalg.solve(curved, slope[:, :, None])[:, :, 0]
            largest = np.abs(step).max(axis=1, initial=0.0)
            strengths = strengths + step * np.minimum(1.0, _LONGEST / np.maximum(largest, 1e-300))[:, None]
            if largest.max(initial=0.0) < _PRECISION:
                break
        centred: Floats = strengths - strengths.mean(axis=1, keepdims=True)
        return centred

    def chances(self, strengths: Floats) -> Floats:
        """(b, P) how likely the lower-numbered system of each pair wins."""
        chances: Floats = 1 / (1 + np.exp(strengths[:, self.high] - strengths[:, self.low]))
        return chances

    def information(self, strengths: Floats, totals: Floats) -> Floats:
        """(b, K, K) Fisher's information: the Laplacian of the pairs weighted with n p (1 - p)."""
        chance = self.chances(strengths)
        weight = totals * chance * (1 - chance)
        found = np.zeros((len(totals), self.systems, self.systems))
        found[:, self.low, self.high] = found[:, self.high, self.low] = -weight
        places = np.arange(self.systems)
        found[:, places, places] = -found.sum(axis=2)
        return found

    def cluster_scores(self, strengths: Floats) -> Floats:
        """(clusters, K) each cluster's part of the likelihood's slope."""
        chance = 1 / (1 + np.exp(strengths[self.second] - strengths[self.first]))
        surplus = self.weights * (self.score - chance)
        found = np.zeros((self.clusters, self.systems))
        np.add.at(found, (self.numbers, self.first), surplus)
        np.subtract.at(found, (self.numbers, self.second), surplus)
        return found

    def _leverages(self, strengths: Floats, totals: Floats) -> Floats:
        """(b, P) the hat values of each pair's games, which sum to K - 1."""
        inverse = inverse_of(self.information(strengths, totals))
        spread = np.diagonal(inverse, axis1=1, axis2=2)
        variance = spread[:, self.low] + spread[:, self.high] - 2 * inverse[:, self.low, self.high]
        chance = self.chances(strengths)
        return totals * chance * (1 - chance) * variance


def inverse_of(information: Floats) -> Floats:
    """Return the pseudo-inverses (b, K, K) of the information of joined systems."""
    level = 1 / information.shape[-1]
    inverse: Floats = np.linalg.inv(information + level) - level
    return inverse


def strongly_connected(table: Floats) -> Bools:
    """(b,) whether each system beat each other one, by way of others; `table` is (b, K, K)."""
    connected: Bools = np.all(reached(table), axis=(1, 2))
    return connected


def check_joined(table: Floats) -> None:
    """Raise NotConnectedError unless comparisons join all systems of a table of wins (K, K)."""
    joined = reached((table + table.T)[None])[0]
    if not joined.all():
        raise NotConnectedError(sorted({tuple(np.flatnonzero(row).tolist()) for row in joined}))


def one_sided(table: Floats) -> tuple[int, ...]:
    """Return which systems of a table of wins (K, K) never lost to one of the others."""
    reach = reached(table[None])[0]
    # Who is beaten, by way of others, by the fewest: all of those are above the rest.
    top = int(reach.sum(axis=0).argmin())
    return tuple(np.flatnonzero(reach[:, top]).tolist())


def reached(table: Floats) -> Bools:
    """(b, K, K) which system the row reaches along steps of a table (b, K, K) that are above 0."""
    reach = (table > 0).astype(np.float32) + np.eye(table.shape[-1], dtype=np.float32)
    for _ in range(max(1, math.ceil(math.log2(table.shape[-1])))):
        reach = np.minimum(reach @ reach, 1.0)
    reached: Bools = reach > 0
    return reached
