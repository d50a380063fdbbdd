"""Nouns to JSON text and back: ASCII only, no NaN, so that both engines give back what they got."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator, core_schema, to_json

from promptops.errors import Altered, StoreError
from promptops.store.rows import ScoreFigures
from promptops.types import Facts, Sample, Score

Noun = TypeVar("Noun", bound=BaseModel)
Kind: TypeAlias = tuple[tuple[str, ...], str | None, float, str | None]
"""Tags, group, weight and origin of a sample."""

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def json_text(value: object) -> str:
    """Return a JSON value as ASCII text. Raises StoreError on NaN and infinity."""
    try:
        fast = to_json(value, inf_nan_mode="constants")
    except PydanticSerializationError:  # a lone surrogate, which a model may well send
        return _careful(value)
    if not fast.isascii() or b"NaN" in fast or b"Infinity" in fast:
        return _careful(value)
    return fast.decode("ascii")


def noun_text(noun: BaseModel) -> str:
    """Return a noun as JSON text, fields at their default left out."""
    return json_text(noun.model_dump(exclude_defaults=True))


def same_texts(kind: type[Noun], texts: Sequence[str], nouns: Sequence[Noun]) -> bool:
    """Tell whether stored texts are just what nouns would be stored as, a page at a time."""
    return f"[{','.join(texts)}]" == json_text(_list_of(kind).dump_python(list(nouns), exclude_defaults=True))


def noun_from(kind: type[Noun], text: str) -> Noun:
    """Return the noun that was stored. Raises StoreError where the text is none."""
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        pass
    try:  # the fast parser refuses lone surrogates; json reads them
        return kind.model_validate(json.loads(text))
    except ValueError as error:
        raise Altered(f"A stored {kind.__name__} can't be read; was the database edited? {error}") from error


def nouns_from(kind: type[Noun], texts: Sequence[str]) -> list[Noun]:
    """Return the nouns that were stored, a page at a time. Raises StoreError where a text is none."""
    try:
        return _list_of(kind).validate_json(f"[{','.join(texts)}]")
    except ValidationError:  # one by one, which can do more and says which
        return [noun_from(kind, text) for text in texts]


@lru_cache(maxsize=8)
def _list_of(kind: type[Noun]) -> TypeAdapter[list[Noun]]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type]


def facts_from(texts: Sequence[str]) -> list[Facts]:
    """Return what figures need of stored samples, a page at a time. Raises StoreError as `nouns_from`."""
    try:
        found = _bare_samples().validate_json(f"[{','.join(texts)}]")
    except ValidationError:  # one by one, which can do more and says which
        whole = nouns_from(Sample, texts)
        return [Facts(each.id, each.tags, each.group, each.weight, each.origin) for each in whole]
    return [
        Facts(
            each["id"], each.get("tags", ()), each.get("group"), each.get("weight", 1.0), each.get("origin")
        )
        for each in found
    ]


def kinds_from(texts: Sequence[str]) -> Iterator[Kind]:
    """Yield tags, group, weight and origin of each of some samples, told as JSON lists of these four.

    Few are distinct in most sets, and only these are read. Raises Altered where a text is no such list.
    """
    distinct = list(dict.fromkeys(texts))
    try:
        found = _kinds().validate_json(f"[{','.join(distinct)}]")
    except ValidationError as error:
        raise Altered(f"A stored Sample can't be read; was the database edited? {error}") from error
    read = {
        text: (tags or (), group, 1.0 if weight is None else weight, origin)
        for text, (tags, group, weight, origin) in zip(distinct, found, strict=True)
    }
    return map(read.__getitem__, texts)


@cache
def _kinds() -> SchemaValidator:
    text = core_schema.str_schema()
    parts = (core_schema.tuple_variable_schema(text), text, core_schema.float_schema(), text)
    return SchemaValidator(
        core_schema.list_schema(
            core_schema.tuple_positional_schema([core_schema.nullable_schema(part) for part in parts])
        )
    )


@cache
def _bare_samples() -> SchemaValidator:
    """Return what reads samples without their texts: into dictionaries, at half the cost of nouns."""
    text = core_schema.str_schema()
    fields = {
        "id": core_schema.typed_dict_field(text),
        "tags": core_schema.typed_dict_field(core_schema.tuple_variable_schema(text), required=False),
        "group": core_schema.typed_dict_field(core_schema.nullable_schema(text), required=False),
        "origin": core_schema.typed_dict_field(core_schema.nullable_schema(text), required=False),
        "weight": core_schema.typed_dict_field(core_schema.float_schema(), required=False),
    }
    return SchemaValidator(core_schema.list_schema(core_schema.typed_dict_schema(fields)))


def figures_text(scores: dict[str, Score]) -> str:
    """Return what statistics need of the scores as JSON, by label in their order."""
    return json_text(
        {label: {"counts": score.counts, "unscored": score.unscored} for label, score in scores.items()}
    )


def remarks_text(scores: dict[str, Score]) -> str | None:
    """Return the reasons and evidence of the scores; None where there are none."""
    remarks = {
        label: {"reason": score.reason, "evidence": score.evidence}
        for label, score in scores.items()
        if score.reason or score.evidence
    }
    return json_text(remarks) if remarks else None


def scores_from(figures: Mapping[str, ScoreFigures], remarks: str | None) -> dict[str, Score]:
    """Put the scores together again from figures and remarks. Raises Altered where these can't be read."""
    try:
        told: dict[str, Any] = json.loads(remarks) if remarks else {}
        return {
            label: Score(**parts, **told.get(label) or {"reason": "", "evidence": {}})
            for label, parts in figures.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise Altered(f"Stored scores can't be read; was the database edited? {error}") from error


def _careful(value: object) -> str:
    try:
        return _ENCODER.encode(value)
    except ValueError as error:
        raise StoreError(f"This can't be stored: {error}. JSON has no NaN and no infinity.") from error
