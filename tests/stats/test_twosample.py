import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from promptops.stats import twosample

COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (100, 37), (1000, 1000)])
def test_ks_agrees_with_scipy(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, 6)), rng.normal(0.15, 1.1, size=(m, 6))
    ours = twosample.kolmogorov_smirnov(x, y)
    for column in range(6):
        theirs = stats.ks_2samp(x[:, column], y[:, column], method="asymp")
        assert ours.statistic[column] == pytest.approx(theirs.statistic)
        assert ours.p[column] == pytest.approx(theirs.pvalue, abs=0.004 if theirs.pvalue < 0.1 else 0.03)


@pytest.mark.parametrize(("n", "m"), [(25, 60), (300, 200)])
def test_the_one_sided_test_agrees_with_scipy(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(0.2, 1, size=m)
    ours = twosample.smirnov_greater(x, y)
    theirs = stats.ks_2samp(x, y, alternative="greater", method="asymp")
    assert (ours.statistic[0], ours.p[0]) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    assert twosample.smirnov_greater(x, x - 1).p[0] == 1.0


def test_ks_takes_ties_as_one_step() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 4, 300), rng.integers(0, 5, 200)
    ours = twosample.kolmogorov_smirnov(x, y)
    assert ours.statistic[0] == pytest.approx(stats.ks_2samp(x, y).statistic)
    equal = twosample.kolmogorov_smirnov(np.zeros(30), np.zeros(50))
    assert (equal.statistic[0], equal.p[0]) == (0.0, 1.0)


def test_ks_holds_its_level() -> None:
    rng = np.random.default_rng(2)
    found = twosample.kolmogorov_smirnov(rng.normal(size=(60, 4000)), rng.normal(size=(60, 4000)))
    assert 0.025 < (found.p < 0.05).mean() < 0.06


def test_contingency_agrees_with_scipy() -> None:
    ours = twosample.contingency([30, 20, 50, 12], [25, 40, 45, 9])
    theirs = stats.chi2_contingency([[30, 20, 50, 12], [25, 40, 45, 9]], correction=False)
    assert (ours.statistic, ours.df) == (pytest.approx(theirs.statistic), theirs.dof)
    assert ours.p == pytest.approx(theirs.pvalue)


def test_rare_categories_are_pooled() -> None:
    ours = twosample.contingency([50, 40, 1, 0, 2], [45, 50, 0, 3, 1])
    theirs = stats.chi2_contingency([[50, 40, 3], [45, 50, 4]], correction=False)
    assert (ours.statistic, ours.p) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))


def test_one_category_tells_nothing() -> None:
    assert twosample.contingency([50, 0], [40, 1]).p > 0.2
    assert twosample.contingency([50], [40]) == twosample.ChiSquare(0.0, 0, 1.0)


def test_wasserstein_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    for x, y in [
        (rng.normal(size=40), rng.normal(1, 2, 70)),
        (rng.integers(0, 5, 30), rng.integers(1, 9, 30)),
    ]:
        assert twosample.wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y))


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_the_square_of_scipys_distance(x: list[int], y: list[int]) -> None:
    ours = twosample.jensen_shannon(x, y)
    assert ours == pytest.approx(jensenshannon(x, y, base=2) ** 2, abs=1e-9)
    assert 0 <= ours <= 1 + 1e-12


def test_common_bins_hold_equal_shares_of_both_together() -> None:
    values = np.arange(200.0)
    x, y = twosample.binned(values[:100], values[100:])
    assert (x + y).tolist() == [20.0] * 10
    assert twosample.jensen_shannon(x, y) == pytest.approx(1.0)


@pytest.mark.parametrize("spread", [3, 1000])
def test_mann_whitney_agrees_with_scipy(spread: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, spread, 80), rng.integers(0, spread + 1, 50)
    ours = twosample.mann_whitney(x, y)
    both = stats.mannwhitneyu(y, x, method="asymptotic")
    greater = stats.mannwhitneyu(y, x, alternative="greater", method="asymptotic")
    assert ours.auc == pytest.approx(both.statistic / 4000)
    assert (ours.p, ours.p_greater) == (pytest.approx(both.pvalue), pytest.approx(greater.pvalue))


def test_equal_values_have_an_even_chance() -> None:
    assert twosample.mann_whitney(np.ones(5), np.ones(6)) == twosample.RankTest(0.5, 1.0, 1.0)


def test_the_stability_index_of_equal_laws_is_large_in_small_samples_but_its_p_is_not_small() -> None:
    """100 against 100 in ten bins: a mean near .18 without any drift, over the usual alarm of .1."""
    rng = np.random.default_rng(5)
    found = [twosample.stability_index(rng.normal(size=100), rng.normal(size=100)) for _ in range(1000)]
    assert np.mean([item.psi for item in found]) == pytest.approx(0.19, abs=0.02)
    assert np.mean([item.p < 0.05 for item in found]) < 0.1
    assert len(found[0].edges) == 9


def test_the_stability_index_sees_a_drift() -> None:
    rng = np.random.default_rng(6)
    assert twosample.stability_index(rng.normal(size=500), rng.normal(0.5, 1, 500)).p < 1e-6
    assert twosample.stability_index(np.ones(30), np.ones(30)).p == 1.0


def test_energy_agrees_with_scipy() -> None:
    rng = np.random.default_rng(7)
    for x, y in [
        (rng.normal(size=40), rng.normal(1, 2, 70)),
        (rng.integers(0, 5, 30), rng.integers(1, 9, 30)),
    ]:
        assert twosample.energy(x, y) == pytest.approx(stats.energy_distance(x, y))
    # By hand: 2 E|X-Y| = 3, E|X-X'| = 1, E|Y-Y'| = 0.
    assert twosample.energy([0.0, 2.0], [2.5, 2.5]) == pytest.approx(math.sqrt(3 - 1))


def test_the_stability_index_by_hand() -> None:
    """Shares .5 and .5 against .25 and .75: (-.25) ln(1/2) + .25 ln(3/2)."""
    psi, p = twosample.stability_of_counts([20, 20], [10, 30])
    assert psi == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    assert p == pytest.approx(stats.chi2.sf(psi * 20, 1))


def test_an_empty_bin_counts_as_the_least_share() -> None:
    """One side has none in the second bin: q = 1e-4, so that the index is known and finite."""
    psi, _ = twosample.stability_of_counts([50, 50], [100, 0])
    assert psi == pytest.approx(0.5 * np.log(2) + (1e-4 - 0.5) * np.log(1e-4 / 0.5))
    assert twosample.stability_of_counts([5], [9]) == (0.0, 1.0)


def test_what_is_new_above_a_constant_reference_is_seen() -> None:
    """Shares 1 and 0 (1e-4) of the reference against .5 and .5; then what is new below it."""
    found = twosample.stability_index(np.zeros(60), [0.0] * 30 + [0.5] * 30)
    assert found.psi == pytest.approx(-0.5 * np.log(0.5) + (0.5 - 1e-4) * np.log(0.5 / 1e-4))
    assert list(found.edges) == [0.0, 0.5] and found.p < 1e-6
    below = twosample.stability_index(np.zeros(60), [0.0] * 30 + [-0.5] * 30)
    assert below.psi == pytest.approx(found.psi)
    assert (twosample.stability_index(np.zeros(9), np.zeros(9)).psi, len(found.edges)) == (0.0, 2)


def test_a_value_that_most_have_is_a_bin_of_its_own() -> None:
    """Nine in ten are 0 on one side, all on the other; quantiles alone would put all into one bin."""
    first, second = twosample.binned([0.0] * 90 + [1.0] * 10, [0.0] * 100)
    assert (list(first[first > 0]), list(second[second > 0])) == ([90, 10], [100])


def test_the_p_of_values_that_tie_is_not_small_without_a_drift() -> None:
    """Half of the texts have no digit at all, on both sides."""
    rng = np.random.default_rng(8)
    sides = rng.random((2000, 2, 200)) * (rng.random((2000, 2, 200)) < 0.5)
    found = [twosample.stability_index(first, second).p < 0.05 for first, second in sides]
    assert np.mean(found) < 0.07
