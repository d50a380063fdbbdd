"""Fields of a target object found in outputs."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue, ValidationError

from promptops.metrics.json_fields import JsonFields
from promptops.types import Completion, Sample, Score

TARGET: dict[str, JsonValue] = {"name": "Ada", "born": 1815, "known": True, "tags": ["x", {"y": None}]}


def score(metric: JsonFields, output: str, *targets: JsonValue) -> Score:
    return metric.score(Completion(text=output), Sample(id="1", inputs={}, target=targets or (TARGET,)))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 1.0),
        ({"born": 1815.0}, 1.0),
        ({"extra": 1}, 1.0),
        ({"known": 1}, 0.75),
        ({"born": "1815"}, 0.75),
        ({"tags": ["x", {"y": 0}], "name": "ada"}, 0.5),
        ({"tags": [{"y": None}, "x"]}, 0.75),
    ],
)
def test_the_share_of_equal_fields(changed: dict[str, JsonValue], expected: float) -> None:
    assert score(JsonFields(), json.dumps({**TARGET, **changed})).counts == (expected,)


def test_an_absent_field_is_wrong_and_named() -> None:
    scored = score(JsonFields(), '{"name": "Ada"}')
    assert scored.counts == (0.25,)
    assert scored.reason == "wrong or absent: born, known, tags"


def test_fields_limits_what_is_compared() -> None:
    assert score(JsonFields(fields=("name", "born")), '{"name": "Ada", "born": 1}').counts == (0.5,)


@pytest.mark.parametrize("output", ["", "Ada", "[1]", '{"name": "Ada"'])
def test_an_output_that_is_no_object_has_no_field_and_a_reason(output: str) -> None:
    scored = score(JsonFields(), output)
    assert scored.counts == (0.0,)
    assert scored.reason


def test_the_nearest_target_counts() -> None:
    assert score(JsonFields(), '{"a": 1}', {"a": 2}, {"a": 1}).counts == (1.0,)


def test_a_fence_is_accepted_if_asked() -> None:
    output = '```json\n{"a": 1}\n```'
    assert score(JsonFields(fenced=True), output, {"a": 1}).counts == (1.0,)
    assert score(JsonFields(), output, {"a": 1}).counts == (0.0,)


@pytest.mark.parametrize(
    ("target", "fields", "why"),
    [("text", (), "no JSON object"), ({}, (), "without fields"), ({"a": 1}, ("b",), "'b'")],
)
def test_targets_that_cannot_be_compared_are_refused(
    target: JsonValue, fields: tuple[str, ...], why: str
) -> None:
    reason = JsonFields(fields=fields).check(Sample(id="1", inputs={}, target=(target,)))
    assert reason is not None
    assert why in reason


def test_a_field_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        JsonFields(fields=("a", "a"))
