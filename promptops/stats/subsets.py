"""A few samples in place of all: which ones, with which weights, and how far their figures may be off.

The draw is stratified by earlier versions' scores (strata.py); of several draws the one is taken on which
these versions' differences come out best (rejective sampling, Fuller 2009). That is chosen on the versions at
hand, so how well it does there says nothing. The error is measured on versions held out, one after the other:
strata and draw are made without it, and its difference from each other version on the subset is compared
with that on the whole set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.strata import Strata, draws, one_stratum, stratify
from promptops.stats.student import t_quantile

LEAST_VERSIONS = 4
"""With one held out, three remain to choose by."""
TRIED = 16
"""Draws of which the best is taken."""
REPLICATES = 100
"""Subsets that are chosen for each version held out."""
PLAIN = 1000
"""Plain random subsets that they are compared with."""
_CELLS = 2_000_000


@dataclass(frozen=True)
class Chosen:
    """Places of k samples in order, and each one's weight: how many samples it stands for, times its own."""

    places: Ints
    weights: Floats
    strata: int


@dataclass(frozen=True)
class Errors:
    """How far differences of two versions on a subset are off those on the whole set, one held out."""

    typical: float
    """The root mean square over versions held out, their pairs, and subsets."""
    bound: float
    """The largest, over these pairs, of what 95 % of their subsets stay within; but no less than Student's t
    with V degrees of freedom times `typical`, for of four versions even the worst may have been kind."""
    each: Floats
    """(V,) the root mean square for each version held out."""


@dataclass(frozen=True)
class Gain:
    """The chosen subset's error over that of a plain random one: a geometric mean over versions held out."""

    ratio: float
    low: float
    high: float
    """An interval from Student's t on logarithms; versions held out share the others, so it is rough."""

    @property
    def better(self) -> bool:
        """Whether the chosen one is better than a random one beyond doubt."""
        return self.high < 1.0


def choose(scores: Floats, k: int, *, weights: Floats | None = None, seed: int = 0) -> Chosen:
    """Choose k of n samples by how versions scored on them, (V, n)."""
    own = np.ones(scores.shape[1]) if weights is None else weights
    rng = np.random.default_rng(seed)
    strata = stratify(scores, k, seed)
    places = _best(scores, own, strata, TRIED, rng)
    return Chosen(places, (own * strata.weights())[places], len(strata.sizes))


def held_out_errors(
    scores: Floats, k: int, *, weights: Floats | None = None, level: float = 0.95, seed: int = 0
) -> Errors:
    """Measure the error of chosen subsets on each version, of which the choice knew nothing."""
    own = np.ones(scores.shape[1]) if weights is None else weights
    found = []
    for version in range(len(scores)):
        rng = np.random.default_rng([seed, version])
        others = np.delete(scores, version, axis=0)
        strata = stratify(others, k, seed)
        weight = own * strata.weights()
        places = np.stack([_best(others, own, strata, TRIED, rng) for _ in range(REPLICATES)])
        found.append(_differences(scores, own, weight, places, version))
    return _errors(found, level)


def random_errors(
    scores: Floats, k: int, *, weights: Floats | None = None, level: float = 0.95, seed: int = 0
) -> Errors:
    """Measure the error of plain random subsets of k samples in the same way."""
    n = scores.shape[1]
    own = np.ones(n) if weights is None else weights
    rng = np.random.default_rng([seed, len(scores)])
    step = max(1, _CELLS // n)
    places = np.concatenate(
        [draws(one_stratum(n, k), min(step, PLAIN - start), rng) for start in range(0, PLAIN, step)]
    )
    return _errors([_differences(scores, own, own, places, each) for each in range(len(scores))], level)


def gain(chosen: Errors, plain: Errors, level: float = 0.95) -> Gain | None:
    """Return how much smaller the chosen subsets' errors are; None where either has none at all."""
    if (chosen.each <= 0).any() or (plain.each <= 0).any():
        return None
    ratios = np.log(chosen.each / plain.each)
    mean, count = float(ratios.mean()), len(ratios)
    reach = t_quantile((1 + level) / 2, count - 1) * float(ratios.std(ddof=1)) / math.sqrt(count)
    return Gain(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))


def _best(scores: Floats, own: Floats, strata: Strata, times: int, rng: np.random.Generator) -> Ints:
    """Return the draw on which the differences of these versions are nearest to those on all samples."""
    places = draws(strata, times, rng)
    off = _figures(scores, own * strata.weights(), places) - (scores @ own / own.sum())
    best = places[int(off.var(axis=1).argmin())]
    return np.sort(best)


def _figures(scores: Floats, weights: Floats, places: Ints) -> Floats:
    """Return each version's weighted mean on each subset, (subsets, V)."""
    found = np.empty((len(places), len(scores)))
    step = max(1, _CELLS // max(1, places.shape[1]))
    for start in range(0, len(places), step):
        some = places[start : start + step]
        weight = weights[some]
        for version, row in enumerate(scores):
            found[start : start + step, version] = (row[some] * weight).sum(axis=1)
        found[start : start + step] /= weight.sum(axis=1, keepdims=True)
    return found


def _differences(scores: Floats, own: Floats, weights: Floats, places: Ints, version: int) -> Floats:
    """Return how far one version's difference from each other one is off on each subset, (subsets, V - 1)."""
    off = _figures(scores, weights, places) - (scores @ own / own.sum())
    found: Floats = np.delete(off[:, [version]] - off, version, axis=1)
    return found


def _errors(found: list[Floats], level: float) -> Errors:
    each = np.array([math.sqrt(float((off**2).mean())) for off in found])
    reached = [_within(np.abs(column), level) for off in found for column in off.T]
    typical = math.sqrt(float((each**2).mean()))
    return Errors(typical, max(*reached, t_quantile((1 + level) / 2, len(each)) * typical), each)


def _within(sizes: Floats, level: float) -> float:
    """Return the order statistic that a further draw stays within with the probability `level`."""
    rank = min(len(sizes), math.ceil(level * (len(sizes) + 1)))
    return float(np.sort(sizes)[rank - 1])
