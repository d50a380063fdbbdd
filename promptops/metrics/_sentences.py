"""Where a sentence ends, without a download: marks, and what only looks like an end."""

from __future__ import annotations

import re

RULE = "own-1"
"""Name of these rules in signatures; raised with every change that moves an end."""

_END = re.compile(
    r"(?P<wide>[。！？｡।॥؟۔።။។]+[」』”’）】]*\s*)"
    r"|(?P<mark>[.!?…]+)[\"'”’»)\]]*(?P<space>\s+)[\"'“‘«(\[¿¡]*(?P<first>\S)"
)
_DOTTED = re.compile(r"(?:[^\W\d]\.)+[^\W\d]")
_FIRST_WORD = re.compile(r"\w+")

_TITLES = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "rev", "hon", "gen", "col", "sgt", "capt", "lt", "gov", "sen", "rep"}
    | {"messrs", "mme", "mlle", "vs", "cf", "viz", "e.g", "i.e"}
)
_NUMBERED = frozenset(
    ("no", "nos", "fig", "figs", "eq", "eqs", "sec", "ch", "vol", "p", "pp", "art", "nr", "op")
)
_SHORTENED = frozenset(
    {"inc", "ltd", "co", "corp", "jr", "sr", "st", "ave", "al", "dept", "univ", "est", "approx", "ca"}
    | {"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}
)
_OPENERS = frozenset(
    {"the", "a", "an", "it", "he", "she", "they", "we", "i", "you", "this", "that", "these", "those", "there"}
    | {"in", "on", "at", "but", "and", "so", "if", "when", "then", "his", "her", "its"}
)
"""Words that begin a sentence rather than go on after an abbreviation."""


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, without the space around them; line breaks count as space."""
    sentences: list[str] = []
    start = 0
    position = 0
    while end := _END.search(text, position):
        if end["wide"] is not None:
            position = end.end()
        else:
            position = end.end("space")
            if not _is_end(text[start : end.start()], end["mark"], text[end.start("first") :][:20]):
                continue
        sentences.append(text[start:position].strip())
        start = position
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_end(before: str, mark: str, after: str) -> bool:
    if after[0].islower():
        return False
    word = _last_word(before)
    if mark != "." or not word:
        return True
    name = word.lower()
    if name in _TITLES:
        return False
    if name in _NUMBERED:
        return not after[0].isdigit()
    if word.isdigit():
        return before.strip() != word  # "1. Do this." is one sentence
    initial = len(word) == 1 and word.isupper() and word != "I"
    if initial or name in _SHORTENED or _DOTTED.fullmatch(word):
        opener = _FIRST_WORD.match(after)
        return opener is not None and opener[0].lower() in _OPENERS
    return True


def _last_word(before: str) -> str:
    """Return the word that the mark follows; empty where a space stands between."""
    if not before or before[-1].isspace():
        return ""
    return before[-40:].rsplit(maxsplit=1)[-1].lstrip("\"'“‘«([")
