"""What changed between two states of an evaluation set: its samples, and what its file says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.distributions.textrows import joined
from promptops.gate.rules import GateRule
from promptops.noun import Noun
from promptops.texts.worddiff import DiffPart, word_diff
from promptops.types import EvalSet, MetricSpec, Sample

Kind = Literal["added", "removed", "changed"]
Part = Literal["asked", "scored", "sorted", "noted"]
"""What a sample's field does: it is asked, an answer is scored by it, figures are sorted by it, or it is a
note."""
PARTS: dict[str, Part] = {
    "inputs": "asked",
    "target": "scored",
    "tags": "sorted",
    "group": "sorted",
    "weight": "sorted",
    "origin": "noted",
    "metadata": "noted",
}
SHOWN = 300
"""Characters of an added or removed sample that are kept."""
_EASED_UP = frozenset({"margin", "worst_slice_margin", "max", "max_bias", "max_drift"})
_EASED_DOWN = frozenset({"min", "min_agreement", "certified"})


class FieldChange(Noun):
    """One value that came, went or became another."""

    field: str
    """With a dot into inputs and metadata: `inputs.question`."""
    kind: Kind
    before: JsonValue = None
    after: JsonValue = None
    parts: tuple[DiffPart, ...] = ()
    """Word by word, where both are texts."""


class SampleBrief(Noun):
    """A sample that came or went, and how its inputs begin."""

    id: str
    text: str


class SampleChange(Noun):
    """A sample that stayed, by its id, and says something else."""

    id: str
    fields: tuple[FieldChange, ...]

    @property
    def part(self) -> Part:
        """The weightiest of what changed: an input before a target before a tag before a note."""
        found = {PARTS[field.field.partition(".")[0]] for field in self.fields}
        return next(part for part in dict.fromkeys(PARTS.values()) if part in found)


class NamedChange(Noun):
    """A metric (by its label) or a gate rule that came, went or says something else."""

    name: str
    kind: Kind
    fields: tuple[FieldChange, ...] = ()
    eased: bool | None = None
    """Of a rule: whether it lets more pass than before; None where that can't be said."""


class Changes(Noun):
    """All that differs between two states of a set."""

    added: tuple[SampleBrief, ...] = ()
    removed: tuple[SampleBrief, ...] = ()
    changed: tuple[SampleChange, ...] = ()
    card: tuple[FieldChange, ...] = ()
    metrics: tuple[NamedChange, ...] = ()
    rules: tuple[NamedChange, ...] = ()
    slices_added: tuple[str, ...] = ()
    slices_removed: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return self.samples or bool(
            self.card or self.metrics or self.rules or self.slices_added or self.slices_removed
        )

    @property
    def samples(self) -> bool:
        """Whether the questions differ, and with them the set's digest."""
        return bool(self.added or self.removed or self.changed)

    @property
    def asked_anew(self) -> int:
        """How many questions no stored answer is for: samples that came, or whose inputs changed."""
        return len(self.added) + sum(each.part == "asked" for each in self.changed)


def changes_between(before: EvalSet | None, after: EvalSet | None) -> Changes:
    """Compare two states of a set; None is a state in which it was not there."""
    added, removed, changed = _samples(_of(before), _of(after))
    first, second = _slices(before), _slices(after)
    return Changes(
        added=added,
        removed=removed,
        changed=changed,
        card=fields_between(_card(before), _card(after)),
        metrics=tuple(_metrics(_specs(before), _specs(after))),
        rules=tuple(_rules(_rules_of(before), _rules_of(after))),
        slices_added=tuple(each for each in second if each not in first),
        slices_removed=tuple(each for each in first if each not in second),
    )


def fields_between(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> tuple[FieldChange, ...]:
    """Compare two records value by value, in the order of the second."""
    found: list[FieldChange] = []
    for name in dict.fromkeys([*after, *before]):
        if name not in before:
            found.append(FieldChange(field=name, kind="added", after=after[name]))
        elif name not in after:
            found.append(FieldChange(field=name, kind="removed", before=before[name]))
        elif canonical_json(before[name]) != canonical_json(after[name]):
            old, new = before[name], after[name]
            texts = isinstance(old, str) and isinstance(new, str)
            parts = word_diff(str(old), str(new)) if texts else ()
            found.append(FieldChange(field=name, kind="changed", before=old, after=new, parts=parts))
    return tuple(found)


def rule_name(rule: GateRule) -> str:
    """Return what a rule is about: `f1`, or `f1 on 'prices'`."""
    return rule.metric if rule.slice is None else f"{rule.metric} on {rule.slice!r}"


def _of(evalset: EvalSet | None) -> Sequence[Sample]:
    return () if evalset is None else evalset.samples


def _samples(
    before: Sequence[Sample], after: Sequence[Sample]
) -> tuple[tuple[SampleBrief, ...], tuple[SampleBrief, ...], tuple[SampleChange, ...]]:
    """Pair samples by id; of large sets only digests are held at once."""
    known = {sample.id: (place, _mark(sample)) for place, sample in enumerate(before)}
    added: list[SampleBrief] = []
    changed: list[SampleChange] = []
    for sample in after:
        place, mark = known.pop(sample.id, (-1, b""))
        if place < 0:
            added.append(_brief(sample))
        elif mark != _mark(sample):
            fields = fields_between(_flat(before[place]), _flat(sample))
            changed.append(SampleChange(id=sample.id, fields=fields))
    removed = tuple(_brief(before[place]) for place, _ in known.values())
    return tuple(added), removed, tuple(changed)


def _mark(sample: Sample) -> bytes:
    text = canonical_json(sample.model_dump(mode="json"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _brief(sample: Sample) -> SampleBrief:
    return SampleBrief(id=sample.id, text=(joined(sample.inputs) or "")[:SHOWN])


def _flat(sample: Sample) -> dict[str, JsonValue]:
    """Return a sample's values by name, those that say nothing left out."""
    found: dict[str, JsonValue] = {f"inputs.{name}": value for name, value in sample.inputs.items()}
    if sample.target:
        found["target"] = sample.target[0] if len(sample.target) == 1 else list(sample.target)
    if sample.tags:
        found["tags"] = list(sample.tags)
    if sample.group is not None:
        found["group"] = sample.group
    found["weight"] = sample.weight
    if sample.origin is not None:
        found["origin"] = sample.origin
    return {**found, **{f"metadata.{name}": value for name, value in sample.metadata.items()}}


def _card(evalset: EvalSet | None) -> dict[str, JsonValue]:
    return {} if evalset is None else _stated(evalset.card)


def _stated(noun: Noun) -> dict[str, JsonValue]:
    """Return what a noun states beyond its defaults."""
    return noun.model_dump(mode="json", exclude_defaults=True)


def _slices(evalset: EvalSet | None) -> tuple[str, ...]:
    return () if evalset is None else evalset.slices


def _specs(evalset: EvalSet | None) -> dict[str, MetricSpec]:
    return {} if evalset is None else {spec.label: spec for spec in evalset.metrics}


def _metrics(before: Mapping[str, MetricSpec], after: Mapping[str, MetricSpec]) -> Iterator[NamedChange]:
    for label in dict.fromkeys([*after, *before]):
        if label not in before or label not in after:
            yield NamedChange(name=label, kind="added" if label in after else "removed")
        elif before[label] != after[label]:
            fields = fields_between(_options(before[label]), _options(after[label]))
            yield NamedChange(name=label, kind="changed", fields=fields)


def _options(spec: MetricSpec) -> dict[str, JsonValue]:
    return {"metric": spec.metric, **spec.options, "check_anchors": spec.check_anchors}


def _rules_of(evalset: EvalSet | None) -> dict[str, GateRule]:
    """Return rules by what they are about; a second one about the same has its number behind."""
    found: dict[str, GateRule] = {}
    for rule in () if evalset is None else (*evalset.gate, *evalset.shifts):
        name, number = rule_name(rule), 2
        while name in found:
            name, number = f"{rule_name(rule)} ({number})", number + 1
        found[name] = rule
    return found


def _rules(before: Mapping[str, GateRule], after: Mapping[str, GateRule]) -> Iterator[NamedChange]:
    for name in dict.fromkeys([*after, *before]):
        if name not in before:
            fields = fields_between({}, _stated(after[name]))
            yield NamedChange(name=name, kind="added", fields=fields, eased=False)
        elif name not in after:
            fields = fields_between(_stated(before[name]), {})
            yield NamedChange(name=name, kind="removed", fields=fields, eased=True)
        elif before[name] != after[name]:
            old, new = _stated(before[name]), _stated(after[name])
            fields = fields_between(old, new)
            yield NamedChange(name=name, kind="changed", fields=fields, eased=_eased(fields))


def _eased(fields: Iterable[FieldChange]) -> bool | None:
    """Tell whether a rule lets more pass than before; None where its changes point both ways, or nowhere."""
    told = {_eases(field) for field in fields}
    return told.pop() if len(told) == 1 else None


def _eases(field: FieldChange) -> bool | None:
    if field.field not in _EASED_UP | _EASED_DOWN:
        return None
    if field.kind != "changed":
        return field.kind == "removed"
    before, after = field.before, field.after
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    return (after > before) == (field.field in _EASED_UP)
