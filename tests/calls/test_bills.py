"""What a finished run took is told where it is listed and shown, and never as more than is known."""

from __future__ import annotations

import json

import pytest

from promptops import Project
from promptops.calls.bills import Bill
from promptops.cli.progress import cost, told
from promptops.runs.progress import Progress
from promptops.verbs import workspace
from tests.made import EVALSET, Folder, questions
from tests.paid_server import serving

SETTINGS = """
[providers.far]
kind = "openai"
base_url = "{url}"
price_in = 2.0
price_out = 8.0

[providers.dark]
kind = "openai"
base_url = "{url}"
"""
ASK = ("eval", "numbers", "-p", "ask.prompt.yaml")
ONE = (1000 * 2.0 + 1000 * 8.0) / 1e6
"""US dollars of a call to a server that tells a thousand tokens read and written."""


def test_a_run_is_listed_and_shown_with_what_it_took_and_what_the_cache_saved(folder: Folder) -> None:
    folder.evalset("numbers", questions(12))
    with serving() as server:
        folder.write("promptops.toml", SETTINGS.format(url=server.url))
        first = folder.run(*ASK, "-m", "far/model", "--limit", "7").stdout.split()[0]
        done = folder.run(*ASK, "-m", "far/model")
        second = done.stdout.split()[0]
        third = folder.run(*ASK, "-m", "far/model").stderr
        dark = folder.run(*ASK, "-m", "dark/model").stdout.split()[0]
    assert "7 cached" in done.stderr and f"${5 * ONE:.4f} (${7 * ONE:.4f} saved by the cache)" in done.stderr
    assert "12 cached" in third and f"$0 spent (${12 * ONE:.4f} saved by the cache)" in third
    lines = {line.split()[0]: line for line in folder.run("runs").stdout.splitlines()}
    assert lines[first].endswith("7/7  part: 7 of 12 samples  14,000 tokens  $0.0700")
    assert lines[second].endswith("12/12  10,000 tokens  $0.0500 ($0.0700 saved)")
    assert lines[dark].endswith("12/12  24,000 tokens  cost unknown")
    assert "  It took 5 calls, 10,000 tokens, $0.0500; 7 answered before, $0.0700 saved.\n" in (
        folder.run("show", second).stdout
    )
    listed = folder.json("runs")["bills"]
    for run in (first, second, dark):
        assert folder.json("show", run)["bill"] == listed[run]
    assert listed[second] == {
        **{"calls": 5, "cached": 7, "tokens_in": 5000, "tokens_out": 5000},
        **{"cost": pytest.approx(5 * ONE), "saved": pytest.approx(7 * ONE)},
    }
    assert listed[dark]["cost"] is None and listed[dark]["calls"] == 12


def test_judges_are_on_the_bill_and_a_failure_is_not(folder: Folder) -> None:
    judged = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\ncriteria = "is it right?"\n'
    folder.evalset("numbers", questions(6), judged)
    with serving() as server:
        server.say = lambda text: json.dumps({"score": 4, "reason": "so"}) if "right" in text else text
        server.status = lambda text, times: 400 if text == "number 3" else 200
        folder.write("promptops.toml", SETTINGS.format(url=server.url))
        folder.run(*ASK, "-m", "far/model", "--judge-model", "far/judge")
    with Project.open(folder.path) as project:
        run = project.run("latest")
        assert (run.done, run.errors) == (5, 1)
        bill = project.bill("latest")
        assert (bill.calls, bill.cached, bill.tokens) == (10, 0, 20_000)
        assert bill.cost == pytest.approx(10 * ONE)


def test_one_answer_that_tells_nothing_makes_the_sum_unknown(folder: Folder) -> None:
    folder.evalset("numbers", questions(6))
    with serving() as server:
        server.usage = lambda text: (
            None if text == "number 2" else {"prompt_tokens": 10, "completion_tokens": 5}
        )
        folder.write("promptops.toml", SETTINGS.format(url=server.url))
        folder.run(*ASK, "-m", "far/model")
    with Project.open(folder.path) as project:
        bill = project.bill("latest")
        assert (bill.calls, bill.tokens, bill.cost) == (6, None, None)
        assert bill.sentence == "6 calls, tokens unknown, cost unknown"


def test_very_many_calls_are_not_read_for_a_list(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.evalset("numbers", questions(6))
    odd = folder.script("odd.json", {"*": {"text": "a lone \ud800 surrogate"}})
    with Project.open(folder.path) as project:
        (run,) = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [odd])
        assert project.bills([run])[run.id].calls == 6
        monkeypatch.setattr(workspace, "BILLED", 5)
        assert project.bills([run]) == {} and project.bill(run.id).calls == 6


def test_sentences_and_lines_tell_nothing_that_is_not_known() -> None:
    bill = Bill(calls=1, cached=0, tokens_in=1, tokens_out=2, cost=0.0, saved=0.0)
    assert bill.sentence == "1 call, 3 tokens, $0.00"
    assert bill.model_copy(update={"cached": 2, "saved": None}).sentence.endswith(
        "; 2 answered before, what that saved is unknown"
    )
    assert cost(0.0, 0, 0) == "" and cost(0.0, 0, 3) == "cost unknown"
    assert cost(0.0, 0, 0, saved=0.5) == "$0 spent ($0.5000 saved by the cache)"
    from promptops.calls.usage import Usage

    assert "saved" not in told(Progress(total=1, usage=Usage(cached=1)))
