"""What was asked and answered in a span: messages as the conventions of several years write them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from promptops.files.located import too_deep

Attributes = Mapping[str, JsonValue]
_ASKED = ("gen_ai.input.messages", "gen_ai.prompt", "llm.prompts", "input.value")
_ANSWERED = ("gen_ai.output.messages", "gen_ai.completion", "llm.completions", "output.value")
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_NUMBERED = re.compile(
    r"(\d{1,4})\.(?:message\.)?(role|content|finish_reason|contents\.\d{1,4}\.message_content\.text)"
)


class Said(NamedTuple):
    """One message."""

    role: str
    text: str
    ending: str | None = None


def said_in(told: Attributes, events: Sequence[tuple[str, Attributes]]) -> tuple[list[Said], list[Said]]:
    """Return what was asked, and what was answered; nothing where the texts were not recorded."""
    asked = (
        _first_of(told, _ASKED, "user")
        or numbered(told, "gen_ai.prompt.")
        or numbered(told, "llm.input_messages.")
    )
    answered = (
        _first_of(told, _ANSWERED, "assistant")
        or numbered(told, "gen_ai.completion.")
        or numbered(told, "llm.output_messages.")
    )
    # OpenInference has a whole request in input.value, beside its messages one by one.
    asked = numbered(told, "llm.input_messages.") or asked
    answered = numbered(told, "llm.output_messages.") or answered
    told_by_events = _of_events(events)
    asked, answered = asked or told_by_events[0], answered or told_by_events[1]
    system = messages_of(told.get("gen_ai.system_instructions"), "system")
    return system + asked, answered


def last_question(asked: Sequence[Said]) -> str:
    """Return the text of the last message of a user, or of the last message where no user said any."""
    users = [each for each in asked if each.role in ("user", "human")]
    return (users or list(asked))[-1].text


def messages_of(value: JsonValue, role: str) -> list[Said]:
    """Return the messages in a value: a list, its JSON text, a plain text, or the parts of one message."""
    value = json_in(value)
    if value is None or value == "":
        return []
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if not isinstance(value, list):
        return [_message(value, role)]
    if value and all(isinstance(each, dict) and "type" in each and "role" not in each for each in value):
        return [Said(role, _text(value))]  # parts, as system instructions are written
    return [_message(each, role) for each in value]


def json_in(value: JsonValue) -> JsonValue:
    """Return what a text means that holds a JSON list or object; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        found: JsonValue = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return value if too_deep(found) else found


def numbered(told: Attributes, prefix: str) -> list[Said]:
    """Return messages that are written one attribute a field: `gen_ai.prompt.0.content`."""
    found: dict[int, dict[str, str]] = {}
    for name, value in told.items():
        place = _NUMBERED.fullmatch(name[len(prefix) :]) if name.startswith(prefix) else None
        if place is not None and value is not None:
            fields = found.setdefault(int(place[1]), {})
            key = "content" if place[2].startswith("content") else place[2]
            fields[key] = "\n".join(filter(None, [fields.get(key), _text(json_in(value))]))
    default = "assistant" if "completion" in prefix or "output" in prefix else "user"
    return [
        Said(each.get("role", default), each.get("content", ""), each.get("finish_reason"))
        for _, each in sorted(found.items())
    ]


def _first_of(told: Attributes, names: Sequence[str], role: str) -> list[Said]:
    return next((found for name in names if (found := messages_of(told.get(name), role))), [])


def _of_events(events: Sequence[tuple[str, Attributes]]) -> tuple[list[Said], list[Said]]:
    asked: list[Said] = []
    answered: list[Said] = []
    for name, each in events:
        body = json_in(each.get("gen_ai.event.content"))
        told: Attributes = {**(body if isinstance(body, dict) else {}), **each}
        if name == "gen_ai.content.prompt":
            asked += messages_of(told.get("gen_ai.prompt"), "user")
        elif name == "gen_ai.content.completion":
            answered += messages_of(told.get("gen_ai.completion"), "assistant")
        elif name == "gen_ai.choice":
            message = json_in(told.get("message"))
            said = _message(message if message is not None else dict(told), "assistant")
            ending = told.get("finish_reason")
            answered.append(said._replace(ending=ending if isinstance(ending, str) else said.ending))
        elif name in _ROLES:
            asked.append(_message(dict(told), _ROLES[name]))
        elif name == "gen_ai.client.inference.operation.details":
            asked += messages_of(told.get("gen_ai.input.messages"), "user")
            answered += messages_of(told.get("gen_ai.output.messages"), "assistant")
    return asked, answered


def _message(value: JsonValue, role: str) -> Said:
    if not isinstance(value, dict):
        return Said(role, _text(value))
    inner = json_in(value.get("message"))
    if isinstance(inner, dict):
        value = {**value, **inner}
    content = next((value[key] for key in ("parts", "content", "text", "tool_calls") if value.get(key)), "")
    own, ending = value.get("role"), value.get("finish_reason")
    return Said(
        own if isinstance(own, str) else role,
        _text(json_in(content)),
        ending if isinstance(ending, str) else None,
    )


def _text(content: JsonValue) -> str:
    """Return a message's text: its parts of text, one a line; what else it holds only where there is none."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [text for part in content if (text := _part(part)) is not None]
        if texts:
            return "\n".join(texts)
    return "" if content in (None, [], {}) else json.dumps(content, ensure_ascii=False)


def _part(part: JsonValue) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type", "text") not in ("text", "input_text", "output_text"):
        return None
    text = part.get("content", part.get("text"))
    return text if isinstance(text, str) else None
