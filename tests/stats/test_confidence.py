"""Bounds of means and quantiles that hold at every n, checked against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binomtest

from promptops.stats.confidence import distinct, mean_sequence, quantile_sequence
from promptops.stats.sequential import bet_bounds

STAKES = np.geomspace(0.0001, 0.95, 40)
unit = st.floats(0, 1, allow_nan=False)


def wealth(x: np.ndarray, w: np.ndarray, bound: float) -> float:
    """Return what betting on a mean above the bound has won, written down as the paper does."""
    stakes = STAKES / max(bound, 0.01)
    return float(np.mean([np.prod(1 + stake * w / w.max() * (x - bound)) for stake in stakes]))


def test_the_ends_are_the_roots_that_scipy_finds() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.beta(2, 3, size=80), rng.choice([1.0, 4.0], size=80)
    found = mean_sequence(x, 0.9, weights=w)
    assert found.value == pytest.approx(np.average(x, weights=w))
    assert found.low == pytest.approx(brentq(lambda b: wealth(x, w, b) - 20, 1e-6, found.value), abs=1e-8)
    high = 1 - brentq(lambda b: wealth(1 - x, w, b) - 20, 1e-6, 1 - found.value)
    assert found.high == pytest.approx(high, abs=1e-8)


@given(st.lists(unit, min_size=1, max_size=60))
def test_without_weights_they_are_near_the_bounds_of_the_gates_bets(values: list[float]) -> None:
    found = mean_sequence(values, 0.9)
    bets = bet_bounds(values, alpha=0.05, low=0.0, high=1.0)
    assert found.low <= found.value <= found.high
    # Twice as many stakes cost the logarithm of two, which is little beside that of twenty.
    assert found.low == pytest.approx(min(bets.low, found.value), abs=0.12)
    assert found.high == pytest.approx(max(bets.high, found.value), abs=0.12)


def test_many_values_leave_about_the_room_of_a_single_look() -> None:
    x = (np.random.default_rng(8).random(300_000) < 0.03).astype(float)
    found = mean_sequence(x)
    plain = 1.96 * np.sqrt(0.03 * 0.97 / 300_000)
    assert max(found.high - found.value, found.value - found.low) < 2.5 * plain


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5]), st.sampled_from([1.0, 2.0])), min_size=1, max_size=30))
def test_rows_are_counted_as_numpy_counts_them(rows: list[tuple[float, float]]) -> None:
    table = np.array(rows).T
    found, counts = distinct(*table)
    expected, numbers = np.unique(table, axis=1, return_counts=True)
    assert np.array_equal(found, expected) and np.array_equal(counts, numbers)


@pytest.mark.parametrize("kinds", [1, 3, 65, 4_000])
@pytest.mark.parametrize("weighted", [1, 2, 100])
def test_many_rows_are_counted_as_numpy_counts_them(kinds: int, weighted: int) -> None:
    rng = np.random.default_rng(5)
    table = np.stack([rng.integers(kinds, size=5_000) / 7, 1 + rng.integers(weighted, size=5_000) / 3])
    found, counts = distinct(*table)
    expected, numbers = np.unique(table, axis=1, return_counts=True)
    assert np.array_equal(found, expected) and np.array_equal(counts, numbers)


def test_a_mean_leaves_its_bounds_at_some_look_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(300):
        x = (rng.random(400) < 0.1).astype(float)
        looks = (mean_sequence(x[:n]) for n in (5, 10, 20, 40, 60, 100, 150, 200, 300, 400))
        missed += any(not found.low <= 0.1 <= found.high for found in looks)
    assert missed / 300 <= 0.05


def test_weights_undo_a_sampling_that_keeps_failures_more_often() -> None:
    rng = np.random.default_rng(4)
    failed = (rng.random(20_000) < 0.05).astype(float)
    rate = np.where(failed == 1, 1.0, 0.1)
    kept = rng.random(20_000) < rate
    found = mean_sequence(failed[kept], weights=1 / rate[kept])
    assert found.low < 0.05 < found.high < 0.07
    assert mean_sequence(failed[kept]).low > 0.2  # without weights it is far off


def test_a_quantile_has_binomial_bounds_and_is_never_surer_than_a_single_look() -> None:
    x = np.random.default_rng(5).lognormal(size=500)
    found = quantile_sequence(x, 0.95)
    assert found.value == pytest.approx(np.quantile(x, 0.95, method="inverted_cdf"))
    for end, alternative in ((found.low, "less"), (found.high, "greater")):
        below = int((x <= end).sum() if end == found.low else (x < end).sum())
        # What is left in is what an exact binomial test at a single look would leave in, and more.
        assert binomtest(below, 500, 0.95, alternative=alternative).pvalue < 0.025
    assert found.low < found.value < found.high


def test_a_quantile_leaves_its_bounds_at_some_look_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(300):
        x = np.round(rng.exponential(size=400), 2)  # with ties
        truth = float(np.round(-np.log(0.5), 2))
        looks = (quantile_sequence(x[:n], 0.5, 0.9) for n in (5, 20, 50, 100, 200, 300, 400))
        missed += any(not found.low <= truth <= found.high for found in looks)
    assert missed / 300 <= 0.1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.05, 0.95))
def test_a_weight_counts_like_so_many_equal_values(values: list[float], share: float) -> None:
    twice = quantile_sequence(values, share, weights=[2.0] * len(values))
    assert twice == quantile_sequence(values, share)
    assert quantile_sequence(np.repeat(values, 2), share).value == twice.value


def test_few_values_leave_a_high_quantile_open() -> None:
    found = quantile_sequence([1.0, 2.0, 3.0], 0.95)
    assert (found.value, found.high) == (3.0, np.inf)


@pytest.mark.parametrize("values", [[], [1.2], [float("nan")]])
def test_other_values_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="value"):
        mean_sequence(values)
