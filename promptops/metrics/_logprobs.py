"""What an answer's log-probabilities say, or why it has none."""

from __future__ import annotations

from promptops.types import Completion, TokenLogprob

Tokens = tuple[TokenLogprob, ...]


def tokens_of(completion: Completion) -> Tokens | str:
    """Return an answer's tokens with their log-probabilities, or the reason why there are none."""
    if completion.logprobs:
        return completion.logprobs
    unread = completion.raw.get("unread_logprobs") if isinstance(completion.raw, dict) else None
    if unread is not None:
        return f"the log-probabilities of the answer can't be read: {unread}"
    if not completion.text:
        return "the answer is empty, so it has no log-probabilities"
    return (
        "the answer has no log-probabilities: ask for them by `logprobs: true` in the prompt's parameters, "
        "of a server that tells them"
    )


def whole_sum(tokens: Tokens) -> float | str:
    """Return the sum of all log-probabilities, or the reason where some are not known."""
    known = [token.logprob for token in tokens if token.logprob is not None]
    if len(known) < len(tokens):
        left = len(tokens) - len(known)
        return f"of {left} of {len(tokens)} tokens the server says no more than that they are very unlikely"
    return sum(known)


def text_of(tokens: Tokens) -> str:
    """Return the text that tokens spell; what is left of a character that was cut becomes U+FFFD."""
    spelled = b"".join(
        token.token.encode("utf-8", "surrogatepass") if token.bytes is None else bytes(token.bytes)
        for token in tokens
    )
    return spelled.decode("utf-8", "replace")
