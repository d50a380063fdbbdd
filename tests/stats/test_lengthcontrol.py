import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from promptops.stats.lengthcontrol import (
    NoOverlapError,
    length_control,
    length_correlation,
    length_overlap,
)
from promptops.stats.newton import logistic_fits


def preferences(
    seed: int, n: int = 400, theta: float = 0.3, phi: float = 0.8, longer: float = 0.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return wins with some ties, both lengths, and each case's difficulty, which counts half."""
    rng = np.random.default_rng(seed)
    other = np.exp(5 + 0.5 * rng.normal(size=n))
    own = other * np.exp(longer + 0.3 * rng.normal(size=n))
    gamma = rng.normal(size=n)
    gap = own - other
    odds = theta + phi * np.tanh(gap / gap.std(ddof=1)) + 0.5 * gamma
    won = np.where(rng.random(n) < 0.1, 0.5, rng.random(n) < 1 / (1 + np.exp(-odds)))
    return won, own, other, gamma


@pytest.mark.parametrize("seed", range(4))
def test_coefficients_are_those_of_statsmodels(seed: int) -> None:
    won, own, other, gamma = preferences(seed)
    gap = own - other
    rows = np.column_stack([np.ones(len(won)), np.tanh(gap / gap.std(ddof=1)), gamma])
    theirs = sm.GLM(won, rows, family=sm.families.Binomial()).fit(tol=1e-12).params
    found = length_control(won, own, other, gamma, resamples=50)
    assert found.psi is not None
    assert [found.theta, found.phi.value, found.psi.value] == pytest.approx(list(theirs), abs=1e-6)
    expected = (1 / (1 + np.exp(-(theirs[0] + theirs[2] * gamma)))).mean()
    assert found.controlled.value == pytest.approx(expected, abs=1e-6)
    assert found.rate.value == pytest.approx(won.mean())


def test_without_difficulty_the_rate_is_that_at_equal_lengths() -> None:
    won, own, other, _ = preferences(1)
    gap = own - other
    rows = np.column_stack([np.ones(len(won)), np.tanh(gap / gap.std(ddof=1))])
    theirs = sm.GLM(won, rows, family=sm.families.Binomial()).fit(tol=1e-12).params
    found = length_control(won, own, other, resamples=50)
    assert found.psi is None
    assert found.controlled.value == pytest.approx(1 / (1 + np.exp(-theirs[0])), abs=1e-6)


def test_every_weighting_is_fitted_as_if_cases_were_repeated() -> None:
    won, own, other, gamma = preferences(2, n=80)
    rows = np.column_stack([np.ones(80), own - other, gamma]) / [1, 100, 1]
    weights = np.random.default_rng(1).integers(0, 4, (6, 80)).astype(float)
    fits = logistic_fits(weights, rows, won)
    for row, fit in zip(weights, fits, strict=True):
        times = row.astype(int)
        theirs = sm.GLM(
            np.repeat(won, times), np.repeat(rows, times, axis=0), family=sm.families.Binomial()
        ).fit(tol=1e-12)
        assert fit == pytest.approx(theirs.params, abs=1e-6)


def test_where_length_alone_decides_there_is_no_rate() -> None:
    rng = np.random.default_rng(3)
    other = np.full(60, 100.0)
    own = 100 + rng.choice([-1, 1], 60) * rng.uniform(1, 60, 60)
    found = length_control((own > other).astype(float), own, other, resamples=50)
    assert found.rate.value is not None
    assert (found.controlled.value, found.phi.value, found.theta) == (None, None, None)
    assert "length alone tells wins" in str(found.controlled.reason)


def test_lengths_that_hardly_overlap_are_refused() -> None:
    won, own, other, _ = preferences(4, longer=1.5)
    with pytest.raises(NoOverlapError, match="the answers to 0% of the cases have about the same length"):
        length_control(won, own, other)
    assert length_overlap([100, 100, 100, 100], [100, 120, 123, 60]) == 0.5


def test_a_lover_of_length_loses_its_bonus() -> None:
    won, own, other, _ = preferences(5, n=3000, theta=0.0, phi=1.5, longer=0.25)
    found = length_control(won, own, other, resamples=200)
    assert found.rate.low > 0.55
    assert found.controlled.low < 0.5 < found.controlled.high
    assert found.phi.low > 1.0


@pytest.mark.slow
def test_intervals_cover() -> None:
    """300 draws of 150 cases, nominal .95 (Monte Carlo error .013); the truth is that of 400,000 cases."""
    won, own, other, gamma = preferences(99, n=400_000)
    gap = own - other
    rows = np.column_stack([np.ones(len(won)), np.tanh(gap / gap.std(ddof=1)), gamma])
    theta, phi, psi = sm.GLM(won, rows, family=sm.families.Binomial()).fit().params
    truth = {"controlled": (1 / (1 + np.exp(-(theta + psi * gamma)))).mean(), "phi": phi}
    covered = {"controlled": 0, "phi": 0}
    for seed in range(300):
        found = length_control(*preferences(seed, n=150), resamples=300, seed=seed)
        for name in covered:
            each = getattr(found, name)
            covered[name] += each.low <= truth[name] <= each.high
    assert all(0.91 <= hits / 300 <= 0.99 for hits in covered.values())


def test_scores_correlate_with_length_as_in_scipy_and_partially_as_residual_ranks() -> None:
    rng = np.random.default_rng(7)
    human = np.round(3 + rng.normal(size=200))
    length = np.exp(4 + 0.3 * human + rng.normal(size=200))
    judge = np.round(human + 0.8 * np.log(length) + 0.5 * rng.normal(size=200))
    found = length_correlation(judge, length, human, resamples=300)
    assert found.plain.value == pytest.approx(stats.spearmanr(judge, length)[0], abs=1e-6)
    a, b, c = (stats.rankdata(side) for side in (judge, length, human))
    rows = sm.add_constant(c)
    residuals = [side - sm.OLS(side, rows).fit().fittedvalues for side in (a, b)]
    assert found.partial is not None
    assert found.partial.value == pytest.approx(np.corrcoef(*residuals)[0, 1], abs=1e-6)
    assert 0 < found.partial.low < found.partial.high < 1


def test_people_who_like_length_explain_a_judge_that_follows_them() -> None:
    rng = np.random.default_rng(8)
    length = np.exp(rng.normal(size=300))
    human = np.log(length) + 0.5 * rng.normal(size=300)
    judge = human + 0.5 * rng.normal(size=300)
    found = length_correlation(judge, length, human, resamples=300)
    assert found.plain.low > 0.5
    assert found.partial is not None
    assert found.partial.low < 0 < found.partial.high


def test_missing_human_scores_are_left_out_of_the_partial_figure() -> None:
    rng = np.random.default_rng(9)
    judge, length, human = rng.normal(size=(3, 60))
    human[:20] = np.nan
    found = length_correlation(judge, length, human, resamples=50)
    kept = length_correlation(judge[20:], length[20:], human[20:], resamples=50)
    assert (found.plain.n, found.partial.n) == (60, 40)
    assert found.partial.value == pytest.approx(kept.partial.value)
    assert length_correlation(judge, length, resamples=20).partial is None


def test_a_judge_that_never_varies_has_no_correlation() -> None:
    found = length_correlation(np.ones(20), np.arange(20), np.arange(20), resamples=20)
    assert (found.plain.value, found.plain.reason) == (None, "scores or lengths never vary")
    assert found.partial.value is None


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_the_unit_of_length_does_not_matter(seed: int, unit: float) -> None:
    won, own, other, gamma = preferences(seed, n=120)
    plain = length_control(won, own, other, gamma, resamples=5)
    scaled = length_control(won, unit * own, unit * other, gamma, resamples=5)
    assert scaled.controlled.value == pytest.approx(plain.controlled.value, abs=1e-6)
    swapped = length_control(1 - won, other, own, -gamma, resamples=5)
    assert swapped.controlled.value == pytest.approx(1 - plain.controlled.value, abs=1e-6)


@pytest.mark.parametrize(
    ("won", "own", "other", "gamma"),
    [
        ([1, 2], [5, 5], [5, 5], None),
        ([1, 0], [5, 0], [5, 5], None),
        ([1, 0], [5], [5, 5], None),
        ([1, 0], [5, 5], [5, 5], [1]),
        ([1, np.nan], [5, 5], [5, 5], None),
    ],
)
def test_other_numbers_are_refused(
    won: list[float], own: list[float], other: list[float], gamma: list[float] | None
) -> None:
    with pytest.raises(ValueError):
        length_control(won, own, other, gamma)
    with pytest.raises(ValueError, match="one number a case"):
        length_correlation([1, 2], [1])
