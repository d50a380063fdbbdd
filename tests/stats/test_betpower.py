"""What bets find at so many clusters: against the gate's own bets, and a plain loop from the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.stats import decision
from promptops.stats.betpower import bet_power
from tests.stats.simulated import SHAPES

STAKES = np.geomspace(0.01, 0.95, 20)


def drawn(shape: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return rng.choice(SHAPES[shape], size=n) * rng.choice([-1.0, 1.0], size=n)


@pytest.mark.parametrize(
    ("shape", "n", "margin"), [("binary 30 %", 300, 0.1), ("Likert", 200, 0.05), ("preference", 150, 0.12)]
)
def test_with_the_cases_that_are_needed_bets_pass_an_equal_version_as_often_as_wanted(
    shape: str, n: int, margin: float
) -> None:
    d = drawn(shape, n)
    needed = bet_power(d).clusters_for(margin, 0.8)
    assert needed is not None
    rng = np.random.default_rng(1)
    cases = rng.choice(np.concatenate([d, -d]), size=(needed, 3000))
    passed = (decision.decide(cases, margin, exact=True) == decision.PASS).mean()
    assert passed == pytest.approx(0.8, abs=0.05)


def test_with_the_cases_that_are_needed_bets_find_a_loss() -> None:
    d = drawn("binary 30 %", 300) * 0.8
    needed = bet_power(d).clusters_for(0.1, 0.8, harm=True)
    assert needed is not None
    cases = np.random.default_rng(2).choice(np.concatenate([d, -d]), size=(needed, 3000)) - 0.1
    # Far from the margin, so that PASS does not come in between.
    failed = (decision.decide(cases, 0.001, exact=True) == decision.FAIL).mean()
    assert failed == pytest.approx(0.8, abs=0.05)


def test_the_chance_is_that_of_a_plain_loop_over_weighted_clusters() -> None:
    rng = np.random.default_rng(3)
    groups, weights = np.repeat(np.arange(39), np.resize([1, 3, 2], 39)), rng.uniform(0.5, 2, 78)
    d = rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], size=78)
    margin, alpha = 0.3, 0.1
    count = int(groups.max()) + 1
    sums, sizes = np.bincount(groups, weights * d), np.bincount(groups, weights)
    hits = 0
    for _ in range(4000):
        taken, signs = rng.integers(0, count, 50), rng.choice([-1, 1], 50)
        bets = (signs * sums[taken] + margin * sizes[taken]) / sizes.max()
        wealth = np.prod(1 + np.outer(STAKES / (1 - margin), bets), axis=1).mean()
        hits += wealth >= 1 / alpha
    found = bet_power(d, groups, alpha=alpha, weights=weights).passes(margin, 50)
    assert found == pytest.approx(hits / 4000, abs=0.07)


@settings(max_examples=20)
@given(
    d=st.lists(st.floats(-1, 1), min_size=5, max_size=60),
    margins=st.tuples(st.floats(0.01, 0.9), st.floats(0.01, 0.9)),
)
def test_a_wider_margin_is_never_harder_and_the_smallest_one_is_just_enough(
    d: list[float], margins: tuple[float, float]
) -> None:
    power, n = bet_power(d), len(d)
    narrow, wide = sorted(margins)
    assert power.passes(narrow, n) <= power.passes(wide, n) + 1e-9
    smallest = power.smallest_margin(0.8, 0.999)
    if smallest is not None:
        assert power.passes(smallest, n) >= 0.8
    else:
        assert power.passes(0.999, n) < 0.8


def test_what_many_times_the_cases_would_not_show_is_not_foretold() -> None:
    assert bet_power(drawn("binary 30 %", 50)).clusters_for(0.0005, 0.8) is None
    assert bet_power([1.0, -1.0, 1.0]).smallest_margin(0.8, 0.5) is None
