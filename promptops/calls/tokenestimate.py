"""How many tokens a call is likely to use, before its answer tells: from its length and earlier answers."""

from __future__ import annotations

from promptops.types import Completion, Request

CHARACTERS_PER_TOKEN = 4.0
USUAL_ANSWER = 256.0
"""Tokens of an answer, until the first one tells."""


class TokenEstimate:
    """Learns from answers how many tokens a text of a length is, and how long answers are."""

    def __init__(self) -> None:
        self._answer: float | None = None
        self._scale: float | None = None
        """Tokens for each four characters of a request."""

    @property
    def learned(self) -> bool:
        """Whether an answer has told anything yet."""
        return self._answer is not None

    def of(self, request: Request) -> float:
        """Return the tokens of a request and its answer; `max_tokens` counts whole, as it does at servers."""
        read = _quarters(request) * (self._scale or 1.0)
        for name in ("max_completion_tokens", "max_tokens"):
            most = request.parameters.get(name)
            if isinstance(most, int) and most > 0:
                return read + most
        return read + (USUAL_ANSWER if self._answer is None else self._answer)

    def learn(self, request: Request, completion: Completion) -> None:
        """Take in what an answer says it used, if it does."""
        if completion.tokens_in is not None and completion.tokens_out is not None:
            self._answer = _mean(self._answer, completion.tokens_out)
            self._scale = _mean(self._scale, completion.tokens_in / _quarters(request))


def tokens_read(request: Request) -> float:
    """Return about how many tokens a request is before any answer tells: four characters each."""
    return _quarters(request)


def _quarters(request: Request) -> float:
    characters = sum(len(message.content) for message in request.messages)
    return max(characters, 1) / CHARACTERS_PER_TOKEN


def _mean(before: float | None, value: float) -> float:
    return value if before is None else 0.8 * before + 0.2 * value
