"""Shares: Fisher's test against scipy, trends against statsmodels' test of linear-by-linear association."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import Table

from promptops.stats.shares import fisher_p, share_trend

COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=8)


@given(counts=COUNTS)
def test_a_trend_is_a_linear_by_linear_association(counts: list[tuple[int, int]]) -> None:
    table = np.array(counts, dtype=float)
    successes, trials = table[:, 0], table.sum(axis=1)
    found = share_trend(successes, trials)
    if np.count_nonzero(trials) < 2 or not 0 < successes.sum() < trials.sum():
        assert found is None
        return
    seen = Table(table, shift_zeros=False).test_ordinal_association(
        row_scores=np.arange(len(table)), col_scores=np.array([1, 0])
    )
    assert found is not None
    assert found.z == pytest.approx(seen.zscore, abs=1e-9)
    assert found.p == pytest.approx(seen.pvalue, abs=1e-9)


def test_no_trend_is_called_one_in_about_five_of_a_hundred() -> None:
    rng = np.random.default_rng(20261127)
    trials = np.array([30, 12, 45, 20, 33, 28, 51])
    alarms = sum(
        found.p <= 0.05
        for _ in range(2_000)
        if (found := share_trend(rng.binomial(trials, 0.2), trials)) is not None
    )
    assert 70 <= alarms <= 130


@pytest.mark.parametrize(("hit", "tried"), [([3], [2]), ([-1], [2]), ([1, 2], [3])])
def test_impossible_counts_are_refused(hit: list[int], tried: list[int]) -> None:
    with pytest.raises(ValueError, match="counts within trials"):
        share_trend(hit, tried)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400), st.integers(0, 400))
def test_two_shares_are_tested_as_fisher_did(a: int, b: int, c: int, d: int) -> None:
    seen = fisher_exact([[a, b], [c, d]]).pvalue
    assert fisher_p(a, a + b, c, c + d) == pytest.approx(seen, rel=1e-6)
