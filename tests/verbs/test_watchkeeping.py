"""Judges watched at each run's start: what is asked, told, marked, and refused."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.errors import FileProblems, NotComparable, UsageError
from promptops.project import Project
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder
from tests.milder_judge import Mood, N, cli, scored_by

CHANGED = "The judge quality changed"
ASK = ("numbers", ["ask.prompt.yaml"], ["mock/script:answers.json"])


@pytest.fixture
def mood() -> Mood:
    return Mood()


@pytest.fixture
def server(mood: Mood) -> Iterator[Server]:
    with serving(mood.reply) as server:
        yield server


@pytest.fixture
def watched(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A set whose judge is watched, with anchors of 30 cases and a committed baseline."""
    monkeypatch.chdir(folder.path)
    scored_by(server, folder)
    with Project.open(folder.path) as project:
        project.freeze_anchors("numbers:quality")
        project.accept("latest")
    declare(folder, "check_anchors = true\n")
    commit(folder)
    return folder


def declare(folder: Folder, text: str) -> None:
    settings = folder.path / "evalsets/numbers/evalset.toml"
    settings.write_text(settings.read_text() + text)


def commit_in_a_new_second(folder: Folder) -> None:
    """Commit what was scored after a change; git keeps whole seconds."""
    time.sleep(1 - time.time() % 1)
    commit(folder)


def commit(folder: Folder) -> None:
    for arguments in (["init", "-q"], ["add", "evalsets"], ["commit", "-qm", "accept"]):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=folder.path,
            check=True,
            capture_output=True,
        )


def gate(margin: float = 2.0, rule: str = "") -> str:
    return f'\n[[gate]]\nmetric = "quality"\nmargin = {margin}\n{rule}\n'


def test_anchors_are_judged_before_the_run_and_told(watched: Folder, server: Server) -> None:
    asked = len(server.bodies)
    made = cli(watched, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", ASK[2][0], "--no-cache", "--json")
    assert len(server.bodies) == asked + 30 + N
    document = json.loads(made.stdout)
    assert document["calls"] == 30 + N + N, "the anchors are in the run's account"
    notes = document["runs"][0]["notes"]["quality"]
    assert sum(note.startswith("quality has not changed measurably") for note in notes) == 1
    with Project.open(watched.path) as project:
        [reading] = project.readings("numbers:quality")
        assert reading.date <= project.run("latest").created_at
    text = cli(watched, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", ASK[2][0])
    assert "quality has not changed measurably" in text.stderr.splitlines()[1]
    assert cli(watched, "show", "latest").stdout.count("has not changed measurably") == 1


def test_runs_before_and_after_a_change_are_marked(watched: Folder, mood: Mood) -> None:
    with Project.open(watched.path) as project:
        before = project.evaluate(*ASK, cache=False)[0]
        mood.milder = 0.75
        after = project.evaluate(*ASK, cache=False)[0]
        [*_, reading] = project.readings("numbers:quality")
        assert reading.alarm and (reading.before or "") <= before.created_at <= (reading.since or "")
        told = project.judge_notes(after.id)["quality"]
        assert "quality changed between" in told[-2] and "from after that" in told[-1]
        assert "from before that" in project.judge_notes(before.id)["quality"][-1]
        [warning] = [each for each in project.compare(before.id, after.id).warnings if CHANGED in each]
        assert "between these runs: a difference in quality may be the judge's." in warning
        third = project.evaluate(*ASK, cache=False)[0]
        assert not [each for each in project.compare(after.id, third.id).warnings if CHANGED in each]
        cached = project.evaluate(*ASK)[0]
        told = [each for each in project.compare(after.id, cached.id).warnings if CHANGED in each]
        assert not told, "these replies came after the change, from a run that asked for them"
        project.forget_answers()  # now nobody knows from when they are
        [warning] = [each for each in project.compare(after.id, cached.id).warnings if CHANGED in each]
        assert f"40 replies of run {cached.id} came from the cache and may be older" in warning
    listed = cli(watched, "runs").stdout
    assert listed.count("from after that") == 3 and listed.count("from before that") == 2
    marks = json.loads(cli(watched, "runs", "--json").stdout)["marks"]
    assert set(marks) >= {before.id, after.id}


def test_the_gate_tells_of_a_judge_that_changed_since_the_baseline(watched: Folder, mood: Mood) -> None:
    declare(watched, gate())
    mood.milder = 0.75
    with Project.open(watched.path) as project:
        verdict = project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        assert verdict.outcome == "PASS"
        [warning] = [each for each in verdict.warnings if CHANGED in each]
        assert "between these runs" in warning
        baseline = watched.path / "evalsets/numbers/baseline.jsonl"
        baseline.write_text(baseline.read_text() + "\n")
        verdict = project.gate("numbers")
        [warning] = [each for each in verdict.warnings if CHANGED in each]
        assert "it is not known on which side" in warning


def test_a_rule_may_ask_for_a_steady_judge(watched: Folder, server: Server, mood: Mood) -> None:
    declare(watched, gate(rule="max_drift = 0.5"))
    with Project.open(watched.path) as project:
        steady = project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        assert steady.outcome == "PASS"
        mood.milder = 0.75
        asked = len(server.bodies)
        with pytest.raises(
            NotComparable, match=r"judge quality changed between.*promptops eval numbers .*--no-cache"
        ):
            project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        assert len(server.bodies) == asked + 30, "the run itself is not paid for"
        with pytest.raises(NotComparable, match="judge quality changed"):
            project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        assert len(server.bodies) == asked + 30, "what is known is refused before the anchors, too"
        assert project.gate("numbers").outcome == "PASS", "the run from before the change stands"
        project.freeze_anchors("numbers:quality", renew=True)
        accepted = project.evaluate(*ASK, cache=False)[0]
        project.accept(accepted.id)
        commit_in_a_new_second(watched)
        assert project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False).outcome == "PASS"
    refused = cli(watched, "gate", "numbers", "--run", accepted.id, "--baseline", steady.candidate)
    assert refused.exit_code == 3
    told = f"gate against the run that this makes: `promptops score {steady.candidate} --no-cache`"
    assert told in refused.stdout and "commit" not in refused.stdout
    assert cli(watched, "score", steady.candidate, "--no-cache").exit_code == 0
    with Project.open(watched.path) as project:
        scored = project.run("latest").id
    against = cli(watched, "gate", "numbers", "--run", accepted.id, "--baseline", scored)
    assert against.exit_code == 0, against.output


def test_who_does_what_the_gate_advises_comes_to_a_gate_that_measures(watched: Folder, mood: Mood) -> None:
    declare(watched, gate(rule="max_drift = 0.5"))
    asked = ("-p", "ask.prompt.yaml", "-m", ASK[2][0])
    assert cli(watched, "gate", "numbers", *asked, "--no-cache").exit_code == 0
    mood.milder = 0.75
    assert cli(watched, "judge", "check", "numbers:quality").exit_code == 1
    steps: list[str] = []
    while (done := cli(watched, "gate", "numbers", *asked)).exit_code != 0:
        said = done.stdout + str(done.exception)
        advised = said[said.index("promptops ") :].split("`")[0].split("\n")[0].rstrip(".")
        assert advised not in steps, f"{advised} was done already"
        steps.append(advised)
        taken = advised.replace("PROMPT", "ask.prompt.yaml").split()[1:]
        if taken[0] == "eval":
            assert cli(watched, *taken, "-m", ASK[2][0]).exit_code == 0
            assert cli(watched, "accept", "latest").exit_code == 0
            commit_in_a_new_second(watched)
        else:
            assert cli(watched, *taken).exit_code == 0
    assert [step.split()[1] for step in steps] == ["eval", "judge"], steps
    assert cli(watched, "gate", "numbers", *asked, "--no-cache").exit_code == 0


def test_a_rule_wants_anchors_that_were_judged_lately_and_came_out_close(watched: Folder) -> None:
    declare(watched, gate(rule="max_drift = 0.001"))
    with Project.open(watched.path) as project:
        with pytest.raises(
            NotComparable, match=r"may be off by as much as .* the rule allows 0.001, .* freeze more: "
        ):
            project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        settings = watched.path / "evalsets/numbers/evalset.toml"
        settings.write_text(settings.read_text().replace("check_anchors = true", ""))
        files = watched.path / "evalsets/numbers/anchors/quality"
        for file in files.iterdir():
            file.write_text(file.read_text().replace('"20', '"19'))
        with pytest.raises(NotComparable, match=r"not judged within a day.*promptops judge check"):
            project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)
        (files / "cases.jsonl").unlink()
        with pytest.raises(NotComparable, match=r"has no anchors\. Freeze some: promptops judge freeze"):
            project.gate_prompt("numbers", "ask.prompt.yaml", ASK[2][0], cache=False)


def test_what_anchors_cost_is_in_the_forecast_and_within_the_limits(watched: Folder, server: Server) -> None:
    asked = len(server.bodies)
    with Project.open(watched.path) as project:
        told = project.forecast(*ASK)
        [part] = [part for part in told.parts if part.name == "quality, anchors"]
        assert (part.calls, part.cached, part.kind) == (30, 0, "judge")
        assert told.calls == sum(part.calls for part in told.parts)
        declare(watched, gate())
        assert "quality, anchors" in [
            part.name for part in project.forecast_gate("numbers", "ask.prompt.yaml", ASK[2][0]).parts
        ]
        with pytest.raises(Stopped, match="--max-calls 20 is not enough"):
            project.evaluate(*ASK, budget=Budget(max_calls=20))
        assert len(server.bodies) == asked and project.run_count() == 1, "no run was begun"
        budget = Budget(max_calls=35)
        project.evaluate(*ASK, cache=False, budget=budget)
        assert budget.calls == 35 and budget.stopped


def test_a_run_goes_on_where_anchors_are_unread_and_says_so(watched: Folder, mood: Mood) -> None:
    mood.silent = 5
    with Project.open(watched.path) as project:
        run = project.evaluate(*ASK)[0]
        assert run.status == "finished"
        assert "5 of 30 anchors have no score" in project.judge_notes(run.id)["quality"][-1]
        assert project.readings("numbers:quality") == ()
        again = project.rescore(run.id)
        assert "has not changed" in project.judge_notes(again.id)["quality"][-1]


def test_answers_from_a_cassette_ask_nobody(watched: Folder, server: Server, tmp_path: Path) -> None:
    with Project.open(watched.path) as project:
        project.record(["latest"], tmp_path / "all.jsonl.gz")
        asked = len(server.bodies)
        run = project.evaluate(*ASK, cassette=tmp_path / "all.jsonl.gz")[0]
        assert len(server.bodies) == asked
        assert "come from a cassette" in project.judge_notes(run.id)["quality"][-1]


def test_what_can_not_be_watched_is_refused_before_a_call(watched: Folder, server: Server) -> None:
    asked = len(server.bodies)
    settings = watched.path / "evalsets/numbers/evalset.toml"
    whole = settings.read_text()
    with Project.open(watched.path) as project:
        settings.write_text(whole.replace("check_anchors = true", "check_anchors = 1"))
        with pytest.raises(FileProblems, match=r"evalset.toml:12.*must be true or false, not 1"):
            project.evaluate(*ASK)
        settings.write_text(whole + "\n[metrics.exact]\ncheck_anchors = true\n")
        with pytest.raises(UsageError, match="asks no model, so that it has no anchors"):
            project.evaluate(*ASK)
        settings.write_text(
            whole + '\n[metrics.other]\nmetric = "rubric"\nmodel = "judge/m"\ncheck_anchors = true\n'
        )
        with pytest.raises(UsageError, match=r"numbers:other has no anchors\. Freeze some"):
            project.evaluate(*ASK)
    assert len(server.bodies) == asked


def test_a_broken_history_hides_no_run(watched: Folder) -> None:
    history = watched.path / "evalsets/numbers/anchors/quality/readings.jsonl"
    history.write_text("<<<<<<< ours\n")
    with Project.open(watched.path) as project:
        [(_, marks)] = project.judge_marks(project.runs()).items()
    assert "can't be read" in marks[0] and "readings.jsonl:1" in marks[0]
