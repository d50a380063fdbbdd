"""Where a judge is off: its bias by what people say and by the length of answers, which a mean may hide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from promptops.instruments import BiasPart, Found
from promptops.stats.agreement import bias

FEWEST_IN_A_PART = 5
"""Independent cases below which a part of them tells no bias."""
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_By: TypeAlias = Literal["value", "length", "preference", "difference"]


def bias_parts(
    judge: _Floats,
    people: _Floats,
    lengths: _Floats,
    clusters: Sequence[object],
    low: float,
    high: float,
    *,
    names: tuple[_By, _By] = ("value", "length"),
) -> tuple[BiasPart, ...]:
    """Return the bias where people say the lower, middle and upper third of the scale, and by length.

    `judge` and `lengths` (in characters) are (n,), `people` is (n, raters), NaN where missing. Lengths are
    parted at their median. The intervals of all parts hold together at 95 % (Bonferroni). `names` are how
    both ways to part them are called.
    """
    known = np.isfinite(judge) & np.isfinite(people).any(axis=1)
    groups = np.array([str(each) for each in clusters])
    parts = [
        part
        for part in _parts(people, lengths, known, low, high, names)
        if len(set(groups[part[2]])) >= FEWEST_IN_A_PART
    ]
    found = []
    for by, values, mask in parts:
        level = 1 - 0.05 / len(parts)
        seen = bias(judge[mask], people[mask], list(groups[mask]), level, scale=(low, high)).difference
        if np.isfinite(seen.low) and np.isfinite(seen.high):
            shown = Found(value=seen.mean, low=float(seen.low), high=float(seen.high), n=int(mask.sum()))
            found.append(
                BiasPart(by=by, low=float(values[mask].min()), high=float(values[mask].max()), bias=shown)
            )
    return tuple(found)


def _parts(
    people: _Floats, lengths: _Floats, known: _Bools, low: float, high: float, names: tuple[_By, _By]
) -> Iterator[tuple[_By, _Floats, _Bools]]:
    """Yield by what, its values, and the cases of each part; a single part tells nothing of its own."""
    rated = np.isfinite(people)
    means = np.where(rated, people, 0.0).sum(axis=1) / np.maximum(rated.sum(axis=1), 1)
    third = np.clip(np.floor((means - low) / (high - low) * 3), 0, 2) if high > low else np.zeros(len(means))
    middle = float(np.median(lengths[known])) if known.any() else 0.0
    for each in _several(third[known]):
        yield names[0], means, known & (third == each)
    longer = (lengths > middle).astype(np.float64)
    for each in _several(longer[known]):
        yield names[1], lengths, known & (longer == each)


def _several(values: _Floats) -> list[float]:
    found = np.unique(values).tolist()
    return found if len(found) > 1 else []
