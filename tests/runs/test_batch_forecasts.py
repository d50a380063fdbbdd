"""What a run in batches will take: nothing for what is handed in, and a batch's prices for the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptops import Project
from promptops.providers import _openai_batch
from promptops.runs import batching
from promptops.texts.figures import dollars
from tests.batches import ASK, Cli, cli, folder, server, submitted
from tests.made import EVALSET, Folder, questions
from tests.providers.batch_server import BatchServer
from tests.runs.test_batch_endings import asked, standing

__all__ = ["cli", "folder", "server"]

BATCHED = 12 * (1000 * 2.0 + 100 * 8.0) / 1e6 / 2
"""Dollars of twelve answers at the prices of a batch: what the server tells it read and wrote."""


def forecast(cli: Cli, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("resume", *arguments, "--dry-run", "--json").stdout)["forecast"]
    return found


@pytest.fixture
def earlier(folder: Folder, server: BatchServer) -> None:
    """A run that tells what answers take."""
    with Project.open(folder.path) as project:
        first = submitted(folder)
        server.finish()
        project.collect(first)
    server.requests.clear()


@pytest.mark.usefixtures("earlier")
def test_what_is_handed_in_takes_no_call_and_what_it_costs_is_told(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder, cache=False)
    before = len(server.requests)
    found = forecast(cli, run)
    assert (found["handed_in"], found["calls"], found["cost"]) == (12, 0, 0.0)
    assert found["parts"][0]["handed_in"] == 12 and found["minutes"] is None
    assert found["sentence"].startswith("0 calls, 12 more handed in already; ")
    priced = f"$0.00 for new calls and about {dollars(BATCHED)} for what is handed in; time unknown."
    assert found["sentence"].endswith(priced) and found["handed_in_cost"] == pytest.approx(BATCHED)
    (batch,) = list(server.batches)[1:]
    since = standing_since(folder, run)
    assert found["parts"][0]["notes"] == [
        f"12 requests are handed in already ({batch} of {since}): no call is made for them. Their cost is "
        f"about {dollars(BATCHED)} at the prices of a batch."
    ]
    assert found["sure"] == "estimate"
    said = " ".join(cli("resume", run, "--dry-run").stdout.split())
    assert "nothing has to be guessed" not in said and "Retries" not in said
    handed = " ".join(cli(*ASK, "--batch", "--no-cache", "--dry-run").stdout.split())
    assert "12 calls" in handed and "Retries" not in handed
    assert f"12 requests are handed in already ({batch} of {since})" in said
    assert len(server.requests) == before and standing(folder, run)[0] == "waiting"


def standing_since(folder: Folder, run: str) -> str:
    with Project.open(folder.path) as project:
        return project.run(run).standing.removeprefix("waiting, in a batch since ")


@pytest.mark.usefixtures("earlier")
def test_what_was_never_handed_in_is_foretold_at_the_price_of_the_way_it_will_go(
    folder: Folder, server: BatchServer, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 5)
    monkeypatch.setattr(batching, "TRIES", 1)
    whole = _openai_batch.OpenAIBatches.submit
    calls = iter(range(9))

    async def cut(self: Any, *arguments: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return await whole(self, *arguments)

    monkeypatch.setattr(_openai_batch.OpenAIBatches, "submit", cut)
    with pytest.raises(KeyboardInterrupt):
        submitted(folder, cache=False)
    found, live = forecast(cli, "latest"), forecast(cli, "latest", "--live")
    assert (found["handed_in"], found["calls"]) == (live["handed_in"], live["calls"]) == (5, 7)
    assert found["cost"] == pytest.approx(BATCHED * 7 / 12) and live["cost"] == pytest.approx(
        BATCHED * 14 / 12
    )
    assert live["minutes"] is None or live["minutes"] >= 0
    assert asked(server)[1:] == [5]


@pytest.mark.usefixtures("earlier")
def test_what_a_stopped_batch_may_have_answered_is_told(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder, cache=False)
    cli("stop", run)
    found = forecast(cli, run)
    assert (found["handed_in"], found["calls"]) == (0, 12) and found["cost"] == pytest.approx(BATCHED)
    assert "answered before it was cancelled is brought first" in " ".join(found["notes"])


def test_a_batch_of_unknown_size_is_taken_for_all_that_is_left(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    with Project.open(folder.path) as project:
        other = project.run(run).model_copy(update={"id": "feedc0ffee12"})
        project.store.create_run(other, project.store.run_config(run))
        project.store.note_batch(other.id, "batch-1", "handed_in", None)
    found = forecast(cli, "feedc0ffee12")
    assert (found["handed_in"], found["calls"]) == (12, 0)
    assert "Their cost is unknown." in found["parts"][0]["notes"][0]


def test_a_run_that_was_to_ask_anew_takes_no_stored_answer_in_place_of_a_batch_s(
    folder: Folder, server: BatchServer, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"])
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 6)
    run = submitted(folder, cache=False)
    _, second = server.batches.values()
    second.status = "finalizing"
    server.finish()
    cli("resume", run, code=3)
    assert standing(folder, run) == ("waiting", 6, 0)
    second.status = "in_progress"
    server.finish()
    cli("resume", run)
    with Project.open(folder.path) as project:
        assert project.run(run).done == 12
        assert not any(case.result.cached for case in project.cases_of(run))


def test_a_run_that_the_cache_has_whole_is_finished_at_once(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"])
    before = len(server.requests)
    done = cli(*ASK, "--batch")
    assert "need not be asked" in done.stdout and "Come back" not in done.stdout
    assert "exact" in done.stdout and "1.00" in done.stdout
    assert standing(folder, "latest") == ("finished", 12, 0)
    found = json.loads(cli(*ASK, "--batch", "--json").stdout)["submissions"]
    assert [(each["requests"], each["batches"]) for each in found] == [(0, [])]
    assert standing(folder, found[0]["run"]) == ("finished", 12, 0)
    assert len(server.requests) == before and server.files == {}


def test_judges_of_a_run_that_the_cache_has_whole_are_asked_at_once(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["far/model"])
    rubric = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "far/judge"\n'
    folder.evalset("numbers", questions(12), rubric)
    cli(*ASK, "--batch")
    assert [body["model"] for body in server.chats] == ["model"] * 12 + ["judge"] * 12
    assert standing(folder, "latest") == ("finished", 12, 0) and server.batches == {}


def test_what_part_of_the_set_is_handed_in_is_told(folder: Folder, server: BatchServer, cli: Cli) -> None:
    done = cli(*ASK, "--batch", "--limit", "3")
    direct = cli("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", "--limit", "3")
    assert done.stderr.splitlines()[1:] == ["3 of 12 samples: --limit 3 left 3."]
    assert done.stderr.startswith("Run ") and "begins: ask.prompt.yaml on far/model" in done.stderr
    assert done.stderr.splitlines()[1] == direct.stderr.splitlines()[1]
    assert "3 requests for far/model handed in" in done.stdout and asked(server) == [3]
    assert cli(*ASK, "--batch", "--no-cache", "--limit", "3", "--json").stderr == ""
