"""Two samples whose cases come in blocks (days, conversations): blocks are shuffled whole.

Texts of one day resemble each other, so that any two weeks differ by more than the texts' own spread
explains. The label of a block says nothing under an equal law of blocks, and so its permutations are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.clusters import Labels, numbered

Singles = npt.NDArray[np.float32]
_TIE = 1e-9
UNEVEN = 1.5
"""Times the usual size of a block up to which blocks of unequal sizes are shuffled as they are."""


@dataclass(frozen=True)
class Blocks:
    """Which block each case of both samples is in, numbered from 0 on each side; no block is on both."""

    first: Ints
    second: Ints

    @classmethod
    def of(cls, first: Labels, first_n: int, second: Labels, second_n: int) -> Blocks:
        """Number labels by first appearance; a label on both sides means two blocks."""
        return cls(numbered(first, first_n)[0], numbered(second, second_n)[0])

    @property
    def counts(self) -> tuple[int, int]:
        """How many blocks there are on either side."""
        return int(self.first.max(initial=-1)) + 1, int(self.second.max(initial=-1)) + 1

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that any permutation of these blocks can give."""
        a, b = self.counts
        return 1.0 / math.comb(a + b, a)

    @property
    def usual(self) -> int:
        """How many cases the median block of the side with smaller ones has."""
        return int(min(np.median(np.bincount(side)) for side in (self.first, self.second) if len(side)))

    @property
    def thinned_to(self) -> int | None:
        """To how many cases blocks are thinned; None where they are about equally large."""
        sizes = [np.bincount(side) for side in (self.first, self.second)]
        if not all(len(each) for each in sizes) or max(each.max() for each in sizes) <= UNEVEN * self.usual:
            return None
        return self.usual

    def evened(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Return which cases of both sides are left where large blocks are thinned to the usual size.

        Blocks change places as equals. Where one side's are far larger, or one block is most of its side, the
        order as it is stands out without any shift.
        """
        most = self.thinned_to
        if most is None:
            return np.arange(len(self.first)), np.arange(len(self.second))
        return _thinned(self.first, most, rng), _thinned(self.second, most, rng)

    def only(self, first: Ints, second: Ints) -> Blocks:
        """Return the blocks of some cases, numbered anew."""
        return Blocks.of(self.first[first], len(first), self.second[second], len(second))

    def relabelled(self, permutations: int, seed: int) -> Singles:
        """Return (permutations + 1, n + m): 1 where a case counts to the first sample, as it is in row 0."""
        a, b = self.counts
        chosen = np.zeros((permutations + 1, a + b), dtype=np.float32)
        chosen[:, :a] = 1.0
        np.random.default_rng(seed).permuted(chosen[1:], axis=1, out=chosen[1:])
        relabelled: Singles = chosen[:, np.concatenate([self.first, a + self.second])]
        return relabelled


def _thinned(blocks: Ints, most: int, rng: np.random.Generator) -> Ints:
    order = rng.permutation(len(blocks))
    by_block = order[np.argsort(blocks[order], kind="stable")]
    numbers = blocks[by_block]
    rank = np.arange(len(blocks)) - np.searchsorted(numbers, numbers)
    return np.sort(by_block[rank < most])


@dataclass(frozen=True)
class BlockTest:
    """The largest gap between two distributions and its permutation p-value."""

    gap: float
    p: float


def block_smirnov(values: Floats, inside: Singles, *, greater: bool = False) -> BlockTest:
    """Test the pooled values (n + m,) under relabellings of blocks by the largest gap of both distributions.

    Gaps are scaled by sqrt(nm / (n + m)), as blocks differ in size. `greater` looks for a second sample
    that lies higher, only.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    steps = inside[:, order].astype(np.float64)
    n = steps.sum(axis=1, keepdims=True)
    m = steps.shape[1] - n
    gaps = np.cumsum(steps / n - (1.0 - steps) / m, axis=1)[:, :-1][:, ordered[1:] > ordered[:-1]]
    if not gaps.shape[1]:
        return BlockTest(0.0, 1.0)
    largest = np.maximum(gaps.max(axis=1), 0.0) if greater else np.abs(gaps).max(axis=1)
    scaled = largest * np.sqrt(n * m / (n + m))[:, 0]
    return BlockTest(float(largest[0]), _p(scaled))


def block_categories(places: Ints, inside: Singles) -> float:
    """Return the p-value of chi-square's statistic of pooled category numbers (n + m,) under relabellings."""
    one_of = np.eye(int(places.max(initial=0)) + 1)[places]
    first = inside.astype(np.float64) @ one_of
    totals = one_of.sum(axis=0)
    n = inside.sum(axis=1, dtype=np.float64)[:, None]
    expected = n * totals / len(places)
    rest = (len(places) - n) * totals / len(places)
    return _p(((first - expected) ** 2 * (1 / expected + 1 / rest)).sum(axis=1))


def _p(statistics: Floats) -> float:
    """Return (1 + #{at least the first}) / (permutations + 1)."""
    threshold = statistics[0] - _TIE * max(1.0, abs(float(statistics[0])))
    return (1 + int((statistics[1:] >= threshold).sum())) / len(statistics)
