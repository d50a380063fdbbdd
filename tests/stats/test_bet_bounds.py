"""Bounds that hold at every number of cases: what bets leave possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from promptops.stats.sequential import Wealth, bet_bounds, e_above, e_below, e_harm, e_pass

STAKES = np.geomspace(0.01, 0.95, 20)
unit = st.floats(-1, 1, allow_nan=False)
series = st.lists(unit, min_size=1, max_size=40)


def plain_wealth(d: np.ndarray, bound: float, low: float) -> float:
    return float(np.mean([np.prod(1 + stake / (bound - low) * (d - bound)) for stake in STAKES]))


def test_the_lower_bound_is_the_root_that_scipy_finds() -> None:
    d = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], p=[0.1, 0.5, 0.4], size=60)
    found = bet_bounds(d, alpha=0.05)
    low = brentq(lambda bound: plain_wealth(d, bound, -1.0) - 20, -0.9, 0.9, xtol=1e-13)
    high = -brentq(lambda bound: plain_wealth(-d, bound, -1.0) - 20, -0.9, 0.9, xtol=1e-13)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert found.p_above == pytest.approx(min(1.0, 1 / plain_wealth(d, 0.0, -1.0)))
    assert found.p_below == pytest.approx(min(1.0, 1 / plain_wealth(-d, 0.0, -1.0)))


@given(series, st.floats(0.01, 0.9), st.booleans())
def test_the_bounds_say_what_the_bets_decide(d: list[float], margin: float, ever: bool) -> None:
    found = bet_bounds(d, alpha=0.05, ever=ever)
    passing, failing = e_pass(d, margin), e_harm(d)
    gained, lost = (float(wealth.max() if ever else wealth[-1]) for wealth in (passing, failing))
    if abs(gained - 20) > 1e-6:
        assert (found.low > -margin - 1e-12) == (gained >= 20)
    if abs(lost - 20) > 1e-6:
        assert (found.high < 1e-12) == (lost >= 20) or found.high == 0.0


@given(series)
def test_more_looks_never_widen_a_running_intersection(d: list[float]) -> None:
    whole, last = bet_bounds(d, ever=True), bet_bounds(d)
    assert whole.low >= last.low - 1e-9
    assert whole.high <= last.high + 1e-9


@given(
    st.lists(st.tuples(unit, st.floats(0.1, 5), st.integers(0, 6)), min_size=1, max_size=30),
    st.floats(-0.9, 0.9),
)
def test_bets_as_they_come_are_the_bets_in_one_go(rows: list[tuple[float, float, int]], bound: float) -> None:
    rows = sorted(rows, key=lambda row: row[2])
    d, weights, groups = (np.array(column) for column in zip(*rows, strict=True))
    largest = max(weights[groups == group].sum() for group in groups) * 1.5
    wealth = Wealth(bound, largest)
    here = np.unique(groups)
    running = [
        wealth.add(
            float(weights[groups == group] @ d[groups == group]), float(weights[groups == group].sum())
        )
        for group in here
    ]
    assert running == pytest.approx(e_above(d, bound, groups, largest, weights=weights), rel=1e-9)


@given(series, st.floats(-0.9, 0.9))
def test_below_is_above_with_the_sign_turned(d: list[float], bound: float) -> None:
    assert e_below(d, bound) == pytest.approx(e_above([-x for x in d], -bound))


def test_a_level_on_a_range_from_0_is_bet_on_harder_than_a_difference() -> None:
    right = np.ones(40)
    assert e_above(right, 0.5, low=0.0)[-1] > e_above(right, 0.5)[-1]


@pytest.mark.parametrize("truth", [0.02, 0.5, 0.97])
def test_a_true_mean_lies_outside_rarely_however_odd_the_scores(truth: float) -> None:
    """Rare large values are what t bounds miss; 150 runs, three standard errors above 10 %."""
    rng = np.random.default_rng(7)
    outside = 0
    for _ in range(150):
        found = bet_bounds((rng.random(40) < truth).astype(float), low=0.0)
        outside += not found.low <= truth <= found.high
    assert outside / 150 <= 0.10 + 0.073


def test_heavier_clusters_than_were_told_are_refused() -> None:
    with pytest.raises(ValueError, match="larger than the largest"):
        bet_bounds([0.1, 0.2], ["a", "a"], largest=1.0)
