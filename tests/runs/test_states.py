"""How a run is told of: at work, held, or left behind by a process that is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from promptops import Project
from promptops.calls.budget import Budget
from promptops.errors import UsageError
from promptops.runs.owner import own_name
from tests.made import EVALSET, Folder, questions, until

SAMPLES = 400


@pytest.fixture
def slow(folder: Folder) -> list[str]:
    """An evaluation that takes minutes on a busy machine too, as arguments; every test ends it."""
    folder.evalset("numbers", questions(SAMPLES), EVALSET)
    model = folder.script("slow.json", {"*": {"sleep": 1.0}})
    return ["eval", "numbers", "-p", "ask.prompt.yaml", "-m", model, "-j", "2"]


@contextmanager
def at_work(folder: Folder, arguments: list[str], done: int = 2) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command and yield it once the newest run has so many results; kill it in the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "promptops", *arguments],
        cwd=folder.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            with Project.open(folder.path) as project:
                until(lambda: any(run.done >= done for run in project.runs(limit=1)))
            yield process
        finally:
            process.kill()


def told(folder: Folder) -> set[str]:
    """Return what `--json` calls the newest run's status, here and there."""
    (listed,) = folder.json("runs", "--limit", "1")["runs"]
    return {listed["status"], folder.json("show", "latest")["run"]["status"]}


def test_a_run_whose_process_was_killed_is_interrupted_and_says_how_it_goes_on(
    folder: Folder, slow: list[str]
) -> None:
    with at_work(folder, slow) as process:
        assert told(folder) == {"running"}
        process.kill()
        process.wait()
    with Project.open(folder.path) as project:
        run = project.run("latest").id
    assert told(folder) == {"interrupted"}
    for shown in (folder.run("runs"), folder.run("show", run)):
        assert "interrupted" in shown.stdout and f"promptops resume {run}" in shown.stdout
        assert "running" not in shown.stdout
    for command in ("pause", "stop"):
        refused = folder.run(command, run, code=2).stderr
        assert "running" not in refused and f"promptops resume {run}" in refused


def test_a_run_is_finished_as_soon_as_it_is_whole_whatever_the_command_has_still_to_do(
    folder: Folder, slow: list[str]
) -> None:
    with at_work(folder, [*slow[:4], "-m", "mock/echo", *slow[4:]]) as process:
        with Project.open(folder.path) as project:
            first, second = project.runs()[1], project.runs()[0]
        folder.run("accept", first.id)
        process.kill()
        process.wait()
    with Project.open(folder.path) as project:
        assert (first.status, second.status) == ("finished", "running")
        assert [project.run(run.id).status for run in (first, second)] == ["finished", "interrupted"]


def test_a_run_whose_process_was_killed_after_its_last_result_is_finished(folder: Folder) -> None:
    folder.evalset("numbers", questions(3), EVALSET)
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    with Project.open(folder.path) as project:
        project.store.set_status(project.run("latest").id, "running")
    assert told(folder) == {"finished"}
    folder.run("accept")


def test_what_a_kill_may_have_cost_is_told_and_what_it_left_is_tidied(
    folder: Folder, slow: list[str]
) -> None:
    with at_work(folder, slow) as process:
        process.kill()
        process.wait()
    with Project.open(folder.path) as project:
        run = project.run("latest").id
    assert (folder.path / ".promptops" / f"work-{run}").exists()
    told = "was killed: up to 2 calls were under way and may have been charged"
    assert told in folder.run("resume", run, "--max-calls", "0", code=3).stderr
    assert told not in folder.run("resume", run, "--max-calls", "0", code=3).stderr

    (folder.path / ".promptops" / "work-0123456789ab").write_text("nowhere:1:2@3:abcd\nworking\n")
    (folder.path / ".promptops" / "work-ba9876543210").write_text(f"{gone()}\nworking\n")
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", "--limit", "1")
    # Of a process on another host nobody here knows whether it is gone.
    assert [file.name for file in (folder.path / ".promptops").glob("work-*")] == ["work-0123456789ab"]


def gone() -> str:
    """Return what a process of this host would be called that is gone."""
    host, number, _, rest = own_name().split(":")
    return f"{host}:{number}:1@2:{rest}"


def test_a_killed_process_that_nobody_has_heard_of_yet_is_gone(folder: Folder, slow: list[str]) -> None:
    with at_work(folder, slow) as process:
        process.kill()
        # It is not waited for: a zombie still has its number and its start.
        with Project.open(folder.path) as project:
            until(lambda: project.run("latest").status == "interrupted")


def test_a_held_run_is_told_as_paused_with_what_lets_it_go_on(folder: Folder, slow: list[str]) -> None:
    with at_work(folder, slow), Project.open(folder.path) as project:
        run = project.run("latest").id
        assert project.pause(run)
        until(lambda: project.run(run).status == "paused")
        assert told(folder) == {"paused"}
        for shown in (folder.run("runs"), folder.run("show", run)):
            assert "paused" in shown.stdout and f"promptops pause {run} --go-on" in shown.stdout
        refused = folder.run("resume", run, code=2).stderr
        assert f"promptops pause {run} --go-on" in refused and f"promptops stop {run}" in refused
        with pytest.raises(UsageError, match=f"promptops pause {run} --go-on"):
            project.finished_run(run)
        folder.run("pause", run, "--go-on")
        until(lambda: project.run(run).status == "running")
        assert f"promptops stop {run}" in folder.run("resume", run, code=2).stderr


def test_a_run_that_is_resumed_is_at_work_again(folder: Folder, slow: list[str]) -> None:
    with at_work(folder, slow) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert told(folder) == {"interrupted"}
    with Project.open(folder.path) as project:
        before = project.run("latest")
        with at_work(folder, ["resume", before.id], before.done + 1) as process:
            assert told(folder) == {"running"}
            folder.run("pause", before.id)
            until(lambda: project.run(before.id).status == "paused")
            folder.run("stop", before.id)
            assert process.wait(30) == 130
    assert told(folder) == {"interrupted"}


@pytest.mark.parametrize(("seconds", "status"), [(60.0, "running"), (0.0, "interrupted")])
def test_a_process_on_another_host_is_there_as_long_as_its_lease(
    folder: Folder, seconds: float, status: str
) -> None:
    folder.evalset("numbers", questions(3), EVALSET)
    with Project.open(folder.path) as project:
        asks = [folder.path / "ask.prompt.yaml"]
        run = project.evaluate("numbers", asks, ["mock/echo"], budget=Budget(max_calls=2))[0]
        project.store.set_status(run.id, "running")
        project.store.claim_run(run.id, "elsewhere:1:2@3:abcd", seconds)
        assert project.run(run.id).status == status
        assert [each.status for each in project.runs()] == [status]


def test_a_lease_that_a_living_process_of_this_host_let_lapse_is_still_its_own(folder: Folder) -> None:
    folder.evalset("numbers", questions(3), EVALSET)
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        project.store.claim_run(run.id, own_name(), 0.0)
        assert project.run(run.id).status == "running"
