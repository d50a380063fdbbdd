"""Maximum mean discrepancy: do two clouds of points come from one distribution? (Gretton et al. 2012)

Unbiased MMD^2 with a Gaussian kernel, as wide as the median distance in the pooled sample. One kernel
matrix serves all permutations, which are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.blocktests import Blocks, Singles

HIGH = 0.95
"""Below which share of what chance shows the upper end of a part's band lies."""
_GATHERED = 2_000_000
"""Entries of the kernel that are gathered at a time."""
_ROUNDING = 1e-6
"""Sums of single-precision kernels this close are equal."""
_SAME = 1e-9
"""Points that lie closer, beside how far from 0 they lie, are one: equal texts may differ by rounding."""


@dataclass(frozen=True)
class Discrepancy:
    """MMD^2 (may be slightly negative) and its permutation p-value, (1 + #) / (permutations + 1)."""

    statistic: float
    p: float
    permutations: int


@dataclass(frozen=True)
class PartDiscrepancy:
    """MMD^2 of a part, the 95 % quantile of what relabellings give, and the p-value by them."""

    statistic: float
    high: float
    p: float


def mmd_test(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    permutations: int = 999,
    seed: int = 0,
    *,
    bandwidth: float | None = None,
) -> Discrepancy:
    """Test points x (n, d) against y (m, d) whose rows are all independent.

    `bandwidth` is the kernel's standard deviation, exp(-|a - b|^2 / (2 bandwidth^2)); the default is the
    median heuristic.
    """
    first, second = _points(x), _points(y)
    inside = np.zeros((permutations + 1, len(first) + len(second)), dtype=np.float32)
    inside[:, : len(first)] = 1.0
    np.random.default_rng(seed).permuted(inside[1:], axis=1, out=inside[1:])
    return _test(first, second, inside, bandwidth)


def block_mmd_test(
    x: npt.ArrayLike, y: npt.ArrayLike, blocks: Blocks, permutations: int = 999, seed: int = 0
) -> Discrepancy:
    """Test x against y where rows come in blocks (a day, a conversation) that are shuffled as one.

    Few blocks have few permutations: with 3 against 3 no p-value lies below 0.05.
    """
    return _test(_points(x), _points(y), blocks.relabelled(permutations, seed))


def paired_mmd_test(
    x: npt.ArrayLike, y: npt.ArrayLike, permutations: int = 999, seed: int = 0
) -> Discrepancy:
    """Test x (n, d) against y (n, d) where row i of both is about one case: swap within pairs only."""
    first, second = _points(x), _points(y)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} points are no pairs")
    kept = np.random.default_rng(seed).integers(0, 2, size=(permutations + 1, len(first))).astype(np.float32)
    kept[0] = 1.0
    return _test(first, second, np.concatenate([kept, 1.0 - kept], axis=1))


def part_mmd_tests(
    x: Floats, y: Floats | None, parts: Sequence[Ints], permutations: int = 999, seed: int = 0
) -> list[PartDiscrepancy]:
    """Test parts (places) of y (m, d) against all of x (n, d), or parts of x against the rest of it.

    One kernel, as wide as the median distance in the pooled sample, serves all parts: so their statistics
    can be held against one another. Relabelled are the rows of the part and those it is held against.
    """
    kernel = _kernel(x if y is None else np.concatenate([x, y]), None)
    border = 0 if y is None else len(x)
    found = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(x)), part) if y is None else np.arange(len(x))
        chosen = np.concatenate([border + part, rest])
        places = np.tile(np.arange(len(chosen)), (permutations + 1, 1))
        np.random.default_rng(seed).permuted(places[1:], axis=1, out=places[1:])
        values = _part_discrepancies(kernel[np.ix_(chosen, chosen)], places[:, : len(part)])
        high = float(np.quantile(values[1:], HIGH))
        found.append(PartDiscrepancy(float(values[0]), high, _p(values, kernel)))
    return found


def _points(values: npt.ArrayLike) -> Floats:
    points = np.asarray(values, dtype=np.float64)
    points = points[:, None] if points.ndim == 1 else points
    if len(points) < 2:
        raise ValueError("MMD needs at least 2 points a side")
    return points


def _test(x: Floats, y: Floats, inside: Singles, bandwidth: float | None = None) -> Discrepancy:
    """Compare the first row of `inside` (1 where a point counts to the first sample) with the others."""
    kernel = _kernel(np.concatenate([x, y]), bandwidth)
    values = _discrepancies(kernel, inside)
    return Discrepancy(float(values[0]), _p(values, kernel), len(values) - 1)


def _p(values: Floats, kernel: Singles) -> float:
    """Return (1 + #{at least the first}) / (permutations + 1)."""
    terms = float(np.abs(kernel).mean(dtype=np.float64))  # MMD^2 is a difference of means of entries
    close = _ROUNDING * max(abs(float(values[0])), float(values.std()), terms)
    return (1 + int((values[1:] >= values[0] - close).sum())) / len(values)


def _kernel(points: Floats, bandwidth: float | None) -> Singles:
    """Return the kernel matrix with an empty diagonal, less the mean of the rest.

    MMD^2 doesn't change when one number is taken from every entry; small entries keep single
    precision exact enough.
    """
    centre = points.mean(axis=0)
    points = points - centre
    if np.abs(points).max() <= _SAME * np.abs(centre).max():
        return np.zeros((len(points), len(points)), dtype=np.float32)
    points = points.astype(np.float32)
    squares = np.einsum("ij,ij->i", points, points)
    distances = points @ points.T
    distances *= -2.0
    distances += squares[:, None]
    distances += squares
    np.maximum(distances, 0.0, out=distances)
    width = _median_of_pairs(distances) if bandwidth is None else bandwidth**2
    if width <= 0.0:
        return np.zeros_like(distances)
    distances *= -0.5 / width
    kernel: Singles = np.exp(distances, out=distances)
    n = len(kernel)
    np.fill_diagonal(kernel, 0.0)
    kernel -= np.float32(kernel.sum(dtype=np.float64) / (n * (n - 1)))
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _median_of_pairs(distances: Floats | Singles) -> float:
    """Return the median squared distance of different points; where most are equal, the mean."""
    # Row by row: four times as fast as by indices of the triangle.
    pairs = np.concatenate([row[place + 1 :] for place, row in enumerate(distances)])
    median = float(np.median(pairs))
    return median if median > 0.0 else float(pairs.mean())


def _part_discrepancies(kernel: Singles, places: Ints) -> Floats:
    """Return MMD^2 of the points at each row of places against all others.

    A part is small beside the whole: to gather its pairs costs less than a product with the whole kernel.
    """
    rows = kernel.sum(axis=1, dtype=np.float64)
    step = max(1, _GATHERED // places.shape[1] ** 2)
    within = [
        kernel[some[:, :, None], some[:, None, :]].sum(axis=(1, 2), dtype=np.float64)
        for some in (places[start : start + step] for start in range(0, len(places), step))
    ]
    n = np.full(len(places), float(places.shape[1]))
    return _combined(np.concatenate(within), rows[places].sum(axis=1), float(rows.sum()), n, len(kernel) - n)


def _discrepancies(kernel: Singles, inside: Singles) -> Floats:
    rows = kernel.sum(axis=1, dtype=np.float64)
    n = inside.sum(axis=1, dtype=np.float64)
    within_first = np.einsum("ij,ij->i", inside @ kernel, inside, dtype=np.float64)
    return _combined(within_first, inside @ rows, float(rows.sum()), n, inside.shape[1] - n)


def _combined(within_first: Floats, from_first: Floats, whole: float, n: Floats, m: Floats) -> Floats:
    """Return MMD^2 by sums of the kernel: within the first sample, from it to all, and over all."""
    between = from_first - within_first
    within_second = whole - from_first - between
    values: Floats = within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)
    return values
