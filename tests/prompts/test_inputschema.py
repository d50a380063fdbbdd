"""Schemas that are plainly valid are taken without the library that knows all of JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from promptops.prompts.inputschema import TYPES, schema_faults

NAMES = st.sampled_from(["text", "question", "type", "$ref", ""])
LEAVES = st.one_of(st.sampled_from(sorted(TYPES)), st.none(), st.booleans(), st.integers(0, 3), NAMES)
RULES = st.sampled_from(
    ["type", "title", "description", "items", "required", "additionalProperties", "properties", "enum"]
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(RULES, inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=2),
    ),
    max_leaves=12,
)


@given(st.dictionaries(RULES, SCHEMAS, max_size=5))
def test_a_schema_is_at_fault_just_where_jsonschema_says_so(schema: dict[str, Any]) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        assert schema_faults(schema)
    else:
        assert not [reason for _, reason in schema_faults(schema) if "leads" not in reason]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": ["string", 1]},
        {"required": ["a", "a"]},
        {"required": "a"},
        {"properties": {"a": {"type": "strin"}}},
        {"items": {"title": 1}},
        {"additionalProperties": "no"},
    ],
)
def test_what_looks_plain_but_is_wrong_is_a_fault(schema: dict[str, Any]) -> None:
    assert schema_faults(schema)
