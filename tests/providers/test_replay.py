"""Recorded outputs: which line serves which sample, and what is wrong with a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from promptops.errors import CallFailed, FileProblems
from promptops.providers import ProviderSettings
from promptops.providers.replay import Replay
from promptops.types import Completion, Message, Request
from tests.made import Folder, questions


def recording(folder: Path, *lines: str) -> Replay:
    (folder / "out.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return Replay("out.jsonl", ProviderSettings(), {}, folder)


def ask(model: Replay, sample_id: str, repeat: int = 0) -> Completion:
    request = Request(messages=(Message(role="user", content="?"),), sample_id=sample_id, repeat=repeat)
    return asyncio.run(model.generate(request))


def test_a_line_serves_its_sample_with_what_was_recorded(tmp_path: Path) -> None:
    model = recording(tmp_path, '{"id": "a", "output": "yes", "seconds": 0.5, "tokens": 3, "model": "m"}')
    assert ask(model, "a") == Completion(text="yes", seconds=0.5, tokens_out=3, model="m")
    assert ask(model, "a").tokens_in is None


def test_a_lone_line_without_repeat_serves_every_repeat(tmp_path: Path) -> None:
    model = recording(tmp_path, '{"id": "a", "output": "yes"}')
    assert ask(model, "a", 0).text == ask(model, "a", 7).text == "yes"


def test_a_line_without_repeat_beside_others_is_repeat_0_only(tmp_path: Path) -> None:
    model = recording(tmp_path, '{"id": "a", "output": "zero"}', '{"id": "a", "output": "one", "repeat": 1}')
    assert [ask(model, "a", repeat).text for repeat in (0, 1)] == ["zero", "one"]
    with pytest.raises(CallFailed, match="'a', repeat 2"):
        ask(model, "a", 2)


def test_a_lone_line_with_a_repeat_serves_that_repeat_only(tmp_path: Path) -> None:
    model = recording(tmp_path, '{"id": "a", "output": "one", "repeat": 1}')
    with pytest.raises(CallFailed) as caught:
        ask(model, "a", 0)
    assert caught.value.kind == "missing_output"


def test_a_missing_sample_is_named(tmp_path: Path) -> None:
    model = recording(tmp_path, '{"id": "a", "output": "yes"}')
    with pytest.raises(CallFailed, match=r"out\.jsonl has no output for sample 'b'") as caught:
        ask(model, "b")
    assert caught.value.kind == "missing_output"
    assert not caught.value.retryable


def test_an_object_or_list_is_kept_as_canonical_json_and_an_empty_text_is_an_output(tmp_path: Path) -> None:
    model = recording(
        tmp_path,
        '{"id": "a", "output": {"b": 1, "a": "ü"}}',
        '{"id": "b", "output": [1]}',
        '{"id": "c", "output": ""}',
    )
    assert [ask(model, name).text for name in "abc"] == ['{"a":"ü","b":1}', "[1]", ""]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (['{"id": "a"}'], "out.jsonl:1"),
        (['{"output": "x"}'], "'id' is missing"),
        (['{"id": 1, "output": "x"}'], "id: must be a text"),
        (['{"id": "", "output": "x"}'], "id: must be a text"),
        (['{"id": "a", "output": null}'], "output: must be"),
        (['{"id": "a", "output": 3}'], "output: must be"),
        (['{"id": "a", "output": "x", "repeat": -1}'], "repeat: must be a whole number"),
        (['{"id": "a", "output": "x", "tokens": 1.5}'], "tokens: must be a whole number"),
        (['{"id": "a", "output": "x", "tokens": true}'], "tokens: must be a whole number"),
        (['{"id": "a", "output": "x", "seconds": "fast"}'], "seconds: must be a number"),
        (['{"id": "a", "output": "x", "model": 4}'], "model: must be a text"),
        (['{"id": "a", "output": "x", "outptu": 4}'], "Did you mean 'output'"),
        (['{"id": "a", "output": "x", "seconds": NaN}'], "NaN"),
        (['{"id": "a", "output": "x"}', '{"id": "a", "output": "y"}'], "out.jsonl:2"),
        (['{"id": "a", "output": "x", "repeat": 0}', '{"id": "a", "output": "y"}'], "recorded above already"),
        (['{"id": "a", "output": "x", "id": "b"}'], "twice"),
        (["[1]"], "is no object"),
        (["{"], "out.jsonl:1"),
        ([""], "holds no output"),
    ],
)
def test_each_fault_of_a_file_is_told_with_its_place(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(FileProblems) as caught:
        recording(tmp_path, *lines)
    assert told in str(caught.value)


def test_all_faults_are_told_at_once_and_before_any_call(tmp_path: Path) -> None:
    with pytest.raises(FileProblems) as caught:
        recording(tmp_path, "{", '{"id": "a"}', '{"id": "b", "output": "fine"}', '{"output": "x"}')
    assert [problem.line for problem in caught.value.problems] == [1, 2, 4]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match=r"missing\.jsonl"):
        Replay("missing.jsonl", ProviderSettings(), {}, tmp_path)
    with pytest.raises(FileProblems):
        Replay(".", ProviderSettings(), {}, tmp_path)


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    recording(tmp_path, '{"id": "a", "output": "yes"}')
    model = Replay(str(tmp_path / "out.jsonl"), ProviderSettings(), {}, Path("/nowhere"))
    assert ask(model, "a").text == "yes"


def test_another_recording_has_another_origin(tmp_path: Path) -> None:
    first = recording(tmp_path, '{"id": "a", "output": "yes"}').origin
    assert recording(tmp_path, '{"id": "a", "output": "no"}').origin != first


def test_nobody_pays_for_what_was_recorded(folder: Folder) -> None:
    folder.evalset("asked", questions(1))
    folder.prompt("ask", "{{ question }}")
    (folder.path / "out.jsonl").write_text('{"id": "q000", "output": "yes"}\n', "utf-8")
    asked = (
        "eval",
        "asked",
        "-p",
        "ask.prompt.yaml",
        "-m",
        "replay/out.jsonl",
        "--max-cost",
        "0.01",
        "--json",
    )
    forecast = json.loads(folder.run(*asked, "--dry-run").stdout)["forecast"]
    assert forecast["cost"] == 0
    found = json.loads(folder.run(*asked).stdout)
    # What the application once paid for its answer is not known, and no zero.
    assert found["stopped"] is None and found["cost"] is None
