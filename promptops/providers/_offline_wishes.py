"""What a prompt asks for in general words: how long, in which shape, from which part of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "eighty": 80, "hundred": 100,
}  # fmt: skip
_NUMBER = r"(?:\d{1,4}|" + "|".join(_NUMBERS) + r")"
_BELOW = r"(?P<below>under|fewer than|less than|below|shorter than)"
_LOWEST = r"(?P<least>at least|no fewer than|minimum of)"


def _limit(unit: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?:{_BELOW}|{_LOWEST})\s+)?(?:a\s+)?\b(?P<low>{_NUMBER})"
        rf"(?:\s*(?:or|to|and|-|–)\s*(?P<high>{_NUMBER}))?[\s-]+(?:(?!or\b|and\b|few\b)[a-z]+,?\s+){{0,2}}?{unit}\b"
    )


_SENTENCES = _limit("sentences?")
_WORDS = _limit("words?")
_SIGNS = _limit("characters?")
_BULLETS = _limit("(?:bullet(?: point)?s?|points)")
_ONE_WORD = re.compile(
    r"\b(?:one|a single|single|1)[- ]word\b|\bone word or (?:a )?number|"
    r"\b(?:just|only) (?:the|a) (?:word|number|name)\b"
)
_SHORT = re.compile(
    r"\b(?:a few words|few words|as short as possible|shortest|briefest|nothing but the answer|"
    r"no full sentence|no sentence|not (?:in )?a (?:full|complete|whole) sentence|(?:just|only) the answer|"
    r"the answer (?:alone|only)|short answer|(?:exact|shortest) (?:words?|phrase|span)|"
    r"words of the (?:text|passage)|copied from the (?:text|passage)|name,? (?:number|date) or)"
)
_WHOLE_SENTENCE = re.compile(
    r"(?<!no )(?<!not in )(?<!not )\b(?:in )?(?:a )?(?:full|complete|whole) sentences?\b"
)
_SUBJECTS = (
    r"(?:developments?|decisions?|points?|facts?|topics?|items?|parts?|news|details?|events?|findings?|results?|"
    r"announcements?|changes?|subjects?|matters?|things?|stories|measures?|aspects?)"
)
_WHOLE = r"(?:whole|entire|full) (?:text|article|story|passage|document|report|piece)"
_SPREAD = re.compile(
    rf"\b(?:every|all(?: of)?(?: the)?|each(?: of the)?|both|several|main|key|important|separate|different)\b"
    rf"[^.!?\n]{{0,30}}?\b{_SUBJECTS}\b|\b{_WHOLE}\b|\bfrom (?:beginning|start) to end\b|"
    rf"\bnot (?:only|just) the (?:first|opening|lead|beginning|start)"
)
_NO_QUOTES = re.compile(
    r"\b(?:no|without|leave out|skip|omit|never use|drop)\b[^.\n]{0,20}\bquot(?:e|es|ations?)\b"
)
_JSON = re.compile(r"\bjson\b")
_FALLBACK = re.compile(
    r"\b(?:if|when|where)\b[^.\n]{0,80}?(?:\bnot?\b|n't|unknown|missing|without)[^.\n\"“]{0,80}"
    r"[\"“]([^\"”\n]{1,60})[\"”]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wishes:
    """What the answer should be like; None where the prompt says nothing."""

    sentences: int | None = None
    least_sentences: int = 1
    words: int | None = None
    signs: int | None = None
    bullets: int | None = None
    one_word: bool = False
    short: bool = False
    spread: bool = False
    no_quotes: bool = False
    json: bool = False
    fallback: str | None = None


def wishes_in(instructions: str) -> Wishes:
    """Read the wishes in a prompt's instructions."""
    text = " ".join(instructions.casefold().split())
    lowest, highest = _bounds(_SENTENCES, text)
    words = _bounds(_WORDS, text)[1]
    fallback = _FALLBACK.search(" ".join(instructions.split()))
    one_word = _ONE_WORD.search(text) is not None or words == 1
    return Wishes(
        sentences=highest,
        least_sentences=lowest or 1,
        words=None if words == 1 else words,
        signs=_bounds(_SIGNS, text)[1],
        bullets=_bounds(_BULLETS, text)[1],
        one_word=one_word,
        short=one_word or (_SHORT.search(text) is not None and _WHOLE_SENTENCE.search(text) is None),
        spread=_SPREAD.search(text) is not None,
        no_quotes=_NO_QUOTES.search(text) is not None,
        json=_JSON.search(text) is not None,
        fallback=fallback[1] if fallback else None,
    )


def _bounds(pattern: re.Pattern[str], text: str) -> tuple[int | None, int | None]:
    """Return the least and the most that the first limits of a kind allow."""
    least: int | None = None
    for found in pattern.finditer(text):
        low, high = _number(found["low"]), _number(found["high"] or found["low"])
        if found["least"]:
            least = low
        elif found["below"]:
            return least, max(low - 1, 1)
        else:
            return (low if found["high"] else least), max(low, high)
    return least, None


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]
