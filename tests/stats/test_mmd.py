import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from promptops.stats import mmd
from promptops.stats.blocktests import Blocks


def plain_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Gretton et al. 2012, equation 3, with scikit-learn's kernel."""
    pooled = np.concatenate([x, y])
    squared = ((pooled[:, None] - pooled[None]) ** 2).sum(axis=2)
    gamma = 1 / (2 * np.median(squared[np.triu_indices(len(pooled), 1)]))
    n, m = len(x), len(y)
    within = [rbf_kernel(side, gamma=gamma) for side in (x, y)]
    sums = [kernel.sum() - len(kernel) for kernel in within]
    return float(sums[0] / (n * (n - 1)) + sums[1] / (m * (m - 1)) - 2 * rbf_kernel(x, y, gamma=gamma).mean())


def test_the_statistic_is_grettons_unbiased_one() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 5)), rng.normal(0.5, 1, size=(60, 5))
    assert mmd.mmd_test(x, y, 9).statistic == pytest.approx(plain_mmd(x, y), abs=1e-6)


def test_a_shift_is_found() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(100, 10))
    assert mmd.mmd_test(x, rng.normal(0.4, 1, size=(100, 10))).p == 0.001


def test_the_permutation_p_is_uniform_under_an_equal_law() -> None:
    rng = np.random.default_rng(3)
    p = np.array(
        [
            mmd.mmd_test(rng.normal(size=(25, 3)), rng.normal(size=(35, 3)), 99, seed=run).p
            for run in range(1000)
        ]
    )
    assert 0.035 <= (p <= 0.05).mean() <= 0.068
    assert p.mean() == pytest.approx(0.505, abs=0.03)


def test_equal_points_are_no_shift() -> None:
    found = mmd.mmd_test(np.zeros((20, 2)), np.zeros((30, 2)))
    assert (found.statistic, found.p) == (0.0, 1.0)


def test_equal_points_that_differ_by_rounding_are_no_shift() -> None:
    rng = np.random.default_rng(11)
    point = rng.normal(size=50)
    rounded = [point + 1e-15 * rng.normal(size=(60, 50)) for _ in range(2)]
    assert mmd.mmd_test(*rounded).p == 1.0


@pytest.mark.parametrize("n", [20, 300])
def test_pairs_of_equal_points_are_no_shift(n: int) -> None:
    """To swap equals changes nothing, whatever the rounding of sums in another order says."""
    points = np.random.default_rng(12).normal(size=(n, 50))
    assert mmd.paired_mmd_test(points, points.copy()).p == 1.0


def test_mostly_equal_points_still_have_a_width() -> None:
    x, y = np.zeros((50, 2)), np.zeros((50, 2))
    y[:12] = 5.0
    assert mmd.mmd_test(x, y).p < 0.01


def test_days_that_differ_among_themselves_need_block_permutations() -> None:
    """Ten days of ten texts each: plain permutation calls the days' own spread a shift far too often."""
    rng = np.random.default_rng(4)
    days = np.repeat(np.arange(5), 10)
    plain, blocked = 0, 0
    for run in range(200):
        x, y = (rng.normal(size=(50, 2)) + rng.normal(size=(5, 2))[days] for _ in range(2))
        plain += mmd.mmd_test(x, y, 99, seed=run).p <= 0.05
        blocked += mmd.block_mmd_test(x, y, Blocks.of(days, 50, days, 50), 99, seed=run).p <= 0.05
    assert plain / 200 > 0.5
    assert blocked / 200 < 0.1


def test_pairs_are_only_swapped_with_each_other() -> None:
    """Outputs for one question resemble each other: a small change inside pairs is seen nonetheless."""
    rng = np.random.default_rng(5)
    topic = rng.normal(size=(80, 4))
    x, y = topic + 0.1 * rng.normal(size=(80, 4)), topic + 0.1 * rng.normal(size=(80, 4)) + 0.08
    assert mmd.mmd_test(x, y).p > 0.5
    assert mmd.paired_mmd_test(x, y).p < 0.01


def test_paired_swaps_hold_their_level() -> None:
    rng = np.random.default_rng(6)
    p = []
    for run in range(600):
        topic = rng.normal(size=(30, 3))
        x, y = topic + 0.5 * rng.normal(size=(30, 3)), topic + 0.5 * rng.normal(size=(30, 3))
        p.append(mmd.paired_mmd_test(x, y, 99, seed=run).p)
    assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.075


def test_the_seed_decides_the_p() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    assert mmd.mmd_test(x, y, seed=1) == mmd.mmd_test(x, y, seed=1)
    assert mmd.mmd_test(x, y, seed=1).p != mmd.mmd_test(x, y, seed=2).p


def test_what_can_t_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        mmd.mmd_test(np.zeros((1, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="no pairs"):
        mmd.paired_mmd_test(np.zeros((4, 2)), np.zeros((5, 2)))


def test_a_fixed_bandwidth_gives_what_hand_and_scikit_learn_say() -> None:
    """x = {0, 1}, y = {1, 3}, k(d) = exp(-d^2 / 2): k(1) + k(2) - (k(1) + k(3) + k(0) + k(2)) / 2."""
    k = [float(np.exp(-d * d / 2)) for d in range(4)]
    by_hand = k[1] + k[2] - (k[1] + k[3] + k[0] + k[2]) / 2
    found = mmd.mmd_test([0.0, 1.0], [1.0, 3.0], 9, bandwidth=1.0)
    assert found.statistic == pytest.approx(by_hand, abs=1e-6)
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(30, 4)), rng.normal(1, 1, size=(20, 4))
    gamma = 1 / (2 * 1.7**2)
    within = [
        (rbf_kernel(side, gamma=gamma).sum() - len(side)) / (len(side) * (len(side) - 1)) for side in (x, y)
    ]
    theirs = within[0] + within[1] - 2 * rbf_kernel(x, y, gamma=gamma).mean()
    assert mmd.mmd_test(x, y, 9, bandwidth=1.7).statistic == pytest.approx(theirs, abs=1e-6)
