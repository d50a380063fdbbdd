"""How runs in batches end before their time: stopped, asked directly, or left by a server that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from promptops import Project
from promptops.errors import NotReached
from promptops.providers import _openai_batch
from tests.batches import ASK, Cli, cli, folder, server, submitted
from tests.made import EVALSET, Folder, questions
from tests.providers.batch_server import BatchServer

__all__ = ["cli", "folder", "server"]


def asked(server: BatchServer) -> list[int]:
    """Return of how many requests each batch is."""
    return [len(held.lines) for held in server.batches.values()]


def standing(folder: Folder, run: str) -> tuple[str, int, int]:
    with Project.open(folder.path) as project:
        found = project.run(run)
        return found.status, found.done, found.errors


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("live", [True, False])
def test_what_a_stopped_batch_never_came_to_is_asked_by_resume_and_is_no_failure(
    folder: Folder, server: BatchServer, cli: Cli, lines: bool, live: bool
) -> None:
    run = submitted(folder)
    server.work(7)
    stopped = cli("stop", run).stdout
    (held,) = server.batches.values()
    assert held.status == "cancelling" and server.requests.count(("POST", f"batches/{held.id}/cancel")) == 1
    assert f"told the server to cancel {held.id}." in stopped and f"promptops resume {run}" in stopped
    assert "--live" in stopped and "to end" not in stopped
    assert standing(folder, run)[0] == "interrupted"
    # It may still answer some: nothing is handed in, or asked directly, before it has ended.
    assert "cancelling" in cli("resume", run, code=3).stdout
    told = " ".join(cli("runs").stdout.split())
    assert "interrupted, its batch cancelled at 2" in told and f"brought yet: promptops resume {run}" in told
    early = cli("resume", run, "--live", code=3).stderr
    assert f"Batch {held.id} is being cancelled" in early and "promptops stop" not in early
    assert early.endswith(f"Wait a little, then: promptops resume {run} --live\n")
    assert (asked(server), server.chats) == ([12], [])
    server.finish("cancelled", lines=lines)
    with Project.open(folder.path) as project:
        assert project.run(run).cancelled_at == project.batches(run)[0].changed_at
    if live:
        cli("resume", run, "--live")
        assert (asked(server), len(server.chats)) == ([12], 5)
        assert standing(folder, run) == ("finished", 12, 0)
        assert "cancelled" not in cli("runs").stdout
        return
    again = cli("resume", run, code=3).stdout
    assert "Handed in just now: 5 requests" in again and "7 of 12 answers are there." in again
    assert standing(folder, run) == ("waiting", 7, 0) and asked(server) == [12, 5]
    texts = server.texts()
    assert sorted(texts[12:]) == sorted(set(texts) - {f"number {number}" for number in range(7)})
    cli("resume", run, code=3)
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and asked(server) == [12, 5]
    assert server.chats == []


def test_a_stopped_batch_that_was_answered_all_the_same_is_collected(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    cli("stop", run)
    for held in server.batches.values():
        held.status = "in_progress"
    server.finish()
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and asked(server) == [12]
    assert "no batch that is worked on" in cli("stop", run, code=2).stderr


def test_one_of_several_batches_that_ended_before_the_stop_keeps_its_answers(
    folder: Folder, server: BatchServer, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_openai_batch.OpenAIBatches, "max_requests", 5)
    run = submitted(folder)
    first, second, third = server.batches.values()
    second.status = third.status = "finalizing"
    server.finish()
    stopped = cli("stop", run).stdout
    assert second.id in stopped and third.id in stopped and first.id not in stopped
    # The second has ended, the third is still being cancelled: only what is in neither is handed in.
    third.status = "finalizing"
    server.finish("cancelled")
    again = cli("resume", run, code=3).stdout
    assert "Handed in just now: 5 requests" in again and asked(server) == [5, 5, 2, 5]
    *_, fourth = server.batches.values()
    fourth.status, third.status = "finalizing", "cancelling"
    server.finish("cancelled")
    assert "Handed in just now: 2 requests" in cli("resume", run, code=3).stdout
    assert asked(server) == [5, 5, 2, 5, 2]
    assert sorted(server.texts()[12:]) == sorted(server.texts()[5:12])


def test_a_batch_that_is_cancelled_while_one_waits_for_it_ends_the_waiting(
    folder: Folder, server: BatchServer
) -> None:
    run = submitted(folder)
    server.work(7)
    with Project.open(folder.path) as project, Project.open(folder.path) as other:
        looks: list[int] = []

        def stop(_: Any) -> None:
            looks.append(1)
            if len(looks) == 1:
                other.stop(run)
                server.finish("cancelled")

        found = project.collect(run, wait=True, told=stop)
        assert (len(looks), found.left, found.pending, found.submitted) == (2, 5, 0, 0)
        assert asked(server) == [12]
        # Whoever resumes it after that has it handed in.
        assert project.collect(run).submitted == 5


def test_what_a_batch_has_answered_is_brought_before_anything_is_asked_directly(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.work(7)
    server.finish("expired")
    cli("resume", run, "--live", "--retry-errors")
    assert len(server.chats) == 5 and asked(server) == [12]
    assert standing(folder, run) == ("finished", 12, 0)
    other = submitted(folder, cache=False)
    server.finish()
    cli("resume", other, "--live")
    assert len(server.chats) == 5 and standing(folder, other) == ("finished", 12, 0)


def test_a_file_that_was_refused_can_be_asked_directly(folder: Folder, server: BatchServer, cli: Cli) -> None:
    run = submitted(folder)
    server.refuse("no such model")
    cli("resume", run, "--live")
    assert len(server.chats) == 12 and standing(folder, run) == ("finished", 12, 0)


def test_waiting_and_asking_directly_are_not_both_wanted(folder: Folder, cli: Cli) -> None:
    run = submitted(folder)
    assert "not both" in cli("resume", run, "--live", "--wait", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "again"),
    [
        (("resume",), "promptops resume {run}"),
        (("resume", "--wait"), "promptops resume {run} --wait"),
        (("resume", "--live"), "promptops resume {run} --live"),
        (("stop",), "promptops stop {run}"),
    ],
)
@pytest.mark.parametrize("dead", [True, False])
def test_a_server_that_is_gone_is_told_with_the_command_for_later_and_nothing_is_lost(
    folder: Folder, server: BatchServer, cli: Cli, arguments: tuple[str, ...], again: str, dead: bool
) -> None:
    run = submitted(folder)
    server.work(7)
    if dead:
        server.die()
    else:
        server.dead = True
    command, *flags = arguments
    said = cli(command, run, *flags, code=3)
    assert said.stderr.startswith(f"Error: Run {run}: its ")
    assert f"Nothing is lost. Try again later: {again.format(run=run)}\n" in said.stderr
    assert "The connection failed" in said.stderr and "Traceback" not in said.stderr
    assert standing(folder, run) == ("waiting", 0, 0)
    if not dead:
        server.dead = False
        server.finish()
        cli("resume", run)
        assert standing(folder, run) == ("finished", 12, 0) and asked(server) == [12]


def test_a_server_that_fails_in_the_middle_of_a_download_or_a_cancel_loses_nothing(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (held,) = server.batches.values()
    server.trouble = [(f"POST batches/{held.id}/cancel", 503, {})] * 5
    assert "could not be cancelled" in cli("stop", run, code=3).stderr
    assert standing(folder, run) == ("waiting", 0, 0) and held.status == "validating"
    server.finish()
    server.trouble = [(f"GET files/{held.id}-out/content", 503, {})] * 5
    assert "Try again later" in cli("resume", run, code=3).stderr
    assert standing(folder, run) == ("waiting", 0, 0)
    cli("resume", run)
    assert standing(folder, run) == ("finished", 12, 0) and asked(server) == [12]


def test_a_key_that_is_refused_is_to_be_mended(folder: Folder, server: BatchServer, cli: Cli) -> None:
    run = submitted(folder)
    server.trouble = [("GET batches", 401, {})]
    said = cli("resume", run, code=2)
    assert f"Nothing is lost. When that is mended: promptops resume {run}" in said.stderr
    assert standing(folder, run) == ("waiting", 0, 0)


def test_a_server_that_is_gone_takes_no_batch_and_the_run_can_be_handed_in_later(
    folder: Folder, server: BatchServer
) -> None:
    server.dead = True
    with pytest.raises(NotReached, match=r"could not be handed in to far/model.*Try again later"):
        submitted(folder)
    server.dead = False
    with Project.open(folder.path) as project:
        (run,) = project.runs()
        assert run.status == "interrupted"
        assert project.collect(run.id).submitted == 12
    assert asked(server) == [12]


def test_a_batch_that_is_worked_on_is_not_asked_for_directly(folder: Folder, cli: Cli) -> None:
    run = submitted(folder)
    refused = cli("resume", run, "--live", code=2).stderr
    assert "is still worked on" in refused and f"promptops stop {run}" in refused


def test_what_expired_and_is_handed_in_anew_is_not_told_as_there(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    handed = cli(*ASK, "--batch").stdout
    run = Project.open(folder.path).run("latest").id
    assert f"Or stay until it is answered: promptops resume {run} --wait\n" in handed
    server.work(7)
    server.finish("expired")
    told = cli("resume", run).stdout
    assert "5 of 12 answers are missing (42%): 5 x timeout." in told
    assert f"promptops resume {run} --retry-errors (in another batch; with --live directly)" in told
    again = cli("resume", run, "--retry-errors", code=3).stdout
    assert f"Run {run}: 7 of 12 answers are there, 5 more have failed." in again
    server.finish()
    cli("resume", run, "--retry-errors")
    assert standing(folder, run) == ("finished", 12, 0)
    done = cli("resume", run)
    assert done.stdout.startswith(
        f"Run {run} is finished and all 12 answers are there: there is nothing to do."
    )


def test_a_limit_on_judges_is_told_once_with_how_to_go_on(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    judged = EVALSET + '\n[metrics.quality]\nmetric = "rubric"\ncriteria = "is it right?"\n'
    folder.evalset("numbers", questions(12), judged)
    cli(*ASK, "--batch", "--judge-model", "far/judge")
    run = Project.open(folder.path).run("latest").id
    server.finish()
    said = cli("resume", run, "--max-calls", "5", code=3)
    both = said.stdout + said.stderr
    assert both.count("Stopped by") == both.count("Go on:") == 1 and "No batch is out" not in both
    cli("resume", run)
    assert standing(folder, run)[0] == "finished"
