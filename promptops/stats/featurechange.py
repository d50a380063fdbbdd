"""One feature of texts on both sides, a number or a name, and what its change amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.twosample import (
    binned,
    energy,
    jensen_shannon,
    stability_index,
    stability_of_counts,
    wasserstein,
)

Test = Literal["Kolmogorov-Smirnov", "chi-square", "sign flips", "block permutation"]


@dataclass(frozen=True)
class Tested:
    """What a test found: its statistic, its p-value, and the largest gap between both sides (0 to 1)."""

    test: Test
    statistic: float
    p: float
    gap: float


@dataclass(frozen=True)
class FeatureChange:
    """One feature on both sides: means (or shares of categories), test, and size of the change.

    `separation` is the area under the curve of the best single threshold (or set of categories), (1 +
    largest gap) / 2; for numbers in pairs, of which of the two has more. Adjusted by Holm over the panel.
    `psi_p` is None where texts are no independent draws (pairs, blocks): it holds for nothing else.
    """

    name: str
    test: Test
    statistic: float
    p_value: float
    adjusted_p: float
    separation: float
    jensen_shannon: float
    psi: float
    reference_n: int
    current_n: int
    psi_p: float | None = None
    psi_edges: tuple[float, ...] = ()
    wasserstein: float | None = None
    energy: float | None = None
    reference: float | None = None
    current: float | None = None
    reference_shares: dict[str, float] = field(default_factory=dict)
    current_shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Number:
    """A feature that is a number, of those texts of each side that have one, and which these are."""

    name: str
    first: Floats
    second: Floats
    first_places: Ints
    second_places: Ints
    only_more: bool = False
    """Whether only a rise is a shift."""

    def changed(self, found: Tested, adjusted: float) -> FeatureChange:
        """Return the change with what a test found."""
        stability = stability_index(self.first, self.second)
        return FeatureChange(
            name=self.name,
            test=found.test,
            statistic=found.statistic,
            p_value=found.p,
            adjusted_p=adjusted,
            separation=(1 + found.gap) / 2,
            jensen_shannon=jensen_shannon(*binned(self.first, self.second)),
            psi=stability.psi,
            reference_n=len(self.first),
            current_n=len(self.second),
            psi_p=stability.p if found.test == "Kolmogorov-Smirnov" else None,
            psi_edges=tuple(float(edge) for edge in stability.edges),
            wasserstein=wasserstein(self.first, self.second),
            energy=energy(self.first, self.second),
            reference=float(self.first.mean()),
            current=float(self.second.mean()),
        )


@dataclass(frozen=True)
class Names:
    """A feature that is a name, as its place in `names`, of those texts of each side that have one."""

    name: str
    names: tuple[str, ...]
    first: Ints
    second: Ints
    first_places: Ints
    second_places: Ints

    @classmethod
    def of(cls, name: str, first: Sequence[str | None], second: Sequence[str | None]) -> Names:
        """Number the names of both sides, the commonest first; a text without one has no part."""
        there = [np.flatnonzero([each is not None for each in side]) for side in (first, second)]
        names = tuple(
            each for each, _ in Counter(each for each in (*first, *second) if each is not None).most_common()
        )
        place = {each: position for position, each in enumerate(names)}
        numbers = [
            np.array([place[each] for each in side if each is not None], dtype=np.intp)
            for side in (first, second)
        ]
        return cls(name, names, *numbers, *there)

    @property
    def counts(self) -> tuple[Floats, Floats]:
        """How often each name stands on either side."""
        first, second = (
            np.bincount(side, minlength=len(self.names)).astype(np.float64)
            for side in (self.first, self.second)
        )
        return first, second

    @property
    def gap(self) -> float:
        """The largest difference of the share of any set of names: half the sum of all differences."""
        first, second = self.counts
        return float(np.abs(first / first.sum() - second / second.sum()).sum()) / 2

    def changed(self, found: Tested, adjusted: float) -> FeatureChange:
        """Return the change with what a test found."""
        first, second = self.counts
        named = [
            {name: float(x) for name, x in zip(self.names, side / side.sum(), strict=True) if x}
            for side in (first, second)
        ]
        psi, p = stability_of_counts(first, second)
        return FeatureChange(
            name=self.name,
            test=found.test,
            statistic=found.statistic,
            p_value=found.p,
            adjusted_p=adjusted,
            separation=(1 + found.gap) / 2,
            jensen_shannon=jensen_shannon(first, second),
            psi=psi,
            reference_n=len(self.first),
            current_n=len(self.second),
            psi_p=p if found.test == "chi-square" else None,
            reference_shares=named[0],
            current_shares=named[1],
        )
