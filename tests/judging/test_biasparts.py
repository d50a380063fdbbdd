"""A judge that is too kind here and too hard there looks unbiased in the mean; its parts tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from promptops.instruments import BiasPart, Found
from promptops.judging.biasparts import bias_parts
from promptops.judging.biaswords import hidden_biases
from promptops.project import Project
from tests.made import Folder
from tests.verbs.test_certification import judged, number_of, said

N = 90
PEOPLE = np.repeat([1.0, 3.0, 5.0], N // 3)
LENGTHS = np.tile([10.0, 200.0], N // 2)
NOISE = np.random.default_rng(5).normal(0, 0.2, N)


def parts(
    judge: np.ndarray, people: np.ndarray = PEOPLE, lengths: np.ndarray = LENGTHS
) -> tuple[BiasPart, ...]:
    return bias_parts(judge, people[:, None], lengths, list(range(len(judge))), 1, 5)


def test_the_bias_of_each_part_is_its_mean_with_a_t_interval_that_holds_for_all_parts() -> None:
    judge = PEOPLE + np.where(PEOPLE == 1, 0.8, np.where(PEOPLE == 5, -0.8, 0)) + NOISE
    found = parts(judge)
    masks = [PEOPLE == 1, PEOPLE == 3, PEOPLE == 5, LENGTHS == 10, LENGTHS == 200]
    assert [(each.by, each.low, each.high) for each in found] == [
        *(("value", value, value) for value in (1, 3, 5)),
        *(("length", value, value) for value in (10, 200)),
    ]
    for each, mask in zip(found, masks, strict=True):
        gaps = (judge - PEOPLE)[mask]
        test = stats.ttest_1samp(gaps, 0).confidence_interval(1 - 0.05 / 5)
        assert (each.bias.value, each.bias.n) == (pytest.approx(gaps.mean()), mask.sum())
        assert (each.bias.low, each.bias.high) == pytest.approx((test.low, test.high), abs=1e-9)
    told = hidden_biases(found)
    assert abs((judge - PEOPLE).mean()) < 0.1 and told.startswith("Opposite biases cancel in the mean: ")
    assert "where people say 1 +0." in told and "where people say 5 -0." in told
    assert "where people say 3" not in told and "characters" not in told
    assert "People's own scatter alone" in told


def test_a_judge_that_likes_length_is_told_and_an_even_one_is_not() -> None:
    longer = PEOPLE + np.where(LENGTHS == 200, 0.5, -0.5) + NOISE
    told = hidden_biases(parts(longer))
    assert "on answers of 10 characters -0." in told and "on answers of 200 characters +0." in told
    assert "scatter" not in told and "people say" not in told
    assert hidden_biases(parts(PEOPLE + NOISE)) == ""


def test_a_part_beyond_what_the_gate_allows_is_told_though_its_interval_holds_0() -> None:
    unsure = BiasPart(by="value", low=1, high=2, bias=Found(value=0.6, low=-0.1, high=1.3, n=6))
    assert hidden_biases([unsure]) == "" and hidden_biases([unsure], 0.7) == ""
    told = "The bias on parts of the cases: where people say 1 to 2 +0.6000 [-0.1000, +1.3000] (6 cases)."
    assert hidden_biases([unsure], 0.5).startswith(told)


def test_too_few_or_equal_cases_make_no_part() -> None:
    few = parts(PEOPLE[:4] + NOISE[:4], PEOPLE[:4], LENGTHS[:4])
    assert few == ()
    same = parts(PEOPLE + NOISE, np.full(N, 3.0), np.full(N, 9.0))
    assert same == ()
    missing = np.where(PEOPLE == 5, np.nan, PEOPLE)
    assert {each.high for each in parts(PEOPLE + NOISE, missing) if each.by == "value"} == {1, 3}


def test_the_console_tells_opposite_biases_of_a_certified_judge_and_of_a_corrected_one(
    folder: Folder,
) -> None:
    judged(folder, "max_bias = 0.5")
    with Project.open(folder.path) as project:
        cases = project.draw_cases("numbers:quality", count=60, second=0).cases
        # People are milder at the judge's low end and harder at its high end: the judge is too far out.
        rated = {case.id: 3 + (said(number_of(case)) - 3) // 2 for case in cases}
        project.rate_cases("numbers:quality", "anna", rated)
    told = " ".join(folder.run("judge", "certify", "numbers:quality").stdout.split())
    assert "Opposite biases cancel in the mean: where people say" in told
    assert "Right: of the cases where the judge says this value" in told and "judge better by" not in told
    found = folder.json("judge", "certify", "numbers:quality")["certificate"]
    assert found["allowed"] == 0.5 and {each["by"] for each in found["parts"]} >= {"value"}
    corrected = folder.run("judge", "correct", "numbers:quality", "--run", "latest").stdout
    assert "Opposite biases cancel in the mean" in " ".join(corrected.split())
    printed = folder.json("judge", "correct", "numbers:quality", "--run", "latest")["correction"]
    assert printed["allowed"] == 0.5
    values = [each for each in printed["parts"] if each["by"] == "value"]
    assert values == [each for each in found["parts"] if each["by"] == "value"]


def test_of_pairs_it_says_whom_people_like_and_how_much_longer_the_newer_answer_is() -> None:
    clear = Found(value=0.5, low=0.2, high=0.8, n=9)
    told = hidden_biases(
        [
            BiasPart(by="preference", low=-1, high=-0.5, bias=clear),
            BiasPart(by="preference", low=0, high=0, bias=clear),
            BiasPart(by="difference", low=-8, high=12, bias=clear),
        ]
    )
    assert "where people like the older one +0.5000 [+0.2000, +0.8000] (9 cases)" in told
    assert "where people are of two minds" in told and "pulls the bias by value" in told
    assert "where the newer answer is longer by -8 to +12 characters" in told
