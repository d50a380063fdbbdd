"""Calibration, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

from promptops.stats.calibration import calibration, isotonic, reliability_curve

cases = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=60)


@given(cases)
def test_the_rising_curve_is_that_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert isotonic(x, y) == pytest.approx(IsotonicRegression().fit_transform(x, y), abs=1e-9)


def test_bins_are_those_of_scikit_learn_where_scores_differ() -> None:
    rng = np.random.default_rng(1)
    x = rng.permutation(1000) / 1000
    y = (rng.random(1000) < x).astype(float)
    shares, scores = calibration_curve(y, x, n_bins=10, strategy="quantile")
    found = reliability_curve(x, y)
    assert [each.share for each in found] == pytest.approx(shares, abs=0.02)
    assert [each.score for each in found] == pytest.approx(scores, abs=0.002)
    assert sum(each.n for each in found) == 1000


@given(cases)
def test_equal_scores_share_a_bin(rows: list[tuple[float, bool]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = reliability_curve(x, y, bins=4)
    assert sum(each.n for each in found) == len(rows)
    assert [each.score for each in found] == sorted(each.score for each in found)
    assert len(found) <= min(4, len(set(x.tolist())))


def test_the_gap_of_calibrated_scores_is_what_chance_makes_of_it() -> None:
    rng = np.random.default_rng(2)
    x = rng.random(200)
    gaps = [calibration(x, rng.random(200) < x).gap for _ in range(50)]
    expected = calibration(x, rng.random(200) < x).by_chance
    assert expected > 0.04  # far from 0 though nothing is wrong
    assert np.mean(gaps) == pytest.approx(expected, abs=0.01)


def test_the_gap_of_scores_that_boast_is_told() -> None:
    x = np.full(400, 0.9)
    y = np.repeat([0.0, 1.0], 200)
    found = calibration(x, y)
    assert found.gap == pytest.approx(0.4)
    assert found.by_chance < 0.03
    assert found.bins[0].n == 400
