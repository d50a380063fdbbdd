"""The Vendi score against its definition, computed another way, and its known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from promptops.stats.vendi import mean_distance, vendi_score


def unit_rows(seed: int, n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 6))
def test_it_is_the_exponential_of_the_entropy_of_squared_singular_values(seed: int, n: int, d: int) -> None:
    rows = unit_rows(seed, n, d)
    # Of X / sqrt(n) the squared singular values are the eigenvalues of X X' / n.
    shares = np.linalg.svd(rows / np.sqrt(n), compute_uv=False) ** 2
    assert vendi_score(rows @ rows.T) == pytest.approx(np.exp(entropy(shares)))


@given(st.integers(0, 1000), st.integers(2, 8))
def test_neither_order_nor_saying_everything_twice_changes_it(seed: int, n: int) -> None:
    rows = unit_rows(seed, n, 4)
    twice = np.concatenate([rows, rows])[np.random.default_rng(seed).permutation(2 * n)]
    assert vendi_score(twice @ twice.T) == pytest.approx(vendi_score(rows @ rows.T))


def test_equal_texts_count_as_one_and_texts_with_nothing_in_common_as_many() -> None:
    assert vendi_score(np.ones((7, 7))) == pytest.approx(1.0)
    assert vendi_score(np.eye(7)) == pytest.approx(7.0)
    assert vendi_score(np.zeros((0, 0))) == 0.0


@given(st.integers(0, 1000), st.integers(2, 9))
def test_the_mean_distance_is_that_of_all_pairs(seed: int, n: int) -> None:
    rows = unit_rows(seed, n, 3)
    pairs = [1 - rows[i] @ rows[j] for i in range(n) for j in range(i)]
    assert mean_distance(rows @ rows.T) == pytest.approx(np.mean(pairs))
    assert mean_distance(np.ones((1, 1))) is None
