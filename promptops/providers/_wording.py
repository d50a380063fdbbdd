"""Other people's words, made fit for one line of ours: they are data and may hold anything."""

from __future__ import annotations

import re

CUT = 300

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_SPACES = re.compile(r" {2,}")
_SHORTEST_KEY = 8


def one_line(text: str, limit: int = CUT) -> str:
    """Return a foreign text as one line of printable characters, cut to `limit`."""
    start = _UNPRINTABLE.sub(" ", text[: limit * 4])
    line = _SPACES.sub(" ", start).strip()
    return line if len(line) <= limit else line[: limit - 3] + "..."


def masked(text: str, key: str | None) -> str:
    """Return a text in which the key, should a server echo it, is hidden."""
    # A word such as "EMPTY" is often given as a key where none is needed; it is no secret.
    if key is None or len(key) < _SHORTEST_KEY or key not in text:
        return text
    return text.replace(key, "[key]")


def storable(text: str) -> str:
    """Return a text whose lone surrogates, which no database can keep, are replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
