"""Text from models and users with everything visible that would act or hide: no control, no direction."""

from __future__ import annotations

import unicodedata

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
# Zero width: two texts that differ would look the same. Joiners stay, words of some scripts need them.
_HIDDEN = "\u00ad\u180e\u200b\u2028\u2029\u2060\u2061\u2062\u2063\u2064\ufeff"
_TAGS = range(0xE0000, 0xE0080)


def visible(text: str) -> str:
    """Show control, direction and hidden characters as escapes; keep line breaks and tabs."""
    # Nearly all texts are harmless, and this is a tenth of the cost.
    if text.isprintable():
        return text
    return "".join(character if _harmless(character) else _escaped(character) for character in text)


def visible_line(text: str, limit: int = 200) -> str:
    """Return one harmless line of at most `limit` characters."""
    flat = " ".join(visible(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    if character in _BIDI or character in _HIDDEN or ord(character) in _TAGS:
        return False
    return unicodedata.category(character) not in {"Cc", "Cs"}


def _escaped(character: str) -> str:
    return "" if character == "\r" else f"\\u{ord(character):04x}"
