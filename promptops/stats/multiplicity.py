"""Many tests at once: p-values that stay honest about how many there were."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return Holm's 1979 adjusted p-values, in the order given (family-wise error, any dependence)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _unsorted(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Return Benjamini & Hochberg's 1995 q-values, in the order given (false discovery rate)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    ratios = p[order] * len(p) / np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate(ratios[::-1])[::-1]
    return _unsorted(np.minimum(stepped, 1.0), order)


def _checked(p_values: npt.ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values are numbers from 0 to 1, one a test")
    return p


def _unsorted(values: Floats, order: npt.NDArray[np.intp]) -> Floats:
    result = np.empty_like(values)
    result[order] = values
    return result
