"""Whether a JSON Schema in a user's file is one, before anything is checked against it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.files.located import KeyPath, shown

MAX_CHARACTERS = 100_000
TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def schema_faults(schema: dict[str, JsonValue]) -> list[tuple[KeyPath, str]]:
    """Return what is wrong with a JSON Schema and where; nothing is fetched.

    References must stay inside the schema: `#/$defs/name`.
    """
    if len(canonical_json(schema)) > MAX_CHARACTERS:
        return [((), f"the schema is longer than {MAX_CHARACTERS:,} characters")]
    if _plain(schema):
        return []
    faults = list(_reference_faults(schema, schema, ()))
    return faults or list(_rule_faults(schema))


def _plain(schema: JsonValue) -> bool:
    """Tell whether a schema only names types, properties, items and texts, as most do, and is a valid one.

    The library that knows all of JSON Schema is slow to import; what is not plain goes to it.
    """
    return isinstance(schema, dict) and all(_plain_rule(key, value) for key, value in schema.items())


def _plain_rule(key: str, value: JsonValue) -> bool:
    match key:
        case "type":
            return isinstance(value, str) and value in TYPES
        case "title" | "description":
            return isinstance(value, str)
        case "properties":
            return isinstance(value, dict) and all(map(_plain, value.values()))
        case "items":
            return _plain(value)
        case "required":
            names = value if isinstance(value, list) else [None]
            return all(isinstance(name, str) for name in names) and len(set(map(str, names))) == len(names)
        case "additionalProperties":
            return isinstance(value, bool)
    return False


def _reference_faults(
    value: JsonValue, schema: dict[str, JsonValue], path: KeyPath
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from _reference_faults(member, schema, (*path, index))
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if key in ("$ref", "$dynamicRef") and isinstance(member, str):
            if not member.startswith("#"):
                yield (*path, key), f"{shown(member)} leads out of this file; copy what it means under $defs"
            elif (member == "#" or member.startswith("#/")) and not _leads(member, schema):
                yield (*path, key), f"{shown(member)} leads nowhere"
        else:
            yield from _reference_faults(member, schema, (*path, key))


def _leads(pointer: str, schema: JsonValue) -> bool:
    value = schema
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            return False
    return True


def _rule_faults(schema: dict[str, JsonValue]) -> Iterator[tuple[KeyPath, str]]:
    # Slow to import, and most schemas are plain.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    dialect = schema.get("$schema", Draft202012Validator.META_SCHEMA["$id"])
    validator = validator_for({"$schema": dialect}, default=None) if isinstance(dialect, str) else None
    if validator is None:
        yield ("$schema",), f"{shown(dialect)} is no known dialect of JSON Schema; leave the key out"
        return
    try:
        # `pattern` is compiled, and Python warns about odd ones.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            validator.check_schema(schema)
    except SchemaError as error:
        yield tuple(error.path), f"is no valid JSON Schema: {shown(error.message, 200).strip(chr(34))}"
    except (RecursionError, OverflowError, ValueError) as error:
        yield (), f"is no valid JSON Schema: {shown(str(error), 200)}"
