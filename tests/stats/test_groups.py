"""Groups: shrinkage against statsmodels, joint coverage and the worst group's bias by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from promptops.stats.groups import shrunken, simultaneous, worst_by_halves
from promptops.stats.paired import terminal_bound


@pytest.mark.parametrize("seed", range(5))
def test_shrunken_means_agree_with_statsmodels(seed: int) -> None:
    """statsmodels gives tau2 and the centre; the means are the normal model's posterior means by them."""
    rng = np.random.default_rng(seed)
    variances = rng.uniform(0.001, 0.02, 8)
    means = rng.normal(0, 0.15, 8) + rng.normal(0, np.sqrt(variances))
    theirs = combine_effects(means, variances, method_re="dl")
    found = shrunken(means, variances)
    assert theirs.tau2 > 0
    assert found.tau2 == pytest.approx(theirs.tau2, abs=1e-6)
    assert found.centre == pytest.approx(theirs.mean_effect_re, abs=1e-6)
    precision = 1 / variances + 1 / theirs.tau2
    posterior = (means / variances + theirs.mean_effect_re / theirs.tau2) / precision
    assert np.allclose(found.means, posterior, atol=1e-6)


def test_groups_that_differ_no_more_than_chance_share_one_mean() -> None:
    theirs = combine_effects(np.array([0.1, 0.11, 0.09]), np.full(3, 0.01), method_re="dl")
    found = shrunken([0.1, 0.11, 0.09], [0.01] * 3)
    assert found.tau2 == 0.0
    assert found.means == pytest.approx([0.1] * 3)
    assert found.centre == pytest.approx(theirs.mean_effect_fe)


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0.001, 1)), min_size=2, max_size=12),
    st.floats(-2, 2),
)
def test_shrinking_moves_with_the_scores_and_never_beyond_the_centre(
    groups: list[tuple[float, float]], shift: float
) -> None:
    means, variances = (np.array(part) for part in zip(*groups, strict=True))
    found = shrunken(means, variances)
    assert np.all(np.abs(found.means - found.centre) <= np.abs(means - found.centre) + 1e-9)
    assert np.allclose(shrunken(means + shift, variances).means, found.means + shift)


@pytest.mark.parametrize("wrong", [([0.1], [0.1]), ([0.1, 0.2], [0.1, 0.0]), ([0.1, np.nan], [0.1, 0.1])])
def test_what_can_not_be_shrunk_is_refused(wrong: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="two groups"):
        shrunken(*wrong)


def test_joint_bounds_of_means_are_the_bound_at_a_share_of_alpha() -> None:
    rng = np.random.default_rng(1)
    groups = [rng.normal(0, 1, n) for n in (20, 45, 200)]
    own = [terminal_bound(d, alpha=0.05) for d in groups]
    found = simultaneous(
        *([getattr(bound, key) for bound in own] for key in ("low", "high", "se", "df")), alpha=0.05
    )
    shared = [terminal_bound(d, alpha=0.05 / 3) for d in groups]
    assert found.low == pytest.approx([bound.low for bound in shared])
    assert found.high == pytest.approx([bound.high for bound in shared])


def test_no_groups_have_no_bounds() -> None:
    assert simultaneous([], [], [], [], 0.05).low.size == 0


def test_joint_bounds_hold_together_for_overlapping_groups() -> None:
    """At most 5 % of the sets have a true mean above any of 12 upper bounds; 3 standard errors on top."""
    rng = np.random.default_rng(2)
    missed, alone, runs = 0, 0, 400
    for _ in range(runs):
        d = rng.choice([-0.5, -0.25, 0, 0.25, 0.5], 200, p=[0.05, 0.1, 0.7, 0.1, 0.05])
        own = [terminal_bound(d[rng.random(200) < share]) for share in np.linspace(0.15, 0.8, 12)]
        found = simultaneous(
            *([getattr(bound, key) for bound in own] for key in ("low", "high", "se", "df")), alpha=0.05
        )
        missed += bool((found.high < 0).any())
        alone += any(bound.high < 0 for bound in own)
    assert missed / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert alone / runs > 0.1


@pytest.mark.parametrize(("correlation", "wider"), [(0.3, 0.03), (0.5, 0.07)])
def test_bonferroni_costs_little_beside_the_maximum_of_correlated_groups(
    correlation: float, wider: float
) -> None:
    rng = np.random.default_rng(3)
    shared = np.sqrt(correlation) * rng.normal(size=(50_000, 1))
    z = shared + np.sqrt(1 - correlation) * rng.normal(size=(50_000, 30))
    assert stats.norm.ppf(1 - 0.05 / 30) / np.quantile(z.max(axis=1), 0.95) - 1 == pytest.approx(
        wider, abs=0.01
    )


def halves(values: np.ndarray, sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sums and sizes of groups that share no cases; each case is a cluster."""
    table = np.kron(np.eye(len(values) // sizes), np.ones((sizes, 1)))
    return table * values[:, None], table


def test_the_worst_of_equal_groups_is_not_called_worse_than_they_are() -> None:
    """Ten equal groups of 30: the raw minimum lies 1.5 standard errors too low, this one does not."""
    rng = np.random.default_rng(4)
    raw, found = [], []
    for seed in range(300):
        values = rng.normal(0, 1, 300)
        raw.append(values.reshape(10, 30).mean(axis=1).min())
        found.append(worst_by_halves(*halves(values, 30), splits=50, seed=seed))
    error = 1 / np.sqrt(30)
    assert np.mean(raw) == pytest.approx(-1.54 * error, abs=0.1 * error)
    assert np.mean(found) == pytest.approx(0.0, abs=0.15 * error)


def test_the_worst_by_far_is_told_as_it_is() -> None:
    values = np.random.default_rng(5).normal(0, 0.1, 120)
    values[:40] -= 1.0
    assert worst_by_halves(*halves(values, 40)) == pytest.approx(values[:40].mean(), abs=0.01)


def test_groups_of_one_cluster_leave_nothing_to_choose_by() -> None:
    assert np.isnan(worst_by_halves(np.array([[1.0]]), np.array([[1.0]])))
