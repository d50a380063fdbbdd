"""Shares of independent trials: are two of them equal, and does one rise or fall over periods?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.student import normal_cdf


@dataclass(frozen=True)
class ShareTrend:
    """The standardised trend of a share, positive where it rises, and its two-sided p-value."""

    z: float
    p: float


def share_trend(successes: npt.ArrayLike, trials: npt.ArrayLike) -> ShareTrend | None:
    """Test shares (periods,) in the order of time for a trend; None where nothing can differ.

    Cochran 1954 and Armitage 1955, with the conditional variance (n / (n - 1)), as in a linear-by-linear
    association test; trials are taken as independent. Raises ValueError where more succeed than were tried.
    """
    hit, tried = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if hit.shape != tried.shape or hit.ndim != 1 or np.any(hit < 0) or np.any(hit > tried):
        raise ValueError("successes are counts within trials, one a period")
    n, share = tried.sum(), hit.sum() / max(tried.sum(), 1.0)
    if n < 2 or not 0 < share < 1:
        return None
    at = np.arange(len(tried), dtype=np.float64)
    centred = at - (tried @ at) / n
    spread = float(tried @ centred**2) * share * (1 - share) * n / (n - 1)
    if spread <= 0:
        return None
    z = float(hit @ centred) / math.sqrt(spread)
    return ShareTrend(z, 2 * normal_cdf(-abs(z)))


def fisher_p(first: int, first_trials: int, second: int, second_trials: int) -> float:
    """Return Fisher's exact two-sided p-value that two shares are equal.

    The sum over all tables with the same margins that are no likelier than what was seen (Fisher 1935).
    Raises ValueError where more succeed than were tried.
    """
    if not (0 <= first <= first_trials and 0 <= second <= second_trials):
        raise ValueError("successes are counts within trials")
    hits = first + second
    low = max(0, hits - second_trials)
    possible = np.arange(low, min(hits, first_trials) + 1)
    logs = _log_choose(first_trials, possible) + _log_choose(second_trials, hits - possible)
    weights = np.exp(logs - logs.max())
    # Tables as likely as what was seen count, whatever rounding says.
    no_likelier = weights <= weights[first - low] * (1 + 1e-7)
    return float(weights[no_likelier].sum() / weights.sum())


def _log_choose(n: int, k: Ints) -> Floats:
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    found: Floats = factorials[n] - factorials[k] - factorials[n - k]
    return found
