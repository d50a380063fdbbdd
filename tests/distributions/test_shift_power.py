"""Does the alarm hear what it should, and is it silent where nothing moved? By simulation, on made mails."""

from __future__ import annotations

import numpy as np
import pytest

from promptops.distributions.shift import Shift, measure_shift
from tests.mails import SHIFTS, USUAL, Mails


def drawn(kind: Mails, n: int, runs: int, permutations: int = 199) -> list[Shift]:
    """Measure the usual mails against a kind of them, with new ones in each run."""
    return [
        measure_shift(
            USUAL.drawn(n, 2 * run), kind.drawn(n, 2 * run + 1), permutations=permutations, seed=run
        )
        for run in range(runs)
    ]


def rate(found: list[Shift]) -> float:
    return float(np.mean([shift.alarmed for shift in found]))


@pytest.mark.parametrize("name", SHIFTS)
def test_a_turned_part_of_the_mails_is_heard(name: str) -> None:
    """Three runs of 150 + 150; each is missed once in four times or so at most (see the long tests)."""
    assert rate(drawn(SHIFTS[name], 150, 3, permutations=99)) > 0.3


def test_equal_mails_are_not() -> None:
    """20 runs: at a true rate of 5 % more than 4 come once in 400 times."""
    assert rate(drawn(USUAL, 40, 20, permutations=99)) <= 0.2


POWER = {"topic mix": 0.45, "length": 0.7, "language": 0.85, "paraphrase": 0.9, "register": 0.4}
"""At 100 + 100: measured .62, .85, .98, 1.00 and .58 over 60 runs, less two and a half standard errors."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIFTS)
def test_power_at_a_hundred_a_side(name: str) -> None:
    assert rate(drawn(SHIFTS[name], 100, 60)) >= POWER[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIFTS)
def test_power_at_two_hundred_a_side(name: str) -> None:
    assert rate(drawn(SHIFTS[name], 200, 40)) >= 0.75


@pytest.mark.slow
def test_two_thousand_null_splits_alarm_in_seven_percent_at_most() -> None:
    """Splits of one pool of mails, as an evaluation set is split; a standard error is half a point."""
    pool = USUAL.drawn(1200, 1)
    found = []
    for run in range(2000):
        order = np.random.default_rng(run).permutation(len(pool))
        first, second = ([pool[place] for place in part] for part in (order[:60], order[60:120]))
        found.append(measure_shift(first, second, permutations=199, seed=run))
    small = float(np.mean([shift.mmd_p is not None and shift.mmd_p <= 0.05 for shift in found]))
    significant = float(np.mean([shift.p_value is not None and shift.p_value < 0.05 for shift in found]))
    assert rate(found) <= 0.07
    assert significant <= 0.07
    assert 0.04 <= small <= 0.06
