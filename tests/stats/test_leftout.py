"""Units predicted from the others: against scipy, and against the same written out by draws and roots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from promptops.stats import Floats
from promptops.stats.leftout import Prediction, Series, left_out


def predicted(
    figures: Floats, sizes: Floats, within: float | None = None, groups: list[int] | None = None
) -> Prediction:
    own = np.zeros(len(figures), dtype=np.intp) if groups is None else np.array(groups, dtype=np.intp)
    return left_out(Series(figures, sizes, own, within), np.ones(len(figures), dtype=bool))


@pytest.mark.parametrize("within", [1e-9, 1.0])
def test_equally_large_units_have_the_p_value_of_students_t(within: float) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(5, 3, size=20)
    y[3] = 24
    found = predicted(y, np.full(20, 1e3), within)
    for place in (0, 1, 3):
        others = np.delete(y, place)
        t = (y[place] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / 19))
        assert found.p_value(place) == pytest.approx(2 * stats.t.sf(abs(t), 18), rel=0.04)
    low, high = stats.t.interval(
        0.95, 18, np.delete(y, 3).mean(), np.delete(y, 3).std(ddof=1) * np.sqrt(20 / 19)
    )
    ends = found.interval(3)
    assert (ends.low, ends.high) == (pytest.approx(low, rel=0.01), pytest.approx(high, rel=0.01))


def spreads_by_roots(y: Floats, n: Floats, *, shares: bool) -> list[tuple[float, float, float]]:
    """Return spread, mean and weight of other units at 400 quantiles of Q: the Q-profile, written out."""

    def at(theta: float) -> tuple[float, float, float]:
        w = 1 / (theta + 1 / n)
        mean = (w @ y + 0.5) / (w.sum() + 1) if shares else w @ y / w.sum()
        unit = mean * (1 - mean) / (1 + theta) if shares else 1.0
        return float(w @ (y - w @ y / w.sum()) ** 2 / unit), float(mean), float(w.sum())

    found = []
    for q in stats.chi2.ppf((np.arange(400) + 0.5) / 400, len(y) - 1):
        theta = brentq(lambda theta, q=q: at(theta)[0] - q, 0, 1e4) if at(0.0)[0] > q else 0.0
        found.append((theta, *at(theta)[1:]))
    return found


def test_unequal_units_are_held_against_a_prediction_over_the_q_profile() -> None:
    rng = np.random.default_rng(2)
    n = rng.integers(5, 200, size=15).astype(np.float64)
    y = rng.normal(0, np.sqrt(0.05 + 1 / n))
    y[4] += 0.6
    expected = np.mean(
        [
            stats.norm.sf((y[4] - mean) / np.sqrt(theta + 1 / weight + 1 / n[4]))
            for theta, mean, weight in spreads_by_roots(np.delete(y, 4), np.delete(n, 4), shares=False)
        ]
    )
    assert predicted(y, n, 1.0).p_value(4) == pytest.approx(2 * expected, rel=0.03)


@pytest.mark.parametrize("turned", [False, True])
def test_shares_are_held_against_a_beta_binomial_over_the_q_profile(turned: bool) -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(50, 400, size=15)
    hits = rng.binomial(n, rng.beta(4, 96, size=15))
    hits[6] = round(0.12 * n[6])
    y = hits / n
    theirs = spreads_by_roots(np.delete(y, 6), np.delete(n, 6).astype(np.float64), shares=True)
    each = [(mean, theta + 1 / weight) for theta, mean, weight in theirs]
    counts = np.arange(n[6] + 1)
    cdf = np.mean([np.cumsum(stats.betabinom.pmf(counts, n[6], m / s, (1 - m) / s)) for m, s in each], axis=0)
    found = predicted(1 - y if turned else y, n.astype(np.float64))
    assert found.p_value(6) == pytest.approx(2 * (1 - cdf[hits[6] - 1]), rel=0.03)
    low, high = (np.searchsorted(cdf, level) / n[6] for level in (0.025, 0.975))
    ends = found.interval(6)
    assert sorted([ends.low, ends.high]) == pytest.approx(
        sorted([1 - low, 1 - high] if turned else [low, high])
    )


def test_where_the_others_have_no_event_it_is_jeffreys_prediction() -> None:
    y, n = np.zeros(20), np.full(20, 60.0)
    y[0] = 4 / 60
    expected = stats.betabinom.sf(3, 60, 0.5, 19 * 60 + 0.5)
    assert predicted(y, n).p_value(0) == pytest.approx(2 * expected, rel=0.01)


def test_groups_have_means_of_their_own() -> None:
    rng = np.random.default_rng(4)
    y, n = rng.normal(0, 0.1, size=24) + np.repeat([0.0, 5.0], 12), np.full(24, 100.0)
    y[3] = 2.0
    apart, together = (predicted(y, n, 1.0, groups).p_value(3) for groups in ([0] * 12 + [1] * 12, None))
    assert apart < 1e-6 and together > 0.5
    alone = predicted(y, n, 1.0, [0] * 3 + [1] + [0] * 20)
    assert alone.p_value(3) == 1.0


def test_large_counts_are_brought_down_and_say_the_same() -> None:
    y = np.random.default_rng(5).beta(80, 320, size=20)
    y[2] = 0.30
    exact, fewer = (predicted(y, np.full(20, n)).p_value(2) for n in (16_000.0, 1_600_000.0))
    assert 1e-5 < exact < 0.01
    assert fewer == pytest.approx(exact, rel=0.1)
