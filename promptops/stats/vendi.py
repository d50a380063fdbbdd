"""How many different things are there among some points? The Vendi score, an effective number."""

from __future__ import annotations

import numpy as np

from promptops.stats import Floats


def vendi_score(similarity: Floats) -> float:
    """Return exp of the Shannon entropy of the eigenvalues of K / n (Friedman & Dieng, TMLR 2023).

    `similarity` is K, (n, n), positive semidefinite with ones on its diagonal: 1 where all rows are alike,
    n where none is like another. It grows with n, so compare equal numbers of points. 0 for no point.
    """
    n = len(similarity)
    if not n:
        return 0.0
    shares = np.linalg.eigvalsh(np.asarray(similarity, dtype=np.float64) / n)
    shares = shares[shares > 1e-12]  # what rounding leaves of zeros, and below
    return float(np.exp(-(shares * np.log(shares)).sum()))


def mean_distance(similarity: Floats) -> float | None:
    """Return the mean of 1 - K over all pairs of different points; None for fewer than two."""
    n = len(similarity)
    if n < 2:
        return None
    return float(1.0 - (similarity.sum() - np.trace(similarity)) / (n * (n - 1)))
