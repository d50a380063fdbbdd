"""pass@k and pass^k against every way to draw k of n answers."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.stats.passes import pass_all, pass_at

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=9)


@given(OUTCOMES, st.data())
def test_both_are_the_shares_of_all_draws(outcomes: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(outcomes)))
    draws = list(combinations(outcomes, k))
    n, c = [len(outcomes)], [sum(outcomes)]
    assert pass_at(k, n, c)[0] == pytest.approx(np.mean([any(draw) for draw in draws]), abs=1e-12)
    assert pass_all(k, n, c)[0] == pytest.approx(np.mean([all(draw) for draw in draws]), abs=1e-12)


def test_one_answer_succeeds_as_often_as_answers_did() -> None:
    n, c = np.array([4, 5, 8]), np.array([0, 2, 8])
    assert pass_at(1, n, c) == pytest.approx(c / n)
    assert pass_all(1, n, c) == pytest.approx(c / n)


def test_the_estimate_is_unbiased_where_the_plain_one_is_not() -> None:
    """Chen et al. 2021: 1 - (1 - c/n)^k underestimates; true pass@3 at p = 0.3 is 0.657."""
    rng = np.random.default_rng(1)
    c = rng.binomial(5, 0.3, size=200_000)
    assert pass_at(3, np.full(len(c), 5), c).mean() == pytest.approx(1 - 0.7**3, abs=0.003)
    assert pass_all(3, np.full(len(c), 5), c).mean() == pytest.approx(0.3**3, abs=0.001)
    assert (1 - (1 - c / 5) ** 3).mean() < 0.63


def test_too_few_repeats_have_no_figure() -> None:
    found = pass_at(3, [2, 3], [2, 1])
    assert np.isnan(found[0]) and found[1] == 1.0
    assert np.isnan(pass_all(3, [2], [2])[0])


def test_many_repeats_don_t_overflow() -> None:
    assert pass_at(500, [5000], [1])[0] == pytest.approx(0.1)
    assert pass_all(500, [5000], [4999])[0] == pytest.approx(0.9)


@pytest.mark.parametrize(("k", "n", "c"), [(0, 2, 1), (1, 2, 3), (1, 2, -1)])
def test_what_makes_no_sense_is_refused(k: int, n: int, c: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        pass_at(k, [n], [c])
