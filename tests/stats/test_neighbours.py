from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from promptops.stats import neighbours
from promptops.stats.facilities import facilities
from promptops.stats.neighbours import unit


def cloud(n: int, seed: int, centre: tuple[float, ...] = (0.0,) * 8, spread: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return unit(np.array(centre) + spread * rng.normal(size=(n, 8)))


def balls(production: np.ndarray, evaluation: np.ndarray, k: int) -> tuple[float, float]:
    """Naeem et al. 2020, equations 8 and 9, written out: balls round production points."""
    among = cdist(production, production, "cosine")
    np.fill_diagonal(among, np.inf)
    radii = np.sort(among, axis=1)[:, k - 1]
    inside = cdist(production, evaluation, "cosine") <= radii[:, None]
    return float(inside.any(axis=1).mean()), float(inside.sum() / (k * len(evaluation)))


@pytest.mark.parametrize(("n", "m"), [(60, 20), (40, 90)])
def test_coverage_and_density_are_those_of_the_paper(n: int, m: int) -> None:
    production, evaluation = cloud(n, 1), cloud(m, 2, spread=0.5, centre=(1.0, *(0.0,) * 7))
    found = neighbours.coverage(production, evaluation, permutations=9)
    assert (found.share, found.density) == pytest.approx(balls(production, evaluation, 5))


@pytest.mark.parametrize(("n", "m", "expected"), [(1000, 100, 0.379), (1000, 1000, 0.969)])
def test_the_expectation_is_that_of_the_formula(n: int, m: int, expected: float) -> None:
    assert neighbours.expected_share(n, m, 5) == pytest.approx(expected, abs=1e-3)


def test_equal_laws_have_the_expected_coverage_and_a_uniform_p() -> None:
    found = [
        neighbours.coverage(cloud(60, run), cloud(25, run + 5000), permutations=99, seed=run)
        for run in range(300)
    ]
    assert np.mean([each.share for each in found]) == pytest.approx(found[0].expected, abs=0.01)
    assert 0.025 <= np.mean([each.p <= 0.05 for each in found]) <= 0.085


def test_a_region_without_cases_is_seen() -> None:
    far = cloud(60, 3, centre=(0, 9, *(0.0,) * 6))
    production = np.concatenate([cloud(120, 1, (9, *(0.0,) * 7)), far])
    evaluation = cloud(60, 2, (9, *(0.0,) * 7))
    assert neighbours.coverage(production, evaluation).p == 0.001
    nearest, begins = neighbours.far_from(production, evaluation)
    assert (nearest[120:] > begins).all()
    assert (nearest[:120] > begins).mean() < 0.2


def test_far_begins_at_a_quantile_of_leave_one_out_distances() -> None:
    evaluation = cloud(50, 4)
    among = cdist(evaluation, evaluation, "cosine")
    np.fill_diagonal(among, np.inf)
    _, begins = neighbours.far_from(cloud(5, 5), evaluation)
    assert begins == pytest.approx(np.quantile(among.min(axis=1), 0.95), abs=1e-5)
    assert neighbours.far_from(cloud(5, 5), evaluation[:1])[1] == 0.0


def test_masses_of_cells_add_up_and_equal_cases_share_theirs() -> None:
    evaluation = np.concatenate([cloud(10, 6), cloud(10, 6)[:1]])
    masses = neighbours.cell_masses(cloud(200, 7), evaluation)
    assert masses.sum() == pytest.approx(1.0)
    assert masses[0] == pytest.approx(masses[10])
    owners = cdist(cloud(200, 7), evaluation[:10], "cosine").argmin(axis=1)
    assert masses[1] == pytest.approx((owners == 1).mean())


def test_clusters_are_found_ranked_and_merged_where_one_case_covers_both() -> None:
    places = [(9, *(0.0,) * 7), (0, 9, *(0.0,) * 6), (0, 0, 9, *(0.0,) * 5)]
    points = np.concatenate([cloud(size, 8 + n, places[n]) for n, size in enumerate((20, 50, 30))])
    found = neighbours.clusters(points, within=0.3)
    assert np.bincount(found).tolist() == [50, 30, 20]
    assert len(set(found[20:70])) == 1
    assert set(neighbours.clusters(points, within=2.0)) == {0}
    assert neighbours.clusters(points[:1], within=0.1).tolist() == [0]
    assert neighbours.clusters(np.zeros((6, 8)), within=0.1).tolist() == [0] * 6


def test_the_most_central_member_is_nearest_to_the_mean() -> None:
    points = cloud(30, 9, (9, *(0.0,) * 7))
    members = np.arange(5, 30)
    first = neighbours.central(points, members)[0]
    centre = points[5:].sum(axis=0)
    assert first == 5 + cdist(points[5:], centre[None], "cosine")[:, 0].argmin()


def plain_greedy(points: np.ndarray, present: np.ndarray, count: int) -> list[int]:
    similar = 1 - cdist(points, points, "cosine") / 2
    best = (1 - cdist(points, present, "cosine") / 2).max(axis=1)
    picked = []
    for _ in range(count):
        gains = np.maximum(similar - best[:, None], 0).sum(axis=0)
        picked.append(int(gains.argmax()))
        best = np.maximum(best, similar[:, picked[-1]])
    return picked


def test_lazy_picks_are_those_of_plain_greedy() -> None:
    points, present = cloud(80, 10), cloud(15, 11, (5, *(0.0,) * 7))
    found = facilities(points, present, 12, within=0.3)
    assert [each.place for each in found] == plain_greedy(points, present, 12)
    assert all(a.gain >= b.gain for a, b in pairwise(found))


def test_a_pick_covers_what_was_far_and_nothing_is_picked_in_vain() -> None:
    present = cloud(20, 12, (9, *(0.0,) * 7))
    far = np.repeat(cloud(1, 13, (0, 9, *(0.0,) * 6)), 30, axis=0)
    points = np.concatenate([present, far])
    found = facilities(points, present, 10, within=0.2)
    assert len(found) == 1
    assert found[0].place >= 20
    assert found[0].covered == pytest.approx(30 / 50)
