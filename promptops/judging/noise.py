"""How much a judge differs from itself: scores of several askings about the same answers, taken apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from promptops.instruments import Found, JudgeNoise
from promptops.judging.soundings import Heard, read_heard
from promptops.judging.text import spread
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.intervals import wilson_interval
from promptops.stats.variance import NoRepeatsError, components
from promptops.texts.figures import figure, interval


def by_answer(heard: Iterable[Heard]) -> dict[tuple[str, str], list[Heard]]:
    """Return what was heard by run and sample, those with a score only."""
    found: dict[tuple[str, str], list[Heard]] = {}
    for each in heard:
        if each.value is not None:
            found.setdefault((each.run, each.sample), []).append(each)
    return found


def noise_known(path: Path, signature: str) -> Found | None:
    """Return the standard deviation of one asking, from what a file holds; None where that is none.

    Raises FileProblems.
    """
    kept = {each.key: each for each in read_heard(path) if each.signature == signature}
    if not kept:
        return None
    found = noise_figures(kept.values())["one"]
    return found if isinstance(found, Found) else None


def noise_figures(heard: Iterable[Heard]) -> dict[str, object]:
    """Return n, times, unscored, differ, one, between and share of a JudgeNoise, and its sentence's parts.

    One-way analysis of variance with intervals by the jackknife over groups (`stats.variance.components`).
    """
    every = list(heard)
    kept = {name: each for name, each in by_answer(every).items() if len(each) > 1}
    times = len({each.repeat for each in every})
    unscored = sum(each.value is None for each in every)
    differ = sum(len({each.value for each in several}) > 1 for several in kept.values())
    shared = wilson_interval(differ, len(kept)) if kept else None
    found: dict[str, object] = {
        "n": len(kept),
        "times": times,
        "unscored": unscored,
        "differ": Found(n=0, reason="no answer has two scores")
        if shared is None
        else Found(value=shared.value, low=shared.low, high=shared.high, n=len(kept)),
    }
    return {**found, **_parts(kept, times)}


def noise_sentence(found: JudgeNoise) -> str:
    """Return what was found in plain words."""
    if not found.n:
        return f"{found.label}: nothing can be told, for no answer has two scores."
    told = (
        f"{found.label}: asked {found.times} times about each of {found.n} answers, the judge differs from "
        f"itself on {round((found.differ.value or 0.0) * found.n)} "
        f"({found.differ.value:.0%} {interval(found.differ.low, found.differ.high)})"
    )
    return f"{told}; {spread(found.one)}{_share(found)}."


def _share(found: JudgeNoise) -> str:
    if found.share is None or found.between is None:
        return ""
    return (
        f", the answers themselves by {figure(found.between)}: {found.share:.0%} of what single scores vary "
        "by is the judge's noise"
    )


def _parts(kept: Mapping[tuple[str, str], list[Heard]], times: int) -> dict[str, object]:
    nothing: dict[str, object] = {"between": None, "share": None}
    if not kept:
        return {**nothing, "one": Found(reason="no answer has two scores")}
    values = np.full((len(kept), times), np.nan)
    for row, several in enumerate(kept.values()):
        values[row, : len(several)] = [each.value for each in several]
    groups = [
        ("s", each[0].sample) if each[0].group is None else ("g", each[0].group) for each in kept.values()
    ]
    n = len(kept)
    if np.nanmax(values, axis=1).tolist() == np.nanmin(values, axis=1).tolist():
        between = float(np.nanmean(values, axis=1).std(ddof=1)) if n > 1 else None
        why = "no asking differs from another about the same answer"
        return {
            "one": Found(value=0.0, n=n, reason=why),
            "between": between,
            "share": 0.0 if between else None,
        }
    try:
        parts = components(values, groups)
    except (TooFewClustersError, NoRepeatsError) as error:
        return {**nothing, "one": Found(n=n, reason=str(error))}
    noise = parts.noise[0]
    whole = parts.case.variance + noise.variance
    return {
        "one": Found(
            value=math.sqrt(noise.variance), low=_root(noise.low), high=_root(noise.high), n=n, reason=None
        ),
        "between": math.sqrt(parts.case.variance),
        "share": noise.variance / whole if whole > 0 else None,
    }


def _root(value: float) -> float | None:
    return math.sqrt(value) if math.isfinite(value) else None
