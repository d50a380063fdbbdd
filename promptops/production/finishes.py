"""How servers and tools call the ends of answers, in our words."""

from __future__ import annotations

from typing import get_args

from promptops.types import FinishReason

_OURS: dict[str, FinishReason] = {
    **{reason: reason for reason in get_args(FinishReason)},
    **dict.fromkeys(("end_turn", "stop_sequence", "eos", "complete", "completed"), "stop"),
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length", "incomplete"), "length"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety"), "refusal"),
    **dict.fromkeys(("tool_call", "tool_use", "function_call"), "tool_calls"),
}


def finish_of(word: object) -> FinishReason:
    """Return how an answer ended; `other` for a word that nobody is known to use."""
    return _OURS.get(str(word).lower(), "other")
