"""The beta-binomial against scipy.stats.betabinom."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from promptops.stats.betabinomial import beta_binomial_cdf


@pytest.mark.parametrize(
    ("n", "a", "b", "up_to"),
    [(60, 0.5, 40.0, 60), (300, 4.0, 390.0, 40), (5000, 0.02, 3.0, 200), (1, 2.0, 2.0, 1)],
)
def test_sums_are_those_of_scipy(n: int, a: float, b: float, up_to: int) -> None:
    found = beta_binomial_cdf(n, np.array([a, 2 * a]), np.array([b, b]), up_to)
    expected = np.stack([betabinom.cdf(np.arange(up_to + 1), n, each, b) for each in (a, 2 * a)], axis=1)
    assert found.shape == (up_to + 1, 2)
    assert found == pytest.approx(expected, abs=1e-9)


def test_days_that_do_not_differ_are_binomial() -> None:
    found = beta_binomial_cdf(200, np.array([0.03e8]), np.array([0.97e8]), 20)[:, 0]
    assert found == pytest.approx(binom.cdf(np.arange(21), 200, 0.03), abs=1e-5)


def test_more_than_all_are_not_asked_for() -> None:
    assert beta_binomial_cdf(3, np.array([1.0]), np.array([1.0]), 10)[:, 0] == pytest.approx(
        [0.25, 0.5, 0.75, 1]
    )
