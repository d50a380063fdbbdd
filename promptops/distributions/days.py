"""Day by day: how far each day's texts lie from the reference, beside what chance alone would show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from promptops.noun import Noun
from promptops.stats import Floats
from promptops.stats.mmd import part_mmd_tests
from promptops.stats.multiplicity import holm

FEWEST_OF_A_DAY = 5
"""Texts that a day must have for a distance; with so few the band is wide."""


class DayShift(Noun):
    """One day of a side: how far its texts lie from the reference (unbiased MMD^2, about 0 by chance).

    A day of the second side is held against the whole first side, a day of the first against the other days
    of it. `high` is what 95 % of as many texts drawn from both stay below; `adjusted_p` is by Holm over the
    days of a side. All are None where a day has fewer than 5 texts that are looked at.
    """

    day: str
    side: Literal["first", "second"]
    texts: int
    distance: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted_p: float | None = None


def day_shifts(
    reference: Floats,
    current: Floats,
    first: Sequence[str] | None,
    second: Sequence[str],
    *,
    permutations: int,
    seed: int,
) -> tuple[DayShift, ...]:
    """Measure every day of current points (m, d), and of reference points (n, d) where these have days."""
    found = _side("second", reference, current, second, permutations, seed)
    if first is None:
        return found
    return (*_side("first", reference, reference, first, permutations, seed), *found)


def _side(
    side: Literal["first", "second"],
    reference: Floats,
    points: Floats,
    days: Sequence[str],
    permutations: int,
    seed: int,
) -> tuple[DayShift, ...]:
    names, owners, counts = np.unique(np.array(days, dtype=object), return_inverse=True, return_counts=True)
    # Of a side that is held against itself the rest must be there to be held against.
    most = len(points) - FEWEST_OF_A_DAY if side == "first" else len(points)
    measured = [place for place, count in enumerate(counts) if FEWEST_OF_A_DAY <= count <= most]
    tests = part_mmd_tests(
        reference,
        None if side == "first" else points,
        [np.flatnonzero(owners == place) for place in measured],
        permutations=permutations,
        seed=seed,
    )
    adjusted = holm([test.p for test in tests])
    figures = {
        place: {
            "distance": test.statistic,
            "high": test.high,
            "p_value": test.p,
            "adjusted_p": float(p),
        }
        for place, test, p in zip(measured, tests, adjusted, strict=True)
    }
    return tuple(
        DayShift(day=str(name), side=side, texts=int(counts[place]), **figures.get(place, {}))
        for place, name in enumerate(names)
    )
