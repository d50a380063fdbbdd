"""Classical item analysis against numpy and scipy, by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from promptops.stats.items import (
    correlations,
    cronbach_alpha,
    discrimination_index,
    failure_bound,
    item_rest,
    noise,
    pair_errors,
    signal,
    spread,
    without,
)

RNG = np.random.default_rng(7)
SCORES = np.clip(RNG.random((6, 12)) + np.linspace(0, 0.5, 6)[:, None], 0, 1)


def test_item_rest_is_the_correlation_with_the_mean_of_the_others() -> None:
    weights = RNG.uniform(0.5, 3.0, 12)
    found = item_rest(SCORES, weights)
    for place in range(12):
        others = np.delete(np.arange(12), place)
        rest = np.average(SCORES[:, others], axis=1, weights=weights[others])
        assert found[place] == pytest.approx(stats.pearsonr(SCORES[:, place], rest).statistic)


def test_what_does_not_vary_has_no_correlation() -> None:
    scores = SCORES.copy()
    scores[:, 3] = 1.0
    assert np.isnan(item_rest(scores)[3]) and np.isfinite(np.delete(item_rest(scores), 3)).all()
    assert np.isnan(item_rest(scores[:2])).all()
    assert spread(scores)[3] == 0.0


def test_correlations_are_those_of_numpy_column_by_column() -> None:
    other = RNG.random((6, 12))
    expected = [np.corrcoef(SCORES[:, place], other[:, place])[0, 1] for place in range(12)]
    assert correlations(SCORES, other) == pytest.approx(expected)


def test_noise_is_the_standard_error_of_a_versions_mean() -> None:
    repeats = [RNG.random((12, 3)), RNG.random((12, 4)), RNG.random((12, 1))]
    repeats[1][0, 2:] = math.nan
    repeats[0][5] = math.nan
    found = noise(repeats)
    several = [each[4][np.isfinite(each[4])] for each in repeats[:2]]
    assert found[4] == pytest.approx(np.sqrt(np.mean([stats.sem(each) ** 2 for each in several])))
    assert found[0] == pytest.approx(
        math.sqrt((stats.sem(repeats[0][0]) ** 2 + stats.sem(repeats[1][0, :2]) ** 2) / 2)
    )
    assert found[5] == pytest.approx(stats.sem(repeats[1][5]))
    assert np.isnan(noise(repeats[2:])).all()


def test_the_signal_is_what_an_analysis_of_variance_leaves() -> None:
    cube = RNG.random((5, 200, 4)) * 0.3 + RNG.random((5, 200, 1))
    between, within = spread(cube.mean(axis=2)), noise(list(cube))
    for place in range(5):
        groups = cube[:, place]
        mean_square_within = groups.var(axis=1, ddof=1).mean()
        mean_square_between = 4 * groups.mean(axis=1).var(ddof=1)
        assert signal(between, within)[place] ** 2 == pytest.approx(
            max(0.0, (mean_square_between - mean_square_within) / 4)
        )
        fisher = stats.f_oneway(*groups).statistic
        assert fisher == pytest.approx(mean_square_between / mean_square_within)
        assert (signal(between, within)[place] > 0) == (fisher > 1)


def test_the_index_is_upper_less_lower_group() -> None:
    scores = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 1, 1]], dtype=float)
    assert discrimination_index(scores).tolist() == [1.0, 1.0, 0.0]
    many = (RNG.random((11, 30)) < 0.5).astype(float)
    order = np.argsort(many.mean(axis=1), kind="stable")
    expected = many[order[-3:]].mean(axis=0) - many[order[:3]].mean(axis=0)
    assert discrimination_index(many) == pytest.approx(expected)


def test_cronbachs_alpha_is_its_formula_by_covariances() -> None:
    covariance = np.cov(SCORES.T)
    between = covariance.sum() - np.trace(covariance)
    assert cronbach_alpha(SCORES) == pytest.approx(12 / 11 * between / covariance.sum())
    assert cronbach_alpha(np.tile(SCORES[:, :1], (1, 4))) == pytest.approx(1.0)
    assert math.isnan(cronbach_alpha(np.ones((4, 5))))


@pytest.mark.parametrize("versions", [1, 3, 6, 20])
def test_the_chance_of_a_first_failure_is_bounded_as_clopper_and_pearson_do(versions: int) -> None:
    exact = stats.binomtest(0, versions, alternative="less").proportion_ci(0.95, method="exact").high
    assert failure_bound(versions) == pytest.approx(exact)


def test_pair_errors_average_the_standard_errors_of_all_pairs() -> None:
    errors = [stats.sem(first - second) ** 2 for first, second in itertools.combinations(SCORES, 2)]
    assert pair_errors(SCORES, np.ones(12)) == pytest.approx(math.sqrt(np.mean(errors)))
    assert pair_errors(SCORES, np.full(12, 2.5)) == pytest.approx(math.sqrt(np.mean(errors)))


def test_figures_without_some_samples_are_weighted_means() -> None:
    weights = RNG.uniform(0.5, 3.0, 12)
    kept = (np.arange(12) % 3 > 0).astype(float)
    whole, left = without(SCORES, kept, weights)
    assert whole == pytest.approx(np.average(SCORES, axis=1, weights=weights))
    some = kept > 0
    assert left == pytest.approx(np.average(SCORES[:, some], axis=1, weights=weights[some]))
