import math

import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from promptops.stats import power


@pytest.mark.parametrize(
    ("sd", "margin", "needed"),
    [(math.sqrt(0.1), 0.05, 248), (0.385, 0.05, 367), (0.107, 0.02, 177)],
)
def test_sample_sizes_round_up(sd: float, margin: float, needed: int) -> None:
    """The exact first figure is 247.3, so that 247 cases are too few."""
    assert power.cases_needed(sd, margin) == needed


def test_needed_cases_have_the_power_that_was_asked_for() -> None:
    needed = power.cases_needed(0.3, 0.1, alpha=0.05, power=0.9)
    one_sample = NormalIndPower(ddof=0)
    reached = one_sample.power(0.1 / 0.3, needed, 0.05, ratio=0, alternative="larger")
    assert 0.9 <= reached < 0.905


def test_clusters_cost_as_many_times_the_cases() -> None:
    assert power.cases_needed(0.5, 0.05, deff=2.0) in range(2 * power.cases_needed(0.5, 0.05) - 2, 2 * 619)


def test_no_margin_is_never_reached() -> None:
    with pytest.raises(ValueError, match="margin 0"):
        power.cases_needed(0.5, 0)


def test_the_smallest_change_seen_is_two_sided_and_the_smallest_margin_one_sided() -> None:
    assert power.mde(1.0) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert power.smallest_margin(1.0) == pytest.approx(stats.norm.ppf(0.95) + stats.norm.ppf(0.8))


def test_the_upper_sd_covers_the_true_one_as_often_as_assured() -> None:
    assert power.upper_sd(2.0, 20) == pytest.approx(2.0 * math.sqrt(19 / stats.chi2.ppf(0.2, 19)))
    with pytest.raises(ValueError, match="1 cases"):
        power.upper_sd(1.0, 1)


def test_a_design_effect_is_at_least_one() -> None:
    assert power.design_effect(0.2, 0.1) == pytest.approx(4.0)
    assert power.design_effect(0.05, 0.1) == 1.0
    assert power.design_effect(0.0, 0.0) == 1.0
