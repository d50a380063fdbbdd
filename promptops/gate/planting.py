"""Versions whose change is known: stored scores of two runs swapped by coins, with losses planted on top."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from promptops.analysis.comparison import Pairing
from promptops.analysis.summary import Bools, Column, Floats, Tally, sample_values

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Both runs' scores on a range of 1, higher is better, of the cases that both have."""

    a: Floats
    b: Floats
    groups: Ints
    """(n,) the number of each case's group."""
    weights: Floats
    ids: Ints
    """(clusters,) what number each group has in the whole set."""
    largest: float
    """The weight of the heaviest group that the set has here, scored or not."""

    @property
    def clusters(self) -> int:
        """How many groups there are."""
        return len(self.ids)

    @property
    def level(self) -> float:
        """The mean score of both runs."""
        return float(np.average((self.a + self.b) / 2, weights=self.weights))

    def in_order(self, rank: Ints) -> Scores:
        """Return the cases in an order of groups, given as the place (clusters,) of each of them."""
        places = np.argsort(rank[self.groups], kind="stable")
        return replace(
            self,
            a=self.a[places],
            b=self.b[places],
            groups=self.groups[places],
            weights=self.weights[places],
        )

    def changes(self, coins: Bools, spoilt: Bools | None = None) -> Floats:
        """(n, trials) the change of a version that is as good, but for what is spoilt.

        `coins` (clusters, trials) say for each group which of the two runs counts as the new one; `spoilt`
        says where the new one's scores become the worst there are.
        """
        swapped = coins[self.groups]
        before = np.where(swapped, self.b[:, None], self.a[:, None])
        after = np.where(swapped, self.a[:, None], self.b[:, None])
        return (after if spoilt is None else np.where(spoilt[self.groups], 0.0, after)) - before

    def spread(self, coins: Bools, spoilt: Bools | None = None) -> Floats:
        """(n, trials) changes that vary as the runs' change did around its mean, but are 0 on average.

        `coins` (clusters, trials) give each group a sign. What is `spoilt` falls to the worst there is.
        """
        around = centred(self.b - self.a, self.weights)[:, None]
        signed = np.where(coins[self.groups], around, -around)
        if spoilt is None:
            return signed
        return np.where(spoilt[self.groups], -((self.a + self.b) / 2)[:, None], signed)


def centred(d: Floats, weights: Floats) -> Floats:
    """Return differences (n,) less their mean, cut where that would leave [-1, 1]."""
    return np.clip(d - np.average(d, weights=weights), -1.0, 1.0)


def scores_of(pairing: Pairing, label: str, name: str | None = None) -> Scores:
    """Return both runs' scores in a metric that has a range, on the whole set or on a slice."""
    a, b = (side.table.columns[label] for side in (pairing.baseline, pairing.candidate))
    table, metric = pairing.candidate.table, pairing.metrics[label]
    mask = table.mask(name)
    used = mask & a.scored & b.scored
    low, high = a.record.low or 0.0, a.record.high or 1.0
    first, second = ((sample_values(column, metric)[used] - low) / (high - low) for column in (a, b))
    if not a.record.higher_is_better:
        first, second = 1.0 - first, 1.0 - second
    ids, groups = np.unique(table.clusters[used], return_inverse=True)
    heaviest = np.bincount(table.clusters[mask], weights=table.weights[mask]).max(initial=0.0)
    return Scores(first, second, groups, table.weights[used], ids, float(heaviest) or 1.0)


def disturbed(pairing: Pairing, label: str, coins: Bools, spoilt: Bools) -> Pairing:
    """Return two runs whose counts of one metric are swapped by coins (n,), and the new one's spoilt."""
    a, b = (side.table.columns[label] for side in (pairing.baseline, pairing.candidate))
    first, second = _mixed(a, b, coins), _mixed(b, a, coins)
    # An answer that is missing counts as the worst one, which is what is planted.
    second = replace(second, failed=np.where(spoilt, 1.0, second.failed), scored=second.scored & ~spoilt)
    sides = [
        replace(side, table=_with(side.table, label, column))
        for side, column in ((pairing.baseline, first), (pairing.candidate, second))
    ]
    return replace(pairing, baseline=sides[0], candidate=sides[1])


def _mixed(one: Column, other: Column, coins: Bools) -> Column:
    return replace(
        one,
        counts=np.where(coins[:, None], other.counts, one.counts),
        scored=np.where(coins, other.scored, one.scored),
        failed=np.where(coins, other.failed, one.failed),
        unscored=np.where(coins, other.unscored, one.unscored),
        blank=np.where(coins, other.blank, one.blank),
    )


def _with(table: Tally, label: str, column: Column) -> Tally:
    return replace(table, columns={**table.columns, label: column})
