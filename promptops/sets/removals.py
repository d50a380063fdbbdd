"""What it would cost to take samples out of a set, and what they are there for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from promptops.noun import Noun
from promptops.sets.scores import CaseScores
from promptops.sets.twins import Redundant
from promptops.stats.items import failure_bound, pair_errors, without
from promptops.types import Sample

What = Literal["always passed", "always failed", "redundant"]


class Removal(Noun):
    """What it would cost to take some samples out of the set."""

    what: What
    ids: tuple[str, ...]
    figure: float
    """The largest change of a version's figure."""
    difference: float
    """The largest change of a difference between two versions."""
    error: float | None
    """How many times larger the standard error of a difference would be; None where nothing differs."""
    tags_lost: tuple[str, ...]
    """Tags that no sample would carry any more."""
    guards: str
    """What they are there for, and what goes with them."""


def removals_of(
    found: CaseScores, passed: Sequence[str], failed: Sequence[str], twins: Sequence[Redundant]
) -> tuple[Removal, ...]:
    """Tell what it would cost to take samples out: those that all pass, that all fail, that have a twin."""
    versions = len(found.scores)
    bound = failure_bound(versions)
    asked: list[tuple[What, Sequence[str], str]] = [
        (
            "always passed",
            passed,
            f"They guard against regressions: that {versions} versions passed a sample leaves the next one "
            f"a chance of up to {bound:.0%} to fail it (95 %), and only these samples would show it. Leave "
            "them out of a first look, not out of the gate.",
        ),
        (
            "always failed",
            failed,
            "No version gets them right: a target may be wrong, or they are what is still to be learned. "
            "The first version that passes one is seen by these only. Look at them before anything else.",
        ),
        (
            "redundant",
            [pair.other for pair in twins],
            "Each has a twin in text that is scored alike and stays. What goes is the second look at the "
            "same thing: with it a chance failure of the twin can be told from a loss."
            + _by_text_alone(twins),
        ),
    ]
    return tuple(_removal(found, what, ids, guards) for what, ids, guards in asked if ids)


def _by_text_alone(twins: Sequence[Redundant]) -> str:
    """Say of how many twins the scores tell nothing, because no version's differs."""
    alone = sum(pair.correlation is None for pair in twins)
    return f" Of {alone} the text alone says so: no version's score differs on them." if alone else ""


def _removal(
    found: CaseScores,
    what: What,
    ids: Sequence[str],
    guards: str,
) -> Removal:
    gone = set(ids)
    kept = np.array([sample.id not in gone for sample in found.samples])
    lost = _tags_lost(found.samples, gone)
    if lost:
        guards += f" No other sample carries the tag{'s' if len(lost) > 1 else ''} {', '.join(lost)}."
    if not kept.any():
        return Removal(
            what=what, ids=tuple(ids), figure=0.0, difference=0.0, error=None, tags_lost=lost,
            guards=f"{guards} They are the whole set.",
        )  # fmt: skip
    whole, left = without(found.scores, kept.astype(np.float64), found.weights)
    off = left - whole
    before = pair_errors(found.scores, found.weights)
    after = pair_errors(found.scores[:, kept], found.weights[kept])
    return Removal(
        what=what,
        ids=tuple(ids),
        figure=float(np.abs(off).max()),
        difference=float(np.ptp(off)),
        error=after / before if before > 0 else None,
        tags_lost=lost,
        guards=guards,
    )


def _tags_lost(samples: Sequence[Sample], gone: set[str]) -> tuple[str, ...]:
    kept = {tag for sample in samples if sample.id not in gone for tag in sample.tags}
    there = dict.fromkeys(tag for sample in samples if sample.id in gone for tag in sample.tags)
    return tuple(tag for tag in there if tag not in kept)
