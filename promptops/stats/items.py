"""What does each sample say of the versions that answered it? Classical item analysis.

Scores are (V, n): one row a version, one column a sample, each the mean of that version's repeats; higher is
better. Classical test theory has examinees where we have versions: difficulty is a sample's mean, the upper
and lower groups are Kelley's 27 % (1939), discrimination is the correlation with the rest (Lord and Novick
1968, ch. 15). Item response theory puts both on one scale (its slope is r / sqrt(1 - r^2) of that
correlation, ibid. ch. 16), but a curve for each sample needs hundreds of examinees; there are a few versions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from promptops.stats import Floats

OUTER = 0.27
"""The share of the examinees in the upper and in the lower group: best for a normal trait (Kelley 1939)."""
_SAME = 1e-9


def spread(scores: Floats) -> Floats:
    """Return the standard deviation between versions of each sample, (n,); 0 for a single version."""
    if len(scores) < 2:
        return np.zeros(scores.shape[1])
    found: Floats = scores.std(axis=0, ddof=1)
    found[np.ptp(scores, axis=0) <= _SAME] = 0.0
    return found


def noise(repeats: Sequence[Floats]) -> Floats:
    """Return the standard error of one version's mean on each sample, (n,), from its repeats.

    Each version's repeats are (n, K), NaN where there is none. The variance within a version, over its
    number of repeats, is averaged over the versions that have two on that sample; NaN where none has.
    """
    parts = [_variance_of_mean(each) for each in repeats]
    there = np.isfinite(parts)
    total = np.where(there, parts, 0.0).sum(axis=0)
    count = there.sum(axis=0)
    found: Floats = np.sqrt(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return found


def signal(between: Floats, within: Floats) -> Floats:
    """Return the standard deviation between versions without the noise: sqrt(max(0, s^2 - se^2)), (n,).

    The method of moments of one-way analysis of variance; where the noise is not known (NaN), NaN.
    """
    found: Floats = np.sqrt(np.maximum(between**2 - within**2, 0.0))
    return found


def item_rest(scores: Floats, weights: Floats | None = None) -> Floats:
    """Return each sample's correlation, over versions, with the mean of all other samples, (n,).

    NaN where one of them does not vary, and for fewer than three versions, where it is always 1 or -1.
    """
    versions, n = scores.shape
    if versions < 3 or n < 2:
        return np.full(n, math.nan)
    weight = np.ones(n) if weights is None else weights
    rest = ((scores @ weight)[:, None] - scores * weight) / (weight.sum() - weight)
    return correlations(scores, rest)


def correlations(first: Floats, second: Floats) -> Floats:
    """Return Pearson's r of each column with the same column of another matrix; NaN for constants."""
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    length = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    constant = (np.ptp(first, axis=0) <= _SAME) | (np.ptp(second, axis=0) <= _SAME)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(constant, np.nan, (a * b).sum(axis=0) / length)
    return np.clip(found, -1.0, 1.0)


def discrimination_index(scores: Floats, weights: Floats | None = None) -> Floats:
    """Return each sample's mean in the upper 27 % of versions less that in the lower 27 %, (n,).

    Versions are ordered by their weighted mean over all samples; at least one is in either group.
    """
    totals = scores.mean(axis=1) if weights is None else scores @ weights
    order = np.argsort(totals, kind="stable")
    size = max(1, round(OUTER * len(scores)))
    found: Floats = scores[order[-size:]].mean(axis=0) - scores[order[:size]].mean(axis=0)
    return found


def cronbach_alpha(scores: Floats) -> float:
    """Return Cronbach's alpha (1951): how reliably the samples order versions; NaN where nothing varies.

    n/(n-1) (1 - sum of the samples' variances / variance of the sum), over versions.
    """
    n = scores.shape[1]
    whole = float(scores.sum(axis=1).var(ddof=1)) if len(scores) > 1 else 0.0
    if n < 2 or whole <= _SAME**2:
        return math.nan
    return float(n / (n - 1) * (1.0 - scores.var(axis=0, ddof=1).sum() / whole))


def failure_bound(versions: int, level: float = 0.95) -> float:
    """Return up to where the chance may reach that the next version fails a sample that none has failed.

    Clopper and Pearson's one-sided bound for no failure in V: 1 - (1 - level)^(1/V).
    """
    return float(1.0 - (1.0 - level) ** (1.0 / versions))


def without(scores: Floats, kept: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return each version's figure on all samples and on those kept (a 1 or 0 for each), both (V,)."""
    left = weights * kept
    return scores @ weights / weights.sum(), scores @ left / left.sum()


def pair_errors(scores: Floats, weights: Floats) -> float:
    """Return the typical standard error of a difference of two versions, over samples as draws.

    The root of the mean square over all pairs of versions of s_d / sqrt(n), s_d being the standard deviation
    of the samples' differences; weights as shares of the whole.
    """
    share = weights / weights.sum()
    centred = scores - (scores @ share)[:, None]
    # Over all pairs, the squared differences of V numbers sum to V times their squares about their mean.
    about = centred - centred.mean(axis=0)
    versions = len(scores)
    n = scores.shape[1]
    pairs = versions * (versions - 1) / 2
    summed = versions * float((about**2 * share**2).sum())
    return math.sqrt(summed / pairs * n / max(n - 1, 1))


def _variance_of_mean(repeats: Floats) -> Floats:
    there = np.isfinite(repeats)
    count = there.sum(axis=1)
    mean = np.where(there, repeats, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(there, (repeats - mean[:, None]) ** 2, 0.0).sum(axis=1)
    found: Floats = np.where(count > 1, squares / np.maximum(count - 1, 1) / np.maximum(count, 1), np.nan)
    return found
