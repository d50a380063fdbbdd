"""Rules of a gate about pairs: what a judge holds to be better, side by side with the baseline's answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from promptops.files.located import Faults, KeyPath, did_you_mean, shown
from promptops.gate.rules import GateRule
from promptops.types import MetricSpec

_JUDGE = ("certified", "min_agreement", "max_bias", "max_drift")
KEYS = ("pairwise", "margin", "worst_slice_margin", "slice", "alpha", "exact", *_JUDGE)
KIND = "pairwise"
"""The shipped judge of pairs."""
_OTHERS = {
    **dict.fromkeys(
        ("corrected", "labels"),
        "is not for a judge of pairs; `certified = true` demands that it was held against people",
    ),
    **dict.fromkeys(("min", "max"), "speaks of one run's own figure; write `margin`"),
    "estimand": "is not for a judge of pairs: its rule is about the population",
    "metric": "stands beside `pairwise`; keep one of them",
}


class PairRule(GateRule):
    """How far losses may outnumber wins; `metric` is the label of the judge of pairs."""


def read_pair_rule(
    rule: Mapping[str, JsonValue],
    path: KeyPath,
    faults: Faults,
    specs: Sequence[MetricSpec],
    tags: Collection[str] | None,
) -> PairRule | None:
    """Return a rule of evalset.toml that has `pairwise`, or note what is wrong with it.

    `tags` are what it may name as a slice; None where they are not known.
    """
    known = len(faults.problems)
    for key in rule:
        if key in _OTHERS:
            faults.add((*path, key), _OTHERS[key])
    faults.unknown_keys(path, {key: each for key, each in rule.items() if key not in _OTHERS}, KEYS)
    label, labels = rule["pairwise"], [spec.label for spec in specs]
    if label not in labels:
        pairs = [spec.label for spec in specs if spec.metric == KIND]
        told = did_you_mean(label, pairs or labels) if isinstance(label, str) else ""
        faults.add((*path, "pairwise"), f"{shown(label)} is no label under [metrics].{told}")
    if "margin" not in rule and "worst_slice_margin" not in rule:
        faults.add(
            path,
            "lacks `margin`: by how much losses may outnumber wins, as a share of the samples "
            "(0.1: 45 won and 55 lost of 100)",
        )
    named = rule.get("slice")
    if tags is not None and named is not None and named not in tags:
        told = did_you_mean(str(named), sorted(tags)[:50])
        faults.add((*path, "slice"), f"no sample has the tag {shown(named)}.{told}")
    if named is not None and "worst_slice_margin" in rule:
        faults.add((*path, "worst_slice_margin"), "speaks of all slices; take `slice` away")
    fields = {key: value for key, value in rule.items() if key in KEYS and key != "pairwise"}
    try:
        read = PairRule.model_validate({**fields, "metric": label}, strict=True)
    except ValidationError as error:
        for fault in error.errors():
            if fault["loc"][0] != "metric":
                told = fault["msg"].removeprefix("Input should be")
                faults.add((*path, str(fault["loc"][0])), f"must be{told}, not {shown(fault['input'])}")
        return None
    return read if len(faults.problems) == known else None
