"""More cases or more repeats: each formula against a plain search for the same."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from promptops.stats import repeats as plan
from promptops.stats.variance import Components, Part


def parts(case: float, noise: float, cases: int = 100, design: float = 1.0) -> Components:
    return Components(
        Part(case, case, 0.0, 1.0), (Part(noise, noise, 0.0, 1.0),), cases, cases, design=design
    )


def test_the_best_number_of_repeats_is_where_a_search_finds_it() -> None:
    found = parts(0.04, 0.3)

    def error(repeats: float) -> float:
        """The squared error of what one unit of money buys."""
        return (0.04 + 0.3 / repeats) * (12 + 2 * repeats)

    least = optimize.minimize_scalar(error, bounds=(0.1, 50), method="bounded", options={"xatol": 1e-9}).x
    assert plan.best_repeats(found, 12, 2) == pytest.approx(least, rel=1e-4)
    assert plan.best_repeats(found, 2 * plan.break_even_cost(found, least), 2) == pytest.approx(least)


def test_free_cases_leave_no_reason_to_repeat_and_equal_ones_every() -> None:
    assert plan.best_repeats(parts(0.1, 0.1), 0) == 0.0
    assert plan.best_repeats(parts(0.0, 0.1), 1) == math.inf
    assert plan.break_even_cost(parts(0.1, 0.0), 3) == math.inf


@pytest.mark.parametrize(("noise", "useless"), [(0.074, True), (0.076, False)])
def test_repeats_are_useless_under_a_fifth_of_the_squared_error(noise: float, useless: bool) -> None:
    found = parts(0.1, noise)
    assert plan.noise_share(found, 3) == pytest.approx(noise / 3 / (0.1 + noise / 3))
    assert plan.repeats_are_useless(found, 3) is useless


def test_nothing_that_differs_has_no_share() -> None:
    assert math.isnan(plan.noise_share(parts(0.0, 0.0), 2))
    assert not plan.repeats_are_useless(parts(0.0, 0.0), 2)


def test_the_cases_and_repeats_that_a_margin_takes_are_the_fewest() -> None:
    found, reach = parts(0.02, 0.4), 1.96
    cases = plan.cases_for(found, 0.04, 3, reach)
    assert (
        reach * plan.standard_error(found, cases, 3)
        <= 0.04
        < reach * plan.standard_error(found, cases - 1, 3)
    )
    repeats = plan.repeats_for(found, 0.04, 100, reach)
    assert repeats is not None
    assert reach * plan.standard_error(found, 100, repeats) <= 0.04
    assert reach * plan.standard_error(found, 100, repeats - 1) > 0.04


def test_where_no_number_of_repeats_decides_none_is_named() -> None:
    found = parts(0.1, 0.4)
    z = stats.norm.ppf(0.95)
    edge = z * np.sqrt(0.1 / 100)
    assert plan.never_decides(found, 100, edge * 0.999)
    assert not plan.never_decides(found, 100, edge * 1.001)
    assert plan.repeats_for(found, edge * 0.999, 100, z) is None
    assert plan.repeats_for(found, edge * 1.001, 100, z) is not None


def test_groups_cost_more_cases() -> None:
    assert plan.cases_for(parts(0.1, 0.0, design=2.0), 0.1, 1, 1.96) == 77
    assert plan.cases_for(parts(0.1, 0.0), 0.1, 1, 1.96) == 39
