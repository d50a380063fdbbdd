import math

import numpy as np
import pytest
from scipy import stats

from promptops.stats import bootstrap
from promptops.stats.clusters import TooFewClustersError


def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / n


def ratio(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / totals[..., 1]


def drawn(values: np.ndarray, resamples: int = 4000, seed: int = 0) -> bootstrap.Bootstrap:
    return bootstrap.resampled(
        [bootstrap.table(values)], np.ones(len(values)), None, mean, resamples=resamples, seed=seed
    )


def test_bca_ends_agree_with_scipys() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    ours = drawn(values, resamples=40_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert bootstrap.quantile(ours, 0.025) == pytest.approx(theirs.low, abs=0.01)
    assert bootstrap.quantile(ours, 0.975) == pytest.approx(theirs.high, abs=0.015)


def test_a_ratio_of_sums_is_resampled_as_such() -> None:
    rng = np.random.default_rng(3)
    counts = np.column_stack([rng.poisson(3, 80), rng.poisson(9, 80) + 1]).astype(float)
    ours = bootstrap.resampled([counts], np.ones(80), None, ratio, resamples=20_000, seed=0)
    theirs = stats.bootstrap(
        (counts[:, 0], counts[:, 1]),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert ours.figure == pytest.approx(counts[:, 0].sum() / counts[:, 1].sum())
    assert bootstrap.quantile(ours, 0.025, "percentile") == pytest.approx(theirs.low, abs=0.003)
    assert bootstrap.quantile(ours, 0.975, "percentile") == pytest.approx(theirs.high, abs=0.003)


@pytest.mark.parametrize(
    "values", [np.random.default_rng(5).exponential(size=60), np.repeat([0.0, 1, 5], [30, 8, 2])]
)
def test_p_values_are_dual_to_the_bounds(values: np.ndarray) -> None:
    boot = drawn(values)
    for value in np.linspace(values.min(), values.max(), 60):
        for alpha in (0.01, 0.05, 0.3):
            high, low = bootstrap.quantile(boot, 1 - alpha), bootstrap.quantile(boot, alpha)
            if abs(high - value) > 1e-9:
                assert (bootstrap.p_below(boot, value) < alpha) == (high < value)
            if abs(low - value) > 1e-9:
                assert (bootstrap.p_above(boot, value) < alpha) == (low > value)


def test_the_same_seed_gives_the_same_draws_and_another_does_not() -> None:
    values = np.arange(30.0)
    assert np.array_equal(drawn(values, seed=3).draws, drawn(values, seed=3).draws)
    assert not np.array_equal(drawn(values, seed=3).draws, drawn(values, seed=4).draws)


def test_chunks_don_t_change_the_law_of_draws() -> None:
    values = np.random.default_rng(6).normal(size=3000)
    boot = drawn(values, resamples=3000)
    assert boot.draws.std() == pytest.approx(values.std() / math.sqrt(3000), rel=0.05)


def test_equal_cases_have_bounds_without_width() -> None:
    boot = drawn(np.full(30, 0.4))
    assert bootstrap.quantile(boot, 0.05) == pytest.approx(0.4)
    assert bootstrap.quantile(boot, 0.95) == pytest.approx(0.4)


def test_a_figure_that_is_often_undefined_has_no_bounds() -> None:
    counts = np.zeros((20, 2))
    counts[0] = 1.0

    def share(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.divide(
            totals[..., 0], totals[..., 1], out=np.full(n.shape, np.nan), where=totals[..., 1] > 0
        )

    boot = bootstrap.resampled([counts], np.ones(20), None, share, resamples=500, seed=0)
    assert boot.undefined > 100
    assert math.isnan(bootstrap.quantile(boot, 0.05))
    assert math.isnan(bootstrap.p_below(boot, 0.5))
    assert math.isnan(bootstrap.recentred_p(boot))


def test_a_single_cluster_can_t_be_resampled() -> None:
    with pytest.raises(TooFewClustersError):
        bootstrap.resampled([np.ones((3, 1))], np.ones(3), ["a"] * 3, mean, resamples=10, seed=0)


def test_counts_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap.table([[1.0, np.inf]])
