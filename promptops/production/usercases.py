"""Records of production as samples: an edited answer is the target, a remark what must be worked in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pydantic import Field, JsonValue

from promptops.distributions.textrows import joined
from promptops.errors import UsageError
from promptops.labels.labels import Case
from promptops.noun import Noun
from promptops.production.cleaning import Cleaner
from promptops.production.records import Feedback, Record
from promptops.sets.additions import plain_inputs
from promptops.sets.candidates import ORIGIN, TAG, sample_id
from promptops.sets.kindtags import KindRule
from promptops.types import Sample

FROM_FEEDBACK = "feedback"


class MadeCases(Noun):
    """What became of records: samples, and ratings of their old answers."""

    samples: tuple[Sample, ...]
    skipped: dict[str, str] = Field(default_factory=dict)
    """By a record's id why no sample was made of it."""
    matched: dict[str, str] = Field(default_factory=dict)
    """By the id of such a record, the sample that has its inputs: that is rated in its place."""
    people: int = 0
    """Of how many persons or conversations they are: groups that are independent of one another."""
    most_of_one: int = 0
    """Samples of whom most of them are."""
    file: str | None = None
    """Where samples to be reviewed were written, or the set's own file."""
    added: bool = False
    """Whether they are in the set now."""
    rules: tuple[KindRule, ...] = ()
    """For each kind among those that were added, of which no rule of the gate is."""
    rated: int = 0
    """Old answers with a thumb or stars: what can be a rating."""
    labels: str | None = None
    """The file of labels that thumbs went into as ratings."""
    ratings: int = 0


def samples_of(
    records: Sequence[Record],
    said: Mapping[str, Sequence[Feedback]],
    present: Sequence[Sample],
    cleaner: Cleaner,
    tags: Collection[str] = (),
) -> MadeCases:
    """Make a sample of each record whose inputs the set doesn't hold yet, the first of several with the same.

    Inputs are those that the set's samples have; where these have one only, all that the record was asked.
    The newest edited answer is the target. `metadata.original` is the answer that was given and
    `metadata.feedback` the remarks, where the judge `feedback` and the metric `edit_taken` look for them.
    Raises UsageError where a record lacks an input of the set.
    """
    names = sorted({name for sample in present for name in sample.inputs})
    taken = {sample.id for sample in present}
    texts = {plain_inputs(sample.inputs): sample.id for sample in present}
    groups = _groups(records)
    made: list[Sample] = []
    matched: dict[str, str] = {}
    for record in map(cleaner.record, records):
        inputs = _inputs(record, names)
        if plain_inputs(inputs) in texts:
            matched[record.id] = texts[plain_inputs(inputs)]
            continue
        name = sample_id(ORIGIN, inputs, taken)
        taken.add(name)
        texts[plain_inputs(inputs)] = name
        words = [cleaner.feedback(each) for each in said.get(record.id, ())]
        edits = [each.edit for each in words if each.edit]
        remarks: list[JsonValue] = [each.comment for each in words if each.comment]
        metadata: dict[str, JsonValue] = {"record": record.id, "logged_at": record.at}
        metadata |= {"version": record.reference} if record.reference else {}
        metadata |= {"original": record.output} if record.output is not None else {}
        metadata |= {"feedback": remarks} if remarks else {}
        made.append(
            Sample(
                id=name,
                inputs=inputs,
                target=tuple(edits[-1:]),
                tags=(TAG, FROM_FEEDBACK, *tags) if words else (TAG, *tags),
                group=groups.get(record.id),
                origin=ORIGIN,
                metadata=metadata,
            )
        )
    skipped = {record: f"its inputs are those of {sample!r}" for record, sample in matched.items()}
    whose = Counter(sample.group or sample.id for sample in made)
    return MadeCases(
        samples=tuple(made),
        skipped=skipped,
        matched=matched,
        people=len(whose),
        most_of_one=max(whose.values(), default=0),
    )


def ratings_of(
    made: MadeCases,
    outputs: Mapping[str, str | None],
    said: Mapping[str, Sequence[Feedback]],
    low: float,
    high: float,
) -> tuple[Case, ...]:
    """Return old answers with a thumb as a rating: up is the scale's best, down its worst, by who said it.

    `outputs` are answers by record. One to the inputs of a sample that was there is an answer to that sample.
    People chose what to rate, so these are ratings for a judge's certificate, never a random part of a run.
    """
    samples = {str(sample.metadata.get("record")): sample.id for sample in made.samples} | made.matched
    cases: dict[tuple[str, str], dict[str, float]] = {}
    for record, sample in samples.items():
        ratings = {
            f"user {each.by[:8]}" if each.by else "user": high if each.good else low
            for each in said.get(record, ())
            if each.good is not None and (each.thumb is not None or each.stars is not None)
        }
        output = outputs.get(record)
        if output and ratings:
            cases.setdefault((sample, output), {}).update(ratings)
    return tuple(
        Case(sample=sample, output=output, ratings=ratings) for (sample, output), ratings in cases.items()
    )


def _inputs(record: Record, names: Sequence[str]) -> dict[str, JsonValue]:
    missing = [name for name in names if name not in record.inputs]
    if not missing and names:
        return {name: record.inputs[name] for name in names}
    if len(names) == 1 and (text := joined(dict(record.inputs))):
        return {names[0]: text}
    if not names:
        return dict(record.inputs)
    raise UsageError(
        f"Record {record.id!r} has no input {missing[0]!r}, which the set's samples have; it has "
        f"{', '.join(sorted(record.inputs)) or 'none'}. Choose records of the prompt that the set is for."
    )


def _groups(records: Sequence[Record]) -> dict[str, str]:
    """Return a group for records of one person or conversation, which are not independent.

    It has the whole id of the first: ids of one hour begin alike.
    """
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for record in records:
        mark = record.subject or record.session
        if mark is None:
            continue
        if mark in first:
            found[first[mark]] = found[record.id] = f"{ORIGIN}-{first[mark]}"
        else:
            first[mark] = record.id
    return found
