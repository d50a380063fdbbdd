"""More cases or more repeats? What each would bring, from the components of the variance.

A mean over n new cases with K repeats each has SE^2 = (w2 + s2_w/K)/n. `reach` is how many standard
errors must fit into a margin: 1.96 for the half-width of an interval, 1.64 + 0.84 for a gate's power of 80 %.
"""

from __future__ import annotations

import math

from promptops.stats.student import normal_quantile
from promptops.stats.variance import Components

USELESS_BELOW = 0.2
"""Share of a mean's squared standard error under which more repeats no longer pay."""


def standard_error(parts: Components, cases: int, repeats: float) -> float:
    """Return the standard error of a mean over new cases: sqrt((w2 + s2_w/K)/n)."""
    return math.sqrt((parts.design * parts.case.variance + parts.kish * parts.within / repeats) / cases)


def noise_share(parts: Components, repeats: float) -> float:
    """Return the noise's share of a mean's squared error, s2_w/K of w2 + s2_w/K; NaN where both are 0."""
    noise = parts.kish * parts.within / repeats
    whole = parts.design * parts.case.variance + noise
    return noise / whole if whole > 0 else math.nan


def repeats_are_useless(parts: Components, repeats: float) -> bool:
    """Tell whether noise is under a fifth of the squared error, so that only more cases help."""
    return noise_share(parts, repeats) < USELESS_BELOW


def best_repeats(parts: Components, case_cost: float, answer_cost: float = 1.0) -> float:
    """Return K* = sqrt((c_case/c_gen) (s2_w/w2)), unrounded; a case costs c_case + K c_gen in all.

    Infinite where cases don't differ (w2 = 0) and cost something.
    """
    noise, case = parts.kish * parts.within, parts.design * parts.case.variance
    if case_cost == 0 or noise == 0:
        return 0.0
    return math.sqrt(case_cost / answer_cost * noise / case) if case > 0 else math.inf


def break_even_cost(parts: Components, repeats: float) -> float:
    """Return the cost of a case, in answers, from which on more than K repeats are best: K^2 w2/s2_w."""
    noise = parts.kish * parts.within
    return repeats**2 * parts.design * parts.case.variance / noise if noise > 0 else math.inf


def never_decides(parts: Components, cases: int, margin: float, alpha: float = 0.05) -> bool:
    """Tell whether no number of repeats can decide this margin: z sqrt(w2/n) alone is more than it."""
    return normal_quantile(1 - alpha) * math.sqrt(parts.design * parts.case.variance / cases) > margin


def cases_for(parts: Components, margin: float, repeats: float, reach: float) -> int:
    """Return the cases with K repeats each at which reach * SE is at most the margin; rounds up."""
    needed = (reach * standard_error(parts, 1, repeats) / margin) ** 2
    return max(1, math.ceil(needed - 1e-9))


def repeats_for(parts: Components, margin: float, cases: int, reach: float) -> int | None:
    """Return the repeats of n cases at which reach * SE is at most the margin; None where none are enough."""
    room = cases * (margin / reach) ** 2 - parts.design * parts.case.variance
    if room <= 0:
        return None
    return max(1, math.ceil(parts.kish * parts.within / room - 1e-9))
