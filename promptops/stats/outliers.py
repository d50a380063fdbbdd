"""Which units (days) of a series lie far off the others, by themselves?

Each is held against the others without it (`leftout`). Several far units hide one another, so the farthest
are set aside one after the other, and the last step that finds a surely far one tells all before it: the
sequential deviates of Rosner 1983, with the p-values of Holm's steps over the units that are left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.intervals import Interval
from promptops.stats.leftout import Prediction, Series, left_out

FEWEST = 12
"""Units below which nothing is told."""
_MOST = 5
"""Far units that are looked for, and a tenth of all at the most: more are no single ones."""
_FAR = 0.05
_CLOSELY = 4
"""Units that lie farthest off by their standard errors, of which the p-value is computed."""


@dataclass(frozen=True)
class Outlier:
    """A unit that lies far off, surely or not."""

    place: int
    p: float
    """Over all units; of `outlier_at` its own."""
    prediction: Prediction
    own: int
    """Its place there."""

    def interval(self, level: float = 0.95) -> Interval:
        """Return the range in which such a unit lies with a chance of `level`, by the others."""
        return self.prediction.interval(self.own, level)


def outliers(
    figures: npt.ArrayLike,
    sizes: npt.ArrayLike,
    *,
    within: float | None = None,
    groups: npt.ArrayLike | None = None,
) -> list[Outlier] | None:
    """Return the farthest units, the farthest first, surely far or not (see `p`); None for too few units.

    `figures` (n,) are shares of so many cases; with `within`, the variance of a case inside its unit, they
    are means. Units without cases are left out. Groups have means of their own.
    """
    y, n = np.asarray(figures, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    labels = np.zeros(len(y), dtype=np.intp) if groups is None else np.asarray(groups, dtype=np.intp)
    places = np.flatnonzero(n > 0)
    if len(places) < FEWEST:
        return None
    own = np.unique(labels[places], return_inverse=True)[1].astype(np.intp)
    series = Series(y[places], n[places], own, within)
    kept = np.ones(len(series), dtype=bool)
    steps: list[tuple[int, float, Prediction]] = []
    for _ in range(min(_MOST, len(series) // 10)):
        prediction = left_out(series, kept)
        distances = np.where(kept, np.nan_to_num(prediction.distances(), nan=0.0), -1.0)
        far = {int(place): prediction.p_value(int(place)) for place in _largest(distances)}
        place = min(far, key=lambda each: far[each])
        steps.append((place, min(1.0, far[place] * int(kept.sum())), prediction))
        kept[place] = False
    found = []
    for at, (place, _, _) in enumerate(steps):
        _, p, prediction = min(steps[at:], key=lambda step: step[1])
        found.append(Outlier(int(places[place]), p, prediction, place))
    return found


def outlier_at(
    figures: npt.ArrayLike, sizes: npt.ArrayLike, place: int, *, within: float | None = None
) -> Outlier | None:
    """Return one unit with its own p-value, others that are far set aside; None for too few units."""
    y, n = np.asarray(figures, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    places = np.flatnonzero(n > 0)
    if len(places) < FEWEST or n[place] <= 0:
        return None
    others = np.where(np.arange(len(n)) == place, 0.0, n)
    far = {each.place for each in outliers(y, others, within=within) or [] if each.p <= _FAR}
    series = Series(y[places], n[places], np.zeros(len(places), dtype=np.intp), within)
    prediction = left_out(series, np.array([each not in far for each in places]))
    own = int(np.searchsorted(places, place))
    return Outlier(place, prediction.p_value(own), prediction, own)


def _largest(distances: Floats) -> Ints:
    return np.argsort(-distances, kind="stable")[:_CLOSELY].astype(np.intp)
