"""pass@k and pass^k: would one of k answers, would all of k answers succeed?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats


def pass_at(k: int, repeats: npt.ArrayLike, successes: npt.ArrayLike) -> Floats:
    """Return for each case the unbiased chance that at least one of k answers succeeds.

    1 - C(n-c, k)/C(n, k) for c successes in n repeats (Chen et al. 2021, arXiv 2107.03374). NaN where a
    case has fewer than k repeats. Raises ValueError for k < 1 and for more successes than repeats.
    """
    n, c = _checked(k, repeats, successes)
    return 1.0 - _all_of(k, n, n - c)


def pass_all(k: int, repeats: npt.ArrayLike, successes: npt.ArrayLike) -> Floats:
    """Return for each case the unbiased chance that all of k answers succeed, written pass^k.

    C(c, k)/C(n, k) (Yao et al. 2024, arXiv 2406.12045). NaN and errors as in `pass_at`.
    """
    n, c = _checked(k, repeats, successes)
    return _all_of(k, n, c)


def _checked(k: int, repeats: npt.ArrayLike, successes: npt.ArrayLike) -> tuple[Floats, Floats]:
    n, c = np.asarray(repeats, dtype=np.float64), np.asarray(successes, dtype=np.float64)
    if k < 1 or np.any((c < 0) | (c > n)):
        raise ValueError(f"k is 1 or more, here {k!r}, and successes lie between 0 and the repeats")
    return n, c


def _all_of(k: int, n: Floats, c: Floats) -> Floats:
    """Return C(c, k)/C(n, k) as a product: the binomials themselves may be too large for a float."""
    drawn = np.arange(k, dtype=np.float64)
    left, there = c[..., None] - drawn, n[..., None] - drawn
    factors = np.divide(np.maximum(left, 0.0), there, out=np.ones_like(there), where=there > 0)
    return np.where(n >= k, factors.prod(axis=-1), np.nan)
