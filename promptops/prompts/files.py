"""Prompt files: `*.prompt.yaml` with messages as data, or a text file as one user message."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, get_args

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import NAME_RULE, Faults, KeyPath, Located, is_name, kind_of, shown
from promptops.files.textfile import file_name, read_text
from promptops.files.yamlfile import read_yaml
from promptops.prompts.inputschema import schema_faults
from promptops.prompts.text import prompt_yaml, write_prompt
from promptops.types import Message, Prompt, Role

__all__ = ["parse_prompt", "prompt_schema", "prompt_yaml", "read_prompt", "write_prompt"]

YAML_SUFFIXES = (".prompt.yaml", ".prompt.yml")
TEXT_SUFFIXES = (".txt", ".md")
MAX_BYTES = 1_000_000
KEYS = (
    "name",
    "messages",
    "model",
    "parameters",
    "response_format",
    "inputs",
    "template",
    "note",
    "tags",
)
FORMATS = ("text", "json_object", "json_schema")


def read_prompt(path: Path) -> Prompt:
    """Return the prompt in a file. Raises FileProblems with every fault and its place."""
    file = file_name(path)
    if path.name.endswith(YAML_SUFFIXES):
        return parse_prompt(read_text(path, MAX_BYTES), file, _stem(path))
    if path.name.endswith(TEXT_SUFFIXES):
        return _text_prompt(read_text(path, MAX_BYTES), file, _stem(path))
    kinds = ", ".join((*YAML_SUFFIXES, *TEXT_SUFFIXES))
    raise FileProblems([Problem(file, f"is no prompt file; the name of one ends with {kinds}")])


def parse_prompt(text: str, file: str, name: str) -> Prompt:
    """Return the prompt in a YAML text; `file` is for messages, `name` is used where the text has none.

    Raises FileProblems with every fault and its place.
    """
    located = read_yaml(text, file)
    faults = Faults(file, located)
    if not isinstance(located.value, dict):
        faults.add((), f"must be an object with the key messages, not {kind_of(located.value)}")
        faults.stop()
    reader = _Reader(located, faults)
    faults.unknown_keys((), reader.fields, KEYS)
    prompt = {
        "name": reader.name(name),
        "messages": reader.messages(),
        "model": reader.model(),
        "parameters": reader.parameters(),
        "response_format": reader.response_format(),
        "inputs": reader.inputs(),
        "template": reader.template(),
        "note": reader.text("note") or "",
        "tags": reader.tags(),
    }
    faults.stop()
    return Prompt.model_validate(prompt)


def prompt_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of `*.prompt.yaml`, for editors."""
    import json

    schema: dict[str, JsonValue] = json.loads(
        (Path(__file__).parent / "prompt.schema.json").read_text("utf-8")
    )
    return schema


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (*YAML_SUFFIXES, *TEXT_SUFFIXES):
        name = name.removesuffix(suffix)
    return name.removesuffix(".prompt")


def _text_prompt(text: str, file: str, name: str) -> Prompt:
    if not text.strip():
        raise FileProblems([Problem(file, "is empty; a text file is one user message", 1, 1)])
    if not is_name(name):
        raise FileProblems([Problem(file, f"rename the file: a prompt's name has {NAME_RULE}")])
    return Prompt(name=name, messages=(Message(role="user", content=text),))


class _Reader:
    """Reads each key of a prompt file and notes what is wrong with it."""

    def __init__(self, located: Located, faults: Faults) -> None:
        self.fields = located.value if isinstance(located.value, dict) else {}
        self._faults = faults

    def text(self, key: str) -> str | None:
        value = self.fields.get(key)
        if key not in self.fields or isinstance(value, str):
            return value if isinstance(value, str) else None
        self._faults.add((key,), f"must be a text, not {kind_of(value)}{_quote_hint(value)}")
        return None

    def name(self, default: str) -> str | None:
        name = self.text("name") if "name" in self.fields else default
        if name is not None and not is_name(name):
            told = "" if "name" in self.fields else " (it is taken from the file's name; write the key name)"
            self._faults.add(("name",), f"{shown(name)} must be {NAME_RULE}{told}")
        return name

    def model(self) -> str | None:
        model = self.text("model")
        if model is not None and not all(model.partition("/")):
            self._faults.add(
                ("model",), f"{shown(model)} must be written provider/model, as in openai/gpt-4o-mini"
            )
        return model

    def messages(self) -> list[JsonValue]:
        value = self.fields.get("messages")
        if "messages" not in self.fields:
            self._faults.add((), "has no messages; write a list of role and content")
            return []
        if not isinstance(value, list) or not value:
            told = "an empty list" if value == [] else kind_of(value)
            self._faults.add(("messages",), f"must be a list of role and content, not {told}")
            return []
        for index, message in enumerate(value):
            self._message(message, ("messages", index))
        return value

    def _message(self, message: JsonValue, path: KeyPath) -> None:
        if not isinstance(message, dict):
            self._faults.add(path, f"must be an object with role and content, not {kind_of(message)}")
            return
        self._faults.unknown_keys(path, message, ("role", "content"))
        roles = get_args(Role)
        if message.get("role") not in roles:
            told = f"not {shown(message['role'])}" if "role" in message else "and is missing"
            self._faults.add((*path, "role"), f"must be {', '.join(roles[:-1])} or {roles[-1]}, {told}")
        content = message.get("content")
        if not isinstance(content, str):
            told = (
                f"not {kind_of(content)}{_quote_hint(content)}" if "content" in message else "and is missing"
            )
            self._faults.add((*path, "content"), f"must be a text, {told}")

    def parameters(self) -> dict[str, JsonValue]:
        return self._object("parameters") or {}

    def inputs(self) -> dict[str, JsonValue] | None:
        schema = self._object("inputs")
        if schema is not None:
            self._schema(schema, ("inputs",))
            if schema.get("type", "object") != "object":
                self._faults.add(("inputs", "type"), "must be object: inputs have names")
        return schema

    def response_format(self) -> dict[str, JsonValue] | None:
        wanted = self._object("response_format")
        if wanted is None:
            return None
        path: KeyPath = ("response_format",)
        self._faults.unknown_keys(path, wanted, ("type", "name", "schema"))
        kind = wanted.get("type")
        if kind not in FORMATS:
            told = f"not {shown(kind)}" if "type" in wanted else "and is missing"
            self._faults.add((*path, "type"), f"must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, {told}")
        schema = wanted.get("schema")
        if kind == "json_schema" and not isinstance(schema, dict):
            self._faults.add((*path, "schema"), "must be a JSON Schema where the type is json_schema")
        elif isinstance(schema, dict) and kind == "json_schema":
            self._schema(schema, (*path, "schema"))
        elif "schema" in wanted and kind in FORMATS:
            self._faults.add(
                (*path, "schema"), f"has no meaning where the type is {kind}; set type: json_schema"
            )
        name = wanted.get("name", "answer")
        if not isinstance(name, str) or not is_name(name):
            self._faults.add((*path, "name"), f"must be {NAME_RULE}")
        return wanted

    def template(self) -> Literal["plain", "minijinja"]:
        value = self.fields.get("template", "plain")
        if value == "minijinja":
            return "minijinja"
        if value != "plain":
            self._faults.add(("template",), f"must be plain or minijinja, not {shown(value)}")
        return "plain"

    def tags(self) -> list[str]:
        value = self.fields.get("tags", [])
        if not isinstance(value, list):
            self._faults.add(("tags",), f"must be a list of texts, not {kind_of(value)}")
            return []
        for index, tag in enumerate(value):
            if not isinstance(tag, str) or not tag.strip():
                self._faults.add(("tags", index), f"must be a text, not {shown(tag)}")
        return [tag for tag in value if isinstance(tag, str)]

    def _object(self, key: str) -> dict[str, JsonValue] | None:
        value = self.fields.get(key)
        if key not in self.fields:
            return None
        if not isinstance(value, dict):
            self._faults.add((key,), f"must be an object, not {kind_of(value)}")
            return None
        return value

    def _schema(self, schema: dict[str, JsonValue], path: KeyPath) -> None:
        for inner, reason in schema_faults(schema):
            self._faults.add((*path, *inner), reason)


def _quote_hint(value: JsonValue) -> str:
    is_plain = isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    return " (put it in quotes)" if is_plain else ""
