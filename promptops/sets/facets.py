"""Into which groups samples fall: by tag, by where they come from, by what their metadata say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from promptops.analysis.summary import Bools
from promptops.errors import UnknownName
from promptops.types import Sample

TAGS = "tags"
ORIGIN = "origin"
MOST_VALUES = 50
"""A field of texts with more values names samples rather than groups."""
MOST_NUMBERS = 8
"""Numbers with more values are cut at their quartiles."""
QUARTERS = ("1st", "2nd", "3rd", "4th")


@dataclass(frozen=True)
class Group:
    """The samples that share a tag, or a field's value."""

    facet: str
    name: str
    members: Bools
    """(n,) one a sample of the set."""


@dataclass(frozen=True)
class Grouping:
    """All groups, and which fields make none and why."""

    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def grouped(samples: Sequence[Sample], by: Sequence[str] = (), declared: Sequence[str] = ()) -> Grouping:
    """Group samples by each tag, by origin and by each metadata field, or by those named in `by` only.

    Texts, booleans and numbers make groups; numbers with more than 8 values are cut at their quartiles. A
    field that `by` doesn't name makes no group where it tells every sample apart or has more than 50 texts.
    `declared` tags are listed even where no sample carries them. Raises UnknownName.
    """
    fields = fields_of(samples)
    for name in by:
        if name not in fields:
            raise UnknownName("field of these samples", name, fields, hint="Metadata fields, tags, origin.")
    groups: list[Group] = []
    notes: list[str] = []
    for facet in dict.fromkeys(by) if by else fields:
        if facet == TAGS:
            found, why = _by_tag(samples, declared), ""
        else:
            found, why = _by_value(facet, [fields[facet](sample) for sample in samples], bool(by))
        groups += [group for group in found if not group.members.all()]
        notes += [why] if why else []
        notes += [f"{group.name!r} is the whole set." for group in found if group.members.all()]
    return Grouping(tuple(groups), tuple(notes))


Reader = Callable[[Sample], JsonValue]


def fields_of(samples: Sequence[Sample]) -> dict[str, Reader]:
    """Return how each field is read from a sample; a metadata field named like ours gets a longer name."""
    fields: dict[str, Reader] = {}
    if any(sample.tags for sample in samples):
        fields[TAGS] = lambda sample: list(sample.tags)
    if any(sample.origin is not None for sample in samples):
        fields[ORIGIN] = lambda sample: sample.origin
    for key in dict.fromkeys(key for sample in samples for key in sample.metadata):
        name = f"metadata.{key}" if key in {TAGS, ORIGIN} else key
        fields[name] = _metadata(key)
    return fields


def _metadata(key: str) -> Reader:
    return lambda sample: sample.metadata.get(key)


def _by_tag(samples: Sequence[Sample], declared: Sequence[str]) -> list[Group]:
    carried = [frozenset(sample.tags) for sample in samples]
    names = dict.fromkeys([*declared, *(tag for sample in samples for tag in sample.tags)])
    return [Group(TAGS, name, np.array([name in tags for tags in carried], dtype=bool)) for name in names]


def _by_value(facet: str, values: Sequence[JsonValue], asked: bool) -> tuple[list[Group], str]:
    """Return a field's groups, or none and why."""
    plain = [value if isinstance(value, str | bool | int | float) else None for value in values]
    known = [value for value in plain if value is not None]
    if not known:
        return [], f"{facet!r} makes no groups: its values are no texts, booleans or numbers."
    if all(_is_number(value) for value in known) and len(set(known)) > MOST_NUMBERS:
        return _by_quartile(facet, plain), ""
    names = [None if value is None else written(value) for value in plain]
    distinct = list(dict.fromkeys(name for name in names if name is not None))
    if not asked and len(distinct) > 1 and (len(distinct) > MOST_VALUES or len(distinct) == len(known)):
        return [], f"{facet!r} makes no groups: {len(distinct)} values in {len(known)} samples."
    return [
        Group(facet, f"{facet}={each}", np.array([name == each for name in names], dtype=bool))
        for each in distinct
    ], ""


def _by_quartile(facet: str, values: Sequence[JsonValue]) -> list[Group]:
    numbers = np.array([_float(value) for value in values])
    finite = np.isfinite(numbers)
    edges = np.quantile(numbers[finite], (0.25, 0.5, 0.75))
    quarter = np.where(finite, np.searchsorted(edges, numbers, side="left"), -1)
    groups = []
    for place, told in enumerate(QUARTERS):
        members = quarter == place
        if members.any():
            low, high = (_number(float(end(numbers[members]))) for end in (np.min, np.max))
            groups.append(Group(facet, f"{facet}={low}..{high} ({told} quarter)", members))
    return groups


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: JsonValue) -> float:
    """Return a number as a float, NaN for anything else; JSON's integers may be larger than any float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return float("nan")
    return float(value) if abs(value) < 1e300 else float("inf")


def written(value: str | bool | int | float) -> str:
    """Return a value of a field as it is written in a group's name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value or '""'
    return _number(_float(value))


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
