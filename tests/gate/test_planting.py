"""Versions whose change is known are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.gate.planting import Scores


@st.composite
def stored(draw: st.DrawFn) -> Scores:
    n = draw(st.integers(3, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    ids, groups = np.unique(rng.integers(0, 12, n), return_inverse=True)
    weights = rng.uniform(0.5, 2, n)
    return Scores(rng.random(n), rng.random(n), groups, weights, ids, 99.0)


@settings(max_examples=60)
@given(scores=stored(), seed=st.integers(0, 100))
def test_coins_and_their_opposites_add_up_to_no_change(scores: Scores, seed: int) -> None:
    coins = np.random.default_rng(seed).random((scores.clusters, 7)) < 0.5
    assert scores.changes(coins) + scores.changes(~coins) == pytest.approx(0, abs=1e-12)
    assert np.abs(scores.changes(coins)) == pytest.approx(
        np.abs(scores.b - scores.a)[:, None] * np.ones((1, 7))
    )


@settings(max_examples=60)
@given(scores=stored(), seed=st.integers(0, 100))
def test_spoilt_groups_lose_all_that_they_had(scores: Scores, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coins, spoilt = (rng.random((scores.clusters, 5)) < share for share in (0.5, 0.3))
    moved = scores.changes(coins, spoilt) - scores.changes(coins)
    after = np.where(coins[scores.groups], scores.a[:, None], scores.b[:, None])
    assert moved == pytest.approx(np.where(spoilt[scores.groups], -after, 0.0))


@settings(max_examples=60)
@given(scores=stored(), seed=st.integers(0, 100))
def test_a_spread_is_that_of_the_change_and_0_on_average(scores: Scores, seed: int) -> None:
    coins = np.random.default_rng(seed).random((scores.clusters, 3)) < 0.5
    found = scores.spread(coins)
    assert found + scores.spread(~coins) == pytest.approx(0, abs=1e-12)
    d = scores.b - scores.a
    around = np.clip(d - (scores.weights @ d) / scores.weights.sum(), -1, 1)
    assert np.abs(found) == pytest.approx(np.abs(around)[:, None] * np.ones((1, 3)))


@settings(max_examples=60)
@given(scores=stored(), seed=st.integers(0, 100))
def test_an_order_moves_whole_groups_and_nothing_else(scores: Scores, seed: int) -> None:
    rank = np.random.default_rng(seed).permutation(scores.clusters)
    moved = scores.in_order(rank)
    assert (np.diff(rank[moved.groups]) >= 0).all()
    rows = [sorted(zip(s.a, s.b, s.groups, s.weights, strict=True)) for s in (scores, moved)]
    assert rows[0] == rows[1]
    assert moved.level == pytest.approx(scores.level)


def test_a_planted_loss_is_as_large_on_average_as_was_aimed_at() -> None:
    rng = np.random.default_rng(1)
    ids, groups = np.unique(np.repeat(np.arange(50), 2), return_inverse=True)
    scores = Scores(rng.random(100), rng.random(100), groups, np.ones(100), ids, 2.0)
    coins = rng.random((50, 20_000)) < 0.5
    spoilt = rng.random(coins.shape) < 0.1 / scores.level
    assert scores.changes(coins, spoilt).mean() == pytest.approx(-0.1, abs=0.002)
    assert scores.spread(coins, spoilt).mean() == pytest.approx(-0.1, abs=0.002)
