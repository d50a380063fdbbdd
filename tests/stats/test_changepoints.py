"""Changes of a series of days: found where they are, and not where there are none."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from promptops.stats.changepoints import _mid_ranks, change_points, split_p


def largest_gap(x: np.ndarray, w: np.ndarray) -> tuple[int, float]:
    """Return the split with the largest difference of means in standard errors, by trying all."""
    best = (0, -1.0)
    for place in range(3, len(x) - 2):
        a, b = slice(None, place), slice(place, None)
        gap = abs(x[a].sum() / w[a].sum() - x[b].sum() / w[b].sum())
        scaled = gap / np.sqrt(1 / w[a].sum() + 1 / w[b].sum())
        best = max(best, (place, scaled), key=lambda each: each[1])
    return best


def test_the_split_and_its_p_are_those_of_all_orders_tried_by_hand() -> None:
    x, w = np.array([1.0, 0, 2, 1, 6, 7, 5]), np.array([10.0, 8, 12, 9, 11, 10, 9])
    place, seen = largest_gap(x, w)
    orders = [np.array(order) for order in permutations(range(7))]
    exact = np.mean([largest_gap(x[order], w[order])[1] >= seen * (1 - 1e-9) for order in orders])
    found = split_p(x, w, permutations=19_999)
    assert found is not None
    assert found[0] == place == 4
    assert found[1] == pytest.approx(exact, abs=0.006)


def test_a_series_without_a_change_shows_one_as_seldom_as_stated_though_days_differ() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for run in range(400):
        n = rng.poisson(200, size=60)
        share = rng.beta(20, 180, size=60)  # days differ by more than chance within a day
        wrong += bool(change_points(rng.binomial(n, share), n, 0.05, permutations=199, seed=run))
    print(f"series of 60 days with a change where there is none: {wrong / 400:.3f} (nominal 0.05)")
    assert wrong / 400 <= 0.08  # three standard errors above


def test_two_changes_are_found_on_their_days() -> None:
    rng = np.random.default_rng(2)
    share = np.repeat([0.02, 0.08, 0.02], [20, 15, 25])
    n = np.full(60, 500)
    found = change_points(rng.binomial(n, share), n)
    assert [abs(each.place - place) <= 1 for each, place in zip(found, (20, 35), strict=True)] == [True, True]
    assert found[0].before == pytest.approx(0.02, abs=0.01)
    assert found[0].after == found[1].before == pytest.approx(0.08, abs=0.01)


def test_weekends_are_no_changes_where_days_of_the_week_are_strata() -> None:
    rng = np.random.default_rng(3)
    weekday = np.arange(70) % 7
    n = np.full(70, 400)
    share = np.where(weekday >= 5, 0.15, 0.05)
    assert change_points(rng.binomial(n, share), n, strata=weekday) == []
    later = share + np.where(np.arange(70) >= 40, 0.05, 0.0)
    (found,) = change_points(rng.binomial(n, later), n, strata=weekday)
    assert abs(found.place - 40) <= 1


def test_days_without_records_are_passed_over() -> None:
    sums = np.array([1.0] * 8 + [0] * 4 + [9] * 8)
    sizes = np.array([10.0] * 8 + [0] * 4 + [10] * 8)
    (found,) = change_points(sums, sizes)
    assert (found.place, found.before, found.after) == (12, 0.1, 0.9)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_short_series_has_no_change(n: int) -> None:
    assert change_points(np.arange(n), np.ones(n)) == []


def test_a_series_that_never_varies_has_no_change() -> None:
    assert change_points(np.full(30, 0.1) * 7, np.full(30, 7.0)) == []


@pytest.mark.parametrize("bad", [1, 2])
def test_a_very_bad_last_day_does_not_hide_the_step_before_it(bad: int) -> None:
    rng = np.random.default_rng(4)
    share = np.repeat([0.003, 0.067, 0.72], [7, 8 - bad, bad])
    n = np.full(15, 300)
    places = [each.place for each in change_points(rng.binomial(n, share), n, 0.05 / 7)]
    assert any(abs(place - 7) <= 1 for place in places)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_ranks_of_equal_values_are_their_mean(values: list[int]) -> None:
    figures = np.array(values, dtype=np.float64)
    assert _mid_ranks(figures).tolist() == rankdata(figures).tolist()
