"""The gate's bound: its algebra against statsmodels, and its error rates by simulation.

Score shapes and limits: decided for the project (differences of 10 % and 30 % binary, ROUGE-like,
Likert-like and preference-like metrics); sign + with probability (1 + Delta/E|d|)/2.
"""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from promptops.stats import paired
from promptops.stats.clusters import TooFewClustersError

SHAPES = {
    "binary 10 %": np.repeat([1.0, 0.0], [10, 90]),
    "binary 30 %": np.repeat([1.0, 0.0], [30, 70]),
    "ROUGE": np.array([0, 0.011, 0.019, 0.025, 0.045, 0.053, 0.072, 0.092, 0.118, 0.145, 0.49]),
    "Likert": np.repeat([0, 0.25, 0.5, 0.75, 1.0], [67, 23, 5, 3, 2]),
    "preference": np.array([0, 0, 0.002, 0.012, 0.038, 0.099, 0.202, 0.351, 0.561, 0.833, 0.999]),
}
MARGINS = {"binary 10 %": 0.05, "binary 30 %": 0.05, "ROUGE": 0.02, "Likert": 0.05, "preference": 0.05}


def test_the_bound_is_the_clustered_t_of_statsmodels_with_two_pseudo_cases() -> None:
    rng = np.random.default_rng(1)
    d, groups = rng.normal(0.1, 1, 40), np.repeat(np.arange(10), 4)
    m = np.abs(d).max()
    fit = sm.OLS(np.r_[d, m, -m], np.ones(42)).fit(
        cov_type="cluster", cov_kwds={"groups": np.r_[groups, 10, 11], "use_correction": False}
    )
    found = paired.terminal_bound(d, groups, alpha=0.05)
    se = fit.bse[0] * np.sqrt(12 / 11) * 42 / 40
    assert (found.df, found.n, found.clusters) == (11, 40, 10)
    assert found.se == pytest.approx(se)
    assert found.mean == pytest.approx(d.mean())
    assert found.low == pytest.approx(d.mean() - stats.t.ppf(0.95, 11) * se)
    assert found.high == pytest.approx(d.mean() + stats.t.ppf(0.95, 11) * se)


def test_differences_of_zero_still_have_a_width() -> None:
    found = paired.terminal_bound(np.zeros(50))
    assert found.low == -found.high
    assert 0.01 < found.high < 0.1


def test_rounding_errors_are_no_differences() -> None:
    noise = np.tile([0.1 + 0.2 - 0.3, 0.0], 25)
    assert paired.terminal_bound(noise).high == pytest.approx(paired.terminal_bound(np.zeros(50)).high)


def test_a_weight_counts_like_copies_in_one_cluster() -> None:
    d = np.random.default_rng(2).normal(size=600)
    weights = np.tile([1.0, 2.0], 300)
    times = weights.astype(int)
    weighted = paired.terminal_bound(d, weights=weights)
    copied = paired.terminal_bound(np.repeat(d, times), np.repeat(np.arange(600), times))
    assert weighted.mean == pytest.approx(copied.mean)
    assert weighted.se == pytest.approx(copied.se, rel=0.01)


def test_one_cluster_has_no_bound() -> None:
    with pytest.raises(TooFewClustersError):
        paired.terminal_bound(np.ones(30), ["one"] * 30)


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=40),
    st.floats(-0.5, 0.5),
    st.sampled_from([0.01, 0.04, 0.05, 0.2]),
)
def test_p_values_are_below_alpha_exactly_when_the_bound_excludes_the_value(
    d: list[float], value: float, alpha: float
) -> None:
    bound = paired.terminal_bound(d, alpha=alpha)
    if abs(bound.high - value) > 1e-9:
        assert (paired.p_below(bound, value) < alpha) == (bound.high < value)
    if abs(bound.low - value) > 1e-9:
        assert (paired.p_above(bound, value) < alpha) == (bound.low > value)


def decisions(shape: str, n: int, true: float, runs: int, size: int = 1) -> tuple[float, float]:
    """Return the shares of PASS (low > -margin) and of FAIL (neither, and high < 0)."""
    rng = np.random.default_rng([n, size, runs])
    values, margin = SHAPES[shape], MARGINS[shape]
    magnitude = rng.choice(values, size=(runs, n))
    chance = (1 + true / values.mean()) / 2
    positive = rng.random((runs, n)) < chance
    # Half of a cluster's cases share one sign, as answers about one document do.
    together = np.repeat(rng.random((runs, n // size)) < chance, size, axis=1)
    positive = np.where((rng.random((runs, n)) < 0.5) & (size > 1), together, positive)
    d = np.where(positive, magnitude, -magnitude)
    groups = np.repeat(np.arange(n // size), size) if size > 1 else None
    bounds = paired.terminal_bounds(d.T, groups)
    passed, failed = bounds.low > -margin, bounds.high < 0
    return float(passed.mean()), float((failed & ~passed).mean())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [30, 100, 250])
def test_false_passes_and_false_fails_stay_rare(shape: str, n: int) -> None:
    """5 % nominal, at most 6 % true; 6.5 % leaves three standard errors for 2,000 runs."""
    assert decisions(shape, n, -MARGINS[shape], 2000)[0] <= 0.065
    assert decisions(shape, n, 0.0, 2000)[1] <= 0.065


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("n", [30, 50, 100, 250, 500, 750])
@pytest.mark.parametrize("shape", SHAPES)
def test_error_rates_are_at_most_six_percent(shape: str, n: int, size: int) -> None:
    """20,000 runs a cell; with clusters of 5 from 50 cases (10 clusters) on."""
    if size == 5 and n < 50:
        return
    assert decisions(shape, n, -MARGINS[shape], 20_000, size)[0] <= 0.060
    assert decisions(shape, n, 0.0, 20_000, size)[1] <= 0.060


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "n", "power"),
    [
        ("binary 10 %", 250, 0.792),
        ("binary 30 %", 750, 0.806),
        ("ROUGE", 200, 0.511),
        ("Likert", 250, 0.921),
        ("preference", 500, 0.802),
    ],
)
def test_an_equal_candidate_passes_nearly_as_often_as_with_a_shrunk_centre(
    shape: str, n: int, power: float
) -> None:
    """Powers are of Bonett & Price's own bound: 20,000 runs of an independent plain implementation."""
    assert decisions(shape, n, 0.0, 20_000)[0] >= power - 0.03


def test_the_plain_t_agrees_with_scipy() -> None:
    d = np.random.default_rng(3).normal(0.2, 1, 25)
    assert paired.paired_t_p(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    assert paired.paired_t_p(np.zeros(5)) == 1.0
    assert paired.paired_t_p(np.full(5, 0.5)) == 0.0


def test_few_cases_flip_in_every_way() -> None:
    d = [1.0, 2.0, -3.0, 4.0, -1.5, 2.5]
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired.sign_flip_p(d) == pytest.approx(theirs.pvalue)


def test_the_exact_example_has_its_p() -> None:
    """Ten equal differences, seven of them gains: 352 of the 1,024 patterns are as extreme."""
    assert paired.sign_flip_p([0.1] * 7 + [-0.1] * 3) == 0.34375


def test_many_cases_flip_at_random() -> None:
    d = np.random.default_rng(4).normal(0.15, 1, 80)
    assert paired.sign_flip_p(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.02)
    assert paired.sign_flip_p(np.zeros(40)) == 1.0


def test_clusters_flip_as_one() -> None:
    d = np.random.default_rng(5).normal(0.15, 1, 30)
    assert paired.sign_flip_p(np.repeat(d, 3), np.repeat(np.arange(30), 3)) == paired.sign_flip_p(d)


def test_columns_are_tested_as_if_alone() -> None:
    d = np.random.default_rng(6).normal(0.1, 1, (40, 3))
    together = paired.sign_flip_columns(d)
    assert together.tolist() == [paired.sign_flip_p(column) for column in d.T]


def test_moves_between_categories_both_ways_are_no_change() -> None:
    first, second = np.repeat([0, 1, 2], 20), np.repeat([1, 0, 2], 20)
    assert paired.category_flip_p(first, second) == 1.0
    assert paired.category_flip_p(first, first) == 1.0


def test_moves_one_way_between_two_categories_are_the_sign_test() -> None:
    """McNemar's exact p of 10 against 2 is .0386."""
    first, second = np.repeat([0, 1, 0], [10, 2, 30]), np.repeat([1, 0, 0], [10, 2, 30])
    assert paired.category_flip_p(first, second) == pytest.approx(0.0386, abs=5e-5)
