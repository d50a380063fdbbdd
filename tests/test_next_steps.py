"""What stopped a newcomer: every message names what was wrong and what to do next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptops.project import Project
from tests.made import Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Writer, answers, completion, http, says
from tests.providers.in_thread import serving
from tests.runs.test_faulty_runs import project_at

ASK = ("eval", "numbers", "-p", "ask.prompt.yaml")


def words(text: str) -> str:
    return " ".join(text.split())


async def cut_off(writer: Writer, asked: Asked) -> bool:
    """Every second answer ends at the limit; one that is whole quotes the words of the field."""
    number = int("".join(filter(str.isdigit, str(asked["messages"][-1]["content"]))) or 0)
    body = completion('it said "finish_reason":"length"')
    if number % 2:
        body["choices"][0]["finish_reason"] = "length"
    return await answers(body)(writer, asked)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fault_server.PLAYS, "cut_off", cut_off)
    monkeypatch.setitem(fault_server.PLAYS, "nowhere", says(http(404, b"404: Not Found", kind="text/plain")))


@pytest.mark.usefixtures("plays")
def test_answers_that_were_cut_off_are_counted(folder: Folder) -> None:
    with serving() as server:
        project_at(folder, server.url, 40, attempts=1)
        told = folder.run(*ASK, "-m", "faulty/cut_off", FAULTY_KEY=KEY).stdout
        shown = json.loads(folder.run("show", "latest", "--json").stdout)
    assert "20 of 40 answers were cut off at the limit of tokens (max_tokens)" in words(told)
    assert shown["cut_off"] == 20


@pytest.mark.usefixtures("plays")
def test_a_wrong_address_is_told_and_how_to_ask_again(folder: Folder) -> None:
    with serving() as server:
        project_at(folder, server.url, 2, attempts=1)
        settings = (folder.path / "promptops.toml").read_text()
        bare = server.url.removesuffix("/v1")
        folder.write("promptops.toml", settings.replace(server.url, bare))
        done = folder.run(*ASK, "-m", "faulty/nowhere", code=3, FAULTY_KEY=KEY)
        told = words(done.stdout)
        assert f"The server answered 404 at {bare}/chat/completions" in told
        assert "Its base_url usually ends in /v1" in told
        assert "When that is mended, ask again: promptops resume" in told
        assert "By slice" not in told
        folder.run("resume", "latest", code=3, FAULTY_KEY=KEY)


def test_a_parameter_that_cannot_be_sent_is_refused_before_a_run_is_made(folder: Folder) -> None:
    folder.prompt("ask", "{{ question }}", parameters={"stream": True})
    folder.write("promptops.toml", '[providers.own]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    told = folder.run(*ASK, "-m", "own/m", code=2).stderr
    assert "The parameter 'stream' can't be used" in words(told)
    assert "no run yet" in folder.run("runs").stdout


def test_a_provider_without_a_kind_is_told_so(folder: Folder) -> None:
    folder.write("promptops.toml", '[providers.foo]\nbase_url = "http://127.0.0.1:9/v1"\n')
    told = words(folder.run(*ASK, "-m", "foo/m", code=2).stderr)
    assert "[providers.foo] has no `kind`" in told
    assert "Did you mean" not in told


def test_a_named_key_that_is_not_set_may_not_be_needed(folder: Folder) -> None:
    settings = (
        '[providers.own]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "OWN_KEY"\n'
    )
    folder.write("promptops.toml", settings)
    told = words(folder.run(*ASK, "-m", "own/m", code=2).stderr)
    assert "set the environment variable OWN_KEY" in told
    assert "take api_key_env out" in told
    assert "needs none" not in told


def test_the_first_call_is_not_made_where_reading_it_costs_too_much(folder: Folder) -> None:
    with serving() as server:
        project_at(folder, server.url, 3, attempts=1)
        priced = "price_in = 1000.0\nprice_out = 0.0\n"
        folder.write("promptops.toml", (folder.path / "promptops.toml").read_text() + priced)
        folder.prompt("ask", "{{ question }}" + " word" * 400)
        told = folder.run(*ASK, "-m", "faulty/ok", "--max-cost", "0.00001", code=None, FAULTY_KEY=KEY).stderr
        assert "Stopped by --max-cost 0.00001: 0 calls made, $0 spent" in words(told)
        assert not server.calls


def test_a_folder_of_prompts_and_a_file_with_a_version_are_told(folder: Folder) -> None:
    folder.prompt("prompts/reply", "{{ question }}")
    told = words(folder.run("eval", "numbers", "-p", "prompts", "-m", "mock/echo", code=2).stderr)
    assert "'prompts' is a folder: write 'prompts/'" in told
    told = words(folder.run("eval", "numbers", "-p", "reply@3", "-m", "mock/echo", code=2).stderr)
    assert "there is a file" in told


def test_a_file_that_is_no_cassette_is_told_once(folder: Folder) -> None:
    file = folder.write("other.yaml", "a: 1\n" * 30)
    told = words(folder.run(*ASK, "-m", "mock/echo", "--cassette", str(file), code=2).stderr)
    assert told.count("is no cassette") == 1
    assert "promptops record RUN" in told
    assert len(told) < 300


def test_a_setting_that_stands_there_twice_is_named(folder: Folder) -> None:
    folder.write("promptops.toml", "concurrency = 4\nattempts = 2\nconcurrency = 5\n")
    assert "promptops.toml:3: concurrency stands there twice" in words(folder.run("runs", code=2).stderr)


def test_lists_and_truth_values_are_exported_as_such(folder: Folder, tmp_path: Path) -> None:
    rows = [{**row, "tags": ["even"] if number % 2 == 0 else []} for number, row in enumerate(questions(6))]
    folder.evalset("numbers", rows)
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        for ending in ("jsonl", "parquet"):
            project.export(run.id, tmp_path / f"results.{ending}")
    first = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[0])
    assert first["tags"] == ["even"]
    assert first["cached"] is False
    assert first["target"] == [rows[0]["target"]]
    assert first["inputs"] == rows[0]["inputs"]
    import pyarrow.parquet as parquet

    table = parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert table[0]["tags"] == ["even"]
    assert table[0]["cached"] is False
    assert json.loads(table[0]["inputs"]) == rows[0]["inputs"]


def test_one_fault_of_a_whole_file_is_told_once(folder: Folder) -> None:
    rows: list[dict[str, object]] = [{"id": f"s{number}", "inputs": "a text"} for number in range(200)]
    rows[100] = {"id": "s100", "inputs": {"question": "?"}, "taget": "4"}
    folder.prompt("ask", "{{ question }}")
    folder.evalset("numbers", rows)
    told = folder.run(*ASK, "-m", "mock/echo", code=2).stderr
    assert len(told.splitlines()) == 2
    assert "samples.jsonl:1:" in told
    assert "(and 198 more such: line 2, line 3, line 4, ...)" in told
    assert "samples.jsonl:101:" in told and "Did you mean 'target'?" in told


def test_a_run_that_is_not_there_is_answered_with_what_the_newest_are(folder: Folder) -> None:
    folder.run(*ASK)
    with Project.open(folder.path) as project:
        run = project.run("latest")
    about = f"{run.id!r} (numbers, ask.prompt.yaml, {run.created_at[:10]} {run.created_at[11:16]})"
    told = words(folder.run("show", "the last one", code=2).stderr)
    assert f"The newest: {about}. All: promptops runs" in told
    near = run.id[:-1] + ("0" if run.id[-1] != "0" else "1")
    assert f"Did you mean {about}?" in words(folder.run("show", near, code=2).stderr)


def test_the_columns_of_plugins_are_straight(folder: Folder) -> None:
    lines = folder.run("plugins", "judges").stdout.splitlines()[1:]
    starts = {len(line) - len(line[2:].split(" ", 1)[1].lstrip()) for line in lines}
    assert len(starts) == 1 and any("reference_guided" in line for line in lines)
