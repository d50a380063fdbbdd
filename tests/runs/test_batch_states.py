"""How a run in batches is told of: waiting, with since when, until its answers are brought."""

from __future__ import annotations

import pytest

from promptops import Project
from promptops.errors import UsageError
from tests.batches import ASK, Cli, cli, folder, server, submitted
from tests.dashboards.test_pages import Open, page, projects, texts
from tests.made import Folder
from tests.providers.batch_server import BatchServer

__all__ = ["cli", "folder", "page", "projects", "server"]


def test_a_run_waits_for_its_batch_until_its_answers_are_brought(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    cli(*ASK, "--batch")
    with Project.open(folder.path) as project:
        run = project.run("latest")
        (batch,) = project.store.batches(run.id)
        assert (batch.id, batch.event, batch.requests) == (next(iter(server.batches)), "handed_in", 12)
        since = batch.at[:16].replace("T", " ")
        assert run.status == "waiting" and run.waiting_since == batch.at
        assert [each.status for each in project.runs()] == ["waiting"]
        with pytest.raises(UsageError, match=f"is waiting, in a batch since {since}: 0 of 12 .* --wait"):
            project.finished_run(run.id)
    asked = len(server.requests)
    for shown in (cli("runs").stdout, cli("show", run.id).stdout, cli("pause", run.id, code=2).stderr):
        told = " ".join(shown.split())
        assert f"waiting, in a batch since {since}" in told and "interrupted" not in told
        assert f"promptops resume {run.id}" in told
    assert len(server.requests) == asked
    cli("resume", run.id, code=3)
    with Project.open(folder.path) as project:
        assert project.run(run.id).status == "waiting"
    server.finish()
    # Nobody has asked the server since: what is stored is told.
    assert "waiting" in cli("runs").stdout
    cli("resume", run.id)
    with Project.open(folder.path) as project:
        assert project.run(run.id).status == "finished" and project.run(run.id).waiting_since is None
        assert [each.event for each in project.store.batches(run.id)] == ["ended"]
    assert "waiting" not in cli("runs").stdout


def test_a_run_whose_hand_in_failed_waits_for_nothing(folder: Folder, server: BatchServer, cli: Cli) -> None:
    server.trouble = [("POST files", 400, {})]
    cli(*ASK, "--batch", code=2)
    with Project.open(folder.path) as project:
        assert project.run("latest").status == "interrupted"
    assert "interrupted" in cli("runs").stdout


def test_a_batch_that_a_killed_process_handed_in_is_written_down_by_the_next(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    (held,) = server.batches.values()
    with Project.open(folder.path) as project:
        # As after a kill between the server's answer and our row: a run without any row.
        other = project.run(run).model_copy(update={"id": "feedc0ffee12"})
        held.given["metadata"]["promptops_run"] = other.id
        project.store.create_run(other, project.store.run_config(run))
        assert project.store.batches(other.id) == ()
        found = project.collect(other.id)
        assert (found.submitted, found.pending) == (0, 1)
        (batch,) = project.store.batches(other.id)
        assert (batch.id, batch.event) == (held.id, "handed_in")
        assert project.run(other.id).status == "waiting"
    assert len(server.batches) == 1


def test_failures_that_are_handed_in_anew_are_waited_for(
    folder: Folder, server: BatchServer, cli: Cli
) -> None:
    run = submitted(folder)
    server.work(7)
    server.finish("expired")
    cli("resume", run)
    again = cli("resume", run, "--retry-errors", code=3)
    assert "Handed in just now: 5 requests" in again.stdout
    assert f"Come back later, or wait for it: promptops resume {run} --wait" in again.stdout
    with Project.open(folder.path) as project:
        assert project.run(run).status == "waiting"
    server.finish()
    assert "exact" in cli("resume", run).stdout
    with Project.open(folder.path) as project:
        now = project.run(run)
        assert (now.status, now.done, now.errors) == ("finished", 12, 0)
    assert [len(held.lines) for held in server.batches.values()] == [12, 5]


def test_the_dashboard_shows_a_run_that_waits(folder: Folder, server: BatchServer, page: Open) -> None:
    run = submitted(folder)
    with Project.open(folder.path) as project:
        database, standing = project.settings.database, project.run(run).standing
    shown = page(folder.path, database, "runs", run=run)
    assert not shown.exception
    assert f"0 of 12 through; {standing}" in texts(shown) and "interrupted" not in texts(shown)
    (status,) = shown.dataframe[0].value["status"].tolist()
    assert status.startswith("waiting, in a batch since 20")
    assert [button.label for button in shown.button if button.key == f"resume-{run}"] == [
        "Bring what is there"
    ]
