"""A run from a page: chosen, estimated, started once, watched, held and let go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptops import Project
from promptops.errors import UsageError
from promptops.runs.owner import own_name
from promptops.runs.pausing import holds, say
from tests.dashboards.test_live_runs import at_work, button, status_of
from tests.dashboards.test_pages import page, projects, texts
from tests.made import EVALSET, Folder, questions, until
from tests.providers.batch_server import serving

__all__ = ["page", "projects"]
Open = Callable[..., AppTest]


@pytest.fixture
def prepared(folder: Folder) -> tuple[Folder, str]:
    folder.evalset("numbers", questions(12), EVALSET)
    folder.write("prompts/ask.prompt.yaml", '{"messages": [{"role": "user", "content": "{{question}}"}]}')
    with Project.open(folder.path) as project:
        project.add_prompt(folder.path / "prompts/ask.prompt.yaml")
        project.data_version()
        return folder, project.settings.database


def chosen(app: AppTest, prompt: str = "prompts/ask.prompt.yaml", model: str = "mock/echo") -> AppTest:
    app.multiselect[0].set_value([prompt])
    app.multiselect[1].set_value([model])
    return app.run()


def runs_of(folder: Folder, many: int = 1) -> list[str]:
    with Project.open(folder.path) as project:
        until(lambda: len(project.runs()) >= many)
        return [run.id for run in project.runs()]


def test_a_run_is_estimated_started_once_and_found(prepared: tuple[Folder, str], page: Open) -> None:
    folder, database = prepared
    app = page(folder.path, database, "evaluate")
    assert not app.exception
    assert list(app.multiselect[0].options) == ["ask@1", "prompts/ask.prompt.yaml"]
    assert not any(each.label == "Start" for each in app.button)
    app = chosen(app)
    button(app, "Estimate").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    assert any("12 calls" in str(each.value) for each in app.html)
    assert {"calls": "12", "cost": "unknown"}.items() <= app.dataframe[0].value.iloc[0].to_dict().items()
    with Project.open(folder.path) as project:
        assert project.runs() == []
    button(app, "Start").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    (run,) = runs_of(folder)
    assert status_of(folder, run, "finished") == "finished"
    with Project.open(folder.path) as project:
        found = project.run(run)
        assert (found.done, found.prompt_ref, found.model) == (12, "prompts/ask.prompt.yaml", "mock/echo")


def test_without_a_choice_the_page_says_which_model_is_asked(
    prepared: tuple[Folder, str], page: Open
) -> None:
    folder, database = prepared
    folder.write(
        "prompts/own.prompt.yaml", '{"model": "mock/own", "messages": [{"role": "user", "content": "x"}]}'
    )
    app = page(folder.path, database, "evaluate")
    assert "Without a choice: The settings name mock/echo." in quiet(app)
    app.multiselect[0].set_value(["prompts/ask.prompt.yaml", "prompts/own.prompt.yaml"])
    told = quiet(app.run())
    assert "prompts/ask.prompt.yaml asks mock/echo; prompts/own.prompt.yaml asks mock/own" in told
    assert "Without a choice" not in quiet(chosen(app))


def quiet(app: AppTest) -> str:
    """Return the small texts of a page."""
    return "\n".join(str(each.value) for each in [*app.html, *app.caption])


def test_a_batch_is_estimated_handed_in_and_found_waiting(prepared: tuple[Folder, str], page: Open) -> None:
    folder, database = prepared
    with serving() as server:
        folder.write("promptops.toml", f'[providers.far]\nkind = "openai"\nbase_url = "{server.url}"\n')
        app = page(folder.path, database, "evaluate")
        app.checkbox[0].check()
        app = chosen(app, model="far/model")
        button(app, "Estimate").click().run()  # type: ignore[attr-defined]
        assert not app.exception
        assert any("the server answers in its own time" in each.value for each in app.text) or (
            "In a batch: the server answers in its own time" in texts(app)
        )
        assert server.batches == {}
        button(app, "Start").click().run()  # type: ignore[attr-defined]
        assert not app.exception
        (run,) = runs_of(folder)
        assert status_of(folder, run, "waiting") == "waiting"
        assert [len(held.lines) for held in server.batches.values()] == [12] and not server.chats
        app = page(folder.path, database, "runs", run=run)
        assert app.dataframe[0].value["status"][0].startswith("waiting, in a batch since ")


def test_another_choice_needs_another_estimate(prepared: tuple[Folder, str], page: Open) -> None:
    app = chosen(page(prepared[0].path, prepared[1], "evaluate"))
    button(app, "Estimate").click().run()  # type: ignore[attr-defined]
    assert any(each.label == "Start" for each in app.button)
    app = chosen(app, "ask@1")
    assert not any(each.label == "Start" for each in app.button)


@pytest.mark.parametrize(
    ("prompt", "model", "told"),
    [
        ("prompts/ask.prompt.yaml", "openai/gpt-4o-mini", "OPENAI_API_KEY"),
        ("prompts/odd.prompt.yaml", "mock/echo", "'other' is undefined"),
        ("prompts/ask.prompt.yaml", "nobody/x", "nobody"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_spent(
    prepared: tuple[Folder, str],
    page: Open,
    monkeypatch: pytest.MonkeyPatch,
    prompt: str,
    model: str,
    told: str,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    folder, database = prepared
    folder.write("prompts/odd.prompt.yaml", '{"messages": [{"role": "user", "content": "{{other}}"}]}')
    app = chosen(page(folder.path, database, "evaluate"), prompt, model)
    button(app, "Estimate").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    assert told in texts(app)
    assert any("This can't be run" in each.value for each in app.markdown)
    with Project.open(folder.path) as project:
        assert project.runs() == []


def test_an_empty_project_says_what_to_do(tmp_path: Path, page: Open) -> None:
    with Project.open(tmp_path) as project:
        project.data_version()
        app = page(tmp_path, project.settings.database, "evaluate")
    assert not app.exception
    assert "no evaluation set yet" in texts(app) and any("promptops init" in each.value for each in app.code)


def test_one_token_starts_one_evaluation_and_tells_its_runs(prepared: tuple[Folder, str]) -> None:
    folder, _ = prepared
    given = {"token": "a1b2c3d4", "repeats": 2}
    with Project.open(folder.path) as project:
        assert project.evaluate_apart("numbers", ["ask@1"], ["mock/echo"], **given)  # type: ignore[arg-type]
        assert not project.evaluate_apart("numbers", ["ask@1"], ["mock/echo"], **given)  # type: ignore[arg-type]
        (run,) = runs_of(folder)
        assert status_of(folder, run, "finished") == "finished"
        until(lambda: project.begun_apart("a1b2c3d4").ended)
        begun = project.begun_apart("a1b2c3d4")
        assert (begun.runs, begun.ended) == ((run,), True)
        assert project.run(run).done == 24
        with pytest.raises(ValueError, match="a token is a word"):
            project.begun_apart("../../etc/passwd")


def test_one_that_can_not_begin_says_why(prepared: tuple[Folder, str]) -> None:
    folder, _ = prepared
    with Project.open(folder.path) as project:
        project.evaluate_apart("--help", ["ask@1"], ["mock/echo"], token="b1b2c3d4")
        until(lambda: project.begun_apart("b1b2c3d4").ended)
        begun = project.begun_apart("b1b2c3d4")
        assert begun.runs == () and begun.ended and "--help" in begun.said and "Usage" not in begun.said


def test_a_run_is_held_seen_as_paused_and_goes_on(folder: Folder, page: Open) -> None:
    with at_work(folder, seconds=0.5, samples=400) as (run, database), Project.open(folder.path) as project:
        app = page(folder.path, database, "runs", run=run)
        button(app, "Pause").click().run()  # type: ignore[attr-defined]
        until(lambda: project.paused(run))
        app = page(folder.path, database, "runs", run=run)
        assert "; paused" in texts(app) and "running" not in texts(app)
        assert list(app.dataframe[0].value["status"]) == ["paused"]
        # The two that were under way come to their end, whenever the machine gets to them; eight would else.
        before = project.run(run).done + 2
        time.sleep(2.0)
        assert project.run(run).done <= before
        assert "was held already" in folder.run("pause", run).stdout
        assert "goes on" in folder.run("pause", run, "--go-on").stdout
        until(lambda: not project.paused(run))
        until(lambda: project.run(run).done > before)
    assert f"promptops resume {run}" in folder.run("pause", run, code=2).stderr


def test_who_does_not_listen_is_sent_no_signal(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.evalset("numbers", questions(3), EVALSET)
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        owner = own_name()
        project.store.set_status(run.id, "running")
        project.store.claim_run(run.id, owner, 60)
        sent: list[int] = []
        monkeypatch.setattr(os, "kill", lambda number, what: sent.append(what))
        with pytest.raises(UsageError, match="can't be held from here"):
            project.pause(run.id)
        # What another process said of this run before says nothing of this one.
        say(folder.path, [run.id], "somebody:1:2@3:abcd", held=False)
        assert holds(folder.path, run.id, owner) is None
        with pytest.raises(UsageError, match="can't be held from here"):
            project.pause(run.id)
        assert signal.SIGUSR1 not in sent
