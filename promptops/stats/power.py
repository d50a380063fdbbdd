"""How small a change a set can see, and how many cases a margin needs. Sample sizes round up."""

from __future__ import annotations

import math

from promptops.stats.student import chi2_quantile, normal_quantile


def mde(se: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true change that a two-sided test at alpha finds with this power."""
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * se


def smallest_margin(se: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest margin at which an equal candidate passes with this power (alpha one-sided)."""
    return (normal_quantile(1 - alpha) + normal_quantile(power)) * se


def cases_needed(sd: float, margin: float, alpha: float = 0.05, power: float = 0.8, deff: float = 1.0) -> int:
    """Return the cases at which a candidate that lies `margin` above the limit passes with this power.

    `sd` is of the paired differences, `deff` the design effect of clusters. For the current
    estimate instead of equality give its distance to the limit, mean + margin. Raises ValueError
    where margin, sd or deff is not positive.
    """
    if not (margin > 0 and sd >= 0 and deff > 0):
        raise ValueError(f"no number of cases reaches margin {margin!r} with sd {sd!r} and deff {deff!r}")
    ratio = (normal_quantile(1 - alpha) + normal_quantile(power)) * sd / margin
    # A number that is whole but for rounding (5.000000000001) doesn't cost another case.
    return max(1, math.ceil(deff * ratio**2 - 1e-9))


def upper_sd(sd: float, n: int, assurance: float = 0.8) -> float:
    """Return a standard deviation that the true one stays under with this assurance, from n >= 2 cases."""
    if n < 2:
        raise ValueError(f"a standard deviation of {n} cases has no bound")
    return sd * math.sqrt((n - 1) / chi2_quantile(1 - assurance, n - 1))


def design_effect(clustered_se: float, plain_se: float) -> float:
    """Return how many times as many cases clusters cost; at least 1."""
    return max(1.0, (clustered_se / plain_se) ** 2) if plain_se > 0 else 1.0
