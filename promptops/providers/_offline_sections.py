"""What in a prompt is instruction and what is material, by the marks that prompts commonly use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from promptops.providers._offline_lexicon import (
    ANSWER_LABELS,
    MATERIAL_LABELS,
    QUESTION_LABELS,
    TASK_LABELS,
)
from promptops.types import Message

_TAGGED = re.compile(r"<([A-Za-z][\w-]*)>((?:(?!<\1>).)*?)</\1>", re.DOTALL)
_FENCED = re.compile(r"(\"\"\"|'''|```|~~~)[ \t]*\w*[ \t]*\n?(.*?)\1", re.DOTALL)
_LABEL = re.compile(
    r"^[ \t]*(?:[#*_]{1,3}[ \t]*)?([^\W\d_]+(?: [^\W\d_]+)?)[ \t]*[*_]{0,2}[:：][ \t]*[*_]{0,2}", re.MULTILINE
)
_ORDER = re.compile(
    r"^(?:now |please |then )*"
    r"(?:reply|answer|return|respond|write|give|summari[sz]e|classify|extract|output|use)\b.*"
    r"\b(?:json|sentences?|words?|summary|question|article|text|passage|mail|keys?|object|nothing else)\b",
    re.IGNORECASE | re.DOTALL,
)
_BLANK = re.compile(r"\n\s*\n")
_QUESTION_SENTENCE = re.compile(r"[¿]?[^.!?。！？\n:：]*[?？]")


@dataclass(frozen=True)
class Sections:
    """A prompt taken apart: instructions, pieces of material with their names, and a question."""

    instructions: str
    pieces: tuple[tuple[str, str], ...]
    question: str

    @property
    def longest(self) -> str:
        """The main piece of material."""
        return max((text for _, text in self.pieces), key=len, default="")

    @property
    def all(self) -> str:
        """All pieces, one after another."""
        return "\n\n".join(text for _, text in self.pieces)


def sections_of(messages: Sequence[Message]) -> Sections:
    """Take a prompt apart. Material is looked for in the last user message only."""
    asked = [at for at, message in enumerate(messages) if message.role == "user"]
    last = asked[-1] if asked else len(messages) - 1
    before = [
        _taken_apart(message.content)[0] if message.role == "user" else message.content
        for at, message in enumerate(messages)
        if at != last and message.role != "assistant"
    ]
    rest, pieces = _taken_apart(messages[last].content)
    if not any(name not in QUESTION_LABELS for name, _ in pieces):
        rest, longest = _longest_block(rest)
        pieces = [*pieces, ("", longest)]
    question = " ".join(text for name, text in pieces if name in QUESTION_LABELS)
    material = tuple(
        (name, text.strip()) for name, text in pieces if name not in QUESTION_LABELS and text.strip()
    )
    instructions = "\n\n".join([*before, rest])
    return Sections(instructions, material, question or _question_in(rest))


def _taken_apart(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what is no material, and the material's pieces by name."""
    pieces: list[tuple[str, str]] = []

    def cut_tag(found: re.Match[str]) -> str:
        pieces.append((found[1].casefold(), found[2]))
        return "\n"

    def cut_fence(found: re.Match[str]) -> str:
        if found[2].lstrip().startswith(("{", "[")):  # a skeleton of what is wanted
            return found[0]
        pieces.append(("", found[2]))
        return "\n"

    rest = _FENCED.sub(cut_fence, _TAGGED.sub(cut_tag, text))
    return _by_labels(rest, pieces) if not pieces else _labelled_question(rest, pieces)


def _labelled_question(text: str, pieces: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    # Beside marked material only a question is looked for: the other labels stand in the instructions.
    rest, labelled = _by_labels(text, [])
    questions = [piece for piece in labelled if piece[0] in QUESTION_LABELS]
    return (rest if questions else text), [*pieces, *questions]


def _by_labels(text: str, pieces: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    known = MATERIAL_LABELS | QUESTION_LABELS | ANSWER_LABELS | TASK_LABELS
    labels = [(found, _name(found[1])) for found in _LABEL.finditer(text) if _name(found[1]) in known]
    if not any(name in MATERIAL_LABELS | QUESTION_LABELS for _, name in labels):
        return text, pieces
    rest = [text[: labels[0][0].start()]]
    found_pieces = list(pieces)
    for at, (label, name) in enumerate(labels):
        end = labels[at + 1][0].start() if at + 1 < len(labels) else len(text)
        body = text[label.end() : end]
        if name in MATERIAL_LABELS | QUESTION_LABELS:
            body, order = _without_order(body)
            found_pieces.append((name, body))
            rest.append(order)
        elif name in TASK_LABELS:
            rest.append(text[label.start() : end])
    return "\n\n".join(rest), found_pieces


def _name(label: str) -> str:
    return label.casefold().split(" ")[-1]


def _without_order(body: str) -> tuple[str, str]:
    """Part a last paragraph that tells what to do from the material before it."""
    paragraphs = _BLANK.split(body.rstrip())
    if len(paragraphs) > 1 and len(paragraphs[-1].split()) < 60 and _ORDER.match(paragraphs[-1].strip()):
        return "\n\n".join(paragraphs[:-1]), paragraphs[-1]
    return body, ""


def _longest_block(text: str) -> tuple[str, str]:
    blocks = [block for block in _BLANK.split(text) if block.strip()]
    if len(blocks) > 1:
        longest = max(blocks, key=len)
        return "\n\n".join(block for block in blocks if block is not longest), longest
    head, colon, tail = text.partition(":")
    if colon and len(head) < 200 and len(tail) > len(head):
        return head + colon, tail
    return text, text


def _question_in(text: str) -> str:
    found = _QUESTION_SENTENCE.findall(text)
    return found[-1].strip() if found else ""
