"""How likely do bets decide at so many clusters? Clusters that were seen are drawn again, with a coin's sign.

A bettor's wealth at the end does not depend on the order, so that how often each cluster was drawn is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels, case_weights, numbered, summed
from promptops.stats.sequential import log_gains, mixed

DRAWS = 400
SEED = 1
_MOST = 64
"""Times the clusters that were seen: beyond that nothing is foretold."""
_CLOSE = 1.02
_FEW = 8
"""Draws of each value up to which they are drawn one by one, which is quicker there."""
_HALVINGS = 20


@dataclass(frozen=True)
class BetPower:
    """Clusters whose values are as likely to have either sign: what bets on a mean of them find."""

    sums: Floats
    sizes: Floats
    heaviest: float
    alpha: float

    @property
    def clusters(self) -> int:
        """How many clusters were seen."""
        return len(self.sizes) // 2

    def passes(self, margin: float, clusters: int) -> float:
        """Return how likely bets on "above -margin" are certain after so many clusters of mean 0."""
        return self._chance(self._drawn(clusters), self.sums, -margin)

    def finds(self, loss: float, clusters: int) -> float:
        """Return how likely bets on "below 0" are certain after so many clusters of mean -loss."""
        return self._chance(self._drawn(clusters), self.sums + loss * self.sizes, 0.0)

    def clusters_for(self, wanted: float, power: float, *, harm: bool = False) -> int | None:
        """Return about how many clusters a margin (or, with `harm`, finding such a loss) takes.

        None where many times those that were seen are not enough.
        """
        chance = self.finds if harm else self.passes
        enough = 2
        while chance(wanted, enough) < power:
            enough *= 2
            if enough > _MOST * self.clusters:
                return None
        few = enough // 2
        while enough > max(few + 1, few * _CLOSE):
            middle = (few + enough) // 2
            few, enough = (few, middle) if chance(wanted, middle) >= power else (middle, enough)
        return enough

    def smallest_margin(self, power: float, widest: float) -> float | None:
        """Return the smallest margin that passes after as many clusters as were seen; None above `widest`."""
        counts = self._drawn(self.clusters)
        low, high = 0.0, widest
        if self._chance(counts, self.sums, -widest) < power:
            return None
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            passed = self._chance(counts, self.sums, -middle) >= power
            low, high = (low, middle) if passed else (middle, high)
        return high

    def _drawn(self, clusters: int) -> Floats:
        """(DRAWS, clusters seen, each with both signs) how often each was drawn."""
        rng, size = np.random.default_rng([SEED, clusters]), len(self.sizes)
        if clusters > _FEW * size:
            return rng.multinomial(clusters, np.full(size, 1 / size), size=DRAWS).astype(np.float64)
        drawn = rng.integers(0, size, size=(DRAWS, clusters)) + size * np.arange(DRAWS)[:, None]
        return np.bincount(drawn.ravel(), minlength=DRAWS * size).reshape(DRAWS, size).astype(np.float64)

    def _chance(self, counts: Floats, sums: Floats, bound: float) -> float:
        gains = log_gains(sums, self.sizes, bound, self.heaviest)
        return float((mixed(gains @ counts.T) >= 1 / self.alpha).mean())


def bet_power(
    d: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> BetPower:
    """Return what bets find on clusters like these: d (n,) lies within [-1, 1]."""
    x = np.asarray(d, dtype=np.float64)
    numbers, count = numbered(clusters, len(x))
    w = case_weights(weights, len(x))
    sums, sizes = summed(w * x, numbers, count), summed(w, numbers, count)
    heaviest = largest or float(sizes.max())
    return BetPower(np.concatenate([sums, -sums]), np.concatenate([sizes, sizes]), heaviest, alpha)
