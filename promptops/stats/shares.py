"""Shares of independent trials: are two of them equal, and does one rise or fall over periods?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.clusters import Labels, numbered, summed
from promptops.stats.intervals import Interval, clustered_error, wilson_interval
from promptops.stats.student import normal_cdf, normal_quantile, t_quantile

_AT_ONCE = 500
_MANY = 2_000
_FEWEST_ALIKE = 4
"""Clusters of about one size from which on they are permuted among themselves."""
_TIE = 1e-12
"""Two sums this close (relative to the largest) are equal but for the order of additions."""


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


@dataclass(frozen=True)
class Association:
    """Whether two things go together: the sign of `score` is the direction, `p` is two-sided."""

    score: float
    p: float


def associations(
    values: Floats, beside: Floats, clusters: Labels, seed: int = 0, draws: int = 10_000
) -> list[Association]:
    """Test for each column of `beside` (n, k) whether values (n,) go with it: a share apart, a trend.

    Trials of one cluster may hang together as they like, and each cluster counts once. The score is the
    covariance of the clusters' means, among clusters of about as many trials, plus the mean covariance inside
    clusters. Without association a cluster could have the mean of any other as large (these are permuted:
    means of few trials vary more, so that no others are alike), and inside a cluster the covariance may as
    well have the other sign (these are flipped in the same `draws`); of over 2,000 clusters a normal
    distribution of that variance stands for the draws. Where all clusters are of one trial it is Fisher's
    exact test but for chance.
    """
    numbers, count = numbered(clusters, len(values))
    trials = np.bincount(numbers)
    sizes = trials[:, None]
    means = summed(values[:, None], numbers, count) / sizes
    middles = summed(beside, numbers, count) / sizes
    inside = (values - means[numbers, 0])[:, None] * (beside - middles[numbers])
    within = summed(inside, numbers, count) / sizes
    alike = _alike(trials)
    means, middles = (
        np.concatenate([each[some] - each[some].mean(axis=0) for some in alike])
        for each in (means[:, 0], middles)
    )
    scores = means @ middles + within.sum(axis=0)
    ends = np.cumsum([len(some) for some in alike])
    parts = list(zip(np.split(means, ends[:-1]), np.split(middles, ends[:-1]), strict=True))
    if count > _MANY:
        between = sum((a @ a) * (b**2).sum(axis=0) / max(len(a) - 1, 1) for a, b in parts)
        spread = np.sqrt(between + (within**2).sum(axis=0))
        found = [2 * normal_cdf(-abs(a) / b) if b > 0 else 1.0 for a, b in zip(scores, spread, strict=True)]
    else:
        least = np.abs(scores) - _TIE * (np.abs(means) @ np.abs(middles) + np.abs(within).sum(axis=0))
        rng, extreme = np.random.default_rng(seed), np.ones(len(scores))
        for _ in range(0, draws, _AT_ONCE):
            drawn = (2.0 * rng.integers(0, 2, (_AT_ONCE, count)) - 1) @ within
            for a, b in parts:
                drawn += rng.permuted(np.tile(a, (_AT_ONCE, 1)), axis=1) @ b
            extreme += (np.abs(drawn) >= least).sum(axis=0)
        found = [float(p) for p in extreme / (draws + 1)]
    return [Association(float(score), p) for score, p in zip(scores, found, strict=True)]


def _alike(trials: Ints) -> list[Ints]:
    """Return the places of clusters of 1, 2, 3 to 4, 5 to 8 ... trials; too few are part of the next larger.

    The largest, where they are too few, are part of those before them.
    """
    classes = np.ceil(np.log2(trials))
    found: list[Ints] = []
    for each in np.unique(classes):
        some = np.flatnonzero(classes == each)
        if found and len(found[-1]) < _FEWEST_ALIKE:
            some = np.concatenate([found.pop(), some])
        found.append(some)
    if len(found) > 1 and len(found[-1]) < _FEWEST_ALIKE:
        found[-2:] = [np.concatenate(found[-2:])]
    return found


def clustered_share(successes: Floats, clusters: Labels, level: float = 0.95) -> Interval:
    """Return a share of trials (n,) of 0 and 1 that come in clusters, with its interval.

    Wilson's for so many independent trials as know as much: share (1 - share) / SE^2, less what a t
    quantile asks for (Korn & Graubard 1998). SE is the cluster-robust one; where all trials or none
    succeed, a cluster counts as one trial.
    """
    n, share = len(successes), float(successes.mean())
    numbers, count = numbered(clusters, n)
    if count == n:
        return wilson_interval(int(successes.sum()), n, level)
    alike = count < 2 or share in (0.0, 1.0)
    error = 0.0 if alike else clustered_error(summed(successes - share, numbers, count), float(n))
    trials = float(count)
    if error > 0:
        tail = 0.5 + level / 2
        shrink = (normal_quantile(tail) / t_quantile(tail, count - 1)) ** 2
        trials = min(float(n), share * (1 - share) / error**2 * shrink)
    return wilson_interval(share * trials, trials, level)


def _log_choose(n: int, k: Ints) -> Floats:
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    found: Floats = factorials[n] - factorials[k] - factorials[n - k]
    return found
