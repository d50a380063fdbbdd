"""How many tokens an answer may have at most."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.calls.call import Caller
from promptops.types import Prompt

_LIMITS = ("max_completion_tokens", "max_tokens")


def token_limit(prompts: Sequence[Prompt], caller: Caller) -> int | None:
    """Return how many tokens an answer may have, by the prompts' parameters or the provider's body.

    The most of all prompts; None where one sets no limit.
    """
    limits = [_limit_of(prompt, caller) for prompt in prompts]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _limit_of(prompt: Prompt, caller: Caller) -> int | None:
    for place in (prompt.parameters, caller.model.settings.body):
        for name in _LIMITS:
            value = place.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None
