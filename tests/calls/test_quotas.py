"""Windows that never let more through than they may, and limits learned from what a server tells."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.calls.quotas import Learned, Window
from promptops.providers import Allowance

AMOUNTS = st.floats(min_value=0.5, max_value=40)
GAPS = st.floats(min_value=0, max_value=30)


@given(limit=st.integers(1, 40), steps=st.lists(st.tuples(GAPS, AMOUNTS), max_size=80))
def test_no_minute_has_more_than_its_limit_and_nobody_waits_for_ever(
    limit: int, steps: list[tuple[float, float]]
) -> None:
    window, now, taken = Window(limit, 60), 0.0, list[tuple[float, float]]()
    for gap, amount in steps:
        now += gap
        for _ in range(200):
            wait = window.wait(amount, now)
            if wait == 0:
                break
            now += wait
        else:
            pytest.fail("it would wait for ever")
        window.take(amount, now)
        taken.append((now, amount))
    for start, _ in taken:
        within = [amount for at, amount in taken if start <= at < start + 60]
        # One that is over the limit by itself has a minute of its own.
        assert sum(within) <= limit + 1e-6 or len(within) == 1


@given(
    limit=st.integers(1, 30), late=st.lists(st.floats(min_value=0, max_value=5), min_size=40, max_size=120)
)
def test_a_run_at_full_speed_takes_little_longer_than_the_limit_demands(
    limit: int, late: list[float]
) -> None:
    window, now = Window(limit, 60), 0.0
    for _ in late:
        while (wait := window.wait(1, now)) > 0:
            now += wait
        window.take(1, now)
    ideal = 60 * ((len(late) - 1) // limit)
    assert ideal <= now <= ideal * 1.02 + 0.01


def test_an_estimate_is_corrected_while_it_counts_and_not_after() -> None:
    window = Window(100, 60)
    first = window.take(90, 0)
    assert window.wait(50, 1) > 0
    window.correct(first, 10)
    assert window.wait(50, 1) == 0
    assert window.wait(100, 62) == 0
    window.correct(first, 1000)
    assert window.wait(100, 62) == 0


def told(remaining: int, reset: float | None, limit: int | None = 40) -> Allowance:
    return Allowance("requests", limit, remaining, reset)


def test_what_is_left_is_used_and_then_the_reset_waited_for() -> None:
    learned = Learned(told(2, 30.0), 0.0)
    assert learned.wait(1, 0) == 0
    learned.start(1, 0)
    learned.start(1, 0)
    assert learned.wait(1, 0) == pytest.approx(30, rel=0.02)


def test_after_the_reset_one_goes_ahead_and_the_others_hear_from_it() -> None:
    learned = Learned(told(0, 10.0), 0.0)
    assert learned.wait(1, 10.2) == 0
    mark = learned.start(1, 10.2)
    assert learned.wait(1, 10.3) > 0
    learned.hear(told(39, 60.0), mark, 10.4)
    assert learned.wait(1, 10.4) == 0


def test_one_that_gives_no_sign_within_a_second_has_been_let_in() -> None:
    learned = Learned(told(0, 10.0), 0.0)
    learned.start(1, 10.2)
    assert learned.wait(1, 11.3) == 0


def test_a_server_that_gives_back_bit_by_bit_is_known_by_it_and_asked_at_its_pace() -> None:
    learned, now, used = Learned(told(40, 0.0), 0.0), 0.0, 0.0
    while used < 39:  # four a second; two thirds of one come back each second of a minute
        now, used = now + 0.25, max(used + 1 - 0.25 * 40 / 60, 0)
        mark = learned.start(1, now)
        learned.hear(told(int(40 - used), used * 60 / 40), mark, now)
        learned.end(1)
    assert learned.steady
    left = learned.wait(2, now)
    assert 0 < left < 4
    learned.refute()
    assert not learned.steady
    assert learned.wait(2, now) > 50


def test_a_window_that_was_used_up_in_one_go_is_not_taken_for_a_steady_server() -> None:
    learned = Learned(told(39, 60.0), 0.0)
    for number in range(1, 40):
        now = number * 0.01
        mark = learned.start(1, now)
        learned.hear(told(39 - number, 60 - now), mark, now)
        learned.end(1)
    assert learned.wait(1, 0.4) == pytest.approx(60, abs=1)
    for now in (10.0, 20.0, 30.0):  # refusals tell the same: nothing has come back
        learned.hear(told(0, 60 - now), learned.start(1, now), now)
        learned.end(1)
    assert not learned.steady


def test_the_word_of_a_call_that_was_overtaken_counts_if_it_is_the_worse() -> None:
    learned = Learned(told(40, 60.0), 0.0)
    marks = [learned.start(1, 0.0) for _ in range(3)]
    learned.hear(told(20, 60.0), marks[2], 0.1)
    learned.hear(told(5, 60.0), marks[0], 0.2)
    learned.hear(told(30, 60.0), marks[1], 0.3)
    for _ in range(3):
        learned.end(1)
    assert [learned.wait(amount, 0.4) == 0 for amount in (5, 6)] == [True, False]


def test_without_a_reset_one_call_alone_finds_out() -> None:
    learned = Learned(told(0, None), 0.0)
    assert learned.wait(1, 0) == 0
    learned.start(1, 0)
    assert math.isinf(learned.wait(1, 0))
    assert Learned(told(0, 86_400.0), 0.0).wait(1, 0) == 0  # a day is not waited for: the server may say so
