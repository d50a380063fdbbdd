"""Share of outputs whose JSON fits a schema, or has the target object's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field, JsonValue, field_validator

from promptops.metrics import Metric
from promptops.metrics._json import read_json
from promptops.metrics._patterns import bounded
from promptops.texts.patterns import TooSlow
from promptops.types import Completion, Sample, Score

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

DRAFT = "https://json-schema.org/draft/2020-12/schema"
LONGEST_REASON = 300


class JsonSchema(Metric):
    """1 where the output is JSON and valid by `schema` (draft 2020-12, no references to elsewhere).

    Without `schema` the output must be an object with all of a target object's keys; more keys are allowed.
    """

    # `schema` is the option's name; the field has another because pydantic keeps BaseModel.schema for itself.
    model_config = ConfigDict(populate_by_name=True)

    needs_target: ClassVar[bool] = False

    json_schema: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    fenced: bool = False

    @field_validator("json_schema")
    @classmethod
    def _check_schema(cls, value: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if value is not None:
            _refuse_other_drafts(value)
            _refuse_references_elsewhere(value)
            _refuse_faults(value)
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        try:
            answer = read_json(completion.text, self.fenced)
        except ValueError as error:
            return Score.of(0, reason=str(error))
        if self.json_schema is None:
            return _score_keys(answer, sample)
        return _score_schema(answer, self.validator)

    def check(self, sample: Sample) -> str | None:
        if self.json_schema is not None:
            return None
        if not sample.target or not all(isinstance(target, dict) for target in sample.target):
            return "has no JSON object as target, whose keys this metric asks for; or give the option schema"
        return None

    @cached_property
    def validator(self) -> Draft202012Validator:
        """The schema made ready; it never looks anything up outside of itself."""
        from jsonschema import Draft202012Validator
        from referencing import Registry

        return bounded(Draft202012Validator)(self.json_schema or {}, registry=Registry())


def _score_keys(answer: JsonValue, sample: Sample) -> Score:
    if not isinstance(answer, dict):
        return Score.of(0, reason="JSON, but no object")
    absent = [
        [key for key in target if key not in answer] for target in sample.target if isinstance(target, dict)
    ]
    fewest = min(absent, key=len)
    return Score.of(not fewest, reason=f"absent keys: {', '.join(fewest)}"[:LONGEST_REASON] if fewest else "")


def _score_schema(answer: JsonValue, validator: Draft202012Validator) -> Score:
    from jsonschema.exceptions import best_match

    try:
        error = best_match(validator.iter_errors(answer))
    except RecursionError:
        return Score.missing("the schema refers to itself, or the output is nested, too deeply to be checked")
    except TooSlow as error:
        return Score.missing(str(error))
    if error is None:
        return Score.of(1)
    return Score.of(0, reason=f"{error.json_path}: {error.message}"[:LONGEST_REASON])


def _refuse_other_drafts(schema: Mapping[str, JsonValue]) -> None:
    draft = schema.get("$schema", DRAFT)
    if not isinstance(draft, str) or draft.rstrip("#") != DRAFT:
        raise ValueError(f"$schema is {draft!r}; only {DRAFT!r} is checked, so move the schema to it")


def _refuse_references_elsewhere(schema: Mapping[str, JsonValue]) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resource = DRAFT202012.create_resource(dict(schema))
    address = resource.id() or ""
    resolver = Registry().with_resource(address, resource).resolver(address)
    for keyword, name in _names(schema, top=True):
        if keyword == "$id":
            raise ValueError(
                f"holds a schema of its own with $id {name!r}; put it under $defs without an $id"
            )
        if not name.startswith("#"):
            raise ValueError(
                f"refers to {name!r}, which is elsewhere; put it under $defs and write '#/$defs/NAME'"
            )
        try:
            resolver.lookup(name)
        except Unresolvable:
            raise ValueError(f"refers to {name!r}, which it does not hold") from None


def _refuse_faults(schema: dict[str, JsonValue]) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        # The format checker makes it try the patterns too.
        Draft202012Validator.check_schema(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    except SchemaError as error:
        raise ValueError(f"is no JSON Schema: {error.json_path}: {error.message}"[:LONGEST_REASON]) from None


def _names(schema: JsonValue | Mapping[str, JsonValue], top: bool = False) -> Iterator[tuple[str, str]]:
    """Yield references and inner ids with their keyword; data (const, enum ...) is not searched."""
    if isinstance(schema, list):
        for item in schema:
            yield from _names(item)
    elif isinstance(schema, Mapping):
        for key, item in schema.items():
            if isinstance(item, str):
                if key in ("$ref", "$dynamicRef") or (key == "$id" and not top):
                    yield key, item
            elif key not in ("const", "enum", "default", "examples"):
                yield from _names(item)
