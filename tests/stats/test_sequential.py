import numpy as np
import pytest

from promptops.stats.sequential import e_harm, e_pass


def plain(bets: np.ndarray, stakes: np.ndarray) -> np.ndarray:
    """The formula as it stands in the page: a mean of products."""
    return np.array(
        [np.mean([np.prod(1 + stake * bets[: t + 1]) for stake in stakes]) for t in range(len(bets))]
    )


def test_wealth_is_the_mean_of_the_bettors_products() -> None:
    d = np.random.default_rng(1).uniform(-1, 1, 30)
    stakes = np.geomspace(0.01, 0.95, 20)
    assert np.allclose(e_pass(d, 0.1), plain(d + 0.1, stakes / 0.9))
    assert np.allclose(e_harm(d), plain(-d, stakes))


def test_the_order_doesn_t_matter_at_the_end() -> None:
    d = np.random.default_rng(2).uniform(-1, 1, 50)
    assert e_pass(d, 0.05)[-1] == pytest.approx(e_pass(d[::-1], 0.05)[-1])


def test_a_long_streak_stays_a_number() -> None:
    assert np.isfinite(e_pass(np.ones(20_000), 0.1)).all()
    assert e_harm(np.ones(20_000))[-1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("hypothesis", ["worse by the margin", "equal"])
def test_a_true_hypothesis_is_rarely_ever_rejected_however_often_one_looks(hypothesis: str) -> None:
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(2000):
        moved = rng.random(150) < 0.3
        chance = 0.5 if hypothesis == "equal" else 0.5 - 0.05 / 0.6
        d = np.where(moved, np.where(rng.random(150) < chance, 1.0, -1.0), 0.0)
        evidence = e_harm(d) if hypothesis == "equal" else e_pass(d, 0.05)
        rejected += bool(evidence.max() >= 20)
    assert rejected / 2000 <= 0.05


def test_clear_losses_are_found_early() -> None:
    assert int(np.argmax(e_harm(np.full(20, -1.0)) >= 20)) < 8


def test_a_cluster_is_one_bet_on_its_sum_over_the_largest_size() -> None:
    d, labels = np.array([0.5, -0.2, 0.3, 1.0]), ["a", "b", "a", "c"]
    alone = e_harm(np.array([0.8, -0.2, 1.0]) / 2)
    assert np.allclose(e_harm(d, labels), alone)
    assert np.allclose(e_harm(d, labels, largest=4), e_harm(np.array([0.8, -0.2, 1.0]) / 4))


def test_copies_in_a_cluster_win_no_more_than_one_case() -> None:
    d = np.random.default_rng(4).uniform(-1, 1, 12)
    assert np.allclose(e_pass(np.repeat(d, 3), 0.1, np.repeat(np.arange(12), 3)), e_pass(d, 0.1))


def test_bets_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="within"):
        e_harm([1.5])
    with pytest.raises(ValueError, match="margin"):
        e_pass([0.5], 1.0)
    with pytest.raises(ValueError, match="largest"):
        e_harm([0.5, 0.5], ["a", "a"], largest=1)


def test_many_series_have_the_wealth_that_each_has_alone() -> None:
    rng = np.random.default_rng(11)
    d = rng.choice([-1.0, -0.2, 0.0, 0.3, 1.0], size=(700, 80), p=[0.1, 0.2, 0.4, 0.2, 0.1])
    d[:, 0], d[:, 1] = 1.0, -1.0  # a streak grows to the limit, one falls below the smallest number
    groups = np.repeat(np.arange(280), [2, 3] * 140)
    weights = rng.uniform(0.5, 2, 700)
    for evidence in (e_pass(d, 0.05, groups, weights=weights), e_harm(d), e_pass(d, 0.9)):
        assert np.isfinite(evidence).all()
    together = e_pass(d, 0.05, groups, weights=weights)
    alone = np.column_stack([e_pass(column, 0.05, groups, weights=weights) for column in d.T])
    assert np.allclose(together, alone, rtol=1e-9)
    assert np.allclose(e_harm(d), np.column_stack([e_harm(column) for column in d.T]), rtol=1e-9)
