"""Two records of what was handed in: a batch that its server forgets or does not list is paid for once."""

from __future__ import annotations

import pytest

from promptops import Project
from promptops.errors import BatchMissing
from promptops.providers import _openai_batch
from tests.batches import Cli, cli, folder, server, submitted
from tests.made import EVALSET, Folder, questions
from tests.providers.batch_server import BatchServer
from tests.runs.test_batch_endings import asked, standing

__all__ = ["cli", "folder", "server"]


def events(folder: Folder, run: str) -> list[str]:
    with Project.open(folder.path) as project:
        return [batch.event for batch in project.batches(run)]


def posted(server: BatchServer) -> int:
    """Return how many batches the server was ever given."""
    return server.requests.count(("POST", "batches"))


def test_a_batch_that_is_not_listed_is_asked_for_by_its_id(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (name,) = server.batches
    server.unlisted.add(name)
    assert f"{name}: validating" in cli("resume", run, code=3).stdout
    assert ("GET", f"batches/{name}") in server.requests
    assert f"cancel {name}." in cli("stop", run).stdout
    server.batches[name].status = "in_progress"
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and posted(server) == 1


def test_a_batch_that_is_told_of_without_its_metadata_is_handed_in_once(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.without_metadata = True
    for _ in range(2):
        assert "Handed in" not in cli("resume", run, code=3).stdout
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and posted(server) == 1


@pytest.mark.parametrize("flags", [(), ("--live",), ("--wait",), ("--retry-errors",)])
def test_a_batch_that_the_server_does_not_know_is_told_and_nothing_is_paid_for_again(
    folder: Folder, server: BatchServer, cli: Cli, flags: tuple[str, ...]
) -> None:
    run = submitted(folder)
    (name,) = server.batches
    server.forget(name)
    with Project.open(folder.path) as project:
        since = project.batches(run)[0].at[:16].replace("T", " ")
    for _ in range(2):
        said = cli("resume", run, *flags, code=3).stderr
        assert f"neither lists {name} (handed in {since}) nor finds it" in said
        assert f"promptops resume {run} --again" in said and "another key" in said
    assert "neither lists" in cli("stop", run, code=3).stderr
    assert (posted(server), server.chats) == (1, [])
    assert standing(folder, run)[0] == "waiting" and events(folder, run) == ["handed_in"]


def test_a_batch_that_is_given_up_is_handed_in_again_by_choice(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (name,) = server.batches
    server.forget(name)
    said = cli("resume", run, "--again", code=3).stdout
    assert "Handed in just now: 12 requests" in said
    assert posted(server) == 2 and asked(server) == [12]
    assert events(folder, run) == ["given_up", "handed_in"]
    # It is given up for good: no later command asks for it, or hands in more.
    for flags in ((), ("--again",)):
        assert "Handed in" not in cli("resume", run, *flags, code=3).stdout
    assert server.requests.count(("GET", f"batches/{name}")) == 1
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and posted(server) == 2


def test_a_batch_that_is_given_up_is_asked_directly_by_choice(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.forget(next(iter(server.batches)))
    cli("resume", run, "--again", "--live")
    assert standing(folder, run) == ("finished", 12, 0)
    assert (posted(server), len(server.chats)) == (1, 12)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_of_several_batches_only_the_lost_one_is_handed_in_again(
    folder: Folder, server: BatchServer, cli: Cli, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 5)
    run = submitted(folder)
    texts = [line["body"]["messages"][-1]["content"] for line in [*server.batches.values()][lost].lines]
    server.forget([*server.batches][lost])
    assert "neither lists" in cli("resume", run, code=3).stderr
    said = cli("resume", run, "--again", code=3).stdout
    assert f"Handed in just now: {len(texts)} requests" in said
    assert server.texts()[-len(texts) :] == texts and len(server.texts()) == 12
    cli("resume", run, "--again", code=3)
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and posted(server) == 4


def test_a_batch_that_was_given_up_and_is_found_again_is_used(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (held,) = server.batches.values()
    server.forget(held.id)
    cli("resume", run, "--again", code=3)
    server.batches[held.id] = held
    assert f"{held.id}: validating" in cli("resume", run, code=3).stdout
    server.finish()
    said = cli("resume", run).stderr
    assert "Of the results 12 lines answered no request, or one that had an answer" in said
    assert standing(folder, run) == ("finished", 12, 0) and posted(server) == 2
    assert events(folder, run) == ["ended", "ended"]


def test_what_was_brought_whole_is_not_looked_for_again(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    rows = questions(6)
    rows[1]["inputs"]["question"] = "bad #error"
    folder.evalset("numbers", rows, EVALSET)
    run = submitted(folder)
    (name,) = server.batches
    server.finish()
    cli("resume", run)
    # Servers delete files of results after some weeks, and at last the batch.
    for file in [each for each in server.files if each.startswith(name)]:
        del server.files[file]
    assert "Handed in just now: 1 requests" in cli("resume", run, "--retry-errors", code=3).stdout
    server.forget(name)
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 5, 1) and posted(server) == 2


def test_a_batch_of_which_judges_have_not_seen_all_is_not_yet_brought(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    rubric = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "far/judge"\n'
    folder.evalset("numbers", questions(8), rubric)
    run = submitted(folder)
    server.finish()
    cli("resume", run, "--max-calls", "2", "-j", "1", code=3)
    assert len(server.chats) == 2 and events(folder, run) == ["handed_in"]
    (held,) = server.batches.values()
    server.forget(held.id)
    with Project.open(folder.path) as project, pytest.raises(BatchMissing, match=held.id):
        project.collect(run)
    server.batches[held.id] = held
    cli("resume", run)
    assert len(server.chats) == 8 and posted(server) == 1
    assert standing(folder, run) == ("finished", 8, 0)


def test_a_batch_of_another_id_than_was_asked_for_is_none(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (held,) = server.batches.values()
    server.unlisted.add(held.id)
    name, held.id = held.id, "batch-9999"
    said = cli("resume", run, code=3).stderr
    assert f"asked for batch {name} and sent another one" in said and posted(server) == 1


def test_giving_up_is_for_runs_in_batches(folder: Folder, cli: Cli) -> None:
    cli("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo")
    assert "not one in batches" in cli("resume", "latest", "--again", code=2).stderr


def test_the_same_command_typed_twice_pays_once_unless_it_asks_anew(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    ask = ("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "far/model", "--batch")
    told = cli(*ask, code=2).stderr
    assert f"Run {run} waits for a batch of the same prompt, model and samples" in told
    assert f"promptops resume {run}" in told and "--no-cache" in told
    assert posted(server) == 1
    cli(*ask, "--limit", "5")
    cli(*ask, "--no-cache")
    assert posted(server) == 3


def test_what_a_batch_has_brought_is_not_handed_in_again(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.finish()
    cli("resume", run)
    cli("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "far/model", "--batch")
    assert posted(server) == 1


def test_a_forecast_of_handing_in_again_tells_what_may_be_paid_once_more(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (name,) = server.batches
    assert "once more" not in cli("resume", run, "--dry-run").stdout
    told = " ".join(cli("resume", run, "--again", "--dry-run").stdout.split())
    assert f"If its server has forgotten {name}, its 12 requests are made, and paid for, once more" in told
