"""How many kinds points fall into: as many as were made, and none in one cloud."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from promptops.stats.kinds import MOST_KINDS, kinds
from promptops.stats.neighbours import unit


def made(count: int, n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points round so many middles at right angles to one another, and whose each is."""
    rng = np.random.default_rng(seed)
    owners = rng.integers(count, size=n)
    return unit(np.eye(count, 12)[owners] + noise * rng.standard_normal((n, 12))), owners


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_kinds_that_lie_apart_are_found_and_counted(count: int) -> None:
    points, owners = made(count, 240, 0.12, count)
    found = kinds(points)
    assert found.max() + 1 == count
    assert adjusted_rand_score(owners, found) > 0.97


def test_one_cloud_falls_into_no_kinds() -> None:
    rng = np.random.default_rng(1)
    law = rng.standard_normal((10, 10)) @ np.diag(np.linspace(1, 0.1, 10))
    clouds = [unit(3.0 + rng.standard_normal((120, 10)) @ law) for _ in range(20)]
    assert not any(kinds(cloud, seed=place).any() for place, cloud in enumerate(clouds))


def test_so_many_are_made_as_are_asked_for() -> None:
    points, _ = made(3, 200, 0.12, 4)
    assert kinds(points, 12).max() + 1 == 12 > MOST_KINDS
    assert kinds(np.repeat(points[:2], 30, axis=0), 5).max() + 1 == 2


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_equal_points_are_of_one_kind(n: int) -> None:
    assert not kinds(np.tile(unit(np.ones((1, 4))), (n, 1))).any()
    assert not kinds(np.zeros((n, 4))).any()
