"""Shares: Fisher's test against scipy, trends against statsmodels' test of linear-by-linear association."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.proportion import proportion_confint

from promptops.stats.shares import _alike, associations, clustered_share, fisher_p, share_trend

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


def grumblers(rng: np.random.Generator, people: int, better: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return whose, of the kind, bad, and when for people with 1 to 20 records: each has his own way.

    Some find nearly all bad and some nothing, some ask of one kind only, all of one person in few days.
    One has sixty.
    """
    n = np.append(rng.integers(1, 21, people - 1), 60)
    whose = np.repeat(np.arange(people), n)
    grumpy, fond, day = rng.beta(0.4, 1.6, people), rng.beta(0.25, 0.75, people), rng.random(people) * 20
    kind = rng.random(len(whose)) < fond[whose]
    bad = rng.random(len(whose)) < np.minimum(grumpy[whose] + better * kind, 1)
    return whose, kind.astype(float), bad.astype(float), np.floor(day[whose] + rng.random(len(whose)) * 3)


@pytest.mark.parametrize("people", [12, 40])
def test_people_with_many_records_alarm_no_more_often_than_one_in_twenty(people: int) -> None:
    rng, draws = np.random.default_rng(20261127), 400
    plain, flipped, plain_trend, flipped_trend, found = np.zeros(5)
    for _ in range(draws):
        whose, kind, bad, day = grumblers(rng, people)
        if 0 < kind.sum() < len(kind) and 0 < bad.sum() < len(bad):
            a, n = int(bad @ kind), int(kind.sum())
            plain += fisher_p(a, n, int(bad.sum()) - a, len(bad) - n) <= 0.05
            days = day.astype(int)
            trend = share_trend(np.bincount(days, bad), np.bincount(days))
            plain_trend += trend is not None and trend.p <= 0.05
            share, course = associations(bad, np.stack([kind, day], axis=1), whose, draws=1_000)
            flipped += share.p <= 0.05
            flipped_trend += course.p <= 0.05
        whose, kind, bad, _ = grumblers(rng, people, better=0.4)
        (share,) = associations(bad, kind[:, None], whose, draws=1_000)
        found += share.p <= 0.05 and share.score > 0
    assert plain / draws > 0.15 and plain_trend / draws > 0.25
    assert flipped / draws <= 0.07 and flipped_trend / draws <= 0.07
    assert found / draws > (0.25 if people == 12 else 0.7), (found, plain, flipped)


@pytest.mark.parametrize("people", [15, 30])
@pytest.mark.parametrize("heavy", [20, 100])
def test_people_who_hardly_differ_alarm_as_seldom(people: int, heavy: int) -> None:
    """Means of few records vary more: permuted among all people they rang in 7 to 10 of 100."""
    rng, alarms, runs = np.random.default_rng(20261127), 0, 1_000
    for _ in range(runs):
        whose = np.repeat(np.arange(people), np.append(rng.integers(1, 21, people - 1), heavy))
        kind = (rng.random(len(whose)) < rng.beta(5, 15, people)[whose]).astype(float)
        bad = (rng.random(len(whose)) < rng.beta(4, 16, people)[whose]).astype(float)
        (found,) = associations(bad, kind[:, None], whose, draws=500)
        alarms += found.p <= 0.05
    assert 0.03 <= alarms / runs <= 0.07, alarms


def test_only_clusters_of_about_one_size_are_permuted() -> None:
    sizes = np.array([1, 1, 1, 1, 2, 2, 3, 4, 4, 5, 8, 6, 7, 30])
    assert [sizes[some].tolist() for some in _alike(sizes)] == [[1] * 4, [2, 2, 3, 4, 4], [5, 8, 6, 7, 30]]
    assert [some.tolist() for some in _alike(sizes[-3:])] == [[0, 1, 2]]
    assert len(_alike(np.ones(5, dtype=np.intp))) == 1


def test_a_share_s_interval_counts_people() -> None:
    rng = np.random.default_rng(5)
    alone = (rng.random(80) < 0.3).astype(float)
    found = clustered_share(alone, range(80))
    assert (found.low, found.high) == pytest.approx(proportion_confint(alone.sum(), 80, method="wilson"))
    truth, covered = 0.2, 0
    for _ in range(500):
        whose, _, bad, _ = grumblers(rng, 40)
        found = clustered_share(bad, whose)
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 500 <= 0.98, covered
    one = clustered_share(np.ones(40), ["ada"] * 40)
    assert (one.low, one.high) == pytest.approx(proportion_confint(1, 1, method="wilson"))


def test_where_nobody_has_two_records_people_are_fisher_s_records() -> None:
    kind = np.repeat([1.0, 0.0], [20, 60])
    bad = np.concatenate([np.repeat([1.0, 0.0], [9, 11]), np.repeat([1.0, 0.0], [12, 48])])
    (found,) = associations(bad, kind[:, None], range(80))
    assert found.p == pytest.approx(fisher_exact([[9, 11], [12, 48]]).pvalue, abs=0.01)
    assert found.score > 0


def test_of_many_people_a_normal_distribution_stands_for_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whose, kind, bad, day = grumblers(np.random.default_rng(8), 300, better=0.03)
    beside = np.stack([kind, day], axis=1)
    drawn = associations(bad, beside, whose)
    monkeypatch.setattr("promptops.stats.shares._MANY", 100)
    normal = associations(bad, beside, whose)
    assert [each.score for each in normal] == [each.score for each in drawn]
    assert [each.p for each in normal] == pytest.approx([each.p for each in drawn], abs=0.02)
