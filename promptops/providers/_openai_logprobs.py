"""Log-probabilities of an answer's tokens: `choices[].logprobs` of the chat API, checked and made small.

OpenAI, vLLM and llama.cpp send the same form. What can't be read is left out as a whole, with the reason:
half of the tokens would give a wrong mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import JsonValue

from promptops.providers._wording import masked
from promptops.types import Alternative, TokenLogprob

VERY_UNLIKELY = -9999.0
"""What OpenAI and vLLM send for "very unlikely"; llama.cpp sends the lowest number there is."""
NUMBERS = 65_536
"""Log-probabilities of one answer that are kept. Of an answer with more only those of its own tokens are."""
_ABOVE = 1e-3
"""How far above 0 a logarithm may come to lie by rounding."""

Read = tuple[tuple[TokenLogprob, ...], str | None]


def wants_logprobs(body: Mapping[str, JsonValue]) -> bool:
    """Tell whether a request asks for log-probabilities."""
    return body.get("logprobs") is True


def logprobs_of(choice: Mapping[str, JsonValue], key: str | None) -> Read:
    """Return a choice's tokens with their log-probabilities, or none and the reason.

    There is no reason where the server sent none at all.
    """
    found = choice.get("logprobs")
    content = found.get("content") if isinstance(found, dict) else found
    if content is None or content == []:
        return (), None
    if not isinstance(content, list):
        return (), "they are no list of tokens"
    if len(content) > NUMBERS:
        return (), f"they are of {len(content)} tokens, more than are kept"
    alternatives = sum(_count(each) for each in content)
    tokens: list[TokenLogprob] = []
    for number, each in enumerate(content, 1):
        token = _token(each, alternatives + len(content) <= NUMBERS)
        if isinstance(token, str):
            return (), f"token {number} {token}"
        tokens.append(token)
    spelled = "".join(token.token for token in tokens)
    if masked(spelled, key) != spelled:
        return (), "their tokens spell the key"
    return tuple(tokens), None


def _count(entry: JsonValue) -> int:
    top = entry.get("top_logprobs") if isinstance(entry, dict) else None
    return len(top) if isinstance(top, list) else 0


def _token(entry: JsonValue, with_top: bool) -> TokenLogprob | str:
    """Return one token, or what is wrong with it."""
    if not isinstance(entry, dict):
        return "is no object"
    own = _alternative(entry)
    if isinstance(own, str):
        return own
    top: list[Alternative] = []
    listed = entry.get("top_logprobs") if with_top else None
    for each in listed if isinstance(listed, list) else []:
        found = _alternative(each) if isinstance(each, dict) else "is no object"
        if isinstance(found, str):
            return f"has an alternative that {found}"
        top.append(found)
    top.sort(key=lambda found: -math.inf if found.logprob is None else found.logprob, reverse=True)
    spelled = _bytes(entry.get("bytes"))
    if spelled == tuple(own.token.encode("utf-8", "surrogatepass")):
        spelled = None
    return TokenLogprob(token=own.token, logprob=own.logprob, bytes=spelled, top=tuple(top))


def _alternative(entry: Mapping[str, JsonValue]) -> Alternative | str:
    token, logprob = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str):
        return "has no text"
    if logprob is None:
        return Alternative(token, None)
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or math.isnan(logprob):
        return f"has the log-probability {str(logprob)[:40]!r}"
    if logprob > _ABOVE:
        return f"has the log-probability {logprob:g}, which is above 0"
    return Alternative(token, None if logprob <= VERY_UNLIKELY else min(float(logprob), 0.0))


def _bytes(value: JsonValue) -> tuple[int, ...] | None:
    """Return a token's bytes; None where the server sends none, or what are none."""
    if not isinstance(value, list):
        return None
    found = [each for each in value if isinstance(each, int) and not isinstance(each, bool)]
    return tuple(found) if len(found) == len(value) and all(0 <= each < 256 for each in found) else None
