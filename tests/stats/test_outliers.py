"""Single days far off the others: told when they are there, and seldom when they are not."""

from __future__ import annotations

import numpy as np
import pytest

from promptops.stats import Floats
from promptops.stats.outliers import outlier_at, outliers

ALPHA = 0.05


def days(
    rng: np.random.Generator, count: int, calls: int, rate: float, differ: float, *, weekends: bool = False
) -> tuple[Floats, Floats]:
    """Return shares and sizes of days whose rates differ by `differ` of the rate (a beta distribution)."""
    n = np.maximum(rng.poisson(calls, size=count), 1)
    if weekends:
        n = np.where(np.arange(count) % 7 >= 5, np.maximum(n // 10, 1), n)
    weight = (1 - rate) / (differ**2 * rate) - 1 if differ else 1.0
    rates = rng.beta(rate * weight, (1 - rate) * weight, size=count) if differ else np.full(count, rate)
    return rng.binomial(n, rates) / n, n.astype(np.float64)


def alarms(
    seed: int, windows: int, count: int, calls: int, rate: float, differ: float, *, weekends: bool
) -> float:
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(windows):
        found = outliers(*days(rng, count, calls, rate, differ, weekends=weekends))
        assert found is not None
        wrong += found[0].p <= ALPHA
    return wrong / windows


@pytest.mark.parametrize(("rate", "differ"), [(0.02, 0.0), (0.1, 0.5)])
def test_days_that_are_alike_or_differ_by_themselves_are_seldom_told(rate: float, differ: float) -> None:
    assert alarms(1, 100, 28, 200, rate, differ, weekends=False) <= 0.11  # three standard errors above 5 %


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 28, 90])
@pytest.mark.parametrize("differ", [0.0, 0.3, 0.6])
def test_at_most_seven_of_a_hundred_windows_without_a_bad_day_tell_one(count: int, differ: float) -> None:
    for rate, calls, weekends in [
        (0.01, 60, False),
        (0.01, 1000, False),
        (0.01, 300, True),
        (0.05, 300, False),
        (0.3, 60, False),
        (0.3, 500, True),
    ]:
        share = alarms(2, 500, count, calls, rate, differ, weekends=weekends)
        print(f"{count} days of {calls} calls at {rate} +- {differ:.0%}, weekends {weekends}: {share:.3f}")
        assert share <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 28, 90])
def test_at_most_seven_of_a_hundred_windows_of_means_tell_one(count: int) -> None:
    rng = np.random.default_rng(3)
    for differ in (0.0, 1.0, 5.0):
        wrong = 0
        for _ in range(1000):
            n = np.maximum(rng.poisson(np.where(np.arange(count) % 7 >= 5, 20, 200)), 1)
            found = outliers(rng.normal(0, np.sqrt(1 / n + (differ / 14) ** 2)), n, within=1.0)
            assert found is not None
            wrong += found[0].p <= ALPHA
        print(f"{count} days of means, {differ} of the error of a day between days: {wrong / 1000:.3f}")
        assert wrong / 1000 <= 0.07


def told(rng: np.random.Generator, calls: int, differ: float, bad: dict[int, float], of: int = 7) -> set[int]:
    """Return the days told of a month at 1 %, by the level that each of `of` measures has at first."""
    figures, n = days(rng, 28, calls, 0.01, differ)
    for place, rate in bad.items():
        figures[place] = rng.binomial(int(n[place]), rate) / n[place]
    found = outliers(figures, n)
    assert found is not None
    return {each.place for each in found if each.p <= ALPHA / of}


def test_a_day_of_nine_percent_among_days_of_one_is_told() -> None:
    rng = np.random.default_rng(4)
    found = [told(rng, 300, 0.3, {11: 0.09}) for _ in range(30)]
    print(f"a day of 9 %: told in {np.mean([11 in each for each in found]):.2f} of the windows")
    assert np.mean([11 in each for each in found]) >= 0.8
    assert sum(len(each - {11}) for each in found) <= 2


def test_two_bad_days_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(5)
    found = [told(rng, 200, 0.5, {11: 0.12, 20: 0.10}) >= {11, 20} for _ in range(30)]
    print(f"two bad days: both told in {np.mean(found):.2f} of the windows")
    assert np.mean(found) >= 0.7


def test_the_range_is_that_of_the_other_days() -> None:
    figures, n = days(np.random.default_rng(6), 28, 300, 0.01, 0.0)
    figures[9] = 0.09
    found = outliers(figures, n)
    assert found is not None and found[0].place == 9
    range_ = found[0].interval()
    assert 0 <= range_.low < 0.01 < range_.high < 0.035
    assert range_.low <= np.quantile(np.delete(figures, 9), 0.9) <= range_.high


def test_few_days_tell_nothing_and_days_without_cases_are_no_days() -> None:
    y, n = np.full(20, 0.1), np.full(20, 50.0)
    assert outliers(y[:11], n[:11]) is None
    n[:9] = 0
    assert outliers(y, n) is None


@pytest.mark.parametrize("within", [None, 1e-300])
def test_days_that_never_vary_are_not_told(within: float | None) -> None:
    for figure in (0.0, 0.25, 1.0):
        found = outliers(np.full(20, figure), np.full(20, 40.0), within=within)
        assert found is not None and [each.p for each in found] == [1.0, 1.0]


def test_a_far_day_behind_a_change_is_held_against_the_days_behind_it() -> None:
    rng = np.random.default_rng(7)
    n = np.full(40, 300.0)
    rates = np.repeat([0.30, 0.02], [15, 25])
    rates[30] = 0.15
    figures = rng.binomial(300, rates) / n
    apart, together = outliers(figures, n, groups=np.arange(40) >= 15), outliers(figures, n)
    assert apart is not None and (apart[0].place, apart[0].p <= 0.001) == (30, True)
    assert together is not None and together[0].p > ALPHA


@pytest.mark.parametrize("differ", [0.0, 0.6])
@pytest.mark.parametrize(
    ("windows", "level"), [(80, 0.05), pytest.param(4000, 0.001, marks=pytest.mark.slow)]
)
def test_the_last_day_alone_is_told_as_often_as_stated(differ: float, windows: int, level: float) -> None:
    rng = np.random.default_rng(8)
    wrong = 0
    for _ in range(windows):
        found = outlier_at(*days(rng, 29, 200, 0.03, differ), 28)
        assert found is not None
        wrong += found.p <= level
    print(f"the last day at {level}, days differ by {differ:.0%}: {wrong / windows:.4f}")
    assert wrong <= level * windows + 3 * np.sqrt(level * windows)


def test_a_day_is_held_against_the_others_without_those_that_are_far() -> None:
    figures, n = days(np.random.default_rng(9), 29, 300, 0.02, 0.0)
    figures[[4, 11, 28]] = 0.3, 0.4, 0.09
    alone, clean = (
        outlier_at(figures, n, 28),
        outlier_at(np.delete(figures, [4, 11]), np.delete(n, [4, 11]), 26),
    )
    assert alone is not None and clean is not None
    assert alone.p == pytest.approx(clean.p) and alone.p < 1e-4
    assert outlier_at(figures[:11], n[:11], 10) is None
