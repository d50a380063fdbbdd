"""How a gate that was cut off tells what is there, what counts, and what the rest takes."""

from __future__ import annotations

import pytest

from promptops.runs.endings import how_it_ended
from promptops.verdicts import Stopping

CUT = Stopping(
    seed="a",
    stopped=True,
    samples=14,
    planned=48,
    cut=True,
    in_flight=1,
    calls=15,
    calls_saved=33,
    cost_saved=0.00229,
    alpha_early=0.05,
    alpha_end=0.0,
)


@pytest.mark.parametrize(
    ("beyond", "told"),
    [
        (0, ""),
        (1, " 1 more answer is stored; it counts once those before it in that order are there."),
        (2, " 2 more answers are stored; they count once those before them in that order are there."),
    ],
)
def test_of_a_run_that_was_cut_off_what_does_not_count_yet_is_explained(beyond: int, told: str) -> None:
    sentence = how_it_ended(CUT.model_copy(update={"in_flight": beyond}))
    assert "after 14 of 48 samples" in sentence
    assert sentence.endswith(f"the rest can still be asked: about 33 calls and about $0.0023.{told}")


@pytest.mark.parametrize(("cost", "told"), [(0.0, "33 calls."), (None, "33 calls."), (1.5, "about $1.50.")])
def test_what_is_not_known_or_nothing_is_no_amount(cost: float | None, told: str) -> None:
    sentence = how_it_ended(CUT.model_copy(update={"cost_saved": cost, "in_flight": 0}))
    assert sentence.endswith(told)
