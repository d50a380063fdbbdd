"""Kinds of requests as tags of samples, and rules of the gate about one kind by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from promptops.noun import Noun
from promptops.types import EvalSet, Sample

PREFIX = "kind: "


class KindRule(Noun):
    """A kind that samples were added of, and what evalset.toml says to gate it by itself."""

    tag: str
    samples: int
    """How many the set has of it now."""
    toml: str
    """The set's own first rule, for this kind: `min` in its place demands a figure, not no loss."""

    @property
    def sentence(self) -> str:
        """How many samples there are, and where the rule goes."""
        return (
            f"The set has {self.samples:,} samples of '{self.tag}'. To gate that kind by itself, write into "
            "evalset.toml (`min` demands a figure of it):"
        )


def kind_tags(words: str) -> tuple[str, ...]:
    """Return the tag of a kind by the words that mark it; none where nothing marks it."""
    plain = " ".join(words.split())
    return (f"{PREFIX}{plain}",) if plain else ()


def kind_rules(evalset: EvalSet, new: Sequence[Sample]) -> tuple[KindRule, ...]:
    """Return a rule for each kind among new samples that no rule is about yet, the largest first."""
    named = {rule.slice for rule in (*evalset.gate, *evalset.shifts)}
    tags = dict.fromkeys(tag for sample in new for tag in sample.tags if tag.startswith(PREFIX))
    counts = Counter(tag for sample in (*evalset.samples, *new) for tag in sample.tags)
    return tuple(
        KindRule(tag=tag, samples=counts[tag], toml=_toml(evalset, tag))
        for tag in sorted(tags, key=lambda tag: -counts[tag])
        if tag not in named
    )


def _toml(evalset: EvalSet, tag: str) -> str:
    rule = next((each for each in evalset.gate if each.slice is None and each.decides), None)
    lines = ["[[gate]]", f"metric = {_text(rule.metric if rule else evalset.metrics[0].label)}"]
    lines.append(f"slice = {_text(tag)}")
    demands = {} if rule is None else {name: getattr(rule, name) for name in ("margin", "min", "max")}
    lines += [f"{name} = {value:g}" for name, value in demands.items() if value is not None]
    return "\n".join(lines)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
