"""Intervals of a run's figures where cases, or groups of them, are all alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from promptops.analysis.summary import bounded_interval


def interval(values: list[float], groups: list[int]) -> tuple[float, float]:
    clusters = np.array(groups, dtype=np.int64)
    return bounded_interval(np.array(values), clusters, np.ones(len(values)), 0.95, low=0.0, high=1.0)


def test_groups_that_are_all_alike_have_the_interval_of_two_more_at_the_ends() -> None:
    """Each group has one right and one wrong answer: six alike, which say nothing of the next one."""
    low, high = interval([0.0, 1.0] * 6, [number // 2 for number in range(12)])
    more = np.array([0.5] * 6 + [0.0, 1.0])
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 7, more.mean(), stats.sem(more)))


def test_cases_that_are_all_right_have_wilsons_interval_with_a_trial_a_group() -> None:
    low, high = interval([1.0] * 12, [number // 2 for number in range(12)])
    assert (low, high) == pytest.approx(proportion_confint(6, 6, method="wilson"))


def test_groups_that_differ_have_the_clustered_interval() -> None:
    low, high = interval([0.0, 1.0] * 5 + [1.0, 1.0], [number // 2 for number in range(12)])
    assert 0.0 < low < 7 / 12 < high < 1.0
