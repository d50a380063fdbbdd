"""More cases or more repeats? Which of the two brings a narrower interval for the same money."""

from __future__ import annotations

import math

from promptops.noun import Noun
from promptops.stats import repeats as plan
from promptops.stats.student import normal_quantile
from promptops.stats.variance import Components
from promptops.texts.figures import figure

SHOWN_REPEATS = (1, 2, 3, 5, 10)
POWER = 0.8


class Option(Noun):
    """One way to spend what was spent: so many repeats, and as many cases as that leaves."""

    repeats: int
    cases: int
    se: float | None
    """Standard error of the mean; None where the money is not enough for two cases."""
    needed: int | None = None
    """Cases that the margin takes with so many repeats; None without a margin."""
    cost: float | None = None
    """What these cost, in answers."""


class Choice(Noun):
    """What more cases and more repeats would bring; costs are in answers."""

    noise_share: float | None
    """Share of the mean's squared standard error that comes from noise between repeats."""
    useless: bool
    """Whether more repeats would hardly help (noise is under a fifth of it)."""
    best_repeats: float | None
    """K* = sqrt((cost of a case / cost of an answer) * noise variance / case variance); None: no limit."""
    break_even: float | None
    """More repeats than now are best from this cost of a case on; None: at no cost."""
    case_cost: float
    margin: float | None = None
    never: bool = False
    """No number of repeats of these cases can decide the margin."""
    enough_cases: int | None = None
    """Cases that the margin takes at as many repeats as now."""
    enough_repeats: int | None = None
    """Repeats that the margin takes of the cases that there are; None where none are enough."""
    options: tuple[Option, ...] = ()
    sentence: str = ""


def weigh(
    parts: Components,
    repeats: float,
    *,
    arms: int = 1,
    margin: float | None = None,
    alpha: float = 0.05,
    power: float | None = None,
    case_cost: float = 0.0,
) -> Choice:
    """Weigh more cases against more repeats for one run (arms = 1) or a change of two.

    A margin is reached when z(1-alpha) standard errors fit into it, with a power also z(power) more.
    """
    reach = normal_quantile(1 - alpha) + (normal_quantile(power) if power is not None else 0.0)
    share = plan.noise_share(parts, repeats)
    best = plan.best_repeats(parts, case_cost, arms)
    even = arms * plan.break_even_cost(parts, repeats)
    found = Choice(
        noise_share=None if math.isnan(share) else share,
        useless=plan.repeats_are_useless(parts, repeats),
        best_repeats=best if math.isfinite(best) else None,
        break_even=even if math.isfinite(even) else None,
        case_cost=case_cost,
        margin=margin,
        never=margin is not None and plan.never_decides(parts, parts.cases, margin, alpha),
        enough_cases=None if margin is None else plan.cases_for(parts, margin, repeats, reach),
        enough_repeats=None if margin is None else plan.repeats_for(parts, margin, parts.cases, reach),
        options=_options(parts, repeats, arms, margin, reach, case_cost),
    )
    told = [_advice(found, parts, repeats), _for_margin(found, parts.cases, repeats, arms)]
    return found.model_copy(update={"sentence": " ".join(filter(None, told))})


def _options(
    parts: Components, repeats: float, arms: int, margin: float | None, reach: float, case_cost: float
) -> tuple[Option, ...]:
    now = max(1, round(repeats))
    money = parts.cases * (case_cost + arms * now)
    found = []
    for each in sorted({*SHOWN_REPEATS, now}):
        one = case_cost + arms * each
        cases = int(money / one + 1e-9)
        needed = None if margin is None else plan.cases_for(parts, margin, each, reach)
        found.append(
            Option(
                repeats=each,
                cases=cases,
                se=plan.standard_error(parts, cases, each) if cases > 1 else None,
                needed=needed,
                cost=None if needed is None else needed * one,
            )
        )
    return tuple(found)


def _advice(found: Choice, parts: Components, repeats: float) -> str:
    if found.noise_share is None:
        return "Nothing differs between cases or repeats, so there is nothing to choose by."
    if found.noise_share == 0:
        return "Repeats of a case scored alike throughout, so more of them tell nothing new: add cases."
    if found.useless:
        most = 1 - math.sqrt(1 - found.noise_share)
        return f"Add cases, not repeats: endless repeats would shorten the standard error by {most:.0%} only."
    now, more, again = (
        figure(plan.standard_error(parts, cases, each))
        for cases, each in ((parts.cases, repeats), (2 * parts.cases, repeats), (parts.cases, 2 * repeats))
    )
    if found.break_even == 0:
        return (
            "By these figures cases differ no more than repeats of one case do, so more repeats are as good "
            f"as more cases: twice as many of either bring the standard error from {now} to {more}."
        )
    told = (
        f"Twice the cases would bring the standard error from {now} to {more}, twice the repeats to {again}"
    )
    if not found.case_cost or found.best_repeats is None:
        even = _cost(found.break_even)
        return f"{told}: add cases where a new one costs less than {even} answers, else repeats."
    best = max(1, round(found.best_repeats))
    return (
        f"{told}: where a new case costs {found.case_cost:g} answers, about {best} repeats of each are best."
    )


def _for_margin(found: Choice, cases: int, repeats: float, arms: int) -> str:
    if found.margin is None or found.enough_cases is None:
        return ""
    margin = f"A margin of {found.margin:g}"
    if found.enough_cases <= cases:
        return f"{margin} is within reach of these {cases} cases as they are."
    more = found.enough_cases - cases
    by_cases = more * (found.case_cost + arms * repeats)
    told = f"{margin} takes about {more} more cases ({_cost(by_cases)} answers' cost)"
    if found.never:
        return f"{told}; no number of repeats of these {cases} can decide it."
    if found.enough_repeats is None:
        return f"{told}; no number of repeats of these {cases} gets there with {POWER:.0%} power."
    by_repeats = cases * arms * (found.enough_repeats - repeats)
    cheaper = "more cases are" if by_cases < by_repeats else "more repeats are"
    return (
        f"{told} or {found.enough_repeats} repeats of these {cases} ({_cost(by_repeats)} answers): "
        f"{cheaper} cheaper."
    )


def _cost(answers: float | None) -> str:
    return "-" if answers is None else f"{answers:.1f}" if answers < 10 else f"{answers:,.0f}"
