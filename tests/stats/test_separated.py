"""Which orders are sure where some systems only ever won against others."""

import numpy as np
import pytest

from promptops.stats.bradley_terry import bradley_terry
from promptops.stats.many import rank_sets
from promptops.stats.separated import sure_differences
from tests.stats.test_bradley_terry import played


def round_robin(true: list[float], prompts: int, seed: int) -> tuple[np.ndarray, ...]:
    """Each pair once a prompt, by Bradley-Terry."""
    rng, k = np.random.default_rng(seed), len(true)
    pairs = np.array([(i, j) for i in range(k) for j in range(i + 1, k)])
    first, second = np.tile(pairs, (prompts, 1)).T
    chance = 1 / (1 + np.exp(np.array(true)[second] - np.array(true)[first]))
    return (
        first,
        second,
        (rng.random(len(chance)) < chance).astype(float),
        np.repeat(np.arange(prompts), len(pairs)),
    )


def test_without_a_penalty_nothing_changes() -> None:
    games = played(1, [0.5, 0.0, -0.5])
    fitted = bradley_terry(*games)
    assert (sure_differences(fitted, *games).low == fitted.differences().low).all()


def test_a_group_has_the_differences_of_its_own_games() -> None:
    """A system that lost every game takes nothing from what is known of the others but half of the error."""
    games = played(1, [0.9, 0.0, -0.5], prompts=100)
    lost = np.full(100, 3), np.arange(100) % 3, np.zeros(100), np.arange(100)
    whole = tuple(np.concatenate(parts) for parts in zip(games, lost, strict=True))
    fitted = bradley_terry(*whole)
    found = sure_differences(fitted, *whole, level=0.95)
    alone = bradley_terry(*games).differences(0.975)
    assert fitted.penalised
    assert found.low[:3, :3] == pytest.approx(alone.low)
    ranks = rank_sets(found)
    assert (ranks.best[3], ranks.worst[3], ranks.worst[0]) == (4, 4, 1)


@pytest.mark.parametrize(("clusters", "sure"), [(6, False), (7, True)])
def test_two_systems_need_seven_clusters_without_a_loss(clusters: int, sure: bool) -> None:
    """2 / 2^m must not be above half of 0.05; more games of one cluster add nothing."""
    n = 4 * clusters
    games = np.zeros(n, dtype=int), np.ones(n, dtype=int), np.ones(n), np.arange(n) % clusters
    found = sure_differences(bradley_terry(*games), *games)
    assert bool(found.low[0, 1] > 0) == bool(found.high[1, 0] < 0) == sure


def test_what_follows_from_sure_orders_is_sure() -> None:
    """A over B and B over C in many clusters, A and C never met."""
    n = 30
    first = np.repeat([0, 1], n)
    games = first, first + 1, np.ones(2 * n), np.tile(np.arange(n), 2)
    ranks = rank_sets(sure_differences(bradley_terry(*games), *games))
    assert ranks.best.tolist() == ranks.worst.tolist() == [1, 2, 3]


def test_orders_that_are_called_sure_are_right() -> None:
    """Few games of systems that lie far apart, so that most tournaments are separated: 150 of each kind."""
    for true in ([3.0, 0.0, 0.0, -3.0], [0.0, 0.0, 0.0]):
        gaps = np.subtract.outer(true, true)
        wrong = separated = 0
        for seed in range(150):
            games = round_robin(true, 8, seed)
            fitted = bradley_terry(*games)
            separated += fitted.penalised
            wrong += bool(((sure_differences(fitted, *games).low > 0) & (gaps <= 0)).any())
        assert separated > 50 or true[0] == 0
        assert wrong / 150 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.slow
@pytest.mark.parametrize("true", [[0.0] * 4, [0.0] * 8, [2.0, 2.0, -2.0, -2.0]])
@pytest.mark.parametrize("prompts", [20, 50])
def test_few_prompts_in_both_orders_keep_the_error(true: list[float], prompts: int) -> None:
    """300 rankings of scores in halves, where each prompt favours systems by 1: nominal .05."""
    k, wrong = len(true), 0
    pairs = np.array([(i, j) for i in range(k) for j in range(i + 1, k)])
    first, second = np.tile(pairs, (prompts, 1)).T
    clusters = np.repeat(np.arange(prompts), len(pairs))
    for seed in range(300):
        rng = np.random.default_rng(seed)
        felt = np.array(true) + rng.normal(size=(prompts, k))
        chance = 1 / (1 + np.exp(-3 * (felt[clusters, first] - felt[clusters, second])))
        score = (rng.random((2, len(first))) < chance).mean(axis=0)
        fitted = bradley_terry(first, second, score, clusters, systems=k)
        found = sure_differences(fitted, first, second, score, clusters)
        wrong += bool(((found.low > 0) & (np.subtract.outer(true, true) <= 0)).any())
    assert wrong / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
