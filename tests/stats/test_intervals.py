import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from promptops.stats.clusters import TooFewClustersError
from promptops.stats.intervals import bootstrap_interval, mean_interval, wilson_interval


def test_the_clustered_error_is_that_of_inspect_ai() -> None:
    """Published by inspect_ai: values 0..19 in four clusters have a standard error of 0.645."""
    found = mean_interval(np.arange(20), [place % 4 for place in range(20)])
    assert found.se == pytest.approx(0.6455, abs=5e-5)
    assert (found.mean, found.df, found.n, found.clusters) == (9.5, 3, 20, 4)


def test_without_clusters_it_is_the_t_interval() -> None:
    values = np.random.default_rng(1).normal(size=30)
    low, high = stats.t.interval(0.9, 29, values.mean(), stats.sem(values))
    found = mean_interval(values, level=0.9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_weighted_clusters_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(2)
    values, weights, groups = rng.normal(size=60), rng.uniform(0.5, 3, 60), rng.integers(0, 12, 60)
    fit = sm.WLS(values, np.ones(60), weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    found = mean_interval(values, groups, weights=weights)
    assert found.mean == pytest.approx(fit.params[0])
    # statsmodels' own correction multiplies by (n-1)/(n-k) too, which is 1 for a mean.
    assert found.se == pytest.approx(fit.bse[0] * np.sqrt(12 / 11))


def test_equal_weights_change_nothing() -> None:
    values = np.random.default_rng(3).normal(size=15)
    plain, weighted = mean_interval(values), mean_interval(values, weights=np.full(15, 7.0))
    assert (weighted.mean, weighted.se) == pytest.approx((plain.mean, plain.se))


def test_one_cluster_has_no_interval() -> None:
    with pytest.raises(TooFewClustersError, match="at least 2"):
        mean_interval([1.0, 2.0, 3.0], ["same"] * 3)


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, np.nan])


@pytest.mark.parametrize(
    ("k", "n", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1)]
)
def test_wilsons_interval_has_its_published_ends(k: int, n: int, low: float, high: float) -> None:
    found = wilson_interval(k, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="proportion"):
        wilson_interval(3, 2)


def test_the_bootstrap_interval_of_a_mean_is_near_the_t_interval() -> None:
    values = np.random.default_rng(4).normal(size=200)
    mean = mean_interval(values)
    for method in ("percentile", "bca"):
        found = bootstrap_interval(
            values, np.ones(200), None, lambda totals, n: totals[..., 0] / n, method=method, resamples=4000
        )
        assert found.value == pytest.approx(mean.mean)
        assert (found.low, found.high) == pytest.approx((mean.low, mean.high), abs=0.02)


def test_the_bootstrap_draws_whole_clusters() -> None:
    """Ten copies of each case, in one cluster each, tell no more than the cases alone."""
    values = np.random.default_rng(5).normal(size=50)

    def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        return totals[..., 0] / n

    copied = np.repeat(values, 10)
    alone = bootstrap_interval(values, np.ones(50), None, mean, seed=1)
    together = bootstrap_interval(copied, np.ones(500), np.repeat(np.arange(50), 10), mean, seed=1)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
