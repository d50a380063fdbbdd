"""A judge's verdict from the words that an answer shares with its reference: no judge, and it says so."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from promptops.errors import CallFailed
from promptops.providers._offline_words import HAN
from promptops.types import Message

TIE = 0.02
"""Answers whose overlaps differ by less are called equal."""

_MARKED = re.compile(
    r"<(?P<kind>[a-z]+(?:-[a-z]+)*)-(?P<mark>[0-9a-zA-Z]{4,})>\n?(?P<text>.*?)\n?</(?P=kind)-(?P=mark)>",
    re.DOTALL,
)
_SCALE = re.compile(r"\bfrom\s+(-?\d+(?:\.\d+)?)\b(?:\s*\([^)]*\))?\s+to\s+(-?\d+(?:\.\d+)?)\b")
_WORD = re.compile(rf"[{HAN}]|[^\W_]+")
_SCALE_OTHERWISE = (1.0, 5.0)


def verdict_on(messages: Sequence[Message], response_format: Mapping[str, JsonValue] | None) -> str:
    """Return a JSON verdict on what stands between a judge prompt's marks. Raises CallFailed for others."""
    prompt = "\n\n".join(message.content for message in messages)
    marked = _between_marks(prompt)
    if "answer-a" in marked and "answer-b" in marked:
        return _winner(marked)
    if "candidate" not in marked:
        raise CallFailed(
            "rejected",
            "offline/overlap only answers judge prompts: no <candidate-MARK> or <answer-a-MARK> is in it. "
            "Use offline/extractive for other prompts.",
        )
    return _score(marked, _MARKED.sub(" ", prompt), response_format)


def overlap(candidate: str, reference: str) -> float:
    """Return the F1 of two texts' words (Unicode words, single Han signs), from 0 to 1."""
    first, second = (Counter(_WORD.findall(text.casefold())) for text in (candidate, reference))
    shared = (first & second).total()
    return 2 * shared / (first.total() + second.total()) if shared else 0.0


def _between_marks(prompt: str) -> dict[str, list[str]]:
    marked: dict[str, list[str]] = {}
    for found in _MARKED.finditer(prompt):
        marked.setdefault(found["kind"], []).append(found["text"])
    return marked


def _best(text: str, marked: Mapping[str, list[str]]) -> tuple[float, str]:
    references = marked.get("reference", [])
    if references:
        scores = [overlap(text, reference) for reference in references]
        which = f"reference {scores.index(max(scores)) + 1}" if len(references) > 1 else "the reference"
        return max(scores), which
    shared = max((overlap(text, task) for task in marked.get("task", [])), default=0.0)
    return shared, "the task, for want of a reference"


def _score(
    marked: Mapping[str, list[str]], told: str, response_format: Mapping[str, JsonValue] | None
) -> str:
    shared, whom = _best(marked["candidate"][0], marked)
    low, high, whole = _scale(told, response_format)
    value = low + shared * (high - low)
    reason = (
        f"Word overlap with {whom}: F1 {shared:.2f}. A stand-in computed this; no model has read the answer."
    )
    return json.dumps({"reason": reason, "score": int(value + 0.5) if whole else round(value, 2)})


def _winner(marked: Mapping[str, list[str]]) -> str:
    (first, whom), (second, _) = (_best(marked[kind][0], marked) for kind in ("answer-a", "answer-b"))
    winner = "tie" if abs(first - second) < TIE else ("A" if first > second else "B")
    reason = f"Word overlap with {whom}: F1 {first:.2f} for A, {second:.2f} for B. A stand-in computed this."
    return json.dumps({"reason": reason, "winner": winner})


def _scale(told: str, response_format: Mapping[str, JsonValue] | None) -> tuple[float, float, bool]:
    """Return the scale's ends, and whether only whole numbers are wanted."""
    rule = _rule(response_format)
    low, high = rule.get("minimum"), rule.get("maximum")
    whole = rule.get("type", "integer") == "integer"
    if _is_number(low) and _is_number(high):
        return float(str(low)), float(str(high)), whole
    found = _SCALE.search(told)
    if found is None:
        return *_SCALE_OTHERWISE, whole
    return float(found[1]), float(found[2]), whole and "." not in found[1] + found[2]


def _rule(response_format: Mapping[str, JsonValue] | None) -> Mapping[str, JsonValue]:
    schema = (response_format or {}).get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    rule = properties.get("score") if isinstance(properties, dict) else None
    return rule if isinstance(rule, dict) else {}


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
