import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from promptops.stats.auc import auc_interval, pairs_interval


def newcombe(seen: float, n: int, m: int, level: float) -> tuple[float, float]:
    """Newcombe 2006, method 5, written out and solved by scipy."""
    z = norm.ppf(0.5 + level / 2)
    more = (n + m) / 2 - 1

    def excess(area: float) -> float:
        spread = area * (1 - area) * (1 + more * ((1 - area) / (2 - area) + area / (1 + area))) / (n * m)
        return (seen - area) ** 2 - z * z * spread

    return brentq(excess, 1e-9, seen - 1e-12), brentq(excess, seen + 1e-12, 1 - 1e-9)


def test_the_area_is_scikit_learns_and_its_ends_solve_newcombes_equation() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 9, 30).astype(float), rng.integers(2, 11, 50).astype(float)
    found = auc_interval(x, y, 0.9)
    assert found.value == pytest.approx(roc_auc_score([0] * 30 + [1] * 50, [*x, *y]))
    assert (found.low, found.high) == pytest.approx(newcombe(found.value, 30, 50, 0.9), abs=1e-6)


def test_a_perfect_area_is_not_a_certain_one() -> None:
    found = auc_interval(np.zeros(20), np.ones(20), 0.9)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.85 < found.low < 0.97


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.5])
def test_the_interval_covers_the_true_area(gap: float) -> None:
    rng = np.random.default_rng(2)
    truth = norm.cdf(gap / np.sqrt(2))
    found = [auc_interval(rng.normal(size=40), rng.normal(gap, 1, 40), 0.9) for _ in range(600)]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.86 <= covered <= 0.96


def test_blocks_widen_the_interval_as_far_as_they_differ() -> None:
    """Ten blocks of ten: the level of a block moves all of its values."""
    rng = np.random.default_rng(3)
    blocks = np.repeat(np.arange(10), 10)
    plain, robust = [], []
    for _ in range(300):
        x, y = (rng.normal(size=100) + rng.normal(size=10)[blocks] for _ in range(2))
        plain.append(auc_interval(x, y, 0.9))
        robust.append(auc_interval(x, y, 0.9, blocks, blocks))
    covered = [np.mean([each.low <= 0.5 <= each.high for each in side]) for side in (plain, robust)]
    assert covered[0] < 0.65
    assert covered[1] > 0.82


def test_pairs_have_wilsons_interval() -> None:
    found = pairs_interval(33, 50, 0.9)
    theirs = binomtest(33, 50).proportion_ci(0.9, method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
