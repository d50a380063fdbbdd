"""What changed between two texts, word by word."""

from __future__ import annotations

import difflib
import re
from typing import Literal

from promptops.types import Noun

WORD_LIMIT = 4000
"""Longer texts are compared line by line: word by word would take seconds."""


class DiffPart(Noun):
    """A run of text that is the same in both, only in the first, or only in the second."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(before: str, after: str) -> tuple[DiffPart, ...]:
    """Return the parts in reading order.

    'same' and 'removed' make up `before`, 'same' and 'added' make up `after`.
    """
    first, second = _tokens(before), _tokens(after)
    # autojunk would treat frequent words as noise and lose nearly all matches in long texts
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    parts: list[DiffPart] = []
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation == "equal":
            parts.append(DiffPart(kind="same", text="".join(first[a:b])))
            continue
        if b > a:
            parts.append(DiffPart(kind="removed", text="".join(first[a:b])))
        if d > c:
            parts.append(DiffPart(kind="added", text="".join(second[c:d])))
    return tuple(parts)


def _tokens(text: str) -> list[str]:
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    return words if len(words) <= WORD_LIMIT else text.splitlines(keepends=True)
