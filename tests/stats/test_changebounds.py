"""Bounds of a change: exact against scipy's binomial, seldom wrong within a year, and what they hear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from promptops.stats import Floats
from promptops.stats.changebounds import Sample, change_bounds

HOURS = 8_766


def share(yes: int, n: int, weight: float = 1.0) -> Sample:
    return Sample((np.arange(n) < yes).astype(np.float64), np.full(n, weight))


def plain(x: Floats, quantile: float | None = None) -> Sample:
    return Sample(x, np.ones(len(x)), quantile)


def least_favourable(before: tuple[int, int], after: tuple[int, int], by: float) -> float:
    """Return the p-value of "fell by no more than this", by scipy and the share before that suits it best."""
    m = np.linspace(max(by, 0), 1, 20_001)
    product = stats.binom.sf(before[0] - 1, before[1], m) * stats.binom.cdf(after[0], after[1], m - by)
    q = np.maximum(product.max(), 1e-300)
    return float(stats.chi2.sf(-2 * np.log(q), 4))  # Fisher's method


@pytest.mark.parametrize(
    ("before", "after"),
    [((420, 486), (259, 398)), ((60, 60), (20, 40)), ((1_500, 2_000), (300, 500)), ((19, 20), (5, 30))],
)
def test_the_bound_of_a_fall_of_a_share_is_that_of_exact_tails(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    low, high = change_bounds(share(*before), share(*after), 1e-4)
    assert low < after[0] / after[1] - before[0] / before[1] < high < 0
    assert least_favourable(before, after, -high) <= 1e-4 * 1.01
    assert least_favourable(before, after, -high * 1.06 + 0.01) > 1e-4


def test_a_rise_is_a_fall_the_other_way_round() -> None:
    fell, rose = (
        change_bounds(share(*a), share(*b), 0.001) for a, b in (((90, 100), (50, 80)), ((10, 100), (30, 80)))
    )
    assert rose == pytest.approx((-fell[1], -fell[0]))


def test_what_is_sampled_at_one_rate_is_as_sure_as_what_is_not() -> None:
    one, five = (change_bounds(share(90, 100, w), share(50, 80, w), 0.001) for w in (1.0, 5.0))
    assert one == pytest.approx(five)


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_a_quantile_that_moved_is_between_bounds_also_with_ties(quantile: float) -> None:
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(20):
        before, after = (np.round(rng.lognormal(0, 0.5, n) * k, 1) for n, k in ((1_500, 1.0), (500, 2.0)))
        low, high = change_bounds(plain(before, quantile), plain(after, quantile), 0.05)
        true = float(np.exp(0.5 * stats.norm.ppf(quantile)))  # twice as much, less once as much
        missed += not low - 0.1 <= true <= high + 0.1
        assert low > 0
    assert missed <= 2
    assert change_bounds(plain(np.ones(50), 0.5), plain(np.full(50, 3.0), 0.5), 1e-4) == pytest.approx(
        (2.0, 2.0)
    )


def test_few_values_leave_the_change_open() -> None:
    assert change_bounds(plain(np.ones(2), 0.5), plain(np.ones(2), 0.5), 1e-4) == (-np.inf, np.inf)


def test_scores_between_are_held_to_what_they_spread_and_weights_count() -> None:
    rng = np.random.default_rng(4)
    before, after = rng.beta(50, 20, 300), rng.beta(40, 30, 200)
    low, high = change_bounds(plain(before), plain(after), 1e-4)
    assert low < float(after.mean() - before.mean()) < high < -0.05
    rates = rng.choice([1.0, 4.0], 300)
    weighted = Sample(before, rates, largest=4.0), Sample(after, rates[:200], largest=4.0)
    assert change_bounds(*weighted, 1e-4)[1] > high


def rings(before: tuple[int, int], after: tuple[int, int], by: float, alpha: float) -> bool:
    if after[0] / after[1] >= before[0] / before[1] - by:
        return False
    return change_bounds(share(*before), share(*after), alpha)[1] < -by


@pytest.mark.slow
def test_hourly_looks_of_a_year_tell_a_false_fall_in_one_year_of_twenty_at_most() -> None:
    """A window of a day, ten votes an hour, three days before it; the share is what it was."""
    rng = np.random.default_rng(5)
    rung, years = 0, 40
    for _ in range(years):
        sums = np.concatenate([[0], np.cumsum(rng.binomial(10, 0.85, HOURS + 96))])
        hours = np.arange(96, HOURS + 96)
        after, before = sums[hours] - sums[hours - 24], sums[hours - 24] - sums[hours - 96]
        # Only what lies far off can ring, and the rest would take its time.
        far = np.flatnonzero(before / 720 - after / 240 > 3.0 * np.sqrt(0.1275 * (1 / 720 + 1 / 240)))
        found = {(int(before[place]), int(after[place])) for place in far}
        rung += any(rings((one, 720), (other, 240), 0.0, 0.05 / HOURS) for one, other in found)
    print(f"years with a false alarm: {rung} of {years} (nominal 5 %)")
    assert rung / years <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("votes", "fall", "by", "least"),
    [(100, 0.3, 0.0, 0.85), (400, 0.1, 0.0, 0.4), (400, 0.2, 0.05, 0.9), (1_000, 0.1, 0.0, 0.9)],
)
def test_falls_are_heard_at_the_first_full_window(votes: int, fall: float, by: float, least: float) -> None:
    rng = np.random.default_rng(6)
    alpha = 0.05 * 7 / HOURS  # a window of a week
    heard = np.mean(
        [
            rings(
                (int(rng.binomial(4 * votes, 0.85)), 4 * votes),
                (int(rng.binomial(votes, 0.85 - fall)), votes),
                by,
                alpha,
            )
            for _ in range(25)
        ]
    )
    assert heard >= least
