"""L2-regularised logistic regression for rows that have more columns than there are rows.

Minimises |w|^2 / 2 + C sum log(1 + exp(-y f)), f = X w + b, b free (scikit-learn's objective), by
Newton's method in the dual: w = X' a, so that only the Gram matrix of the rows is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.sparse import SparseRows

_STEPS = 50
_PRECISION = 1e-8


@dataclass(frozen=True)
class Logistic:
    """Weights of the columns and the intercept; scores are log odds of being in the second sample."""

    weights: Floats
    intercept: float

    def scores(self, rows: SparseRows) -> Floats:
        """Return the log odds of each row."""
        return rows.times(self.weights) + self.intercept


def fit(rows: SparseRows, second: npt.NDArray[np.bool_], strength: float = 1.0) -> Logistic:
    """Fit to rows (n, k) and whether each is of the second sample; `strength` is C, the weight of the fit."""
    gram = rows.gram()
    target = second.astype(np.float64)
    dual, intercept = np.zeros(len(target)), 0.0
    for _ in range(_STEPS):
        odds = gram @ dual + intercept
        chance = 1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500)))
        curvature = np.maximum(strength * chance * (1.0 - chance), 1e-12)
        wanted = odds + strength * (target - chance) / curvature
        ridged = gram + np.diag(1.0 / curvature)
        solved = np.linalg.solve(ridged, np.column_stack([wanted, np.ones_like(wanted)]))
        following = float(solved[:, 0].sum() / solved[:, 1].sum())
        stepped = solved[:, 0] - following * solved[:, 1]
        change = float(np.abs(stepped - dual).max()) + abs(following - intercept)
        dual, intercept = stepped, following
        if change < _PRECISION * strength:
            break
    return Logistic(rows.transposed_times(dual), intercept)
