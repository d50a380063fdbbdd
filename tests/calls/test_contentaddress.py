"""The content address: two requests share it only where they ask the same of the same model."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptops import Project
from promptops.calls.contentaddress import Asked, content_address
from promptops.types import Message, Prompt, Request, Role
from tests.chat_server import ChatServer, chat_server
from tests.made import Folder, questions

PIECES = ("", "a", "b", "ab", " ", "\n", "\0", "é", "e\u0301", "\ud83d", "🦜", "1", '"', "\\", "{{ x }}", "A")
ATOMS = (None, True, False, 0, 1, -1, 2**60, 0.0, 1.0, 0.1, "1", "true", "null")


def text(chance: random.Random) -> str:
    return "".join(chance.choices(PIECES, k=chance.randrange(4)))


def value(chance: random.Random, depth: int = 2) -> Any:
    kind = chance.randrange(6) if depth else 0
    if kind == 5:
        return [value(chance, depth - 1) for _ in range(chance.randrange(3))]
    if kind == 4:
        return table(chance, depth - 1)
    return text(chance) if kind == 3 else chance.choice(ATOMS)


def table(chance: random.Random, depth: int = 2) -> dict[str, Any]:
    return {text(chance): value(chance, depth) for _ in range(chance.randrange(4))}


def messages(chance: random.Random) -> list[Message]:
    roles: tuple[Role, ...] = ("system", "user", "assistant")
    return [Message(role=chance.choice(roles), content=text(chance)) for _ in range(chance.randrange(1, 4))]


FIELDS: dict[str, Callable[[random.Random], Any]] = {
    "model": text,
    "origin": text,
    "body": table,
    "messages": messages,
    "parameters": table,
    "response_format": lambda chance: chance.choice([None, table(chance)]),
    "repeat": lambda chance: chance.randrange(6),
    "poll": lambda chance: chance.randrange(6),
    "prompt": lambda chance: f"{chance.randrange(6):064x}",
}


def address(fields: dict[str, Any]) -> str:
    asked = Asked(fields["model"], fields["origin"], fields["body"])
    request = Request(
        messages=tuple(fields["messages"]),
        parameters=fields["parameters"],
        response_format=fields["response_format"],
        repeat=fields["repeat"],
        poll=fields["poll"],
    )
    return content_address(asked, request, fields["prompt"])


def spelled(value: object) -> str:
    """Return what tells values apart: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True, default=lambda noun: noun.model_dump())


@pytest.mark.parametrize("changed", FIELDS)
def test_two_requests_that_differ_in_one_field_never_share_an_address(changed: str) -> None:
    chance, pairs = random.Random(changed), 0
    while pairs < 250:
        fields = {name: make(chance) for name, make in FIELDS.items()}
        other = FIELDS[changed](chance)
        if spelled(other) != spelled(fields[changed]):
            pairs += 1
            assert address(fields) != address({**fields, changed: other}), (fields, other)
        assert address(fields) == address(copy.deepcopy(fields))


def test_an_address_does_not_depend_on_the_sample_or_the_order_of_keys() -> None:
    fields = dict(zip(FIELDS, ["m", "o", {}, [], {"a": 1, "b": 2}, None, 0, 0, "p"], strict=True))
    fields["messages"] = [Message(role="user", content="x")]
    assert address(fields) == address({**fields, "parameters": {"b": 2, "a": 1}})
    request = Request(messages=fields["messages"], parameters=fields["parameters"])
    moved = request.model_copy(update={"sample_id": "s2", "inputs": {"x": 1}})
    asked = Asked("m", "o")
    assert content_address(asked, request, "p") == content_address(asked, moved, "p")


def test_what_is_asked_once_has_the_address_that_it_had_before_there_were_polls() -> None:
    request = Request(messages=(Message(role="user", content="x"),))
    before = "d87f75a61ee08ed4af4870d2e8ba32f998166a725356163f72258c75715bf64d"
    assert content_address(Asked("m", "o"), request, "p") == before


def test_the_kind_of_template_and_the_input_schema_are_part_of_a_prompts_digest() -> None:
    base: dict[str, Any] = {"messages": [{"role": "user", "content": "{{ x }}"}]}
    more: list[dict[str, Any]] = [{}, {"template": "minijinja"}, {"inputs": {"type": "object"}}]
    digests = {Prompt.model_validate({**base, **each}).digest for each in more}
    assert len(digests) == 3


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


def test_a_second_run_calls_only_for_what_changed(
    folder: Folder, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", "sk-canary-0123456789abcdef")
    provider = f'[providers.local]\nkind = "openai"\nbase_url = "{server.url}"\napi_key_env = "LOCAL_KEY"\n'
    folder.write("promptops.toml", provider)
    rows = questions(6)
    for row, mark in zip(rows[:4], ("#length", "#refusal", "#filter", "#error"), strict=True):
        row["inputs"]["question"] += f" {mark}"
    folder.evalset("numbers", rows)
    ask, other = folder.path / "ask.prompt.yaml", folder.prompt("other", "Please: {{ question }}")
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [ask, other], ["local/echo"])
        assert server.calls == 12
        # Nothing changed: only what was cut off, refused, filtered or an error is asked again.
        project.evaluate("numbers", [ask, other], ["local/echo"])
        assert server.calls == 20
        assert all("#" in text for text in server.texts()[12:])
        other.write_text(other.read_text().replace("Please", "Kindly"))
        project.evaluate("numbers", [ask, other], ["local/echo"])
        asked = {text for text in server.texts()[20:] if "#" not in text}
        assert asked == {"Kindly: number 4", "Kindly: number 5"} and server.calls == 30
        # The same server under another address, with another body, another model: each is something else.
        for change in ('base_url = "{0}/"', 'base_url = "{0}"\nbody = {{top_k = 2}}', 'base_url = "{0}?v=2"'):
            before = server.calls
            folder.write(
                "promptops.toml", provider.replace(f'base_url = "{server.url}"', change.format(server.url))
            )
            with Project.open(folder.path) as changed:
                changed.evaluate("numbers", [ask], ["local/echo"])
            assert server.calls - before == (4 if change.endswith('{0}/"') else 6)
        before = server.calls
        project.evaluate("numbers", [ask], ["local/echo-2"])
        assert server.calls - before == 6
