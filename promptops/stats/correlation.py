"""Pearson's, Spearman's and Kendall's correlations as figures of how often each case counts.

Spearman's is Pearson's of mid ranks; Kendall's is tau-b, corrected for ties on either side. Undefined, NaN,
where one side never varies.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.reweighting import Weighted, at_once

Coefficient = Literal["pearson", "spearman", "kendall"]

_FEW = 400
"""Cells of a table of values from which on all pairs of cases are compared instead."""
_STRIP = 2_000
"""Cases that are compared with all others at one time."""


def correlation(x: npt.ArrayLike, y: npt.ArrayLike, coefficient: Coefficient) -> float | None:
    """Return the correlation of values (n,), NaN where missing; None where one side never varies."""
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    value = float(at_once(correlation_figure(first, second, coefficient), len(first))[0])
    return value if np.isfinite(value) else None


def correlation_figure(x: Floats, y: Floats, coefficient: Coefficient) -> Weighted:
    """Return a correlation as a figure of case weights; cases without both values don't count."""
    both = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    a, b = x[both], y[both]
    if coefficient == "kendall":
        inner = _kendall(a, b)
    elif coefficient == "spearman":
        inner = _spearman(a, b)
    else:
        inner = _pearson(a, b)

    def figure(weights: Floats) -> Floats:
        if len(both) < 2:
            return np.full(len(weights), np.nan)
        return inner(weights if len(both) == len(x) else weights[:, both])

    return figure


def pearson_rows(weights: Floats, x: Floats, y: Floats) -> Floats:
    """Return each row's weighted correlation; x and y are (n,) or (b, n)."""
    total = np.maximum(weights.sum(axis=1), 1e-300)[:, None]
    a = x - (weights * x).sum(axis=1)[:, None] / total
    b = y - (weights * y).sum(axis=1)[:, None] / total
    weighted = weights * a
    across = (weighted * b).sum(axis=1)
    size = (weighted * a).sum(axis=1), (weights * b * b).sum(axis=1)
    least = 1e-24 * (np.square(x).max() + 1), 1e-24 * (np.square(y).max() + 1)
    varies = (size[0] > least[0] * total[:, 0]) & (size[1] > least[1] * total[:, 0])
    found: Floats = np.divide(
        across, np.sqrt(size[0] * size[1]), out=np.full(len(weights), np.nan), where=varies
    )
    return np.clip(found, -1.0, 1.0)


def ranker(x: Floats) -> Weighted:
    """Return a function of weights (b, n): the mid ranks (b, n) of x, each case counted so often."""
    values, places = np.unique(x, return_inverse=True)
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(len(values)))

    def ranks(weights: Floats) -> Floats:
        counts = np.add.reduceat(weights[:, order], starts, axis=1)
        middle = np.cumsum(counts, axis=1) - counts / 2
        found: Floats = middle[:, places]
        return found

    return ranks


def _pearson(x: Floats, y: Floats) -> Weighted:
    return lambda weights: pearson_rows(weights, x, y)


def _spearman(x: Floats, y: Floats) -> Weighted:
    first, second = ranker(x), ranker(y)
    return lambda weights: pearson_rows(weights, first(weights), second(weights))


def _kendall(x: Floats, y: Floats) -> Weighted:
    first, second = (np.unique(side, return_inverse=True)[1] for side in (x, y))
    shape = (int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1)
    surplus = (
        _table_surplus(first, second, shape) if shape[0] * shape[1] <= _FEW else _pair_surplus(first, second)
    )
    totals = [_counter(side) for side in (first, second)]

    def figure(weights: Floats) -> Floats:
        n = weights.sum(axis=1)
        untied = [(n**2 - (total(weights) ** 2).sum(axis=1)) / 2 for total in totals]
        scale = np.sqrt(untied[0] * untied[1])
        found: Floats = np.divide(
            surplus(weights), scale, out=np.full(len(weights), np.nan), where=scale > 1e-9
        )
        return found

    return figure


def _counter(places: Ints) -> Weighted:
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(int(places.max(initial=0)) + 1))
    return lambda weights: np.add.reduceat(weights[:, order], starts, axis=1)


def _table_surplus(first: Ints, second: Ints, shape: tuple[int, int]) -> Weighted:
    """Return concordant less discordant pairs, from the table of both values."""
    cells = np.zeros((len(first), shape[0] * shape[1]))
    cells[np.arange(len(first)), first * shape[1] + second] = 1.0

    def surplus(weights: Floats) -> Floats:
        table = (weights @ cells).reshape(-1, *shape)
        above = np.zeros_like(table)
        above[:, :-1] = np.cumsum(table[:, ::-1], axis=1)[:, ::-1][:, 1:]
        right, left = np.zeros_like(table), np.zeros_like(table)
        right[:, :, :-1] = np.cumsum(above[:, :, ::-1], axis=2)[:, :, ::-1][:, :, 1:]
        left[:, :, 1:] = np.cumsum(above, axis=2)[:, :, :-1]
        found: Floats = (table * (right - left)).sum(axis=(1, 2))
        return found

    return surplus


def _pair_surplus(first: Ints, second: Ints) -> Weighted:
    """Return concordant less discordant pairs, from all pairs of cases."""

    def surplus(weights: Floats) -> Floats:
        found = np.zeros(len(weights))
        narrow = weights.astype(np.float32)  # whole numbers below 2^24: exact, and twice as fast
        for start in range(0, len(first), _STRIP):
            strip = slice(start, start + _STRIP)
            signs = np.sign(first[:, None] - first[strip]) * np.sign(second[:, None] - second[strip])
            found += np.einsum("bn,bn->b", narrow @ signs.astype(np.float32), weights[:, strip])
        return found / 2

    return surplus
