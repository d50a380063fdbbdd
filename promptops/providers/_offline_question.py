"""An answer taken word for word from a passage: the sentence that shares most with the question, or a part.

No knowledge and no grammar: words are compared by their beginnings, Han signs by bigrams, and the kind of
question (how many, when, who, where) is told by question words of six languages.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from promptops.providers._offline_lexicon import (
    AMOUNT_QUESTIONS,
    NAME_QUESTIONS,
    NUMBER_WORDS,
    REASON_QUESTIONS,
    REASON_WORDS,
    TIME_QUESTIONS,
    TIME_WORDS,
)
from promptops.providers._offline_wishes import Wishes
from promptops.providers._offline_words import HAN, is_han, is_small, keys, sentences, stem

FEW_WORDS = 4
"""Words of an answer where a few are asked for."""
SHORT_SIGNS = 20
"""An answer of so many characters is no sentence any more."""
HAN_WORD = 2
"""Han signs of one word: most words of running Chinese have two."""
_TOKEN = re.compile(rf"\d+(?:[.,:]\d+)*[%°]?|[{HAN}]|[^\W\d_]+(?:[-'’][^\W\d_]+)*|[^\w\s]")
_HAN_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[一二三四五六七八九十百千万亿两]+")
_HAN_YEAR = re.compile(r"哪一?年|多少年")
_HAN_CLAUSE = re.compile(r"[^\w、·]+")
_HAN_REASON = re.compile(r"^(?:多半|这|这是|也)*(?:是)?(?:因为|由于|以免|为了|用来|为的是)")
_HAN_EDGE = "的了在是和与及就都也由把会要请可以从到被"
_JOINERS = frozenset(("de", "la", "del", "von", "van", "der", "of", "und", "the", "y", "&", "i"))


_MARKS = (
    ("reason", REASON_QUESTIONS),
    ("time", TIME_QUESTIONS),
    ("amount", AMOUNT_QUESTIONS),
    ("name", NAME_QUESTIONS),
)


@dataclass(frozen=True)
class _Span:
    """A stretch of a sentence's tokens that may be the answer."""

    first: int
    beyond: int
    worth: float


def answer_to(question: str, passage: str, wishes: Wishes) -> str:
    """Answer a question from a passage as short as the wishes say."""
    every = sentences(passage)
    if not every:
        return wishes.fallback or passage.strip()
    sentence, overlap = _best(question, every)
    if overlap == 0 and wishes.fallback is not None:
        return wishes.fallback
    return _cut(_answer(question, sentence, wishes), wishes)


def _answer(question: str, sentence: str, wishes: Wishes) -> str:
    narrow = (wishes.words is not None and wishes.words <= 8) or (
        wishes.signs or SHORT_SIGNS + 1
    ) <= SHORT_SIGNS
    if not (wishes.short or narrow):
        return sentence
    limit = 1 if wishes.one_word else min(wishes.words or FEW_WORDS, FEW_WORDS)
    if not is_han(sentence):
        return _part(question, sentence, limit)
    part = _han_part(question, sentence)
    return part[:HAN_WORD] if wishes.one_word and not part[:1].isdigit() else part


def _cut(answer: str, wishes: Wishes) -> str:
    """Keep to limits of words and characters to the letter, even where that cuts a word in two."""
    if wishes.words is not None:
        answer = " ".join(answer.split()[: wishes.words])
    return answer if wishes.signs is None else answer[: wishes.signs].rstrip()


def best_sentence(question: str, passage: str) -> str:
    """Return the sentence of a passage that shares most with a question; empty where none shares a word."""
    every = sentences(passage)
    if not every:
        return ""
    sentence, overlap = _best(question, every)
    return sentence if overlap > 0 else ""


def _best(question: str, every: list[str]) -> tuple[str, float]:
    held = [set(keys(sentence)) for sentence in every]
    known = Counter(key for own in held for key in own)
    asked = set(keys(question))
    wanted = _kind(question)
    scores = []
    for sentence, own in zip(every, held, strict=True):
        shared = math.fsum(math.log1p(len(every) / known[key]) for key in own & asked)
        fits = wanted != "amount" or _holds_number(sentence)
        scores.append(shared * (1.25 if fits and wanted == "amount" else 1.0))
    best = max(range(len(every)), key=lambda at: (scores[at], -at))
    return every[best], scores[best]


def _kind(question: str) -> str:
    """Tell what is asked for: an amount, a time, a name or something else."""
    low = f" {' '.join(question.casefold().replace('¿', '').split())} "
    for kind, marks in _MARKS:
        if any((mark in low) if mark[0] >= "\u3400" else re.search(rf"\b{mark}\b", low) for mark in marks):
            return kind
    return "other"


def _holds_number(sentence: str) -> bool:
    return (
        any(_is_number(token) for token in _TOKEN.findall(sentence))
        or _HAN_NUMBER.search(sentence) is not None
    )


def _part(question: str, sentence: str, limit: int) -> str:
    tokens = list(_TOKEN.finditer(sentence))
    asked = {stem(word) for word in _TOKEN.findall(question)}
    words = [token.group() for token in tokens]
    shared = [at for at, word in enumerate(words) if stem(word) in asked and not is_small(word)]
    kind = _kind(question)
    reason = _reason(words) if kind == "reason" and limit > 1 else None
    spans = [reason] if reason is not None else _spans(kind, words, asked, limit)
    if not spans:
        return sentence
    best = max(spans, key=lambda span: (span.worth + _nearness(span, shared), -span.first))
    return sentence[tokens[best.first].start() : tokens[best.beyond - 1].end()]


def _reason(words: list[str]) -> _Span | None:
    """Return the clause that begins with a word such as because."""
    for at, word in enumerate(words):
        if word.casefold() in REASON_WORDS and at + 1 < len(words):
            end = next((end for end in range(at + 1, len(words)) if _is_mark(words[end])), len(words))
            return _Span(at, end, 0.0) if end > at + 1 else None
    return None


def _is_mark(word: str) -> bool:
    return not word[:1].isalnum()


def _spans(kind: str, words: list[str], asked: set[str], limit: int) -> list[_Span]:
    new = [stem(word) not in asked and any(map(str.isalnum, word)) for word in words]
    if kind == "amount":
        found = [_Span(at, at + 1, 1.0) for at, word in enumerate(words) if new[at] and _is_number(word)]
    elif kind == "time":
        found = [
            _Span(at, at + 1, _time_worth(word))
            for at, word in enumerate(words)
            if new[at] and _is_time(word)
        ]
    elif kind == "name":
        found = _names(words, new, limit)
    else:
        found = []
    return found or _runs(words, new, limit)


def _nearness(span: _Span, shared: list[int]) -> float:
    """Rank stretches that stand close to the question's own words."""
    near = (1 / (1 + min(abs(at - span.first), abs(at - span.beyond + 1))) for at in shared)
    return sum(near)


def _is_number(word: str) -> bool:
    return word[:1].isdigit() or word.casefold() in NUMBER_WORDS


def _is_time(word: str) -> bool:
    return word[:1].isdigit() or stem(word) in TIME_WORDS


def _time_worth(word: str) -> float:
    year = len(word) == 4 and word.isdigit() and 1000 <= int(word) <= 2100
    return 1.5 if year or ":" in word or not word[:1].isdigit() else 0.5


def _names(words: list[str], new: list[bool], limit: int) -> list[_Span]:
    found: list[_Span] = []
    at = 0
    while at < len(words):
        if not (new[at] and words[at][:1].isupper()) or is_small(words[at]):
            at += 1
            continue
        end = at + 1
        while end < len(words) and (_capital(words[end], new[end]) or _joins(words, new, end)):
            end += 1
        # The first word of a sentence is capital whatever it is.
        worth = 0.2 if at == 0 and end == 1 else 1.0
        found.append(_Span(max(at, end - limit) if limit == 1 else at, end, worth))
        at = end
    return found


def _capital(word: str, new: bool) -> bool:
    return new and word[:1].isupper()


def _joins(words: list[str], new: list[bool], at: int) -> bool:
    return words[at] in _JOINERS and at + 1 < len(words) and _capital(words[at + 1], new[at + 1])


def _runs(words: list[str], new: list[bool], limit: int) -> list[_Span]:
    """Return stretches between the question's own words and marks, without small words at their ends."""
    found: list[_Span] = []
    at = 0
    while at < len(words):
        first = at
        while at < len(words) and (new[at] or (is_small(words[at]) and not _is_mark(words[at]))):
            at += 1
        found.extend(_run(words, first, at, limit))
        at += 1
    return found


def _run(words: list[str], first: int, beyond: int, limit: int) -> list[_Span]:
    follows = first > 0 and not _is_mark(words[first - 1])
    while first < beyond and is_small(words[first]):
        first += 1
    while beyond > first and is_small(words[beyond - 1]):
        beyond -= 1
    if first == beyond:
        return []
    if limit == 1:
        return [
            _Span(at, at + 1, math.log1p(len(words[at])) / 4)
            for at in range(first, beyond)
            if not is_small(words[at])
        ]
    if beyond - first > limit:
        first, beyond = (first, first + limit) if follows else (beyond - limit, beyond)
    content = sum(not is_small(word) for word in words[first:beyond])
    return [_Span(first, beyond, 0.15 * min(content, 3))]


def _han_part(question: str, sentence: str) -> str:
    kind = _kind(question)
    if kind == "amount" or _HAN_YEAR.search(question):
        found = [hit for hit in _HAN_NUMBER.finditer(sentence) if hit.group() not in question]
        if found:
            return max(
                found, key=lambda hit: (_context(question, sentence, hit), hit.group()[0].isdigit())
            ).group()
    clauses = [clause for clause in _HAN_CLAUSE.split(sentence) if clause]
    if kind == "reason":
        for clause in clauses:
            if _HAN_REASON.match(clause):
                return _HAN_REASON.sub("", clause) or clause
        clauses = [clause for clause in clauses if not _covered(clause, question)] or clauses
    runs = [
        (run, len(_covered(clause, question))) for clause in clauses for run in _new_runs(clause, question)
    ]
    if not runs:
        return sentence.rstrip("。！？")
    return max(runs, key=lambda item: min(len(item[0]), 10) + 2 * min(item[1], 4))[0]


def _covered(clause: str, question: str) -> set[int]:
    """Return the places of a clause's signs that the question holds with a neighbour."""
    pairs = (at for at in range(len(clause) - 1) if clause[at : at + 2] in question)
    return {place for at in pairs for place in (at, at + 1)}


def _new_runs(clause: str, question: str) -> list[str]:
    covered = _covered(clause, question)
    line = "".join("\n" if at in covered else sign for at, sign in enumerate(clause))
    runs = (run.lstrip(_HAN_EDGE).rstrip("的了在") for run in line.split("\n"))
    return [run for run in runs if len(run) > 1]


def _context(question: str, sentence: str, hit: re.Match[str]) -> int:
    """Count the signs around a number that the question holds too."""
    around = sentence[max(0, hit.start() - 6) : hit.start()] + sentence[hit.end() : hit.end() + 4]
    return sum(sign in question for sign in around if sign.isalnum())
