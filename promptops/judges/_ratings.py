"""How likely each rating was, read from the log-probabilities of a reply's tokens.

A rating may be one token with or without a space before it (" 4" and "4" are one rating), or several
("10" as "1" and "0"). Of a token that a longer rating begins with too, such as "1" of one to ten, it is known
only where it was written what came after it; elsewhere its mass is not counted, unless the place shows that
the tokenizer writes longer ratings in one piece.
"""

from __future__ import annotations

import math
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from promptops.types import Completion, TokenLogprob

_DIGITS = re.compile(r"-?[0-9]*")


@dataclass(frozen=True)
class Mass:
    """The probability of each rating, as far as it could be told."""

    by_rating: dict[str, float]

    @property
    def covered(self) -> float:
        """Return how much of all probability that is."""
        return sum(self.by_rating.values())

    @property
    def mean(self) -> float:
        """Return sum of s * p(s), renormalised over the ratings (G-Eval, arXiv 2303.16634, equation 1)."""
        return sum(float(rating) * p for rating, p in self.by_rating.items()) / self.covered


def mass_at(completion: Completion, start: int, ratings: AbstractSet[str]) -> Mass | str:
    """Return each rating's probability where a reply has one at `start`, or why it can't be told."""
    tokens, text = completion.logprobs, completion.text
    if not tokens:
        return "the server told no log-probabilities"
    if not "".join(token.token for token in tokens).startswith(text):
        return "the tokens do not spell the reply"
    place, at = 0, 0
    while at + len(tokens[place].token) <= start:
        at += len(tokens[place].token)
        place += 1
    found: dict[str, float] = {}
    _add(found, tokens, place, text[at:start].strip(), "", 1.0, ratings)
    if not found:
        return "none of the likeliest tokens is a rating"
    return Mass(dict(sorted(found.items(), key=lambda item: float(item[0]))))


def _add(
    found: dict[str, float],
    tokens: tuple[TokenLogprob, ...],
    place: int,
    before: str,
    begun: str,
    reached: float,
    ratings: AbstractSet[str],
) -> None:
    """Add what can stand at a place after the beginning of a rating, each with its probability.

    `before` is what a token that was written has before the rating, `reached` how likely it is to come here.
    """
    if place >= len(tokens):
        return  # the reply ended here, and nobody tells how likely that was
    written = tokens[place]
    options = {each.token: each.logprob for each in written.top} | {written.token: written.logprob}
    read = {token: _rating(token, before, begun) for token in options}
    spelled = {each[0] for each in read.values() if each is not None}
    whole = not begun and any(rating in ratings and _begins(ratings, rating) for rating in spelled)
    for token, logprob in options.items():
        each = read[token]
        if each is None or logprob is None:
            continue
        rating, ended = each
        p = reached * math.exp(logprob)
        longer = any(other.startswith(rating) and other != rating for other in ratings)
        if rating in ratings and (ended or whole or not longer):
            found[rating] = found.get(rating, 0.0) + p
        elif longer and not ended and token == written.token:
            _add(found, tokens, place + 1, "", rating, p, ratings)


def _begins(ratings: AbstractSet[str], rating: str) -> bool:
    """Tell whether a rating begins with another one."""
    return any(rating.startswith(other) and rating != other for other in ratings)


def _rating(token: str, before: str, begun: str) -> tuple[str, bool] | None:
    """Return a rating as far as a token takes it, and whether it ends in it; None where there is none."""
    rest = token
    if not begun:
        rest = token.lstrip()
        if not rest.startswith(before):
            return None
        rest = rest.removeprefix(before).lstrip()
    digits = _DIGITS.match(rest)
    more = digits.group() if digits and not (begun and digits.group().startswith("-")) else ""
    ended = len(more) < len(rest)
    if ended and rest[len(more)] == ".":
        return None  # of a scale of whole numbers it is none
    rating = begun + more
    return (rating, ended) if rating and (more or ended) else None
