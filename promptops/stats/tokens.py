"""How a text falls into words, in scripts with and without spaces between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Thai, Lao, Myanmar, Khmer, kana and Han write without spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_WORDS = re.compile(r"\w+")
_TOKENS = re.compile(r"\w+|[^\w\s]")
_MIXED_TOKENS = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])\w)+)|[^\w\s]")


def words(text: str) -> list[str]:
    """Return the words, lower-cased; in scripts without spaces each character is one."""
    lowered = text.lower()
    if lowered.isascii() or not _HAS_UNSPACED.search(lowered):
        return _WORDS.findall(lowered)
    found: list[str] = []
    for match in _MIXED_TOKENS.finditer(lowered):
        if match["unspaced"]:
            found.extend(match["unspaced"])
        elif match["word"]:
            found.append(match["word"])
    return found


def tokens(text: str) -> list[str]:
    r"""Return `\w+|[^\w\s]`, lower-cased; runs without spaces as characters and pairs of them."""
    lowered = text.lower()
    if lowered.isascii() or not _HAS_UNSPACED.search(lowered):
        return _TOKENS.findall(lowered)
    return list(_mixed(lowered))


def _mixed(lowered: str) -> Iterator[str]:
    for match in _MIXED_TOKENS.finditer(lowered):
        run = match["unspaced"]
        if run is None:
            yield match[0]
        else:
            yield from run
            yield from (run[start : start + 2] for start in range(len(run) - 1))
