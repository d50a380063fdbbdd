"""What a set's samples look like: which inputs a model is to write, and what a target is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from promptops.errors import UnknownName, UsageError
from promptops.types import Sample

Material = Literal["documents", "samples", "description"]
PASSAGES = ("context", "passage", "document", "source", "article", "text")
"""Inputs that hold a document where a set has one of them and others beside it."""
COPIED = frozenset({"paraphrase"})
"""Kinds whose samples keep the targets of the original."""
PLACE = "..."
"""What stands for a text in the form of a reply."""
MOST_LABELS = 20
"""Different targets up to which a set is one of labels, where each is there three times on average."""
EXAMPLES = 3
LONGEST_EXAMPLE = 2_000


@dataclass(frozen=True)
class Shape:
    """Which inputs are written, which are copied or filled with the passage, and what targets are."""

    written: tuple[str, ...]
    passage_in: str | None = None
    """The input that takes a document's passage."""
    targets: bool = False
    labels: tuple[str, ...] = ()
    """The only targets that there are; empty where a target may be any text."""
    notes: tuple[str, ...] = ()

    def asked(self, kind: str) -> Shape:
        """Return the shape of what is written for a kind of seed: a paraphrase has the original's target."""
        return replace(self, targets=False) if kind in COPIED else self

    def form(self) -> str:
        """Say in words what is to be replied."""
        sample: dict[str, JsonValue] = {"inputs": dict.fromkeys(self.written, PLACE)}
        if self.targets:
            sample["target"] = PLACE
        told = json.dumps({"samples": [sample]}, ensure_ascii=False)
        labels = ""
        if self.labels:
            listed = json.dumps(list(self.labels), ensure_ascii=False)
            labels = f' "target" is the right answer, one of {listed}.'
        elif self.targets:
            labels = ' "target" is the right answer, as short as those of the cases above.'
        return f"Reply with one JSON object and nothing else: {told}.{labels}"


def shape_of(
    samples: Sequence[Sample],
    material: Material,
    *,
    keep: Sequence[str] = (),
    passage_in: str | None = None,
) -> Shape:
    """Return the shape of a set's samples. Raises UsageError where a model can't write such samples.

    Inputs that are texts in every sample are written. Of present samples those in `keep`, and all others,
    are copied; of documents `passage_in` takes the passage (by itself an input called context, passage,
    document, source, article or text, where there are others).
    """
    common, texts = _inputs(samples)
    for name in (*keep, *([passage_in] if passage_in is not None else [])):
        if name not in texts:
            raise UnknownName("input with a text in every sample", name, texts)
    if material != "samples":
        others = [name for name in common if name not in texts]
        if others:
            raise UsageError(
                f"Input {others[0]!r} of this set is no text, so that no model can write it. Make samples of "
                "present ones, which keep it: --like"
            )
    if material == "documents" and passage_in is None and len(texts) > 1:
        passage_in = next((name for name in PASSAGES if name in texts), None)
    written = tuple(name for name in texts if name not in keep and name != passage_in)
    if not written:
        raise UsageError("No input is left for the model to write; keep fewer of them.")
    targets, labels, notes = _targets(samples)
    if passage_in is not None:
        notes = (*notes, f"Passages go into the input {passage_in!r}.")
    return Shape(written, passage_in, targets, labels, notes)


def told(inputs: Mapping[str, JsonValue], target: JsonValue | None = None) -> str:
    """Return a sample as a model is shown it."""
    fields: dict[str, JsonValue] = {"inputs": dict(inputs)}
    if target is not None:
        fields["target"] = target
    return json.dumps(fields, ensure_ascii=False, indent=1)


def examples_of(samples: Sequence[Sample], shape: Shape) -> tuple[str, ...]:
    """Return a few samples of a set, evenly from its whole length, that show what is to be written."""
    fit = [
        text
        for sample in samples
        if len(text := told({name: sample.inputs[name] for name in shape.written}, _first(sample, shape)))
        <= LONGEST_EXAMPLE
    ]
    count = min(EXAMPLES, len(fit))
    return tuple(fit[place * len(fit) // count] for place in range(count))


def _first(sample: Sample, shape: Shape) -> JsonValue | None:
    return sample.target[0] if shape.targets and sample.target else None


def _inputs(samples: Iterable[Sample]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return inputs that all samples have, and those of them that are texts in all."""
    common: dict[str, bool] | None = None
    for sample in samples:
        own = {name: isinstance(value, str) for name, value in sample.inputs.items()}
        common = own if common is None else {k: v and own[k] for k, v in common.items() if k in own}
    found = common or {}
    return tuple(found), tuple(name for name, text in found.items() if text)


def _targets(samples: Iterable[Sample]) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Return whether samples have targets, the labels where they are few, and what is to be known."""
    counts: dict[str, int] = {}
    for sample in samples:
        for target in sample.target:
            if not isinstance(target, str):
                told = "Targets of this set are no texts, so none are generated: write them in the review."
                return False, (), (told,)
            counts[target] = counts.get(target, 0) + 1
    few = 2 <= len(counts) <= MOST_LABELS and sum(counts.values()) >= 3 * len(counts)
    return bool(counts), tuple(counts) if few else (), ()
