"""Regular expressions of users on texts of models: searched within a time that is bounded.

The standard `re` has no timeout, and a pattern with nested repeats, such as `(a+)+$`, can take for ever
on thirty characters. The `regex` library reads the same patterns and gives up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

SECONDS = 1.0
"""How long one search may take."""

Keyword = Callable[..., Iterator["ValidationError"]]


class TooSlow(Exception):
    """A search was given up."""


def fault(pattern: str) -> str | None:
    """Return why a text is no regular expression; None where it is one."""
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def found(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere. Raises TooSlow."""
    try:
        return regex.search(pattern, text, timeout=SECONDS) is not None
    except TimeoutError:
        raise TooSlow(f"the pattern {pattern[:100]!r} takes over {SECONDS:g} s on this output") from None


def bounded(validator: type[Draft202012Validator]) -> type[Draft202012Validator]:
    """Return a JSON Schema validator whose patterns are searched within the time."""
    from jsonschema import validators

    extended: type[Draft202012Validator] = validators.extend(
        validator,
        {
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional(validator.VALIDATORS["additionalProperties"]),
        },
    )
    return extended


def _pattern(validator: Any, pattern: str, instance: object, schema: object) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, object], instance: object, schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, rules in patterns.items():
            for name, value in instance.items():
                if found(pattern, name):
                    yield from validator.descend(value, rules, path=name, schema_path=pattern)


def _additional(usual: Keyword) -> Keyword:
    def check(
        validator: Any, rules: object, instance: object, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            patterns = schema.get("patternProperties", {})
            extra = {
                name: value
                for name, value in instance.items()
                if not any(found(pattern, name) for pattern in patterns)
            }
            yield from usual(validator, rules, extra, {"properties": schema.get("properties", {})})

    return check
