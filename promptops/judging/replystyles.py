"""The styles in which other people's judges reply: one is stated or found out, and read without mercy.

A reply is read by its own style alone; where it says two different things, or something off the scale, it
says nothing. Nothing is clamped, rounded or guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import JsonValue

from promptops.judges import REPLY_LIMIT

Style = Literal["double_brackets", "labelled", "fraction", "tag", "json", "winner", "number"]
STYLES: tuple[Style, ...] = get_args(Style)
MEANINGS: Mapping[Style, str] = {
    "double_brackets": "Rating: [[7]], as MT-Bench asks for it",
    "labelled": "Rating: 4, Score = 4, Grade: 4 (a number behind its name, also within **)",
    "fraction": "Score: 4/5 or 4 out of 5, with the scale's top below; without a name on a line of its own",
    "tag": "<score>4</score>, also rating, grade and result",
    "json": '{"score": 4}, also rating and grade, bare or in a fence',
    "winner": "[[A]], [[B]] or [[C]] for a tie, as MT-Bench asks for it",
    "number": "4, and nothing else",
}
CREDIT = {"A": 1.0, "B": 0.0, "C": 0.5}
"""What a winner is worth to the answer shown first; C is a tie."""
PREFERENCE: tuple[float, float] = (0.0, 1.0)

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_NAMES = r"(?:overall[ _-]+|final[ _-]+)?(?:score|rating|grade)"
_BEFORE = rf"\**{_NAMES}\**[ \t]*(?:is|was)?[ \t]*[:=]?[ \t]*\**[ \t]*"
_BELOW = r"[ \t]*(?:/|out of)[ \t]*"
_END = r"(?![\w/]|[.,]\d|\s*(?:/|out of|of|to|or|-|\u2013|%|\[)\s*\d|\s*%)"
_PATTERNS: Mapping[Style, re.Pattern[str]] = {
    "double_brackets": re.compile(rf"\[\[\s*({_NUMBER})\s*\]\]"),
    "labelled": re.compile(rf"(?<![\w<\"']){_BEFORE}({_NUMBER}){_END}", re.I),
    "fraction": re.compile(
        rf"(?<![\w<\"']){_BEFORE}({_NUMBER}){_BELOW}({_NUMBER})(?![\w/%]|[.,]\d)"
        rf"|^[ \t]*\**({_NUMBER}){_BELOW}({_NUMBER})\**[ \t.]*$",
        re.I | re.M,
    ),
    "tag": re.compile(rf"<(score|rating|grade|result)>\s*({_NUMBER})\s*</\1>", re.I),
    "winner": re.compile(r"\[\[\s*([ABC])\s*\]\]"),
    "number": re.compile(rf"\A\s*\**\s*({_NUMBER})\s*\**\s*\.?\s*\Z"),
}
_KEYS = ("score", "rating", "grade")


@dataclass(frozen=True)
class Read:
    """What one reply says: a score, or why it says none."""

    score: float | None
    why: str = ""


@dataclass(frozen=True)
class Found:
    """Which style some replies are in, and how many each style could read."""

    style: Style | None
    counts: Mapping[Style, int]
    why: str = ""


def read_styled(reply: str, style: Style, scale: tuple[float, float], judged: Sequence[str] = ()) -> Read:
    """Return what a reply says in a style on a scale; for winners the scale is 0 to 1.

    What stands word for word in a judged text is an echo and is not read.
    """
    if len(reply) > REPLY_LIMIT:
        return Read(None, f"the reply has {len(reply)} characters, more than a verdict needs")
    said = list(_said(reply, style, scale, judged))
    if not said:
        return Read(None, f"the reply says nothing in the style {style}")
    if any(map(math.isnan, said)):
        return Read(None, f"the reply's fraction is not one of {scale[1]:g}")
    if len(set(said)) > 1:
        told = " and ".join(f"{value:g}" for value in dict.fromkeys(said))
        return Read(None, f"the reply says {told}, which disagree")
    low, high = PREFERENCE if style == "winner" else scale
    if not low <= said[0] <= high:
        return Read(None, f"the score {said[0]:g} lies outside {low:g} to {high:g}")
    return Read(said[0])


def find_style(replies: Sequence[tuple[str, Sequence[str]]], scale: tuple[float, float]) -> Found:
    """Return the one style in which the replies can be read.

    It must read more replies than any other, and contradict none that reads one of them too: `4/5` is no
    `4` by chance. Where two styles read some replies differently, or as many, none is found.
    """
    scores = {
        style: [read_styled(text, style, scale, judged).score for text, judged in replies] for style in STYLES
    }
    counts: dict[Style, int] = {
        style: sum(score is not None for score in found) for style, found in scores.items()
    }
    best = max(STYLES, key=lambda style: counts[style])
    if not counts[best]:
        return Found(None, counts, "no style reads any of the replies")
    for other in STYLES:
        if other == best or not counts[other]:
            continue
        both = zip(scores[best], scores[other], strict=True)
        if any(a is not None and b is not None and a != b for a, b in both):
            return Found(None, counts, f"{best} and {other} read some replies differently")
        if counts[other] == counts[best]:
            return Found(None, counts, f"{best} and {other} read {counts[best]} replies each")
    return Found(best, counts)


def read_scale(written: str) -> tuple[float, float] | None:
    """Return a scale that is written as LOW-HIGH; None where it is none."""
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|\.\.|:)\s*(-?\d+(?:\.\d+)?)\s*", written)
    if match is None or float(match[1]) >= float(match[2]):
        return None
    return float(match[1]), float(match[2])


def _said(reply: str, style: Style, scale: tuple[float, float], judged: Sequence[str]) -> Iterator[float]:
    if style == "json":
        yield from _objects(reply, judged)
        return
    for match in _PATTERNS[style].finditer(reply):
        if _is_echo(reply, match, judged):
            continue
        if style == "winner":
            yield CREDIT[match[1]]
        elif style == "fraction":
            # Another bottom is another scale, and nobody said how the two belong together.
            above, below = (match[1], match[2]) if match[1] else (match[3], match[4])
            yield _value(above) if _value(below) == scale[1] else math.nan
        else:
            yield _value(match[2] if style == "tag" else match[1])


def _objects(reply: str, judged: Sequence[str]) -> Iterator[float]:
    decoder, position = json.JSONDecoder(), reply.find("{")
    while position != -1:
        try:
            value, end = decoder.raw_decode(reply, position)
        except (ValueError, RecursionError):
            position = reply.find("{", position + 1)
            continue
        if isinstance(value, dict) and not any(reply[position:end] in text for text in judged):
            yield from _members(value)
        position = reply.find("{", end)


def _members(value: Mapping[str, JsonValue]) -> Iterator[float]:
    for key, member in value.items():
        if key.casefold() not in _KEYS or isinstance(member, bool):
            continue
        if isinstance(member, int | float):
            yield float(member)
        elif isinstance(member, str) and re.fullmatch(rf"\s*{_NUMBER}\s*", member):
            yield _value(member)


def _is_echo(reply: str, match: re.Match[str], judged: Sequence[str]) -> bool:
    """Tell whether what was found stands in a judged text; a bare number does only where it is all of it."""
    found = match[0].strip().casefold()
    if match.re is _PATTERNS["number"]:
        return any(reply.strip() == text.strip() for text in judged)
    return any(found in text.casefold() for text in judged)


def _value(written: str) -> float:
    return float(written.strip())


def tally(whys: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return reasons with how often each was given, the most frequent first."""
    return tuple(Counter(whys).most_common())
