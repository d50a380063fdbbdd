import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from promptops.stats.binary import mcnemar_p, tango_interval


@pytest.mark.parametrize(("b", "c"), [(10, 2), (2, 10), (7, 7), (0, 9), (1, 0), (300, 260)])
def test_mcnemars_p_is_exact(b: int, c: int) -> None:
    assert mcnemar_p(b, c) == pytest.approx(mcnemar([[0, b], [c, 0]], exact=True).pvalue)


def test_ten_against_two_have_the_published_p() -> None:
    assert mcnemar_p(10, 2) == pytest.approx(0.0386, abs=5e-5)


def test_the_mid_p_counts_the_seen_table_half() -> None:
    assert mcnemar_p(10, 2, mid=True) == pytest.approx(0.0386 - 66 / 4096, abs=5e-5)


def test_no_discordant_pair_says_nothing() -> None:
    assert mcnemar_p(0, 0) == 1.0


def test_tangos_interval_has_its_published_ends() -> None:
    found = tango_interval(12, 2, 50)
    assert found.value == 0.2
    assert (found.low, found.high) == pytest.approx((0.0611, 0.3447), abs=5e-5)


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (3, 9, 40), (30, 25, 200)])
def test_tangos_ends_are_where_scipy_finds_the_roots_of_the_score_test(b: int, c: int, n: int) -> None:
    """The score statistic with the constrained rate found by maximising the likelihood itself."""

    def score(delta: float) -> float:
        def against(lost: float) -> float:
            p = (lost + delta, lost, 1 - delta - 2 * lost)
            return -sum(k * math.log(each) for k, each in zip((b, c, n - b - c), p, strict=True))

        ends = (max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12)
        lost = minimize_scalar(against, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
        return float((b - c - n * delta) / math.sqrt(n * (2 * lost + delta - delta**2)))

    found, z = tango_interval(b, c, n), norm.ppf(0.975)
    low = brentq(lambda delta: score(delta) - z, -0.9, found.value, xtol=1e-12)
    high = brentq(lambda delta: score(delta) + z, found.value, 0.9, xtol=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_tangos_interval_has_width_without_discordant_pairs() -> None:
    found = tango_interval(0, 0, 50)
    assert found.low == pytest.approx(-found.high)
    # The score statistic is then n delta^2 / (1 - delta^2)-like; its end is z^2 / (n + z^2).
    assert found.high == pytest.approx(1.959964**2 / (50 + 1.959964**2), abs=1e-6)


def test_all_pairs_lost_ends_at_one_and_begins_like_wilson() -> None:
    found = tango_interval(20, 0, 20)
    assert found.high == 1.0
    assert 0.5 < found.low < proportion_confint(20, 20, method="wilson")[0]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))
def test_swapping_the_arms_mirrors_the_interval(b: int, c: int, concordant: int) -> None:
    n = max(b + c + concordant, 1)
    one, other = tango_interval(b, c, n), tango_interval(c, b, n)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert -1 <= one.low <= one.value <= one.high <= 1


def test_more_discordant_pairs_than_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="fit into"):
        tango_interval(3, 3, 5)
