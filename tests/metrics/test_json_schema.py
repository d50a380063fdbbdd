"""Outputs that fit a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import JsonValue, ValidationError

from promptops.metrics.json_schema import DRAFT, JsonSchema
from promptops.types import Completion, Sample, Score

NO_TARGET = Sample(id="1", inputs={})
PERSON: dict[str, JsonValue] = {
    "$schema": DRAFT,
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
}


def metric(schema: Mapping[str, JsonValue], fenced: bool = False) -> JsonSchema:
    return JsonSchema.model_validate({"schema": schema, "fenced": fenced})


def score(chosen: JsonSchema, output: str, sample: Sample = NO_TARGET) -> Score:
    return chosen.score(Completion(text=output), sample)


@pytest.mark.parametrize(
    "output", ['{"name": "Ada"}', '{"name": "Ada", "children": [{"name": "Byron"}], "more": 1}']
)
def test_valid_outputs(output: str) -> None:
    assert score(metric(PERSON), output).counts == (1.0,)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Ada", "no JSON"),
        ("[]", "is not of type 'object'"),
        ("{}", "'name' is a required property"),
        ('{"name": "Ada", "children": [{"name": 1}]}', "$.children[0].name: 1 is not of type 'string'"),
    ],
)
def test_invalid_outputs_score_zero_with_the_reason(output: str, reason: str) -> None:
    scored = score(metric(PERSON), output)
    assert scored.counts == (0.0,)
    assert reason in scored.reason


def test_keywords_are_those_of_draft_2020_12() -> None:
    pair = metric({"prefixItems": [{"type": "string"}, {"type": "number"}], "items": False})
    assert score(pair, '["a", 1]').counts == (1.0,)
    assert score(pair, '["a", 1, 2]').counts == (0.0,)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strnig"}, "no JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, "no JSON Schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only"),
        ({"$ref": "https://example.com/schema.json"}, "elsewhere"),
        ({"items": {"$ref": "other.json#/a"}}, "elsewhere"),
        ({"$ref": "#/$defs/absent"}, "does not hold"),
        ({"$defs": {"a": {"$id": "https://example.com/a"}}}, "of its own"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused_at_once(schema: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        metric(schema)


def test_local_references_anchors_and_data_are_accepted() -> None:
    schema: dict[str, JsonValue] = {
        "$id": "https://example.com/root",
        "$defs": {"word": {"$anchor": "w", "type": "string"}},
        "items": {"$ref": "#w"},
        "default": {"$ref": "data, not a reference"},
    }
    assert score(metric(schema), '["a"]').counts == (1.0,)
    assert score(metric(schema), "[1]").counts == (0.0,)


def test_a_schema_that_never_ends_leaves_the_output_unscored() -> None:
    assert score(metric({"$ref": "#"}), "1").unscored is not None


def test_without_schema_the_keys_of_the_target_are_asked_for() -> None:
    sample = Sample(id="1", inputs={}, target=({"a": 1, "b": 2},))
    assert score(JsonSchema(), '{"a": 0, "b": 0, "c": 0}', sample).counts == (1.0,)
    assert score(JsonSchema(), '{"a": 0}', sample).reason == "absent keys: b"
    assert score(JsonSchema(), "[]", sample).counts == (0.0,)


def test_without_schema_a_target_object_is_needed() -> None:
    assert JsonSchema().check(NO_TARGET) is not None
    assert JsonSchema().check(Sample(id="1", inputs={}, target=("text",))) is not None
    assert metric(PERSON).check(NO_TARGET) is None


def test_a_fence_is_accepted_if_asked() -> None:
    assert score(metric(PERSON, fenced=True), '```\n{"name": "Ada"}\n```').counts == (1.0,)


def test_the_record_gives_the_schema_back() -> None:
    chosen = metric({"description": "two\nlines \u2028", **PERSON})
    record = chosen.record("label", "json_schema")
    assert JsonSchema.model_validate(record.options) == chosen
    assert len(record.signature.splitlines()) == 1


PATTERNED: dict[str, JsonValue] = {
    "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}},
    "patternProperties": {"^x_": {"type": "integer"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "answer",
    [
        {"name": "abc"},
        {"name": "ABC"},
        {"x_1": 1},
        {"x_1": "1"},
        {"y": 1},
        {"name": 3},
        [],
        {"x": 1, "x_": 2},
    ],
)
@pytest.mark.parametrize("extra", [False, {"type": "string"}])
def test_patterns_decide_as_the_library_does(answer: JsonValue, extra: JsonValue) -> None:
    schema: dict[str, JsonValue] = {**PATTERNED, "additionalProperties": extra}
    scored = score(metric(schema), json.dumps(answer))
    error = best_match(Draft202012Validator(schema).iter_errors(answer))
    assert scored.counts == (float(error is None),)


@pytest.mark.parametrize("schema", [{"pattern": "^(a|aa)+$"}, {"patternProperties": {"^(a|aa)+$": True}}])
def test_a_pattern_that_takes_for_ever_leaves_the_output_unscored(schema: dict[str, JsonValue]) -> None:
    long = "a" * 60 + "!"
    answer = long if "pattern" in schema else {long: 1}
    scored = score(metric(schema), json.dumps(answer))
    assert "takes over 1 s" in (scored.unscored or "")
