"""What a traced function gave back, by its shape: a text, a Completion, an answer of a chat API, or JSON.

By shape and not by class: no client library is imported to look at what it returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Answer:
    """What is known of an answer, or of the part of it that has come so far."""

    __slots__ = ("_parts", "fields")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.fields: dict[str, object] = {}

    def take(self, given: object) -> None:
        """Take all that a call returned."""
        try:
            self._take(given)
        except Exception:
            # Attributes of a stranger's object may run any code.
            self.fields["output"] = given

    def add(self, part: object) -> None:
        """Take one part of a stream: a text, or a chunk of a chat API."""
        try:
            self._parts.append(self._text_of(part))
        except Exception:  # as above
            self._parts.append("")

    @property
    def joined(self) -> dict[str, object]:
        """What a stream has given so far."""
        return {"output": "".join(self._parts), **self.fields}

    def _take(self, given: object) -> None:
        choice = _first(_of(given, "choices"))
        message = _of(choice, "message")
        if message is not None:
            refusal = _of(message, "refusal")
            content = _of(message, "content")
            self.fields["output"] = content if content is not None else refusal
            self._note(given, choice)
            if isinstance(refusal, str) and refusal:
                self.fields["finish_reason"] = "refusal"
        elif isinstance(_of(given, "text"), str) and hasattr(given, "finish_reason"):
            names = ("finish_reason", "tokens_in", "tokens_out", "seconds", "cost", "model")
            known = {name: _of(given, name) for name in names}
            self.fields |= {name: value for name, value in known.items() if value is not None}
            self.fields["output"] = _of(given, "text")
        elif given is not None:
            self.fields["output"] = given

    def _text_of(self, part: object) -> str:
        if isinstance(part, str):
            return part
        choice = _first(_of(part, "choices"))
        self._note(part, choice)
        content = _of(_of(choice, "delta"), "content")
        return content if isinstance(content, str) else ""

    def _note(self, given: object, choice: object) -> None:
        usage = _of(given, "usage")
        found = {
            "model": _of(given, "model"),
            "finish_reason": _of(choice, "finish_reason"),
            "tokens_in": _of(usage, "prompt_tokens"),
            "tokens_out": _of(usage, "completion_tokens"),
        }
        self.fields |= {name: value for name, value in found.items() if isinstance(value, str | int)}


def _of(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def _first(items: object) -> object:
    return items[0] if isinstance(items, Sequence) and not isinstance(items, str) and items else None
