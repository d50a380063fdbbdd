"""What seeing the reference does to a judge's scores: the same answers with it and without."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from promptops.analysis.summary import RESAMPLES, SEED, Floats
from promptops.instruments import Found, ReferenceEffect
from promptops.judging.noise import by_answer
from promptops.judging.soundings import Heard
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.correlation import correlation_figure
from promptops.stats.intervals import mean_interval, wilson_interval
from promptops.stats.reweighting import drawn, estimated
from promptops.texts.figures import figure, interval, signed

WITH, WITHOUT = "with", "without"
ALL_EQUAL = "the difference is the same on every answer, so that an interval would have no width"
"""Why there is no interval: that of a mean says nothing where nothing varies."""
GROUPS_EQUAL = "the mean difference is the same in every group, so that an interval would have no width"
_NO_WIDTH = 1e-9
"""Equal differences are told apart by rounding, as 0.8 - 0.6 and 0.3 - 0.1 are, but not by more."""


def effect_figures(heard: Iterable[Heard]) -> dict[str, object]:
    """Return the figures of a ReferenceEffect: paired, with intervals over groups of samples."""
    every = list(heard)
    sides = {way: by_answer(each for each in every if each.way == way) for way in (WITH, WITHOUT)}
    names = [name for name in sides[WITH] if name in sides[WITHOUT]]
    missing = {
        f"unscored_{way}": sum(each.value is None for each in every if each.way == way)
        for way in (WITH, WITHOUT)
    }
    if not names:
        why = Found(reason="no answer has a score both ways")
        empty = {"difference": why, "moved": why, "correlation": why}
        return {**missing, "n": 0, "with_mean": None, "without_mean": None, **empty}
    first, second = (
        np.array([sides[way][name][0].value for name in names], dtype=np.float64) for way in (WITH, WITHOUT)
    )
    each = [sides[WITH][name][0] for name in names]
    groups = [("s", one.sample) if one.group is None else ("g", one.group) for one in each]
    moved = wilson_interval(int((first != second).sum()), len(names))
    return {
        **missing,
        "n": len(names),
        "with_mean": float(first.mean()),
        "without_mean": float(second.mean()),
        "difference": _difference(first - second, groups),
        "moved": Found(value=moved.value, low=moved.low, high=moved.high, n=len(names)),
        "correlation": _correlation(first, second, groups),
    }


def effect_sentence(found: ReferenceEffect) -> str:
    """Return what was found in plain words."""
    if not found.n:
        return f"{found.label}: nothing can be told, for no answer has a score both ways."
    difference, moved = found.difference, found.moved
    ends = "" if difference.low is None else f" {interval(difference.low, difference.high, sign=True)}"
    why = f" (no interval: {difference.reason})" if difference.low is None else ""
    told = (
        f"{found.label}: on {found.n} answers the reference moves the score by {signed(difference.value)}"
        f"{ends} in the mean{why}, from {figure(found.without_mean)} without to {figure(found.with_mean)} "
        f"with; {moved.value:.0%} {interval(moved.low, moved.high)} of the scores are others"
    )
    related = found.correlation
    if related.value is None:
        return f"{told}."
    ends = interval(related.low, related.high)
    return f"{told}; both hang together by Spearman {figure(related.value)} {ends}."


def _difference(gap: Floats, groups: list[tuple[str, str]]) -> Found:
    mean, n = float(gap.mean()), len(gap)
    try:
        found = mean_interval(gap, groups)
    except TooFewClustersError as error:
        return Found(value=mean, n=n, reason=str(error))
    if float(np.ptp(gap)) <= _NO_WIDTH:
        return Found(value=mean, n=n, reason=ALL_EQUAL)
    if found.se <= _NO_WIDTH:
        return Found(value=mean, n=n, reason=GROUPS_EQUAL)
    return Found(value=mean, low=found.low, high=found.high, n=n)


def _correlation(
    first: Floats,
    second: Floats,
    groups: list[tuple[str, str]],
) -> Found:
    n = len(first)
    try:
        boots = drawn(
            correlation_figure(first, second, "spearman"), n, groups, resamples=RESAMPLES, seed=SEED
        )
    except TooFewClustersError as error:
        return Found(n=n, reason=str(error))
    return Found.of(estimated(boots[0], n, undefined="the scores never vary"))
