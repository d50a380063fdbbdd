"""A field for JSON that comes from a parser or from another noun: checked without a word of Python.

pydantic's own JsonValue asks a Python function about every value inside, at each check and each dump. It says
where in a value the fault lies, so what people write keeps it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import JsonValue
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    PlainJson = JsonValue
else:

    class PlainJson:
        """A JsonValue of a noun that is made for every call; its lists and objects are copied as there."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
            """Let pydantic's compiled core alone accept what JsonValue does."""
            value = core_schema.definition_reference_schema("promptops-json")
            kinds = [
                core_schema.str_schema(strict=True),
                core_schema.int_schema(strict=True),
                core_schema.dict_schema(core_schema.str_schema(strict=True), value, strict=True),
                core_schema.float_schema(strict=True),
                core_schema.none_schema(),
                core_schema.bool_schema(strict=True),
                core_schema.list_schema(value, strict=True),
            ]
            checked = core_schema.union_schema(
                kinds,
                custom_error_type="invalid-json-value",
                custom_error_message="input was not a valid JSON value",
            )
            whole = core_schema.json_or_python_schema(
                core_schema.any_schema(),
                checked,
                ref="promptops-json",
                serialization=core_schema.simple_ser_schema("any"),
            )
            return core_schema.definitions_schema(value, [whole])
