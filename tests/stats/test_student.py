import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from promptops.stats import student

DEGREES = [1, 2, 3, 4.5, 7, 19, 50, 199, 1000, 20_000, 1e6, 1e8]
PROBABILITIES = [1e-12, 1e-6, 1e-4, 0.01, 0.05, 0.2, 0.5, 0.6, 0.8, 0.95, 0.999, 1 - 1e-9]


@pytest.mark.parametrize("df", DEGREES)
def test_t_probabilities_equal_scipys(df: float) -> None:
    for t in [-60.0, -8, -3, -1, -0.2, -1e-6, 0, 1e-6, 0.3, 1, 2, 5, 12, 100]:
        assert student.t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), abs=1e-10)
        assert student.t_sf(t, df) == pytest.approx(stats.t.sf(t, df), abs=1e-10)


@pytest.mark.parametrize("df", [3, 20, 400])
def test_far_tails_keep_their_relative_precision(df: float) -> None:
    assert student.t_sf(40.0, df) == pytest.approx(stats.t.sf(40.0, df), rel=1e-9)
    assert student.normal_cdf(-30.0) == pytest.approx(stats.norm.cdf(-30.0), rel=1e-9)


@pytest.mark.parametrize("df", DEGREES)
def test_t_quantiles_equal_scipys(df: float) -> None:
    for p in PROBABILITIES:
        assert student.t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-12)


def test_normal_quantiles_equal_scipys() -> None:
    for p in [1e-300, 1e-100, *PROBABILITIES]:
        assert student.normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 9, 49, 199.5, 5000, 1e6])
def test_chi_square_equals_scipys(df: float) -> None:
    for x in df * np.array([0.001, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0, 20.0]):
        assert student.chi2_cdf(float(x), df) == pytest.approx(stats.chi2.cdf(x, df), abs=1e-9)
        assert student.chi2_sf(float(x), df) == pytest.approx(stats.chi2.sf(x, df), abs=1e-9)
    for p in PROBABILITIES:
        assert student.chi2_quantile(p, df) == pytest.approx(stats.chi2.ppf(p, df), rel=1e-8)


@pytest.mark.parametrize("n", [1, 2, 12, 100, 5000])
@pytest.mark.parametrize("p", [0.0, 1e-5, 0.1, 0.5, 0.97, 1.0])
def test_binomial_probabilities_equal_scipys(n: int, p: float) -> None:
    for k in {-1, 0, 1, n // 3, n // 2, n - 1, n, n + 1}:
        assert student.binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-10)


@given(st.floats(1e-10, 1 - 1e-10), st.floats(0.7, 1e5))
def test_quantiles_invert_probabilities(p: float, df: float) -> None:
    assert student.t_cdf(student.t_quantile(p, df), df) == pytest.approx(p, rel=1e-9, abs=1e-12)
    assert student.chi2_cdf(student.chi2_quantile(p, df), df) == pytest.approx(p, rel=1e-7, abs=1e-10)
    assert student.normal_cdf(student.normal_quantile(p)) == pytest.approx(p, rel=1e-9)


def test_certainty_lies_at_infinity() -> None:
    assert student.t_quantile(1.0, 5) == math.inf
    assert student.normal_quantile(0.0) == -math.inf
    assert student.chi2_quantile(0.0, 5) == 0.0
    assert student.t_sf(math.inf, 3) == 0.0


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        student.normal_quantile(p)
