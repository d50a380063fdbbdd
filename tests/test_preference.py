"""A pairwise judge over two runs: both orders, stored, and its biases measured."""

from __future__ import annotations

import pytest

from promptops import Project
from promptops.errors import NotComparable, UsageError
from promptops.providers.mock import Mock
from tests.made import Folder, questions


@pytest.fixture
def two(folder: Folder) -> tuple[Folder, str, str]:
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        new = project.evaluate("numbers", [prompt], ["mock/echo"])[0]
    Mock.calls.clear()
    return folder, old.id, new.id


def test_a_judge_that_always_takes_the_first_is_found_out(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    judge = 'mock/constant:{"reason": "first", "winner": "A"}'
    with Project.open(folder.path) as project:
        found = project.prefer(old, new, judge_model=judge)
    assert (found.share, found.ties, found.flips, found.flip_rate, found.first_rate) == (
        0.5,
        40,
        40,
        1.0,
        1.0,
    )
    assert Mock.calls.total() == 80


def test_what_was_judged_is_not_asked_again(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    judge = 'mock/constant:{"reason": "", "winner": "tie"}'
    with Project.open(folder.path) as project:
        first = project.prefer(old, new, judge_model=judge)
        asked = Mock.calls.total()
        assert project.prefer(old, new, judge_model=judge) == first
    assert Mock.calls.total() == asked == 80


def test_the_better_answer_wins_in_both_orders(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        found = project.prefer(old, new, judge_model="offline/overlap")
    assert found.stand_in and found.share == 1.0 and found.flips == 0 and found.first_rate == 0.5


def test_unreadable_says_are_left_out_and_counted(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        found = project.prefer(old, new, judge_model="mock/constant:both are fine")
    assert (found.n, found.unscored, found.share) == (0, 40, None)


def test_same_answers_are_ties_and_not_paid_for(two: tuple[Folder, str, str]) -> None:
    folder, _, new = two
    with Project.open(folder.path) as project:
        found = project.prefer(new, new, judge_model="mock/echo")
    assert (found.identical, found.ties, found.share) == (40, 40, 0.5)
    assert not Mock.calls


def test_other_questions_and_a_missing_judge_are_refused(two: tuple[Folder, str, str]) -> None:
    folder, old, _ = two
    folder.evalset("numbers", questions(41))
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    with Project.open(folder.path) as project:
        other = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"])[0]
        with pytest.raises(NotComparable):
            project.prefer(old, other.id, judge_model="mock/echo")
        with pytest.raises(UsageError, match="no model"):
            project.prefer(other.id, other.id)


def test_the_command_prints_share_and_biases(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    printed = folder.run("compare", old, new, "--pairwise", "--judge-model", "offline/overlap").stdout
    assert "the candidate wins 1.0000" in printed and "0 verdicts change with the order" in printed
    found = folder.json("compare", old, new, "--pairwise", "--judge-model", "offline/overlap")
    assert found["preference"]["wins"] == 40
