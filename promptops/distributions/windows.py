"""One side of a shift or of a coverage: texts, and what is known of each.

From an evaluation set, a run, or a file of anybody's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from promptops.analysis.summary import own_figures
from promptops.canonical import canonical_json
from promptops.distributions.shift import What
from promptops.distributions.textrows import (
    day_of,
    joined,
    one_text_a_row,
    read_text_rows,
    text_fields,
    value_at,
)
from promptops.errors import UnknownName, UsageError
from promptops.files.located import shown
from promptops.metrics import Metric
from promptops.sets.facets import fields_of, written
from promptops.stats import Floats
from promptops.stats.textpanel import PANEL, Column
from promptops.types import EvalSet, Result, Run, Sample

SUFFIXES = (".jsonl", ".csv", ".parquet", ".yaml", ".yml")
OUTPUT = "output"
INPUTS = "inputs"


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the texts of both sides."""

    what: What | None = None
    """Inputs or outputs; None: what a side is best known for."""
    field: str | None = None
    columns: tuple[str, ...] = ()
    day: str | None = None
    """The field with the date of each text, whose days are shuffled whole."""
    key: str | None = None
    """The field by which rows of both files are paired."""


@dataclass(frozen=True)
class Window:
    """Texts of one side, in order, each list as long as `texts`."""

    name: str
    texts: Sequence[str]
    keys: Sequence[str] | None = None
    """What pairs each text with one of the other side, where both are `paired_by` the same."""
    paired_by: str | None = None
    days: Sequence[str] | None = None
    columns: Mapping[str, Sequence[JsonValue]] = field(default_factory=dict)
    sources: Sequence[JsonValue] = ()
    """What each text was made of: itself, or an object of inputs."""
    where: Sequence[str] = ()
    """Where each text stands, for people: a file's line, a record's or a sample's id."""
    whole: str = ""
    """Why these are whole texts though a field was named; empty where they are the field's."""
    of_file: bool = False
    """Whether they stand in a file of anybody's: nobody has taken people and secrets out of them."""

    def only(self, places: Sequence[int]) -> Window:
        """Return the texts at some places, in the order of these."""
        return replace(
            self,
            texts=[self.texts[place] for place in places],
            keys=None if self.keys is None else [self.keys[place] for place in places],
            days=None if self.days is None else [self.days[place] for place in places],
            columns={name: [values[place] for place in places] for name, values in self.columns.items()},
            sources=[self.sources[place] for place in places] if self.sources else (),
            where=[self.where[place] for place in places] if self.where else (),
        )


def text_field(name: str | None) -> str | None:
    """Return the field of the input that a set says is its text."""
    return None if name is None else f"{INPUTS}.{name}"


def is_file(reference: str) -> bool:
    """Tell whether a side is a file of texts, by its ending or because it is there."""
    return reference.endswith(SUFFIXES) or Path(reference).is_file()


def of_file(path: Path, wanted: Wanted) -> Window:
    """Return the texts of a file's rows, whole where a row is one text. Raises FileProblems.

    Rows may have an input of the set's under its own name: `question` for `inputs.question`.
    """
    alone = wanted.field is not None and one_text_a_row(path, wanted.field)
    field = None if alone else wanted.field
    if field is not None and field.startswith(f"{INPUTS}."):
        short, there = field.removeprefix(f"{INPUTS}."), text_fields(path)
        field = short if field not in there and short in there else field
    rows = read_text_rows(
        path, field, what=wanted.what, columns=wanted.columns, day=wanted.day, key=wanted.key
    )
    return Window(
        name=str(path),
        whole=f"{path.name} has one text a row" if alone else "",
        of_file=True,
        texts=[row.text for row in rows],
        keys=[row.key or "" for row in rows] if wanted.key else None,
        paired_by=f"field {wanted.key}" if wanted.key else None,
        days=[row.day or "" for row in rows] if wanted.day else None,
        sources=[row.chosen for row in rows],
        where=[
            f"{path.name}:{row.line}" if row.line else f"{path.name} row {place}"
            for place, row in enumerate(rows, 1)
        ],
        columns={name: [row.values[place] for row in rows] for place, name in enumerate(wanted.columns)},
    )


def of_evalset(found: EvalSet, wanted: Wanted) -> Window:
    """Return the inputs of a set's samples, or the one that is wanted. Raises UsageError, UnknownName."""
    if wanted.what == "outputs":
        raise UsageError(
            f"{found.name!r} is an evaluation set and has no outputs. Name a run of it, or compare inputs."
        )
    return _inputs_of(found.samples, wanted, found.name, "{} ({})")


def of_run(
    run: Run,
    samples: Sequence[Sample],
    results: Iterable[Result],
    metrics: Mapping[str, Metric],
    wanted: Wanted,
    digest: str,
) -> Window:
    """Return a run's outputs, by sample and repeat, or the inputs of its samples. Raises UnknownName.

    `digest` is that of the whole set: outputs of one set are paired.
    """
    name = f"{run.prompt_ref} ({run.id})"
    if wanted.what == "inputs":
        return _inputs_of(samples, wanted, name, "{}, {}")
    answered = [(each, each.completion) for each in results if each.completion is not None]
    by_id = {sample.id: sample for sample in samples}
    own: dict[str, Sequence[JsonValue]] = {OUTPUT: [completion.text for _, completion in answered]}
    own["finish_reason"] = [completion.finish_reason for _, completion in answered]
    if any(column in metrics for column in wanted.columns):
        figures = [own_figures(each, metrics) for each, _ in answered]
        own |= {label: [each[label] for each in figures] for label in metrics}
    asked = [by_id[each.sample_id] for each, _ in answered]
    found = _of_samples(name, asked, wanted, own, known=metrics)
    return replace(
        found,
        texts=[completion.text for _, completion in answered],
        sources=(),
        where=[_told(each) for each, _ in answered],
        keys=[f"{each.sample_id}#{each.repeat}" for each, _ in answered],
        paired_by=f"samples of {digest}",
        whole=f"{name} has outputs" if wanted.field is not None else "",
    )


def of_outputs(results: Iterable[Result]) -> Window:
    """Return the outputs of one side of a gate, to be paired with the other's."""
    texts = {
        f"{each.sample_id}#{each.repeat}": each.completion.text
        for each in results
        if each.completion is not None
    }
    return Window("outputs", list(texts.values()), keys=list(texts), paired_by="samples")


def in_pairs(first: Window, second: Window) -> tuple[Window, Window] | None:
    """Return both sides' texts that answer the same, in one order; None where sides are no pairs."""
    if first.paired_by is None or first.paired_by != second.paired_by:
        return None
    if first.keys is None or second.keys is None:
        return None
    where = {key: place for place, key in enumerate(second.keys)}
    both = [(place, where[key]) for place, key in enumerate(first.keys) if key in where]
    return first.only([place for place, _ in both]), second.only([place for _, place in both])


def field_notes(first: Window, second: Window, field: str | None) -> tuple[str, ...]:
    """Say of which side a field is none. Raises UsageError where neither has it."""
    if first.whole and second.whole:
        raise UsageError(f"Neither side has a field {field!r}: {first.whole}, {second.whole}.")
    return tuple(
        f"{each.whole}, which stands whole: {field} is a field of the other side."
        for each in (first, second)
        if each.whole
    )


def columns_of(first: Window, second: Window, names: Sequence[str]) -> tuple[Column, ...]:
    """Return columns as figures where all values are numbers (or texts that write one), else as names."""
    return tuple(_column(name, first.columns[name], second.columns[name]) for name in dict.fromkeys(names))


def _inputs_of(samples: Sequence[Sample], wanted: Wanted, owner: str, title: str) -> Window:
    """Return samples' inputs, or the one that a field names. Raises UsageError where none has that name."""
    if wanted.field is None or wanted.field == INPUTS:
        return _of_samples(title.format(owner, INPUTS), samples, wanted, {})
    inner = wanted.field.removeprefix(f"{INPUTS}.")
    texts = [joined(value_at(sample.inputs, inner)) for sample in samples]
    lacking = [sample.id for sample, text in zip(samples, texts, strict=True) if text is None]
    if not lacking:
        cut = _of_samples(title.format(owner, f"{INPUTS}.{inner}"), samples, wanted, {})
        return replace(cut, texts=[text or "" for text in texts])
    names = sorted({name for sample in samples for name in sample.inputs})
    if len(names) <= 1:
        alone = f"{owner} has one input, {names[0]}" if names else f"{owner} has no inputs"
        return replace(_of_samples(title.format(owner, INPUTS), samples, wanted, {}), whole=alone)
    told = f"{len(lacking):,} of {len(samples):,} samples of {owner} have no input {inner!r}"
    raise UsageError(
        f"{told}, for example {lacking[0]!r}, so that they can't be held against the other side's. Name with "
        f"--field what both sides have; inputs of {owner} are {', '.join(names)}."
    )


def _of_samples(
    name: str,
    samples: Sequence[Sample],
    wanted: Wanted,
    own: Mapping[str, Sequence[JsonValue]],
    known: Iterable[str] = (),
) -> Window:
    """Return samples' inputs; `own` are columns that each has beside its fields, `known` names to be told."""
    readers = fields_of(samples)

    def values(column: str) -> Sequence[JsonValue]:
        if column in own:
            return own[column]
        short = column if column in readers else column.removeprefix("metadata.")
        if short not in readers:
            told = [*own, *known, *readers]
            raise UnknownName(f"column of {name}", column, told, hint="Metrics, metadata fields, origin.")
        return [readers[short](sample) for sample in samples]

    def days(column: str) -> list[str]:
        found = [(value, day_of(value)) for value in values(column)]
        wrong = next((value for value, day in found if day is None), None)
        if any(day is None for _, day in found):
            raise UsageError(
                f"{name}: {column} must be a date, a time (ISO 8601) or seconds since 1970 in every sample, "
                f"not {shown(wrong)}."
            )
        return [day or "" for _, day in found]

    if wanted.key is not None:
        raise UsageError(f"Rows of files are paired by a field; {name} is none. Two runs of a set need none.")
    return Window(
        name=name,
        texts=[joined(sample.inputs) or "" for sample in samples],
        keys=[sample.id for sample in samples],
        sources=[sample.inputs for sample in samples],
        where=[f"sample {sample.id}" for sample in samples],
        days=days(wanted.day) if wanted.day else None,
        columns={column: values(column) for column in wanted.columns},
    )


def _told(result: Result) -> str:
    return f"sample {result.sample_id}" + (f", repeat {result.repeat + 1}" if result.repeat else "")


def _column(name: str, first: Sequence[JsonValue], second: Sequence[JsonValue]) -> Column:
    name = f"{name} (column)" if name in PANEL else name
    numbers = [_numbers(side) for side in (first, second)]
    if numbers[0] is not None and numbers[1] is not None:
        return Column(name, numbers[0], numbers[1])
    return Column(name, [_name(value) for value in first], [_name(value) for value in second])


def _numbers(values: Sequence[JsonValue]) -> Floats | None:
    """Return values as numbers, NaN where there is none; None where one is no number."""
    found = [_number(value) for value in values]
    return None if any(each is None for each in found) else np.array(found, dtype=np.float64)


def _number(value: JsonValue) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _name(value: JsonValue) -> str | None:
    if value is None:
        return None
    return written(value) if isinstance(value, str | bool | int | float) else canonical_json(value)
