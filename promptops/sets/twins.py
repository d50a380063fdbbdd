"""Samples that say the same as another: nearly the same text, and scored alike by all versions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptops.distributions.leaks import near_pairs
from promptops.noun import Noun
from promptops.sets.scores import CaseScores
from promptops.stats import Floats

ALIKE_SCORES = 0.9
"""The correlation over versions from which on two samples of nearly the same text say the same."""


class Redundant(Noun):
    """A sample that says the same as another one, which tells versions apart at least as well."""

    other: str
    """The one that is redundant."""
    kept: str
    alike: float
    """The share of common runs of letters."""
    correlation: float | None
    """Of their scores over versions; None where both are the same throughout."""


def twins_of(found: CaseScores, worth: Sequence[float]) -> tuple[Redundant, ...]:
    """Return each redundant sample with the one that stays for it, the most alike first.

    The sample of most `worth` stays, then the next one that is no twin of one that stays, and so on. Near
    texts of one group count too. Both text and scores must be alike: over a few versions scores often are.
    """
    alone = [sample.model_copy(update={"group": None}) for sample in found.samples]
    place = {sample.id: number for number, sample in enumerate(alone)}
    twins: dict[int, list[Redundant]] = {}
    for pair in near_pairs(alone)[0]:
        a, b = place[pair.first], place[pair.second]
        columns = found.scores[:, a], found.scores[:, b]
        r = _correlation(*columns)
        if np.allclose(*columns, rtol=0.0, atol=1e-9) or (r is not None and r >= ALIKE_SCORES):
            for one, two in ((a, b), (b, a)):
                told = Redundant(other=alone[one].id, kept=alone[two].id, alike=pair.alike, correlation=r)
                twins.setdefault(one, []).append(told)
    kept: set[str] = set()
    pairs: list[Redundant] = []
    for number in sorted(range(len(alone)), key=lambda each: -worth[each]):
        taken = [pair for pair in twins.get(number, ()) if pair.kept in kept]
        if taken:
            pairs.append(max(taken, key=lambda pair: pair.alike))
        else:
            kept.add(alone[number].id)
    return tuple(sorted(pairs, key=lambda pair: (-pair.alike, pair.other)))


def _correlation(a: Floats, b: Floats) -> float | None:
    if np.ptp(a) <= 1e-9 or np.ptp(b) <= 1e-9:
        return None
    return float(np.corrcoef(a, b)[0, 1])
