"""Patterns inside a JSON Schema: searched within a time that is bounded, as all patterns of users are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from promptops.texts.patterns import found

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

Keyword = Callable[..., Iterator["ValidationError"]]


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
