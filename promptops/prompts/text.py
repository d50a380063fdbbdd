"""Prompts written out as `*.prompt.yaml`, for people to read and change."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pydantic import JsonValue

from promptops.files.textfile import replacing
from promptops.files.yamlfile import plain_value
from promptops.types import Prompt


def write_prompt(prompt: Prompt, path: Path) -> None:
    """Write a prompt file, whole or not at all. Raises FileProblems where that fails."""
    with replacing(path) as file:
        file.write(prompt_yaml(prompt).encode("utf-8"))


def prompt_yaml(prompt: Prompt) -> str:
    """Return a prompt as YAML that reads back to the same digest; texts over several lines as blocks."""
    fields: dict[str, object] = {}
    if prompt.name is not None:
        fields["name"] = prompt.name
    if prompt.note:
        fields["note"] = prompt.note
    if prompt.tags:
        fields["tags"] = list(prompt.tags)
    if prompt.model is not None:
        fields["model"] = prompt.model
    if prompt.template != "plain":
        fields["template"] = prompt.template
    fields["messages"] = [{"role": message.role, "content": message.content} for message in prompt.messages]
    optional: dict[str, JsonValue] = {
        "parameters": prompt.parameters or None,
        "response_format": prompt.response_format,
        "inputs": prompt.inputs,
    }
    fields.update({key: value for key, value in optional.items() if value is not None})
    return str(
        yaml.dump(
            fields,
            Dumper=_Writer,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=10**9,
        )
    )


class _Writer(yaml.SafeDumper):
    """Quotes each text that this project's reader or a YAML 1.1 reader would take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Items stand two to the right of their key, as most people write them.
        super().increase_indent(flow, False)


# A block would lose spaces at the ends of lines to editors, and take those at its start for indentation.
_SPACES_AT_END = re.compile(r"[ \t]+$", re.MULTILINE)
_ESCAPED = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    if _ESCAPED.search(text):
        style: str | None = '"'
    elif "\n" in text:
        safe = not text[0].isspace() and not _SPACES_AT_END.search(text)
        style = "|" if safe else '"'
    else:
        style = '"' if not isinstance(_meaning(text), str) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _meaning(text: str) -> JsonValue:
    try:
        return plain_value(text)
    except ValueError:
        return None


_Writer.add_representer(str, _write_text)
