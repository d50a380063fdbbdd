"""The cluster bootstrap for figures made of summed counts: draws, and the bounds that follow from them.

A resample is a row of how often each cluster was drawn; all resamples are one matrix product with the
clusters' sums, and `combine` turns all totals into figures at once. BCa: Efron 1987.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels, TooFewClustersError, numbered, summed
from promptops.stats.student import normal_cdf, normal_quantile
from promptops.stats.wholes import WHOLE, whole

Combine = Callable[[Floats, Floats], Floats]
"""Turns totals (..., k) over n (...) cases into figures (...)."""
Method = Literal["bca", "percentile"]

Counted: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint32]
"""How often each cluster was drawn."""

ROOM = 300_000_000
"""Bytes of drawings that are kept for the next metric or slice; a cluster takes one on each resample."""
MOST = 10_000
"""Clusters that are drawn from at most: of more of them, many are drawn as one (docs/decisions/0021)."""
_CHUNK = 1_000_000
"""Draws that are counted at one time (8 MB)."""
_STRIP = 4_096
"""Clusters whose draws are multiplied at one time, so that these stay in the processor's cache."""
_THREADED = 4
"""Blocks from which a thread is worth its start."""
_UNDEFINED = 0.05
"""Share of resamples without a figure above which there are no bounds."""


@dataclass(frozen=True)
class Bootstrap:
    """A figure, its sorted resampled values, and what BCa corrects by.

    `undefined` counts the resamples on which the figure isn't a finite number. Where no resample
    differs from the figure, bounds have no width: ask first whether anything differs at all.
    """

    figure: float
    draws: Floats
    bias: float
    acceleration: float
    clusters: int
    undefined: int


def table(counts: npt.ArrayLike) -> Floats:
    """Return counts as a table, one row a case. Raises ValueError where they aren't finite numbers."""
    rows = np.asarray(counts, dtype=np.float64)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or not np.all(np.isfinite(rows)):
        raise ValueError("counts are a table of finite numbers, one row a case")
    return rows


def resampled(
    tables: Sequence[Floats],
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    *,
    resamples: int,
    seed: int,
) -> Bootstrap:
    """Resample the figure of one table of counts, or of the second less that of the first of two.

    Tables are of the same cases in the same order, `n` holds the cases' sizes. Raises TooFewClustersError.
    """
    cases, k = tables[0].shape
    if any(other.shape != (cases, k) for other in tables):
        raise ValueError(f"pairs have counts of one shape, not {[other.shape for other in tables]}")
    numbers, count = numbered(clusters, cases)
    if count < 2:
        raise TooFewClustersError(count)
    sizes = np.broadcast_to(np.asarray(n, dtype=np.float64), (cases,))
    sums = np.column_stack([_folded(summed(part, numbers, count)) for part in (*tables, sizes[:, None])])

    def figures(totals: Floats) -> Floats:
        size = totals[..., -1]
        last = np.asarray(combine(totals[..., -1 - k : -1], size), dtype=np.float64)
        return last if len(tables) == 1 else last - np.asarray(combine(totals[..., :k], size))

    total = sums.sum(axis=0)
    drawn = figures(resampled_sums(sums, resamples, seed))
    return of_draws(float(figures(total)), drawn, figures(total - sums), count)


def of_draws(figure: float, drawn: Floats, left_out: Floats, clusters: int) -> Bootstrap:
    """Return the bootstrap of a figure from its resampled values and those with a cluster left out."""
    draws = np.sort(drawn[np.isfinite(drawn)])
    undefined = len(drawn) - len(draws)
    return Bootstrap(figure, draws, _bias(draws, figure), _acceleration(left_out), clusters, undefined)


def quantile(boot: Bootstrap, probability: float, method: Method = "bca") -> float:
    """Return the one-sided bound that the truth lies under with this probability; NaN if there is none."""
    if _without_bounds(boot):
        return math.nan
    if method == "bca":
        shifted = boot.bias + normal_quantile(probability)
        probability = normal_cdf(boot.bias + shifted / max(1 - boot.acceleration * shifted, 1e-9))
    return float(np.quantile(boot.draws, probability))


def p_below(boot: Bootstrap, value: float) -> float:
    """Return the p-value for "the true figure lies below `value`", dual to the upper BCa bound."""
    return 1.0 - _confidence_below(boot, value, tie="first")


def p_above(boot: Bootstrap, value: float) -> float:
    """Return the p-value for "the true figure lies above `value`", dual to the lower BCa bound."""
    return _confidence_below(boot, value, tie="last")


def recentred_p(boot: Bootstrap) -> float:
    """Return the two-sided p-value for a figure of 0: (1 + #{|t* - mean t*| >= |t|}) / (B + 1).

    Not sacrebleu's `--paired-bs`, whose p is about half of this (it drops the sign before recentring).
    """
    if _without_bounds(boot):
        return math.nan
    spread = np.abs(boot.draws - boot.draws.mean())
    extreme = int((spread >= abs(boot.figure) * (1 - 1e-12)).sum())
    return (1 + extreme) / (len(boot.draws) + 1)


def resampled_sums(sums: Floats, resamples: int, seed: int) -> Floats:
    """Return the totals (resamples, k) of clusters' sums (clusters, k) over all that a resample drew."""
    largest = float(np.abs(sums).max(initial=0.0))
    single = largest < WHOLE and whole(sums)
    # The ones count how many were drawn in a strip.
    factors = np.column_stack([sums, np.ones(len(sums))]).astype(np.float32 if single else np.float64)
    found: list[Floats] = []
    for blocks in _together(_blocks(len(sums), resamples, seed)):
        totals = np.zeros((sum(map(len, blocks)), sums.shape[1]))
        buffer = np.empty((len(totals), min(_STRIP, len(sums))), dtype=factors.dtype)
        for start in range(0, len(sums), _STRIP):
            times = buffer[:, : min(_STRIP, len(sums) - start)]
            np.concatenate([block[:, start : start + _STRIP] for block in blocks], out=times)
            product = times @ factors[start : start + _STRIP]
            if single and largest * float(product[:, -1].max()) >= WHOLE:
                product = times.astype(np.float64) @ factors[start : start + _STRIP].astype(np.float64)
            totals += product[:, :-1]
        found.append(totals)
    return np.concatenate(found)


def drawings(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield blocks (rows, clusters) of how often each cluster was drawn; the same for the same arguments."""
    for block in _blocks(clusters, resamples, seed):
        yield block.astype(np.float64)


def _folded(sums: Floats) -> Floats:
    """Put clusters together, every MOSTth with the same, so that there are MOST of them at most.

    Sums of independent clusters are as independent, and 10,000 of them tell their spread to 0.7 %.
    """
    if len(sums) <= MOST:
        return sums
    folded = sums[:MOST].copy()
    for start in range(MOST, len(sums), MOST):
        more = sums[start : start + MOST]
        folded[: len(more)] += more
    return folded


def _together(blocks: Iterable[Counted]) -> Iterator[list[Counted]]:
    """Gather blocks as long as they have room: the clusters' sums are read once for each gathering."""
    gathered: list[Counted] = []
    for block in blocks:
        if gathered and sum(each.nbytes for each in gathered) + block.nbytes > ROOM:
            yield gathered
            gathered = []
        gathered.append(block)
    yield gathered


def _blocks(clusters: int, resamples: int, seed: int) -> Iterable[Counted]:
    """Return drawings; metrics, sides and slices with as many clusters share them where there is room."""
    small = clusters * resamples <= ROOM
    return _KEPT.get(clusters, resamples, seed) if small else _drawn(clusters, resamples, seed)


class _Kept:
    """The drawings that were used last, as many as fit into the room; threads may share them."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[int, int, int], tuple[Counted, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, clusters: int, resamples: int, seed: int) -> tuple[Counted, ...]:
        key = (clusters, resamples, seed)
        with self._lock:
            found = self._blocks.pop(key, None) or tuple(_drawn(clusters, resamples, seed))
            self._blocks[key] = found
            while sum(block.nbytes for blocks in self._blocks.values() for block in blocks) > ROOM:
                self._blocks.popitem(last=False)
        return found


_KEPT = _Kept()


def _drawn(clusters: int, resamples: int, seed: int) -> Iterator[Counted]:
    """Draw one block ahead in a thread of its own, for neither drawing nor counting holds the interpreter."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // clusters)
    heights = [min(step, resamples - start) for start in range(0, resamples, step)]

    def draw(height: int) -> npt.NDArray[np.int64]:
        return rng.integers(0, clusters, size=(height, clusters))

    if len(heights) < _THREADED:
        yield from (_counted(draw(height), clusters) for height in heights)
        return
    with ThreadPoolExecutor(1, "promptops-drawing") as pool:
        ahead = pool.submit(draw, heights[0])
        for height in heights[1:]:
            drawn, ahead = ahead.result(), pool.submit(draw, height)
            yield _counted(drawn, clusters)
        yield _counted(ahead.result(), clusters)


def _counted(drawn: npt.NDArray[np.int64], clusters: int) -> Counted:
    """Count row by row, in the processor's cache, and keep a byte a cluster where that is enough."""
    block = np.empty(drawn.shape, dtype=np.uint8)
    for place, row in enumerate(drawn):
        counted = np.bincount(row, minlength=clusters)
        if block.dtype == np.uint8 and counted.max() > 255:
            block = block.astype(np.uint32)
        block[place] = counted
    return block


def _bias(draws: Floats, figure: float) -> float:
    if not len(draws):
        return math.nan
    close = 1e-12 * max(abs(figure), float(np.abs(draws[[0, -1]]).max()))
    below = float((draws < figure - close).sum()) + 0.5 * float((np.abs(draws - figure) <= close).sum())
    return normal_quantile(_inside(below / len(draws), len(draws)))


def _acceleration(left_out: Floats) -> float:
    """Return a sixth of the skewness of the jackknife over clusters; 0 where it has no spread."""
    gaps = left_out[np.isfinite(left_out)]
    gaps = gaps.mean() - gaps if len(gaps) else gaps
    spread = float((gaps**2).sum())
    return float((gaps**3).sum()) / (6.0 * spread**1.5) if spread > 1e-300 else 0.0


def _confidence_below(boot: Bootstrap, value: float, tie: Literal["first", "last"]) -> float:
    """Return the probability whose BCa bound is `value`: the inverse of `quantile`."""
    if _without_bounds(boot):
        return math.nan
    share = _place(boot.draws, value, tie) / max(len(boot.draws) - 1, 1)
    shifted = normal_quantile(_inside(share, len(boot.draws))) - boot.bias
    return normal_cdf(shifted / max(1 + boot.acceleration * shifted, 1e-9) - boot.bias)


def _place(draws: Floats, value: float, tie: Literal["first", "last"]) -> float:
    """Return where value stands among sorted draws, on the straight lines that np.quantile draws."""
    first, after = (
        int(np.searchsorted(draws, value, side="left")),
        int(np.searchsorted(draws, value, side="right")),
    )
    if first < after:
        return first if tie == "first" else after - 1
    if first in (0, len(draws)):
        return max(0, min(first, len(draws) - 1))
    below, above = draws[first - 1], draws[first]
    return float(first - 1 + (value - below) / (above - below))


def _inside(share: float, draws: int) -> float:
    return min(max(share, 1 / (draws + 1)), draws / (draws + 1))


def _without_bounds(boot: Bootstrap) -> bool:
    total = len(boot.draws) + boot.undefined
    return not math.isfinite(boot.figure) or boot.undefined > _UNDEFINED * total
