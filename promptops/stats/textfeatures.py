"""Plain figures of a text: how long, how varied, which characters, which script."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.tokens import words

FEATURES = (
    "log characters",
    "words",
    "type-token",
    "mean word length",
    "words per sentence",
    "digit share",
    "punctuation share",
    "upper-case share",
    "newline share",
    "non-ASCII share",
)
NO_SCRIPT = "none"

_SENTENCE_ENDS = re.compile(r"[.!?]+(?:\s|$)|[。！？]+|\n\s*\n")
_DIGIT, _PUNCTUATION, _UPPER, _OTHER_LETTER = 1, 2, 3, 4
_ASTRAL_LETTERS = 0x20000
_LETTER_BLOCKS = (
    (0x0041, 0x024F, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0530, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x077F, "Arabic"),
    (0x0900, 0x0DFF, "Indic"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x109F, "Lao or Myanmar"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3041, 0x30FF, "kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0x20000, 0x3FFFF, "Han"),
)
_STARTS = np.array([start for start, _, _ in _LETTER_BLOCKS])
_ENDS = np.array([end for _, end, _ in _LETTER_BLOCKS])


def text_features(texts: Sequence[str]) -> Floats:
    """Return the figures of each text, (texts, features) in the order of FEATURES."""
    return np.array([_features(text) for text in texts], dtype=np.float64).reshape(len(texts), len(FEATURES))


def unknown_shares(texts: Sequence[str], known: set[str]) -> Floats:
    """Return the share of each text's words that aren't known; 0 for a text without words."""
    return np.array([_unknown_share(words(text), known) for text in texts], dtype=np.float64)


def vocabulary(texts: Sequence[str]) -> set[str]:
    """Return all words of all texts."""
    return {word for text in texts for word in words(text)}


def dominant_script(text: str) -> str:
    """Return the script of most letters: Latin, Cyrillic, Han ...; `none` without letters."""
    if text.isascii():
        return "Latin" if any(character.isalpha() for character in text) else NO_SCRIPT
    codes = _code_points(text)
    blocks = np.maximum(np.searchsorted(_STARTS, codes, side="right") - 1, 0)
    letters = (codes >= _STARTS[blocks]) & (codes <= _ENDS[blocks]) & (_kinds_of(codes) >= _UPPER)
    counted: dict[str, int] = {}
    for block, count in enumerate(np.bincount(blocks[letters], minlength=len(_LETTER_BLOCKS))):
        script = _LETTER_BLOCKS[block][2]
        counted[script] = counted.get(script, 0) + int(count)
    best = max(counted, key=lambda script: counted[script])
    return best if counted[best] else NO_SCRIPT


def _features(text: str) -> tuple[float, ...]:
    found = words(text)
    characters = max(len(text), 1)
    codes = _code_points(text)
    kinds = np.bincount(_kinds_of(codes), minlength=5)
    sentences = max(1, len(_SENTENCE_ENDS.findall(text)))
    return (
        math.log1p(len(text)),
        float(len(found)),
        len(set(found)) / math.sqrt(len(found)) if found else 0.0,
        sum(map(len, found)) / len(found) if found else 0.0,
        len(found) / sentences,
        float(kinds[_DIGIT]) / characters,
        float(kinds[_PUNCTUATION]) / characters,
        float(kinds[_UPPER]) / characters,
        text.count("\n") / characters,
        0.0 if text.isascii() else float((codes > 127).sum()) / characters,
    )


def _unknown_share(found: list[str], known: set[str]) -> float:
    return sum(word not in known for word in found) / len(found) if found else 0.0


def _code_points(text: str) -> npt.NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)


def _kinds_of(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    kinds: npt.NDArray[np.int8] = _basic_kinds()[np.minimum(codes, 0xFFFF)]
    kinds[codes >= _ASTRAL_LETTERS] = _OTHER_LETTER
    return kinds


@lru_cache(maxsize=1)
def _basic_kinds() -> npt.NDArray[np.int8]:
    """Return the kind of each code point of the basic plane (10 ms to make, once)."""
    kinds = np.zeros(0x10000, dtype=np.int8)
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            kinds[code] = _DIGIT
        elif category[0] in "PS":
            kinds[code] = _PUNCTUATION
        elif category[0] == "L":
            kinds[code] = _UPPER if category == "Lu" else _OTHER_LETTER
    return kinds
