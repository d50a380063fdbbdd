"""The scripted stand-in itself, since other tests lean on it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from promptops.errors import CallFailed, FileProblems, PromptopsError
from promptops.providers import ProviderSettings
from promptops.providers.mock import Mock
from promptops.types import Completion, Message, Request


def mock(model: str, folder: Path = Path()) -> Mock:
    return Mock(model, ProviderSettings(), {}, folder)


def ask(model: Mock, sample_id: str = "s1", repeat: int = 0) -> Completion:
    messages = (Message(role="system", content="Be kind."), Message(role="user", content="Hello"))
    return asyncio.run(model.generate(Request(messages=messages, sample_id=sample_id, repeat=repeat)))


def script(folder: Path, steps: object) -> Mock:
    (folder / "script.json").write_text(json.dumps(steps), "utf-8")
    return mock("script:script.json", folder)


def test_an_echo_says_the_last_user_message() -> None:
    assert ask(mock("echo")).text == "Hello"


def test_a_constant_says_its_text_whatever_it_holds() -> None:
    assert ask(mock("constant:a: b/c")).text == "a: b/c"
    assert ask(mock("constant:")).text == ""


def test_a_sleeper_echoes_after_that_long() -> None:
    began = time.monotonic()
    assert ask(mock("sleep:0.02")).text == "Hello"
    assert time.monotonic() - began >= 0.02


def test_calls_are_counted_for_tests_to_read(tmp_path: Path) -> None:
    Mock.calls.clear()
    Mock.asked.clear()
    plain, scripted = mock("constant:counted"), script(tmp_path, {"*": "x"})
    for model in (plain, scripted):
        ask(model, "a")
        ask(model, "a", 1)
    assert Mock.calls == {"constant:counted": 2, "script:script.json": 2}
    # Only a script needs to know, and only it remembers: a million samples would not be nothing.
    assert Mock.asked == {("script:script.json", "a", 0): 1, ("script:script.json", "a", 1): 1}


def test_an_answer_of_a_script_is_never_used_again_as_its_file_may_change(tmp_path: Path) -> None:
    assert not script(tmp_path, {"*": "x"}).cacheable
    assert mock("echo").cacheable


def test_a_script_plays_a_samples_steps_one_by_one_and_stays_at_the_last(tmp_path: Path) -> None:
    steps = [
        {"fail": "rate_limited", "retry_after": 0.01, "status": 429},
        "first",
        {"text": "then", "tokens_in": 3},
    ]
    model = script(tmp_path, {"s1": steps, "*": {"finish_reason": "length"}})
    with pytest.raises(CallFailed) as caught:
        ask(model)
    assert (caught.value.kind, caught.value.retry_after, caught.value.status) == ("rate_limited", 0.01, 429)
    assert [ask(model).text for _ in range(3)] == ["first", "then", "then"]
    assert ask(model).tokens_in == 3
    other = ask(model, "s2")
    assert (other.text, other.finish_reason, other.tokens_in) == ("Hello", "length", None)


def test_each_repeat_of_a_sample_plays_from_the_start(tmp_path: Path) -> None:
    model = script(tmp_path, {"*": ["first", "second"]})
    assert [ask(model, repeat=repeat).text for repeat in (0, 0, 1)] == ["first", "second", "first"]


def test_a_sample_that_the_script_leaves_out_has_no_output(tmp_path: Path) -> None:
    with pytest.raises(CallFailed) as caught:
        ask(script(tmp_path, {"s2": "x"}))
    assert caught.value.kind == "missing_output"


def test_a_script_may_be_lines(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(
        '{"id": "s1", "steps": ["a", "b"]}\n\n{"id": "*", "steps": "c"}\n', "utf-8"
    )
    model = mock("script:s.jsonl", tmp_path)
    assert [ask(model, name).text for name in ("s1", "s1", "s9")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "steps",
    [{"s1": []}, {"s1": {"fial": "quota"}}, {"s1": {"fail": "bad luck"}}, {"s1": 3}, {"s1": [None]}, ["a"]],
)
def test_a_script_with_faults_is_refused(tmp_path: Path, steps: object) -> None:
    with pytest.raises(FileProblems, match="script"):
        script(tmp_path, steps)


def test_lines_with_faults_are_told_with_their_number(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(
        '{"id": "a", "steps": "x"}\n{"id": "a", "steps": "x"}\n{"di": 1}\n{', "utf-8"
    )
    with pytest.raises(FileProblems) as caught:
        mock("script:s.jsonl", tmp_path)
    assert sorted(problem.line or 0 for problem in caught.value.problems) == [2, 3, 4]


@pytest.mark.parametrize(
    "model", ["ecko", "sleep:long", "sleep:-1", "sleep:nan", "script:missing.json", "echo:x"]
)
def test_a_form_that_is_none_is_refused(model: str) -> None:
    with pytest.raises(PromptopsError):
        mock(model)


def test_a_mock_is_marked_as_a_stand_in() -> None:
    assert Mock.stand_in
