"""What makes a set look better than it is: cases that are nearly the same, and cases that models have seen.

Near-duplicates inside a set count one case twice; between splits they show what was tuned on; inside a
prompt's examples they give the answer away. A canary, a word that stands nowhere else, tells from a model's
output that it was trained on the set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from promptops.distributions.textrows import joined
from promptops.errors import UnknownName
from promptops.noun import Noun
from promptops.sets.facets import fields_of
from promptops.stats.shingles import containment, resemblance, shingles
from promptops.types import Prompt, Result, Sample

ALIKE = 0.8
"""The share of common runs of letters from which on two texts are nearly the same."""
SHORTEST = 20
"""Letters of a text that is looked for in prompts; shorter ones stand in many by chance."""
_BLOCK = 256
_SLOT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Pair(Noun):
    """Two cases that are nearly the same, by id: of one set, or of a set and something else."""

    first: str
    second: str
    alike: float


class Shown(Noun):
    """A case whose inputs stand in a prompt, as an example perhaps, and how much of them does."""

    sample: str
    prompt: str
    share: float


class Canary(Noun):
    """A run's output that holds the canary of a set."""

    evalset: str
    sample: str
    repeat: int


class Leaks(Noun):
    """What was found; empty where nothing was, or where nothing was asked for."""

    evalset: str
    samples: int
    threshold: float
    inside: tuple[Pair, ...] = ()
    """Cases of the set that are nearly the same, though of no common group."""
    split: str | None = None
    across: tuple[Pair, ...] = ()
    """Those of them that lie in different splits, or one in the other set."""
    shown: tuple[Shown, ...] = ()
    canaries: tuple[Canary, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything was found."""
        return bool(self.inside or self.across or self.shown or self.canaries)


def text_alone(samples: Sequence[Sample], name: str | None) -> Sequence[Sample]:
    """Return samples with the one input by which they are compared; as they are where it has no name."""
    if name is None:
        return samples
    return [sample.model_copy(update={"inputs": {name: sample.inputs[name]}}) for sample in samples]


def near_pairs(
    samples: Sequence[Sample], threshold: float = ALIKE, split: str | None = None
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return near-duplicates of no common group, and those of all whose `split` differs; most alike first.

    `split` is a metadata field, `origin` or `tags`. Raises UnknownName.
    """
    texts = [joined(sample.inputs) or "" for sample in samples]
    splits = _splits(samples, split)
    inside: list[Pair] = []
    across: list[Pair] = []
    for first, second, alike in _alike(texts, texts, threshold):
        if first >= second:
            continue
        pair = Pair(first=samples[first].id, second=samples[second].id, alike=alike)
        groups = samples[first].group, samples[second].group
        if groups[0] is None or groups[0] != groups[1]:
            inside.append(pair)
        if split is not None and splits[first] != splits[second]:
            across.append(pair)
    return _ordered(inside), _ordered(across)


def pairs_across(
    samples: Sequence[Sample], others: Mapping[str, str], threshold: float = ALIKE, made_of: str | None = None
) -> tuple[Pair, ...]:
    """Return cases that are nearly the same as texts of something else (by name), most alike first.

    `made_of` is the metadata field with the name of what a case was made of: that is no finding.
    """
    names = list(others)
    texts = [joined(sample.inputs) or "" for sample in samples]
    found = _alike(texts, list(others.values()), threshold)
    own = [None if made_of is None else sample.metadata.get(made_of) for sample in samples]
    pairs = [
        Pair(first=samples[place].id, second=names[other], alike=alike)
        for place, other, alike in found
        if own[place] != names[other]
    ]
    return _ordered(pairs)


def shown_in(
    samples: Sequence[Sample], prompts: Mapping[str, Prompt], threshold: float = ALIKE
) -> tuple[Shown, ...]:
    """Return cases of which so much stands in the messages of a prompt, slots left out."""
    texts = [(sample.id, joined(sample.inputs) or "") for sample in samples]
    long = [(name, text) for name, text in texts if len(text) >= SHORTEST]
    if not long or not prompts:
        return ()
    names = list(prompts)
    wholes = shingles([_literal(prompts[name]) for name in names])
    shares = containment(shingles([text for _, text in long]), wholes)
    found = [
        Shown(sample=long[place][0], prompt=names[column], share=float(shares[place, column]))
        for place, column in np.argwhere(shares >= threshold)
    ]
    return tuple(sorted(found, key=lambda each: (-each.share, each.sample)))


def canaries_in(results: Iterable[Result], canaries: Mapping[str, str]) -> tuple[Canary, ...]:
    """Return the outputs that hold a set's canary (by set), whatever parts its letters and digits."""
    wanted = {name: bare for name, canary in canaries.items() if (bare := _bare(canary))}
    return tuple(
        Canary(evalset=name, sample=result.sample_id, repeat=result.repeat)
        for result in results
        if result.completion is not None
        for name, canary in wanted.items()
        if canary in _bare(result.completion.text)
    )


def _alike(first: Sequence[str], second: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    wholes = shingles(second)
    for start in range(0, len(first), _BLOCK):
        alike = resemblance(shingles(first[start : start + _BLOCK]), wholes)
        for place, column in np.argwhere(alike >= threshold):
            yield start + int(place), int(column), float(alike[place, column])


def _literal(prompt: Prompt) -> str:
    return "\n".join(_SLOT.sub("\n", message.content) for message in prompt.messages)


def _splits(samples: Sequence[Sample], split: str | None) -> list[object]:
    if split is None:
        return [None] * len(samples)
    fields = fields_of(samples)
    name = split if split in fields else split.removeprefix("metadata.")
    if name not in fields:
        raise UnknownName("field of these samples", split, fields, hint="Metadata fields, tags, origin.")
    return [fields[name](sample) for sample in samples]


def _ordered(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: (-pair.alike, pair.first, pair.second)))


def _bare(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
