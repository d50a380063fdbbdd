"""The beta-binomial: how many of n cases are hits, where the rate of hits is itself drawn from a beta."""

from __future__ import annotations

import math

import numpy as np

from promptops.stats import Floats


def beta_binomial_cdf(n: int, a: Floats, b: Floats, up_to: int) -> Floats:
    """Return P(X <= k) for k = 0 ... `up_to`, (up_to + 1, parameters), of n draws with Beta(a, b) rates.

    By the ratio of neighbours from P(X = 0) on (Johnson, Kemp & Kotz 2005, 6.2.2), in logs.
    """
    k = np.arange(min(up_to, n), dtype=np.float64)[:, None]
    ratios = (n - k) * (a + k) / ((k + 1) * (b + n - k - 1))
    logs = np.concatenate([_log_none(n, a, b)[None], np.log(ratios)])
    found: Floats = np.minimum(np.cumsum(np.exp(np.cumsum(logs, axis=0)), axis=0), 1.0)
    return found


def _log_none(n: int, a: Floats, b: Floats) -> Floats:
    """Return log P(X = 0) = log [B(a, b + n) / B(a, b)]."""
    return np.array(
        [
            math.lgamma(second + n)
            - math.lgamma(second)
            - math.lgamma(first + second + n)
            + math.lgamma(first + second)
            for first, second in zip(a, b, strict=True)
        ]
    )
