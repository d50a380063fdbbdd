"""Single days that lie far off the others, by shares, times or scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from promptops.production.days import Days
from promptops.production.measures import Measure
from promptops.production.monitor import Change, FarDay
from promptops.production.traffic import Traffic
from promptops.stats.multiplicity import holm
from promptops.stats.outliers import Outlier, outliers


def far_days(
    traffic: Traffic, measures: Mapping[str, Measure], changes: Iterable[Change], alpha: float
) -> tuple[tuple[FarDay, ...], tuple[str, ...]]:
    """Return days on which a measure lies far off the others, and the measures of too few days to tell.

    Where all days are alike, one is told with a chance of `alpha`, over all days and measures. A day is held
    against those between the same changes of its measure.
    """
    found: dict[str, tuple[Days, list[Outlier]]] = {}
    few = []
    starts = [(each.measure, np.datetime64(each.at[:10])) for each in changes]
    for name, measure in measures.items():
        days = Days.of(measure, traffic)
        begun = np.array([at for of, at in starts if of == name], dtype="datetime64[D]")
        groups = (days.at[:, None] >= begun).sum(axis=1)
        far = outliers(days.figures, days.sizes, within=days.within, groups=groups)
        if far is None:
            few.append(name)
        else:
            found[name] = days, far
    told = [
        _far_day(days, each, p)
        for (days, far), levels in zip(
            found.values(), _over_all([far for _, far in found.values()]), strict=True
        )
        for each, p in zip(far, levels, strict=True)
        if p <= alpha
    ]
    return tuple(sorted(told, key=lambda each: (each.day, each.measure))), tuple(few)


def _over_all(found: Sequence[Sequence[Outlier]]) -> list[list[float]]:
    """Return p-values over all measures: Holm's steps by the farthest day of each, its others with it."""
    least = np.array([far[0].p for far in found])
    left = len(least) - np.argsort(np.argsort(least, kind="stable"))
    return [
        [max(float(level), min(1.0, each.p * int(times))) for each in far]
        for far, level, times in zip(found, holm(least), left, strict=True)
    ]


def _far_day(days: Days, far: Outlier, p: float) -> FarDay:
    expected = far.interval()
    value, low, high = days.shown([days.figures[far.place], expected.low, expected.high])
    better = days.measure.scale.higher_is_better
    return FarDay(
        measure=days.measure.name,
        day=str(days.at[far.place]),
        value=value,
        n=int(days.records[far.place]),
        low=low,
        high=high,
        p=p,
        worse=None if better is None else better == (value < (low + high) / 2),
    )
