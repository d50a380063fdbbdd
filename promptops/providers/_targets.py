"""What a user's own function or script returns, read as a Completion."""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from promptops.canonical import canonical_json
from promptops.errors import CallFailed
from promptops.providers._wording import one_line, storable
from promptops.types import Completion

FIELDS = ("output", "tokens_in", "tokens_out", "cost", "finish_reason", "model")


def completion_from(returned: object, seconds: float) -> Completion:
    """Return the Completion that a text, an object with `output`, or a Completion stands for.

    Raises CallFailed (target_error) that says what was returned instead.
    """
    if isinstance(returned, Completion):
        return returned if returned.seconds is not None else returned.model_copy(update={"seconds": seconds})
    if isinstance(returned, str):
        return Completion(text=storable(returned), seconds=seconds)
    if not isinstance(returned, dict) or "output" not in returned:
        kind = (
            f"an object with {sorted(map(str, returned))}"
            if isinstance(returned, dict)
            else type(returned).__name__
        )
        raise CallFailed(
            "target_error", one_line(f"It returned {kind}; wanted is a text or an object with 'output'.")
        )
    unknown = sorted(set(map(str, returned)) - set(FIELDS))
    if unknown:
        raise CallFailed(
            "target_error", one_line(f"It returned unknown keys {unknown}; known are {list(FIELDS)}.")
        )
    fields = {name: returned[name] for name in FIELDS[1:] if returned.get(name) is not None}
    try:
        return Completion.model_validate({"text": _text(returned["output"]), "seconds": seconds, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        raise CallFailed(
            "target_error", one_line(f"It returned a bad {first['loc'][0]!r}: {first['msg']}.")
        ) from None


def _text(output: JsonValue) -> str:
    if isinstance(output, str):
        return storable(output)
    try:
        return storable(canonical_json(output))
    except (TypeError, ValueError, RecursionError) as error:
        raise CallFailed(
            "target_error", one_line(f"It returned an output that is no JSON: {error}.")
        ) from None
