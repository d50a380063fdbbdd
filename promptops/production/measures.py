"""What can be measured of records: shares, seconds, scores; each as a column with its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from promptops.errors import UnknownName
from promptops.instruments import Found
from promptops.production.measuretext import ERROR
from promptops.production.traffic import Traffic
from promptops.stats import Bools, Floats
from promptops.stats.confidence import mean_sequence, quantile_sequence

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
SHOWN = ("errors", "refusals", "truncated", "p50", "p95", "good")
"""Measures that every table has, where records tell them."""


@dataclass(frozen=True)
class Scale:
    """The range of a metric's figure and which way is better; None where it has no end, or says neither."""

    low: float | None
    high: float | None
    higher_is_better: bool | None = None

    @property
    def finite(self) -> bool:
        """Whether it has two ends."""
        return self.low is not None and self.high is not None and self.high > self.low


@dataclass(frozen=True)
class Measure:
    """One measure of n records: a value each, NaN where it says nothing of a record."""

    name: str
    values: Floats
    scale: Scale
    quantile: float | None = None
    """The share of values below the figure; None for a mean."""

    def told(self, which: Bools | slice, weights: Floats) -> tuple[Floats, Floats]:
        """Return the values of some records that have one, and what these weigh."""
        values = self.values[which]
        told = np.isfinite(values)
        return values[told], weights[which][told]

    def found(self, which: Bools | slice, weights: Floats, level: float = 0.95) -> Found:
        """Return the figure of some records, with an interval that holds at every number of them."""
        x, w = self.told(which, weights)
        n = len(x)
        if not n:
            return Found(reason="nothing tells it")
        if self.quantile is not None:
            ends = quantile_sequence(x, self.quantile, level, weights=w, largest=self._heaviest(weights))
            low, high = _end(ends.low), _end(ends.high)
            return Found(value=ends.value, low=0.0 if low is None else low, high=high, n=n)
        if not self.scale.finite:
            return Found(value=float(np.average(x, weights=w)), n=n, reason="it has no range")
        ends = mean_sequence(self.scaled(x), level, weights=w, largest=self._heaviest(weights))
        return Found(
            value=self.unscaled(ends.value),
            low=self.unscaled(ends.low),
            high=self.unscaled(ends.high),
            n=n,
        )

    def scaled(self, values: Floats) -> Floats:
        """Return values on a range of 0 to 1."""
        low, high = self.scale.low or 0.0, 1.0 if self.scale.high is None else self.scale.high
        scaled: Floats = np.clip((values - low) / (high - low), 0.0, 1.0)
        return scaled

    def unscaled(self, value: float) -> float:
        """Return a value on the measure's own range."""
        low, high = self.scale.low or 0.0, 1.0 if self.scale.high is None else self.scale.high
        return low + value * (high - low)

    @staticmethod
    def _heaviest(weights: Floats) -> float:
        return float(weights.max(initial=1.0))


SHARE = Scale(0.0, 1.0, higher_is_better=False)


def measures_of(traffic: Traffic, scales: Mapping[str, Scale]) -> dict[str, Measure]:
    """Return all measures that are shown of records, by name; those of which nothing is told are left out.

    `scales` are those of labels that have scores.
    """
    found = [measure_named(name, traffic, scales) for name in (*SHOWN, *traffic.scores)]
    return {each.name: each for each in found if np.isfinite(each.values).any()}


def measure_named(name: str, traffic: Traffic, scales: Mapping[str, Scale]) -> Measure:
    """Return one measure of records. Raises UnknownName."""
    if name in QUANTILES:
        return Measure(name, traffic.seconds, Scale(0.0, None, higher_is_better=False), QUANTILES[name])
    if name == "errors":
        return Measure(name, _share(traffic.errors.there), SHARE)
    if name.startswith(ERROR):
        return Measure(name, _share(traffic.errors.equal(name.removeprefix(ERROR))), SHARE)
    if name in ("refusals", "truncated"):
        kind = "refusal" if name == "refusals" else "length"
        return Measure(name, np.where(traffic.finishes.there, traffic.finishes.equal(kind), np.nan), SHARE)
    if name == "good":
        return Measure(name, traffic.good, Scale(0.0, 1.0, higher_is_better=True))
    if name == "cost":
        return Measure(name, traffic.costs, Scale(0.0, None, higher_is_better=False))
    if name in traffic.scores or name in scales:
        scores = traffic.scores.get(name)
        values = np.full(len(traffic), np.nan) if scores is None else scores.values
        return Measure(name, values, _fitting(scales.get(name, Scale(None, None)), values))
    known = (*SHOWN, "p90", "p99", "cost", "error:timeout", *scales)
    raise UnknownName("measure of production", name, known)


def _fitting(scale: Scale, values: Floats) -> Scale:
    """Return a range, without ends where values lie off it: bets on it would say too much."""
    low, high = np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf)
    inside = (scale.low is None or low >= scale.low) and (scale.high is None or high <= scale.high)
    return scale if inside else Scale(None, None, scale.higher_is_better)


def _share(which: Bools) -> Floats:
    return np.asarray(which, dtype=np.float64)


def _end(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
