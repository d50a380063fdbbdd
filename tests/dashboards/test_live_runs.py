"""Runs at work: seen while they go on, stopped and resumed from a page or another window."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project
from promptops.errors import UsageError
from tests.dashboards.test_pages import page, projects, texts
from tests.made import Folder, questions, until

__all__ = ["page", "projects"]
Open = Callable[..., AppTest]


@contextmanager
def at_work(folder: Folder, *, seconds: float = 5.0, samples: int = 100) -> Iterator[tuple[str, str]]:
    """Start a run in a process of its own; yield its id and the database's address.

    The first ten samples are answered at once, the others so slowly that it is at work for minutes.
    """
    folder.evalset("numbers", questions(samples))
    slow = {"*": {"sleep": seconds}, **{f"q{number:03}": {} for number in range(10)}}
    slow |= {"q001": {"fail": "filtered"}, "q003": {"fail": "server", "status": 500}}
    model = folder.script("slow.json", slow)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "promptops", "eval", "numbers", "-p", "ask.prompt.yaml"),
            *("-m", model, "-j", "2"),
        ],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with Project.open(folder.path) as project:
            until(lambda: any(run.model == model and run.done >= 5 for run in project.runs(limit=1)))
            yield project.runs(limit=1)[0].id, project.settings.database
    finally:
        process.kill()
        process.communicate()


def status_of(folder: Folder, run: str, wanted: str) -> str:
    """Wait for a status; return it."""
    with Project.open(folder.path) as project:
        until(lambda: project.run(run).status == wanted)
    return wanted


def button(app: AppTest, label: str) -> object:
    return next(each for each in app.button if each.label == label)


def test_a_run_at_work_is_shown_with_its_errors_and_stopped(folder: Folder, page: Open) -> None:
    with at_work(folder) as (run, database):
        app = page(folder.path, database, "runs", run=run)
        assert not app.exception
        assert any(each.label == "Stop" for each in app.button)
        classes = [frame.value for frame in app.dataframe if "class" in frame.value.columns]
        assert classes and "filtered" in set(classes[0]["class"])
        # How far it was stands in the list, and with the pace of what is stored where it is looked at again.
        assert re.search(
            r"of 100 through.*; running, \d+(\.\d)? a (second|minute), about \d+ (s|min) left", texts(app)
        )
        (done,) = app.dataframe[0].value["done"]
        assert re.fullmatch(r"([3-9]|\d\d+) of 100", done) and "results" not in texts(app)
        button(app, "Stop").click().run()  # type: ignore[attr-defined]
        assert status_of(folder, run, "interrupted") == "interrupted"
    app = page(folder.path, database, "runs", run=run)
    assert any(each.label == "Resume here" for each in app.button)
    assert any(f"promptops resume {run}" in each.value for each in app.code)


def test_an_interrupted_run_is_resumed_from_its_page(folder: Folder, page: Open) -> None:
    with at_work(folder, samples=30) as (run, database):
        folder.run("stop", run)
        assert status_of(folder, run, "interrupted") == "interrupted"
    folder.script("slow.json", {"*": {}})
    app = page(folder.path, database, "runs", run=run)
    button(app, "Resume here").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    assert status_of(folder, run, "finished") == "finished"
    app = page(folder.path, database, "runs", run=run)
    assert not any(each.label in ("Stop", "Resume here") for each in app.button)
    with Project.open(folder.path) as project:
        found = project.run(run)
        assert found.done + found.errors == 30
        assert "(100%)" in project.said_apart(run)
        log = folder.path / ".promptops" / f"resume-{run}.log"
        assert log.stat().st_mode & 0o077 == 0
        with pytest.raises(UsageError, match="is finished"):
            project.resume_apart(run)


def test_what_has_no_answer_is_asked_again_from_its_page(folder: Folder, page: Open) -> None:
    folder.evalset("numbers", questions(6))
    model = folder.script("flaky.json", {"*": {}, "q001": {"fail": "server", "status": 500}})
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", model)
    with Project.open(folder.path) as project:
        [run], database = project.runs(limit=1), project.settings.database
        assert (run.status, run.done, run.errors) == ("finished", 5, 1)
        with pytest.raises(UsageError, match="is finished"):
            project.resume_apart(run.id)
    app = page(folder.path, database, "runs", run=run.id)
    assert f"promptops resume {run.id} --retry-errors" in [each.value for each in app.code]
    assert not any(each.label == "Resume here" for each in app.button)
    folder.script("flaky.json", {"*": {}})
    button(app, "Ask again what has no answer").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    with Project.open(folder.path) as project:
        until(lambda: (found := project.run(run.id)).status == "finished" and found.done == 6)
        until(lambda: not project.resumes_apart(run.id))
        assert project.run(run.id).errors == 0
    app = page(folder.path, database, "runs", run=run.id)
    assert not app.exception and not app.button


def test_a_run_whose_process_was_killed_is_seen_as_interrupted(folder: Folder, page: Open) -> None:
    with at_work(folder) as (run, database):
        assert "; running" in texts(page(folder.path, database, "runs", run=run))
    app = page(folder.path, database, "runs", run=run)
    assert "; interrupted" in texts(app) and "running" not in texts(app)
    assert list(app.dataframe[0].value["status"]) == ["interrupted"]
    assert any(each.label == "Resume here" for each in app.button)


def test_a_resumed_run_is_followed_until_it_is_at_work(folder: Folder, page: Open) -> None:
    with at_work(folder) as (run, database):
        pass
    app = page(folder.path, database, "runs", run=run)
    button(app, "Resume here").click().run()  # type: ignore[attr-defined]
    assert any("is starting to finish it" in each.value for each in app.caption)
    with Project.open(folder.path) as project:
        with pytest.raises(UsageError, match=r"starting to finish run|being worked on"):
            project.resume_apart(run)
        assert status_of(folder, run, "running") == "running"
        app.run()
        assert "; running" in texts(app) and any(each.label == "Pause" for each in app.button)
        assert not any("is starting" in each.value for each in app.caption)
        button(app, "Stop").click().run()  # type: ignore[attr-defined]
        assert status_of(folder, run, "interrupted") == "interrupted"


def test_a_resume_that_fails_says_why(folder: Folder, page: Open) -> None:
    with at_work(folder) as (run, database):
        pass
    (folder.path / "slow.json").unlink()
    app = page(folder.path, database, "runs", run=run)
    button(app, "Resume here").click().run()  # type: ignore[attr-defined]
    with Project.open(folder.path) as project:
        until(lambda: not project.resumes_apart(run))
    app.run()
    assert any("has ended, and the run is not finished" in each.value for each in app.markdown)
    assert any("slow.json" in each.value for each in app.code)
    assert not any("is starting" in each.value for each in app.caption)


def test_what_stands_behind_an_answer_is_shown(folder: Folder, page: Open) -> None:
    with at_work(folder, seconds=0.0, samples=12) as (run, database):
        assert status_of(folder, run, "finished") == "finished"
    app = page(folder.path, database, "runs", run=run, case="q003")
    tries = [frame.value for frame in app.dataframe if "try" in frame.value.columns]
    assert tries and set(tries[0]["HTTP"]) == {"500"} and len(tries[0]) > 1
    assert any(each.label == "The raw exchange" for each in app.expander)
    assert any(each.value == "number 3" for each in app.code)


def test_stop_says_why_it_can_not(folder: Folder) -> None:
    done = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo")
    assert done.returncode == 0
    assert "no process works on it" in folder.run("stop", code=2).stderr
    with at_work(folder) as (run, _):
        pass  # killed, so that its process is gone
    assert "is gone: promptops resume" in " ".join(folder.run("stop", run, code=2).stderr.split())


def test_stop_ends_a_run_in_another_window(folder: Folder, tmp_path: Path) -> None:
    with at_work(folder) as (run, _):
        assert f"Told run {run} to end" in folder.run("stop").stdout
        assert status_of(folder, run, "interrupted") == "interrupted"
    folder.script("slow.json", {"*": {}})
    folder.run("resume", run)
    assert status_of(folder, run, "finished") == "finished"


def test_figures_of_a_cut_run_tell_what_was_not_asked_yet(folder: Folder, page: Open) -> None:
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml", "--max-calls", "6", "-j", "1", code=3)
    with Project.open(folder.path) as project:
        run, database = project.run("latest"), project.settings.database
        whole = next(each for each in project.estimates(run.id) if each.slice is None)
        assert (whole.n, whole.unscored, whole.absent) == (6, 0, 34)
    app = page(folder.path, database, "runs", run=run.id)
    frame = next(each.value for each in app.dataframe if "not asked yet" in each.value.columns)
    assert frame["not asked yet"].iloc[0] == 34 and frame["unscored"].iloc[0] == 0
    folder.run("resume", run.id)
    app = page(folder.path, database, "runs", run=run.id)
    assert not any("not asked yet" in each.value.columns for each in app.dataframe)
