import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from promptops.stats.clusters import TooFewClustersError
from promptops.stats.drift import TooFewAnchorsError, anchors_needed, check_anchors
from promptops.stats.sequential import Wealth


def judged(seed: int, times: int, n: int = 40, change: int = 10_000, shift: float = 0.0) -> np.ndarray:
    """Return scores (times, n) on quarters with noise of their own, moved by `shift` from `change` on."""
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.25, 0.5, 0.75], n) + rng.choice([0, 0.25], (times, n), p=[0.6, 0.4])
    scores[change:] += shift
    return scores


def first_alarm(scores: np.ndarray, planned: int = 100) -> tuple[int, int | None] | None:
    """Return the check that raises an alarm and the date it names, one time after the other."""
    for times in range(2, len(scores) + 1):
        found = check_anchors(scores[:times], planned=planned, seed=times)
        if found.alarm:
            return times - 1, found.change
    return None


def test_a_judge_that_stays_raises_hardly_an_alarm_over_all_checks() -> None:
    """200 series of 20 checks, alpha 5 % over all of them (Monte Carlo error .015)."""
    alarms = sum(first_alarm(judged(seed, 21), planned=20) is not None for seed in range(200))
    assert alarms / 200 <= 0.05 + 2 * 0.015


def test_bets_on_differences_to_the_first_scores_do() -> None:
    """Why this is no e-process: the noise of the first time is in all differences, and is bet on for ever."""
    alarms = 0
    for seed in range(60):
        scores = judged(seed, 51)
        up, down = Wealth(0.0, 1.0), Wealth.below(0.0, 1.0)
        differences = (scores[1:] - scores[0]).ravel()
        alarms += any(up.add(d, 1.0) >= 40 or down.add(-d, 1.0) >= 40 for d in differences)
    assert alarms / 60 > 0.25


@pytest.mark.parametrize(("shift", "late"), [(0.2, 0), (0.1, 2), (-0.1, 2), (0.05, 12)])
def test_a_change_is_seen_soon_and_its_date_is_named(shift: float, late: int) -> None:
    alarms = [first_alarm(judged(seed, 30, change=10, shift=shift)) for seed in range(20)]
    found = [alarm for alarm in alarms if alarm is not None]
    assert len(found) == 20
    assert all(check <= 10 + late for check, _ in found)
    named = [date for _, date in found]
    assert np.mean([abs(date - 10) <= 2 for date in named if date is not None]) >= 0.9


def test_the_p_value_is_that_of_all_turned_series() -> None:
    """Three times and 8 anchors: 3^8 series, each of them counted."""
    scores = judged(3, 3, n=8, change=2, shift=0.12)
    centred = (scores - scores.mean(axis=0)).T

    def largest(series: np.ndarray) -> float:
        total = series.sum(axis=0)
        steps = [total[k:].sum() / np.sqrt((3 - k) * k / 3) for k in (1, 2)]
        return float(np.abs(steps).max())

    turned = [
        largest(np.stack([np.roll(row, shift) for row, shift in zip(centred, shifts, strict=True)]))
        for shifts in itertools.product(range(3), repeat=8)
    ]
    exact = np.mean(np.array(turned) >= largest(centred) - 1e-9)
    drawn = [check_anchors(scores, planned=2, seed=seed).p for seed in range(40)]
    assert np.mean(drawn) == pytest.approx(exact, abs=0.02)


def test_two_times_are_a_sign_flip_test() -> None:
    scores = judged(2, 2, n=30, change=1, shift=0.06)
    gaps = scores[1] - scores[0]
    theirs = stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    ).pvalue
    ours = np.mean([check_anchors(scores, seed=seed).p for seed in range(40)])
    assert ours == pytest.approx(theirs, abs=0.02)


def test_the_difference_to_the_first_time_is_a_paired_t_interval() -> None:
    scores = judged(4, 6, n=50)
    found = check_anchors(scores).difference
    gaps = scores[-1] - scores[0]
    low, high = stats.t.interval(0.95, 49, gaps.mean(), stats.sem(gaps))
    assert (found.mean, found.low, found.high) == pytest.approx((gaps.mean(), low, high))


def test_the_shift_is_told_with_its_interval() -> None:
    found = check_anchors(judged(5, 12, n=60, change=7, shift=0.2))
    assert found.change == 7
    assert found.shift is not None
    assert found.shift.low < 0.2 < found.shift.high
    calm = check_anchors(judged(5, 12, n=60))
    assert (calm.alarm, calm.change, calm.shift) == (False, None, None)


def test_a_judge_that_always_says_the_same_never_changed() -> None:
    found = check_anchors(np.tile(judged(1, 1), (5, 1)))
    assert (found.p, found.alarm, found.difference.mean, found.difference.se) == (1.0, False, 0.0, 0.0)


def test_missing_scores_neither_raise_nor_hide_an_alarm() -> None:
    scores = judged(6, 14, n=60, change=9, shift=0.2)
    scores[np.random.default_rng(1).random(scores.shape) < 0.1] = np.nan
    found = check_anchors(scores)
    assert (found.alarm, found.change) == (True, 9)
    assert found.missing == np.isnan(scores).sum()
    assert found.difference.n == np.isfinite(scores[[0, -1]]).all(axis=0).sum()
    with pytest.raises(TooFewClustersError):
        check_anchors(np.where(np.arange(14)[:, None] == 13, np.nan, scores))


def test_anchors_of_one_document_count_as_one() -> None:
    scores = np.repeat(judged(7, 2, n=14, change=1, shift=0.15), 5, axis=1)
    alone = check_anchors(scores)
    grouped = check_anchors(scores, np.repeat(np.arange(14), 5))
    assert alone.p < grouped.p
    assert grouped.difference.clusters == 14


def test_too_few_anchors_and_too_many_checks_are_refused() -> None:
    assert anchors_needed(100, 0.05) == 12
    assert 2 / 2**12 <= 0.05 / 100 < 2 / 2**11
    with pytest.raises(
        TooFewAnchorsError, match="11 independent anchors can never raise an alarm; it takes 12"
    ):
        check_anchors(judged(1, 3, n=11))
    with pytest.raises(ValueError, match="5 checks, but 4 were planned"):
        check_anchors(judged(1, 6), planned=4)
    for table in ([0.5] * 20, judged(1, 1), np.full((3, 20), np.inf)):
        with pytest.raises(ValueError, match="two times or more"):
            check_anchors(table)


def test_a_change_in_the_middle_of_a_hundred_checks_is_dated() -> None:
    scores = judged(1, 101, n=50, change=60, shift=0.2)
    assert check_anchors(scores).change == 60


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-10, 10))
def test_units_levels_of_cases_and_sign_do_not_matter(seed: int, factor: float, offset: float) -> None:
    scores = judged(seed, 5, n=20, change=3, shift=0.1)
    plain = check_anchors(scores)
    levels = np.random.default_rng(seed).normal(size=20)
    moved = check_anchors(-factor * scores + offset + levels)
    assert moved.p == pytest.approx(plain.p)
    assert moved.change == plain.change
