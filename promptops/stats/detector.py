"""Has a stream got worse? Evidence that starts anew with every unit of time, for alarms that ring seldom.

The sum over all starts of what a bet from that start on has won is the e-detector of Shiryaev and Roberts
(Shin, Ramdas & Rinaldo 2023, arXiv 2203.03532). While the mean stays on the right side of the bound it grows
by 1 a unit at most on average, so within so many units it ever reaches units / alpha with probability alpha
at most (Ville): a chance of a false alarm within a year that holds however often one looks.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import case_weights
from promptops.stats.confidence import STAKES, distinct
from promptops.stats.intervals import finite
from promptops.stats.sequential import last_rejected, log_gains, mixed

Side = Literal["above", "below"]


def restarted_evidence(
    values: npt.ArrayLike,
    units: npt.ArrayLike,
    bound: float,
    side: Side,
    *,
    count: int | None = None,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> Floats:
    """Return the evidence (count,) after each unit that the mean of late lies above or below a bound.

    `values` (n,) lie in [0, 1], `units` (n,) are whole numbers from 0 on: the day or hour of each, in any
    order. An alarm is due where the evidence reaches `alarm_level`. Raises ValueError for other values.
    """
    gains = _unit_gains(values, units, bound, side, count, weights, largest)
    evidence = np.empty(gains.shape[1])
    wealth = np.full(len(gains), -np.inf)
    for unit in range(gains.shape[1]):
        wealth = np.logaddexp(wealth, 0.0) + gains[:, unit]
        evidence[unit] = mixed(wealth)
    return evidence


def alarm_level(units: float, alpha: float) -> float:
    """Return the evidence at which to ring, so that within so many units a false alarm has chance alpha."""
    return units / alpha


def restarted_mean(
    values: npt.ArrayLike,
    units: npt.ArrayLike,
    side: Side,
    *,
    level: float,
    count: int,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> float:
    """Return above or below what bound the mean of late surely lies: the last one that reaches `level`."""

    def rejected(bound: float) -> bool:
        found = restarted_evidence(values, units, bound, side, count=count, weights=weights, largest=largest)
        return bool(found[-1] >= level)

    return last_rejected(rejected, 0.0, 1.0) if side == "above" else last_rejected(rejected, 1.0, 0.0)


def restarted_quantile(
    values: npt.ArrayLike,
    units: npt.ArrayLike,
    share: float,
    side: Side,
    *,
    level: float,
    count: int,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> float:
    """Return the value that the quantile of late surely reaches, or does not exceed; infinite if open."""
    x = finite(values)
    kinds = np.unique(x)

    def rejected(place: int) -> bool:
        """Tell whether enough lies beyond the values up to a place, or too little."""
        beyond = (x >= kinds[place] if side == "above" else x > kinds[place]).astype(np.float64)
        found = restarted_evidence(
            beyond, units, 1 - share, side, count=count, weights=weights, largest=largest
        )
        return bool(found[-1] >= level)

    if side == "above":
        place = bisect_left(range(len(kinds)), True, key=lambda place: not rejected(place)) - 1
        return float(kinds[place]) if place >= 0 else -np.inf
    place = bisect_left(range(len(kinds)), True, key=rejected)
    return float(kinds[place]) if place < len(kinds) else np.inf


def _unit_gains(
    values: npt.ArrayLike,
    units: npt.ArrayLike,
    bound: float,
    side: Side,
    count: int | None,
    weights: npt.ArrayLike | None,
    largest: float | None,
) -> Floats:
    """(stakes, units) what the bets of each unit add to the logarithm of each stake's wealth."""
    x, when = finite(values), np.asarray(units, dtype=np.intp)
    if len(x) and (x.min() < -1e-9 or x.max() > 1 + 1e-9):
        raise ValueError("bets on a mean need values within [0, 1]")
    w = case_weights(weights, len(x))
    size = int(when.max()) + 1 if count is None and len(when) else count or 0
    heaviest = max(float(w.max()) if len(w) else 1.0, largest or 0.0)
    rows, counts = distinct(np.clip(x, 0.0, 1.0), w, when.astype(np.float64))
    sign, low = (1.0, 0.0) if side == "above" else (-1.0, -1.0)
    gains = (
        log_gains(sign * rows[0] * rows[1], rows[1], sign * bound, heaviest, low=low, stakes=STAKES) * counts
    )
    return np.stack([np.bincount(rows[2].astype(np.intp), weights=each, minlength=size) for each in gains])
