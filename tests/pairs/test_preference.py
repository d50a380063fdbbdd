"""A pairwise judge over two runs: both orders, stored, and its biases measured."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from promptops import Project
from promptops.cli import app
from promptops.errors import NotComparable, UsageError
from promptops.providers.mock import Mock
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

FIRST = 'mock/constant:{"reason": "first", "winner": "A"}'
"""A judge that always chooses the answer shown first."""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a scripted server."""
    monkeypatch.setenv("NEAR_KEY", "k")


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
    with Project.open(folder.path) as project:
        found = project.prefer(old, new, judge_model=FIRST)
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
        again = project.prefer(old, new, judge_model=judge)
    assert (first.calls, again.calls, again.cost) == (80, 0, 0.0)
    assert again.model_copy(update={"calls": 80, "cost": first.cost}) == first
    assert Mock.calls.total() == asked == 80


def test_the_other_direction_asks_nothing_and_mirrors_the_share(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        there = project.prefer(old, new, judge_model=FIRST)
        back = project.prefer(new, old, judge_model=FIRST)
    assert Mock.calls.total() == 80 and back.calls == 0
    assert (there.first_both, back.first_both, back.flips) == (40, 40, 40)


def test_runs_made_anew_from_the_cache_are_not_judged_again(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        there = project.prefer(old, new, judge_model=FIRST)
        prompt = folder.path / "ask.prompt.yaml"
        again = project.evaluate("numbers", [prompt], ["mock/echo"])[0]
        Mock.calls.clear()
        back = project.prefer(old, again.id, judge_model=FIRST)
    assert again.id != new and not Mock.calls
    assert (back.share, back.flips) == (there.share, there.flips)


def test_what_was_said_can_be_read_without_a_judge(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        assert project.preference(old, new) is None
        found = project.prefer(old, new, judge_model=FIRST)
        kept = project.preference(old, new)
        assert project.preference(new, old) is None
    assert kept == found.model_copy(update={"calls": 0, "cost": None})
    assert kept.judge == FIRST and kept.stand_in and Mock.calls.total() == 80


def priced(folder: Folder, server: Server) -> None:
    """Let a scripted server be the judge, at a cent a call."""
    server.usage = {"prompt_tokens": 10_000, "completion_tokens": 0}
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n[providers.near]\nkind = "openai"\n'
        f'base_url = "{url}"\napi_key_env = "NEAR_KEY"\nprice_in = 1.0\nprice_out = 1.0\n',
    )


def command(folder: Folder, *arguments: str, code: int = 0) -> str:
    """Run a command in this process, which is faster than one of its own; returns what it printed."""
    done = CliRunner().invoke(app, ["-C", str(folder.path), *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_limit_in_money_ends_it_and_the_next_one_goes_on(two: tuple[Folder, str, str], key: None) -> None:
    folder, old, new = two
    with serving('{"reason": "", "winner": "tie"}') as server:
        priced(folder, server)
        given = ["compare", old, new, "--pairwise", "--json"]
        asked = json.loads(command(folder, *given, "--dry-run"))["forecast"]
        assert (asked["calls"], asked["stored"], asked["parts"][0]["places"]) == (80, 0, 40)
        assert not server.bodies
        limited = [*given, "--max-cost", "0.3", "-j", "1"]
        first = json.loads(command(folder, *limited, code=3))["preference"]
        assert len(server.bodies) == first["calls"] == 30 and first["cost"] == pytest.approx(0.3)
        assert (first["n"], first["left"], first["stopped"]) == (15, 25, "Stopped by --max-cost 0.3")
        asked = json.loads(command(folder, *given, "--dry-run"))["forecast"]
        assert (asked["calls"], asked["stored"]) == (50, 15)
        second = json.loads(command(folder, *given))["preference"]
        assert len(server.bodies) == 80 and second["calls"] == 50
        assert (second["n"], second["left"], second["ties"]) == (40, 0, 40)
        back = ["compare", new, old, "--pairwise"]
        assert json.loads(command(folder, *back, "--json", "--dry-run"))["forecast"]["cached"] == 80
        assert "no call: all was judged before." in command(folder, *back) and len(server.bodies) == 80


def test_a_kill_costs_the_pairs_under_way_at_most(two: tuple[Folder, str, str], key: None) -> None:
    folder, old, new = two
    with serving('{"reason": "", "winner": "tie"}') as server:
        priced(folder, server)
        given = ["compare", old, new, "--pairwise", "-j", "2", "--cases", "0"]
        folder.killed(given, lambda: len(server.bodies) >= 20)
        assert len(server.bodies) < 80
        with Project.open(folder.path) as project:
            found = project.prefer(old, new)
        assert (found.n, found.ties) == (40, 40)
        assert 80 <= len(server.bodies) <= 84


def test_options_of_a_judge_need_a_judge(two: tuple[Folder, str, str]) -> None:
    folder, old, new = two
    for given in (["--dry-run"], ["--max-calls", "3"]):
        command(folder, "compare", old, new, *given, code=2)


def test_a_judge_of_the_same_family_is_warned_of_on_every_face(
    two: tuple[Folder, str, str], key: None
) -> None:
    folder, old, _ = two
    verdict = '{"reason": "", "winner": "A"}'
    with serving(lambda text: verdict if "answer-a" in text else f"It is {text}.") as server:
        priced(folder, server)
        with Project.open(folder.path) as project:
            made = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["near/gpt-4o-mini"])[0]
        given = ["compare", old, made.id, "--pairwise", "--judge-model", "near/gpt-4o"]
        files = [f"--report={folder.path / name}" for name in ("r.md", "r.html")]
        found = json.loads(command(folder, *given, *files, "--json"))["preference"]
        told = "the judge near/gpt-4o is of one family (gpt) with near/gpt-4o-mini"
        assert [told in each for each in found["warnings"]] == [True]
        assert told in command(folder, *given)
    page, comment = ((folder.path / name).read_text("utf-8") for name in ("r.html", "r.md"))
    assert told in page and "in both orders 40 times and the second one 0 times" in page
    assert "is of one family" in comment and "40 verdicts change with the order" in comment


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
    given = ["compare", old, new, "--pairwise", "--judge-model", "offline/overlap"]
    printed = command(folder, *given)
    assert "the candidate wins 1.0000" in printed and "0 verdicts change with the order" in printed
    assert json.loads(command(folder, *given, "--json"))["preference"]["wins"] == 40


def test_a_judge_whose_server_is_down_gives_no_share_and_exit_code_three(
    two: tuple[Folder, str, str], key: None
) -> None:
    folder, old, new = two
    with serving('{"reason": "", "winner": "tie"}') as server:
        priced(folder, server)
        settings = folder.path / "promptops.toml"
        there = settings.read_text()
        settings.write_text("attempts = 1\n" + re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", there))
        given = ["compare", old, new, "--pairwise"]
        told = command(folder, *given, code=3)
        assert "the judge gave no answer to 40 of 40 pairs (40 x connection: " in told, told
        assert "run the same again: only what has no answer is asked" in told and "wins" not in told
        dead = json.loads(command(folder, *given, "--json", code=3))["preference"]
        assert (dead["share"], dead["low"], dead["unanswered"]) == (None, None, 40)
        settings.write_text(there)
        assert "the candidate wins 0.5000" in command(folder, *given)
        assert len(server.bodies) == 80
