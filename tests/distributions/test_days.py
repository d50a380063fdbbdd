"""Day by day: a day that differs is found, days that don't are not, and each has its band."""

from __future__ import annotations

import numpy as np
import pytest

from promptops.distributions.shift import measure_shift
from promptops.errors import UsageError
from promptops.stats.mmd import mmd_test, part_mmd_tests
from tests.mails import USUAL, Mails

DAYS = [f"2026-03-{1 + number // 30:02}" for number in range(180)]


def test_a_part_has_the_statistic_and_p_of_a_test_of_its_own() -> None:
    """With one part there is nothing but it and the reference, so that the kernels are equal."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(20, 4)) + 0.6
    [part] = part_mmd_tests(x, y, [np.arange(20)], seed=5)
    whole = mmd_test(y, x, seed=5)
    assert part.statistic == pytest.approx(whole.statistic, abs=1e-6)
    assert part.p == pytest.approx(whole.p, abs=0.01)
    assert (part.statistic > part.high) == (part.p < 0.05)


def test_parts_of_one_source_stay_below_their_band_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    above = []
    for _ in range(40):
        x, y = rng.normal(size=(80, 3)), rng.normal(size=(80, 3))
        found = part_mmd_tests(x, y, [np.arange(start, start + 8) for start in range(0, 80, 8)], 199)
        above += [part.statistic > part.high for part in found]
    assert 0.02 < np.mean(above) < 0.09


def test_the_day_on_which_a_new_kind_came_is_told() -> None:
    usual = USUAL.drawn(150, 1)
    current = [*usual[:90], *Mails(turned=0.8, topic="visit").drawn(30, 2), *USUAL.drawn(60, 9)]
    found = measure_shift(USUAL.drawn(200, 3), current, days=(None, DAYS))
    assert [each.day for each in found.days] == [f"2026-03-0{day}" for day in range(1, 7)]
    assert {each.side for each in found.days} == {"second"} and {each.texts for each in found.days} == {30}
    for each in found.days:
        assert each.distance is not None and each.high is not None and each.adjusted_p is not None
        assert (each.adjusted_p < 0.05) == (each.day == "2026-03-04"), each
        assert each.p_value is not None and each.adjusted_p >= each.p_value
    assert found.days[3].distance > found.days[3].high


def test_days_of_the_first_side_are_held_against_its_other_days() -> None:
    reference = [*USUAL.drawn(150, 5), *Mails(turned=0.8, topic="visit").drawn(30, 6)]
    found = measure_shift(reference, USUAL.drawn(180, 7), days=(DAYS, DAYS))
    first = [each for each in found.days if each.side == "first"]
    assert len(first) == len(found.days) / 2 and found.days[: len(first)] == tuple(first)
    assert [each.day for each in first if (each.adjusted_p or 0.0) < 0.05] == ["2026-03-06"]


def test_a_day_of_few_texts_is_told_without_a_distance_and_pairs_have_no_days() -> None:
    texts = USUAL.drawn(40, 8)
    days = ["2026-03-02"] * 36 + ["2026-03-01"] * 4
    found = measure_shift(texts, texts, days=(days, days))
    assert [(each.day, each.distance is None) for each in found.days] == [
        ("2026-03-01", True),
        ("2026-03-02", True),
        ("2026-03-01", True),
        ("2026-03-02", False),
    ]
    with pytest.raises(UsageError, match="day by day"):
        measure_shift(texts, texts, paired=True, days=(None, days))
