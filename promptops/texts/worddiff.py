"""What changed between two texts, word by word."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, TypeAlias

from promptops.noun import Noun

_Span: TypeAlias = tuple[int, int]
CHANCE_TOKENS = 3
"""A word with the spaces around it."""
WORD_LIMIT = 4000
"""Longer texts are compared line by line: word by word would take seconds."""
PAIR_LIMIT = 60_000
"""Pairs of equal words up to which a text of few different words (a model caught in a loop) is compared."""


class DiffPart(Noun):
    """A run of text that is the same in both, only in the first, or only in the second."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(before: str, after: str) -> tuple[DiffPart, ...]:
    """Return the parts in reading order.

    'same' and 'removed' make up `before`, 'same' and 'added' make up `after`.
    """
    first, second = _tokens(before, after)
    # autojunk would treat frequent words as noise and lose nearly all matches in long texts
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    parts: list[DiffPart] = []
    for same, (a, b), (c, d) in _readable(matcher.get_opcodes()):
        if same:
            parts.append(DiffPart(kind="same", text="".join(first[a:b])))
            continue
        if b > a:
            parts.append(DiffPart(kind="removed", text="".join(first[a:b])))
        if d > c:
            parts.append(DiffPart(kind="added", text="".join(second[c:d])))
    return tuple(parts)


def _readable(opcodes: Sequence[tuple[str, int, int, int, int]]) -> list[tuple[bool, _Span, _Span]]:
    """Join changes that only a word or two keeps apart: two texts of one topic share `the` by chance."""
    blocks: list[tuple[bool, _Span, _Span]] = []
    for place, (operation, a, b, c, d) in enumerate(opcodes):
        same = operation == "equal"
        if same and blocks and place + 1 < len(opcodes) and b - a <= CHANCE_TOKENS:
            _, a2, b2, c2, d2 = opcodes[place + 1]
            same = b - a > min(_size(*blocks[-1][1:]), _size((a2, b2), (c2, d2)))
        if blocks and not same and not blocks[-1][0]:
            _, (first, _), (third, _) = blocks.pop()
            blocks.append((False, (first, b), (third, d)))
        else:
            blocks.append((same, (a, b), (c, d)))
    return blocks


def _size(before: _Span, after: _Span) -> int:
    return max(before[1] - before[0], after[1] - after[0])


def _tokens(before: str, after: str) -> tuple[list[str], list[str]]:
    """Split both texts into words, into lines where that is too much, or not at all."""
    words = _words(before), _words(after)
    if max(map(len, words)) <= WORD_LIMIT and not _repetitive(*words):
        return words
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return ([before], [after]) if _repetitive(*lines) else lines


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _repetitive(first: list[str], second: list[str]) -> bool:
    """Tell whether texts repeat themselves so much that matching them would take minutes."""
    once, again = (Counter(part for part in parts if not part.isspace()) for parts in (first, second))
    pairs = sum(count * again[part] for part, count in once.items())
    return pairs > PAIR_LIMIT and 20 * min(len(once), len(again)) < max(once.total(), again.total())
