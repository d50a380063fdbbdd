"""The gate asks its judge of pairs what is missing: within limits, once, and never in place of a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from promptops import Project
from promptops.calls.budget import Budget
from promptops.errors import NotComparable, RunInterrupted, UsageError
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions
from tests.milder_judge import cli
from tests.paired import BASELINE, OLD, PROVIDER, SETTINGS, N, Taste


@pytest.fixture
def taste() -> Taste:
    return Taste()


@pytest.fixture
def server(taste: Taste) -> Iterator[Server]:
    with serving(taste.reply) as server:
        server.usage = {"prompt_tokens": 100, "completion_tokens": 10}
        yield server


@pytest.fixture
def ruled(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A set with a rule on pairs, whose judge is served, and a baseline with other answers."""
    monkeypatch.chdir(folder.path)
    folder.write("promptops.toml", PROVIDER.format(port=server.server_address[1]))
    folder.evalset("numbers", questions(N), SETTINGS)
    with Project.open(folder.path) as project:
        [old] = project.evaluate("numbers", ["ask.prompt.yaml"], [f"mock/constant:{OLD}"])
        project.accept(old.id)
    return folder


GATE = ("gate", "numbers", "-p", "ask.prompt.yaml")


def test_a_gate_on_a_prompt_asks_both_orders_of_each_pair_and_decides(ruled: Folder, server: Server) -> None:
    found = ruled.json(*GATE)
    assert (found["outcome"], len(server.bodies)) == ("PASS", 2 * N)
    [cell] = found["verdict"]["cells"]
    assert cell["delta"]["difference"] == pytest.approx(0.5)
    assert cell["preference"]["calls"] == 2 * N
    assert cell["preference"]["cost"] == pytest.approx(2 * N * 110 / 1e6)
    again = ruled.json("gate", "numbers")
    assert again["outcome"] == "PASS" and len(server.bodies) == 2 * N, "what was judged is not asked again"
    assert again["verdict"]["cells"][0]["preference"]["calls"] == 0
    compared = ruled.json("compare", BASELINE, "latest", "--pairwise")
    assert compared["preference"]["wins"] == 30 and len(server.bodies) == 2 * N, "they are kept as of compare"


def test_a_stored_run_is_asked_about_and_held_against_another_run(ruled: Folder, server: Server) -> None:
    with Project.open(ruled.path) as project:
        old = project.run("latest").id
        [new] = project.evaluate("numbers", ["ask.prompt.yaml"])
        assert project.gate("numbers", baseline=old).outcome == "CANNOT_MEASURE" and not server.bodies
        forecast = project.forecast_gate_run("numbers", run=new.id, baseline=old)
        assert forecast.calls == 2 * N and not server.bodies
        assert project.gate_run("numbers", run=new.id, baseline=old).outcome == "PASS"
        assert project.forecast_gate_run("numbers", run=new.id, baseline=old).calls == 0
        assert project.gate("numbers", baseline=old).outcome == "PASS" and len(server.bodies) == 2 * N
        anew = project.gate_run("numbers", run=new.id, baseline=old, cache=False)
        assert anew.outcome == "PASS" and len(server.bodies) == 4 * N


def test_the_forecast_names_the_calls_about_answers_that_are_not_there_yet(
    ruled: Folder, server: Server
) -> None:
    found = ruled.json(*GATE, "--dry-run")["forecast"]
    [part] = [each for each in found["parts"] if each["kind"] == "judge"]
    assert (part["name"], part["calls"], part["tokens_in_basis"]) == ("better", 2 * N, "unknown")
    with Project.open(ruled.path) as project:
        project.evaluate("numbers", ["ask.prompt.yaml"])
        staged = project.forecast_gate("numbers", "ask.prompt.yaml", first=20)
        assert not [each for each in staged.parts if each.name == "better"]
        assert any("once all samples are" in note for note in staged.notes)
    assert cli(ruled, *GATE).exit_code == 0
    known = ruled.json(*GATE, "--dry-run")["forecast"]
    [part] = [each for each in known["parts"] if each["kind"] == "judge"]
    assert (part["calls"], part["cached"]) == (0, 2 * N), "the same answers were judged before"


def test_a_limit_ends_it_without_a_verdict_and_the_same_goes_on(ruled: Folder, server: Server) -> None:
    done = cli(ruled, *GATE, "--max-calls", str(N + 30), "-j", "1")
    assert done.exit_code == 3, done.output
    with Project.open(ruled.path) as project:
        run = project.run("latest").id
    said = " ".join(done.output.split())
    assert "not asked about 25 of 40 pairs" in said and "stopped by --max-calls 70" in said
    assert f"Ask it: `promptops gate numbers --run {run}`" in said
    assert len(server.bodies) == 30
    assert cli(ruled, "gate", "numbers", "--run", run, "--max-cost", "1").exit_code == 0
    assert len(server.bodies) == 2 * N, "what was replied is not paid for twice"


def test_only_what_keeps_it_from_a_verdict_is_asked_again(
    ruled: Folder, server: Server, taste: Taste
) -> None:
    taste.silent = {1, 2, 3}
    first = cli(ruled, *GATE)
    assert first.exit_code == 3 and "3 of 40 pairs (8%)" in first.output
    asked = len(server.bodies)
    taste.silent = {1, 2}
    assert cli(ruled, "gate", "numbers").exit_code == 0
    assert len(server.bodies) == asked + 6, "three pairs, in both orders"
    assert cli(ruled, "gate", "numbers").exit_code == 0
    assert len(server.bodies) == asked + 6, "two of forty may have none, and the verdict stays"


def test_another_judge_may_be_named_and_is_the_one_that_decides(ruled: Folder, server: Server) -> None:
    named = ruled.json(*GATE, "--judge-model", "judge/other")
    assert {body["model"] for body in server.bodies} == {"other"} and named["outcome"] == "PASS"
    assert named["verdict"]["judge_model"] == "judge/other"
    ruled.run("gate", "numbers", "--judge-model", "judge/other", "--report=g.json")
    report = json.loads((ruled.path / "g.json").read_text())
    assert report["facts"]["command"].endswith("--judge-model judge/other") and len(server.bodies) == 2 * N
    with Project.open(ruled.path) as project:
        assert project.gate("numbers").outcome == "CANNOT_MEASURE", "the set's own judge said nothing"


def test_what_would_be_in_vain_is_refused_before_the_run(ruled: Folder, server: Server) -> None:
    with Project.open(ruled.path) as project:
        runs, old = len(project.runs()), project.run("latest").id
        with pytest.raises(UsageError, match="nosuch"):
            project.gate_prompt("numbers", "ask.prompt.yaml", judge_model="nosuch/m")
        project.accept("latest", outputs=False)
        with pytest.raises(NotComparable, match="accepted without outputs"):
            project.gate_prompt("numbers", "ask.prompt.yaml")
        assert len(project.runs()) == runs and not server.bodies
        [bare] = project.evaluate("numbers", ["ask.prompt.yaml"])
        told = project.gate_run("numbers", run=bare.id)
        assert told.outcome == "CANNOT_MEASURE" and "accepted without outputs" in told.sentence
        free = "mock/constant:A"
        with pytest.raises(UsageError, match="--max-cost can't be kept"):
            project.gate_run("numbers", baseline=old, judge_model=free, budget=Budget(max_cost=1.0))
        assert not server.bodies


def test_with_a_cassette_nobody_is_asked_and_nothing_passes(ruled: Folder, server: Server) -> None:
    with Project.open(ruled.path) as project:
        project.evaluate("numbers", ["ask.prompt.yaml"])
        project.record(["latest"], "cassette.jsonl")
    done = cli(ruled, *GATE, "--cassette", "cassette.jsonl")
    said = " ".join(done.output.split())
    assert done.exit_code == 3 and not server.bodies
    assert "answers come from a cassette" in said and "Ask it: `promptops gate numbers --run" in said


def test_a_judge_that_refuses_every_call_is_told_and_nothing_passes(ruled: Folder, server: Server) -> None:
    server.status = 401
    done = cli(ruled, *GATE)
    said = " ".join(done.output.split())
    assert done.exit_code == 3 and "judge/m refuses every call" in said
    assert "not asked about" in said and "promptops gate numbers --run" in said


def test_calls_that_nobody_makes_are_refused(ruled: Folder, server: Server) -> None:
    ruled.evalset("numbers", questions(N), SETTINGS.replace('pairwise = "better"', 'metric = "exact"'))
    for flags, told in (
        (("--judge-model", "judge/m"), "--judge-model goes with --prompt"),
        (("--no-cache",), "--no-cache goes with --prompt"),
        (("--max-calls", "3"), "--max-calls and --max-cost go with --prompt"),
        (("--dry-run",), "--dry-run goes with --prompt"),
    ):
        done = cli(ruled, "gate", "numbers", *flags)
        assert done.exit_code != 0 and told in f"{done.output}{done.exception}", flags
    assert not server.bodies


def test_a_signal_leaves_what_was_replied_and_tells_how_to_go_on(
    ruled: Folder, server: Server, taste: Taste
) -> None:
    taste.until_interrupted = 30
    with Project.open(ruled.path) as project:
        with pytest.raises(RunInterrupted, match=r"Go on with: promptops gate numbers --run \w+$") as caught:
            project.gate_prompt("numbers", "ask.prompt.yaml", concurrency=2)
        assert caught.value.exit_code == 130 and project.run("latest").status == "finished"
        assert len(server.bodies) < 2 * N
        seen: list[tuple[int, int, str]] = []
        told = project.gate_run("numbers", watch=lambda at: seen.append((at.done, at.total, at.unit)))
    assert told.outcome == "PASS" and len(server.bodies) <= 2 * N + 2, "two were under way"
    done, total, unit = seen[-1]
    assert done == total < N and unit == "pairs"


def test_a_run_in_stages_is_asked_about_once_it_is_whole(ruled: Folder, server: Server) -> None:
    with Project.open(ruled.path) as project:
        first = project.gate_prompt("numbers", "ask.prompt.yaml", first=20)
        assert first.outcome == "INCONCLUSIVE" and not server.bodies
        assert project.gate_on("numbers", run=first.candidate).outcome == "PASS"
        assert len(server.bodies) == 2 * N
