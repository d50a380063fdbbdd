"""Sentences and words of a text in Latin, Cyrillic or Han script, without any model or download."""

from __future__ import annotations

import re
from functools import lru_cache

from promptops.providers._offline_lexicon import (
    ABBREVIATIONS,
    BEFORE_NUMBERS,
    CLOCK,
    HAN_SMALL,
    OPENERS,
    SMALL_WORDS,
)

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_WORD = re.compile(rf"[{HAN}]+|[^\W_]+(?:[-'’.,:][^\W_]+)*[%°]?")
_HAN_RUN = re.compile(rf"[{HAN}]+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_END = re.compile(
    r"[.!?…]+[\"'”’»)\]]*(?=\s+[\"'“‘«(\[¿¡–—-]*\s?(?:[^\W\d_a-zа-яёіїєґß-öø-ÿ]|\d))|[。！？]+[”’」』）]*"
)
_LAST_WORD = re.compile(r"([^\s(\[\"'“‘«]+)$")


def sentences(text: str) -> list[str]:
    """Split a text into sentences; abbreviations, initials and decimal points don't end one."""
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        found.extend(_sentences(" ".join(paragraph.split())))
    return found


def words(text: str) -> list[str]:
    """Return the words as they stand; a run of Han signs is one."""
    return _WORD.findall(text)


def count_words(text: str) -> int:
    """Count words; each Han sign counts as one."""
    return sum(len(word) if _HAN_RUN.match(word) else 1 for word in words(text))


def keys(text: str) -> list[str]:
    """Return what the content words of a text are matched by: crude stems, and bigrams of Han signs."""
    found: list[str] = []
    for word in words(text):
        if _HAN_RUN.match(word):
            found.extend(_bigrams(word))
        elif (key := stem(word)) and not is_small(word):
            found.append(key)
    return found


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the beginning of a word, which inflected forms of it share."""
    low = word.casefold().rstrip("%°").removesuffix("'s").removesuffix("’s")
    if low[:1].isdigit():
        return low.replace(",", "")
    if len(low) > 5:
        return low[:5]
    return low[:-1] if len(low) >= 4 and low.endswith("s") and not low.endswith("ss") else low


def is_small(word: str) -> bool:
    """Tell whether a word is one of the small ones that all texts share."""
    return word.casefold() in SMALL_WORDS or all(sign in HAN_SMALL for sign in word)


def is_han(text: str) -> bool:
    """Tell whether a text is written mostly in Han signs."""
    signs = sum(len(run) for run in _HAN_RUN.findall(text))
    return signs * 2 > sum(sign.isalpha() for sign in text)


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1) if not HAN_SMALL.issuperset(run[at : at + 2])]


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _goes_on(text[start : end.start()], end.group(), text[end.end() :].lstrip()):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if any(sign.isalnum() for sign in sentence)]


def _goes_on(before: str, end: str, after: str) -> bool:
    """Tell whether a full stop belongs to an abbreviation, an initial or a number."""
    last = _LAST_WORD.search(before)
    if not end.startswith(".") or len(end) > 1 or last is None:
        return False
    word = last.group(1)
    low = word.casefold()
    if low in CLOCK:
        return after.partition(" ")[0] not in OPENERS
    if low in BEFORE_NUMBERS and after[:1].isdigit():
        return True
    if low in ABBREVIATIONS:
        return True
    # An initial ("J. Smith"), or a German ordinal ("am 3. Mai"); a year or a count ends a sentence.
    return (len(word) == 1 and word.isupper()) or (word.isdigit() and len(word) <= 2 and _is_month(after))


def _is_month(text: str) -> bool:
    return text[:3].casefold() in {
        "jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez",
    }  # fmt: skip
