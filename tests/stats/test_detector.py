"""Alarms over a stream: how seldom false ones are over a year of looks, and how late true ones come."""

from __future__ import annotations

import numpy as np
import pytest

from promptops.stats.detector import (
    Side,
    alarm_level,
    restarted_evidence,
    restarted_mean,
    restarted_quantile,
)

STAKES = np.geomspace(0.0001, 0.95, 40)
YEAR = 365


def test_the_evidence_is_the_sum_over_all_starts_of_what_bets_won_since() -> None:
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(6), 5)
    x, w = rng.random(30), rng.choice([1.0, 2.0], size=30)
    found = restarted_evidence(x, units, 0.4, "above", weights=w)
    for last in range(6):
        total = 0.0
        for start in range(last + 1):
            inside = (units >= start) & (units <= last)
            bets = w[inside] / 2 * (x[inside] - 0.4)
            total += float(np.mean([np.prod(1 + stake / 0.4 * bets) for stake in STAKES]))
        assert found[last] == pytest.approx(total)


def test_a_year_of_daily_looks_rings_falsely_in_one_of_twenty_at_most() -> None:
    rng = np.random.default_rng(7)
    rung = 0
    days = np.repeat(np.arange(YEAR), 40)
    for _ in range(200):
        failed = (rng.random(len(days)) < 0.05).astype(float)  # exactly at the bound: the worst case
        evidence = restarted_evidence(failed, days, 0.05, "above")
        rung += bool((evidence >= alarm_level(YEAR, 0.05)).any())
    print(f"false alarms within a year: {rung / 200:.3f} (nominal 0.05)")
    assert rung / 200 <= 0.05


@pytest.mark.parametrize(("share", "within"), [(0.10, 12), (0.20, 3)])
def test_a_share_that_rises_is_told_within_days(share: float, within: int) -> None:
    rng = np.random.default_rng(8)
    delays = []
    days = np.repeat(np.arange(90), 100)
    for _ in range(60):
        failed = (rng.random(9_000) < np.where(days < 60, 0.04, share)).astype(float)
        evidence = restarted_evidence(failed, days, 0.05, "above")
        beyond = np.flatnonzero(evidence >= alarm_level(YEAR, 0.05))
        assert len(beyond) and beyond[0] >= 60
        delays.append(int(beyond[0]) - 59)
    print(f"bound 5 %, from 4 % to {share:.0%}, 100 a day: told after {np.median(delays):g} days (median)")
    assert np.median(delays) <= within


def test_below_is_above_the_other_way_round() -> None:
    rng = np.random.default_rng(9)
    x, units = rng.random(50), np.arange(50) % 7
    mirrored = restarted_evidence(1 - x, units, 0.3, "above")
    assert restarted_evidence(x, units, 0.7, "below") == pytest.approx(mirrored)


def test_a_unit_without_values_still_counts_as_a_start() -> None:
    found = restarted_evidence([1.0], [1], 0.5, "above", count=4)
    assert found[0] == 1 and found[1] > 2 and found[3] == pytest.approx(found[1] + 2)


@pytest.mark.parametrize("side", ["above", "below"])
def test_the_end_of_a_mean_is_the_last_bound_that_rings(side: Side) -> None:
    rng = np.random.default_rng(10)
    x, units = rng.random(400), np.arange(400) // 100
    end = restarted_mean(x, units, side, level=1_000, count=4)
    step = 1e-6 if side == "above" else -1e-6
    evidence = [restarted_evidence(x, units, bound, side)[-1] for bound in (end - step, end + step)]
    assert evidence[0] >= 1_000 > evidence[1]


@pytest.mark.parametrize("side", ["above", "below"])
def test_the_end_of_a_quantile_is_the_last_value_that_rings(side: Side) -> None:
    rng = np.random.default_rng(11)
    x, units = np.round(rng.lognormal(size=400), 1), np.arange(400) // 100  # with ties
    end = restarted_quantile(x, units, 0.5, side, level=1_000, count=4)
    rings = [
        value
        for value in np.arange(-1, 400) / 10 + 0.05
        if restarted_evidence((x > value).astype(float), units, 0.5, side)[-1] >= 1_000
    ]
    nearest = max(rings) if side == "above" else min(rings)
    assert end == pytest.approx(nearest, abs=0.0501)


def test_few_values_leave_the_end_of_a_quantile_open() -> None:
    ends = [
        restarted_quantile([1.0, 2.0], [0, 0], 0.95, side, level=1e4, count=1) for side in ("above", "below")
    ]
    assert ends == [-np.inf, np.inf]
