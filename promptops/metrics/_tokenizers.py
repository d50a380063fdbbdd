"""How a text becomes words: rouge-score's rule for English, and one for every other language."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

UNICODE_WORDS = "unicode words, NFKC, casefold; Han, kana, Thai, Lao, Burmese and Khmer by character"
"""What `unicode_words` does, for signatures."""

UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece"  # Thai, Lao
    "\u1000-\u103f\u1050-\u108f\u1780-\u17d3\u17dc\u17dd"  # Burmese, Khmer
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Scripts without spaces between words, as the inside of a character class."""

_ENGLISH = frozenset({"en", "eng", "english"})
_WORDS_APART = bytes(
    code if chr(code) in string.ascii_lowercase + string.digits else 32 for code in range(256)
)
"""What each byte of a lower-cased text becomes: itself, or a space."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_NOT_ASCII_LETTER = re.compile(r"[^a-z]+")
_COUNTED = re.compile(f"[{UNSPACED}]|[^\\s{UNSPACED}]+")
_LAST_MARK = 0x1FFFF
"""Beyond it there are only variation selectors."""


def primary_language(language: str) -> str:
    """Return the first subtag of a language tag: `zh` of `zh-Hans-CN`."""
    return re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]


def is_english(language: str) -> bool:
    """Tell whether a language tag names English."""
    return primary_language(language) in _ENGLISH


def english_words(text: str) -> list[str]:
    """Return runs of a-z and 0-9 of the lower-cased text, as rouge-score 0.1.2 does."""
    # Four times as fast as a regular expression; what isn't ASCII becomes a question mark, then a space.
    return text.lower().encode("ascii", "replace").translate(_WORDS_APART).decode("ascii").split()


def unicode_words(text: str) -> list[str]:
    """Return runs of letters and digits with their marks; scripts without spaces give a word a character."""
    folded: str = unicodedata.normalize("NFKC", text).casefold()
    return _unicode_word().findall(folded)


def count_words(text: str) -> int:
    """Count words by spaces; in scripts without spaces each character is one. Punctuation alone is none."""
    return sum(1 for item in _COUNTED.findall(text) if any(map(str.isalnum, item)))


def share_of_letters_lost(*texts: str) -> float:
    """Return which share of the letters `english_words` would drop, 0 to 1."""
    if all(text.isascii() for text in texts):
        return 0.0
    lower = "\n".join(texts).lower()
    # Most texts that aren't ASCII have a few dashes and quotes, no letters.
    lost = sum(map(str.isalpha, "".join(_NOT_ASCII.findall(lower))))
    return lost / (lost + len(_NOT_ASCII_LETTER.sub("", lower))) if lost else 0.0


@lru_cache(maxsize=1)
def _unicode_word() -> re.Pattern[str]:
    # \w leaves out combining marks, which would cut Hindi words at their vowels; the joiners are Persian's.
    marks = _ranges_of_marks() + "\u200c\u200d"
    return re.compile(f"[{UNSPACED}][{marks}]*|[^\\W_{UNSPACED}](?:[^\\W_{UNSPACED}]|[{marks}])*")


def _ranges_of_marks() -> str:
    """Spell all combining marks as ranges: 2,000 single characters would make the pattern slow."""
    codes = [code for code in range(_LAST_MARK + 1) if unicodedata.category(chr(code)).startswith("M")]
    present = set(codes)
    starts = [code for code in codes if code - 1 not in present]
    ends = [code for code in codes if code + 1 not in present]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))
