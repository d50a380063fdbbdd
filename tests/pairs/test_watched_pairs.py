"""A judge of pairs that is watched: anchors are judged before it is asked, and what they show is told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from promptops import Project
from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.errors import UsageError
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions
from tests.milder_judge import cli
from tests.paired import OLD, PROVIDER, SETTINGS, N, Taste

WATCHED = SETTINGS.replace('metric = "pairwise"', 'metric = "pairwise"\ncheck_anchors = true')
ANCHORS = 60
"""Calls about 30 of them, in both orders."""


@pytest.fixture
def taste() -> Taste:
    return Taste()


@pytest.fixture
def server(taste: Taste) -> Iterator[Server]:
    with serving(taste.reply) as server:
        server.usage = {"prompt_tokens": 100, "completion_tokens": 10}
        yield server


@pytest.fixture
def runs(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two runs of a set whose judge of pairs is watched, with anchors; the older one is accepted."""
    monkeypatch.chdir(folder.path)
    folder.write("promptops.toml", PROVIDER.format(port=server.server_address[1]))
    folder.evalset("numbers", questions(N), WATCHED)
    with Project.open() as project:
        [old] = project.evaluate("numbers", ["ask.prompt.yaml"], [f"mock/constant:{OLD}"])
        project.accept(old.id)
        [new] = project.evaluate("numbers", ["ask.prompt.yaml"])
        project.freeze_anchors("numbers:better", runs=[old.id, new.id])
    server.bodies.clear()
    return old.id, new.id


def test_a_comparison_judges_anchors_first_where_it_asks_at_all(
    runs: tuple[str, str], server: Server
) -> None:
    with Project.open() as project:
        forecast = project.forecast_preference(*runs)
        assert [part.name for part in forecast.parts] == ["better, anchors", "better"]
        assert forecast.calls == ANCHORS + 2 * N and not server.bodies
        found = project.prefer(*runs)
        assert found.calls == len(server.bodies) == ANCHORS + 2 * N
        assert found.anchors.startswith("better has not changed measurably since")
        assert len(project.readings("numbers:better")) == 1
        again = project.prefer(*runs)
        assert (again.calls, again.anchors) == (0, ""), "nobody is asked, and so no anchors are judged"
        assert project.forecast_preference(*runs).calls == 0


def test_a_ranking_judges_anchors_first(runs: tuple[str, str], server: Server) -> None:
    with Project.open() as project:
        assert project.forecast_pairs(runs).calls == ANCHORS + 2 * N
        found = project.rank_by_pairs(runs)
        assert found.asked is not None and found.asked.calls == len(server.bodies) == ANCHORS + 2 * N
        assert found.asked.anchors.startswith("better has not changed measurably since")
        assert project.rank_by_pairs(runs).asked == found.asked.model_copy(
            update={"calls": 0, "cost": 0.0, "anchors": ""}
        )


def test_a_gate_judges_anchors_before_its_pairs_and_tells_it(
    runs: tuple[str, str], folder: Folder, server: Server
) -> None:
    told = folder.json("gate", "numbers", "-p", "ask.prompt.yaml", "--dry-run")["forecast"]
    assert [part["name"] for part in told["parts"] if part["kind"] == "judge"] == [
        "better, anchors",
        "better",
    ]
    found = folder.json("gate", "numbers", "-p", "ask.prompt.yaml")
    assert found["outcome"] == "PASS" and len(server.bodies) == ANCHORS + 2 * N
    assert any("has not changed measurably since" in note for note in found["verdict"]["warnings"])
    assert cli(folder, "gate", "numbers").exit_code == 0 and len(server.bodies) == ANCHORS + 2 * N


def test_verdicts_from_before_a_change_are_marked(
    runs: tuple[str, str], server: Server, taste: Taste
) -> None:
    old, new = runs
    with Project.open() as project:
        project.prefer(old, new)
        assert not [each for each in project.gate("numbers").warnings if "changed between" in each]
        taste.partial_to_old = True
        assert project.check_judge("numbers:better").drifted
        kept = project.preference(old, new)
        assert kept is not None
        [mark] = [each for each in kept.warnings if "The judge better changed between" in each]
        assert f"{N} of these {N} verdicts are from before" in mark
        ranked = project.rank_by_pairs(runs).warnings
        assert mark in ranked
        [noted] = [each for each in project.gate("numbers", baseline=old).warnings if "changed" in each]
        assert noted == mark
        anew = project.prefer(old, new, cache=False)
        assert anew.losses == N and not [each for each in anew.warnings if "changed between" in each]


def test_a_rule_with_max_drift_asks_about_no_pair_once_the_anchors_are_off(
    runs: tuple[str, str], folder: Folder, server: Server, taste: Taste
) -> None:
    folder.evalset("numbers", questions(N), WATCHED + "max_drift = 0.1\n")
    with Project.open() as project:
        steady = project.gate_prompt("numbers", "ask.prompt.yaml")
        assert steady.outcome == "PASS"
        server.bodies.clear()
        taste.partial_to_old = True
        moved = project.gate_run("numbers", run=steady.candidate, cache=False)
        assert moved.outcome == "CANNOT_MEASURE" and "freeze numbers:better --renew" in moved.sentence
        assert len(server.bodies) == ANCHORS, "pairs are not paid for"
        project.freeze_anchors("numbers:better", renew=True)
        told = project.gate("numbers", run=steady.candidate).sentence
        assert f"promptops gate numbers --run {steady.candidate} --no-cache" in told
        after = cli(folder, "gate", "numbers", "--run", steady.candidate, "--no-cache")
        assert after.exit_code == 1, after.output


def test_without_anchors_nothing_is_asked(runs: tuple[str, str], folder: Folder, server: Server) -> None:
    (folder.path / "evalsets/numbers/anchors/better/cases.jsonl").unlink()
    with Project.open() as project:
        count = len(project.runs())
        for asks in (
            lambda: project.prefer(*runs),
            lambda: project.rank_by_pairs(runs),
            lambda: project.gate_prompt("numbers", "ask.prompt.yaml"),
            lambda: project.gate_run("numbers", run=runs[1]),
        ):
            with pytest.raises(UsageError, match="freeze numbers:better --from OLD --from NEW"):
                asks()
        assert len(project.runs()) == count and not server.bodies


def test_a_limit_that_anchors_would_pass_ends_it_before(
    runs: tuple[str, str], folder: Folder, server: Server
) -> None:
    with Project.open() as project, pytest.raises(Stopped, match="30 anchors are judged"):
        project.prefer(*runs, budget=Budget(max_calls=20))
    done = cli(folder, "gate", "numbers", "--max-calls", "20")
    said = " ".join(done.output.split())
    assert done.exit_code == 3 and "30 anchors are judged" in said and not server.bodies
    assert "Ask it: `promptops gate numbers --run" in said


def test_a_judge_of_pairs_declares_that_it_is_watched_in_json_as_well(
    runs: tuple[str, str], folder: Folder
) -> None:
    compared = folder.json("compare", *runs, "--pairwise")
    assert compared["preference"]["anchors"].startswith("better has not changed measurably")
    shown = folder.run("compare", *runs, "--pairwise").stdout
    assert "no call: all was judged before" in shown
    assert json.loads(folder.run("judge", "list", "--json").stdout)
