"""Logistic regressions with few columns, fitted on many weightings of the cases at once.

Targets may be any share from 0 to 1. A weighting on which the likelihood has no maximum (the columns part
wins from losses) has no coefficients: NaN.
"""

from __future__ import annotations

import numpy as np

from promptops.stats import Floats

_STEPS = 50
_PRECISION = 1e-10
_LARGEST = 30.0
"""Log odds of a fitted case beyond which there is no maximum, only a direction."""
_LONGEST = 4.0


def logistic_fits(weights: Floats, columns: Floats, target: Floats) -> Floats:
    """Return the coefficients (b, k) for each row of weights (b, n).

    `columns` are (b, n, k), or (n, k) for all rows alike, `target` is (n,). Newton's method, with steps that
    are shortened from afar.
    """
    shared = np.broadcast_to(columns, (len(weights), *columns.shape[-2:]))
    k = shared.shape[2]
    found = np.zeros((len(weights), k))
    left = np.ones(len(weights), dtype=bool)
    lost = np.zeros(len(weights), dtype=bool)
    for _ in range(_STEPS):
        rows = np.flatnonzero(left)
        if not len(rows):
            break
        x, w = shared[rows], weights[rows]
        odds = np.einsum("bnk,bk->bn", x, found[rows])
        chance = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        slope = np.einsum("bnk,bn->bk", x, w * (target - chance))
        curved = np.einsum("bnk,bn,bnl->bkl", x, w * chance * (1 - chance), x, optimize=True)
        scale = np.trace(curved, axis1=1, axis2=2)
        singular = np.linalg.det(curved) <= 1e-12 * (scale / k) ** k
        lost[rows] |= singular | (np.where(w > 0, np.abs(odds), 0.0).max(axis=1) > _LARGEST)
        curved[lost[rows]] = np.eye(k)
        step = np.linalg.solve(curved, slope[:, :, None])[:, :, 0]
        largest = np.abs(step).max(axis=1)
        found[rows] += step * np.minimum(1.0, _LONGEST / np.maximum(largest, 1e-300))[:, None]
        left[rows] = (largest > _PRECISION) & ~lost[rows]
    found[lost | left] = np.nan
    return found
