"""Does a rule ring? By bets that may be looked at every hour for a year; sums and costs as they are.

A rule rings where the evidence of its window is enough, and falls quiet where that is gone and its figure is
back on the right side, so that it does not ring on and off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from promptops.errors import UsageError
from promptops.instruments import Found
from promptops.production.alertrules import SUMS, AlertRule, hours_of
from promptops.production.alerts import Alert
from promptops.production.dayalerts import day_looked_at
from promptops.production.measures import Measure, Scale, measure_named
from promptops.production.measuretext import figure_text
from promptops.production.told import AlertState
from promptops.production.traffic import Traffic
from promptops.stats import Bools, Floats
from promptops.stats.changebounds import Sample, change_bounds
from promptops.stats.detector import Side, alarm_level, restarted_mean, restarted_quantile
from promptops.texts.figures import counted

_YEAR = 8_766
"""Hours."""
_DAYS_FROM = 48
"""Hours of a window from which on evidence starts anew by the day instead of by the hour."""
_EPOCH = np.datetime64(0, "us")
Ends = tuple[float | None, float | None]
"""Of an interval; None where one is open."""


@dataclass(frozen=True)
class Span:
    """The window of a rule and the time before it, as moments."""

    before: np.datetime64
    start: np.datetime64
    now: np.datetime64

    @classmethod
    def of(cls, rule: AlertRule, now: np.datetime64) -> Span:
        """Return the times that a rule looks at."""
        # Of single days only whole ones are looked at.
        if rule.odd_day is not None:
            now = now.astype("datetime64[D]").astype("datetime64[us]")
        elif rule.past_is_needed and rule.metric not in SUMS:
            now = _EPOCH + _hours(rule.step) * int((now - _EPOCH) // _hours(rule.step))
        start = now - _hours(rule.hours)
        return cls(start - _hours(hours_of(rule.before)), start, now)


def looked_at(
    rule: AlertRule, traffic: Traffic, scales: Mapping[str, Scale], now: np.datetime64, *, firing: bool
) -> Alert:
    """Return how a rule stands by records of its window and the time before.

    `firing` is how it stood at the last check. Raises UsageError where its limit lies off the measure's
    range, UnknownName.
    """
    span = Span.of(rule, now)
    if rule.odd_day is not None:
        return day_looked_at(rule, traffic, scales, span.start.astype("datetime64[D]"))
    inside = (traffic.at >= span.start) & (traffic.at < span.now)
    earlier = (traffic.at >= span.before) & (traffic.at < span.start)
    if rule.metric in SUMS:
        return _counted(rule, traffic, inside, earlier)
    measure = measure_named(rule.metric, traffic, scales)
    _refuse_off_range(rule, measure)
    found = measure.found(inside, traffic.weights)
    past = measure.found(earlier, traffic.weights) if rule.past_is_needed else None
    before = None if past is None else past.value
    if found.value is None or min(found.n, found.n if past is None else past.n) < rule.min_records:
        few = found if past is None or found.n < rule.min_records else past
        where = "" if few is found else f" in the {rule.before} before"
        tell = counted(few.n, "record tells", "records tell")
        told = f"{tell} it{where}, and {rule.min_records:,} are needed."
        return Alert.of(rule, found, told, before=before)
    beyond = _beyond(rule, found.value, before)
    change = None
    if not _has_bets(measure):
        rings = beyond
    elif past is None:
        low, high = _limit_bounds(rule, measure, traffic, span)
        found = found.model_copy(update={"low": low, "high": high})
        rings = _surely(rule, (low, high)) or (firing and beyond)
    else:
        change = _change_bounds(rule, measure, traffic, inside, earlier)
        found = found.model_copy(update={"low": None, "high": None})
        rings = _surely(rule, change) or (firing and beyond)
    sentence = _sentence(rule, found, past, change, rings)
    return Alert.of(rule, found, sentence, _state(rings), before=before, change=change)


def unmeasured(rule: AlertRule, why: str) -> Alert:
    """Return a rule that stays as it was, as nothing could be measured."""
    return Alert.of(rule, Found(reason="nothing tells it"), why)


def _hours(count: float) -> np.timedelta64:
    return np.timedelta64(round(count * 3_600_000_000), "us")


def _counted(rule: AlertRule, traffic: Traffic, inside: Bools, earlier: Bools) -> Alert:
    """Decide a rule on a sum; the time before is brought to the length of the window."""
    length = rule.hours / hours_of(rule.before)
    values = []
    for which, factor in ((inside, 1.0), (earlier, length)):
        costs = traffic.costs[which]
        told = traffic.weights[which] if rule.metric == "calls" else costs * traffic.weights[which]
        values.append(float(np.nansum(told)) * factor)
    found = Found(value=values[0], n=int(inside.sum()))
    relative = rule.rise is not None or rule.drop is not None
    before = values[1] if relative else None
    rings = _beyond(rule, values[0], before)
    past = Found(value=values[1], n=int(earlier.sum())) if relative else None
    unknown = rule.metric == "cost_total" and bool(np.isnan(traffic.costs[inside]).any())
    # What is known is a lower bound of the sum: it may be above a limit, never surely below one.
    if unknown and (rule.below is not None or relative or not rings):
        return Alert.of(rule, found, "the cost of some records is not known.", before=before)
    return Alert.of(rule, found, _sentence(rule, found, past, None, rings), _state(rings), before=before)


def _refuse_off_range(rule: AlertRule, measure: Measure) -> None:
    name, limit = rule.limit
    low, high = measure.scale.low, measure.scale.high
    if name in ("rise", "drop") or low is None or high is None or low <= limit <= high:
        return
    raise UsageError(
        f"[[monitor.alert]] {rule.name!r}: {rule.metric} lies between {low:g} and {high:g}, so that it is "
        f"never {name} {limit:g}. Shares are written as 0.05, not as 5."
    )


def _has_bets(measure: Measure) -> bool:
    return measure.quantile is not None or measure.scale.finite


def _beyond(rule: AlertRule, value: float, before: float | None) -> bool:
    """Tell whether the figure itself lies beyond the limit."""
    name, limit = rule.limit
    if name == "above":
        return value > limit
    if name == "below":
        return value < limit
    past = value if before is None else before
    return value > past + limit if name == "rise" else value < past - limit


def _limit_bounds(rule: AlertRule, measure: Measure, traffic: Traffic, span: Span) -> Ends:
    """Return the end of the figure that decides: where it crosses the limit the rule rings."""
    by_day = rule.hours >= _DAYS_FROM
    unit = np.timedelta64(1, "D" if by_day else "h")
    first = int(np.ceil((span.start - _EPOCH) / unit))
    place = np.floor((traffic.at - _EPOCH) / unit).astype(np.intp) - first
    which = np.isfinite(measure.values) & (place >= 0) & (traffic.at < span.now)
    weights = traffic.weights
    settings: _Stream = {
        "level": alarm_level(_YEAR / (24 if by_day else 1), rule.alpha),
        "count": max(int(np.floor((span.now - _EPOCH) / unit)) - first + 1, 1),
        "weights": weights[which],
        "largest": float(weights.max(initial=1.0)),
    }
    x, units = measure.values[which], place[which]
    side: Side = "above" if rule.above is not None else "below"
    if measure.quantile is not None:
        end = restarted_quantile(x, units, measure.quantile, side, **settings)
    else:
        end = measure.unscaled(restarted_mean(measure.scaled(x), units, side, **settings))
    shown = float(end) if np.isfinite(end) else None
    return (shown, None) if side == "above" else (None, shown)


class _Stream(TypedDict):
    level: float
    count: int
    weights: Floats
    largest: float


def _change_bounds(
    rule: AlertRule, measure: Measure, traffic: Traffic, inside: Bools, earlier: Bools
) -> Ends:
    """Return the ends of the change from the time before, at which false alarms keep to alpha in a year."""

    def sample(which: Bools) -> Sample:
        told = which & np.isfinite(measure.values)
        x = measure.values[told]
        return Sample(
            x if measure.quantile is not None else measure.scaled(x),
            traffic.weights[told],
            measure.quantile,
            float(traffic.weights.max(initial=1.0)),
        )

    size = 1.0 if measure.quantile is not None else measure.unscaled(1.0) - measure.unscaled(0.0)
    low, high = change_bounds(sample(earlier), sample(inside), rule.alpha * rule.step / _YEAR)
    return (None if np.isinf(low) else low * size), (None if np.isinf(high) else high * size)


def _surely(rule: AlertRule, ends: Ends) -> bool:
    """Tell whether the end that decides lies beyond the limit."""
    name, limit = rule.limit
    low, high = ends
    if name in ("above", "rise"):
        return low is not None and low > limit
    return high is not None and high < (limit if name == "below" else -limit)


def _state(rings: bool) -> AlertState:
    return "firing" if rings else "quiet"


def _sentence(rule: AlertRule, found: Found, past: Found | None, change: Ends | None, rings: bool) -> str:
    name, limit = rule.limit
    bound = figure_text(rule.metric, limit)
    told = f"{figure_text(rule.metric, found.value)} in {rule.window}"
    told += f", {counted(found.n, 'record')}"
    if past is None:
        told += _end_text(rule, found)
        return f"{told}: {f'is {name}' if rings else f'is not surely {name}'} {bound}."
    told += (
        f", {figure_text(rule.metric, past.value)} in the {rule.before} before, {counted(past.n, 'record')}"
    )
    if change is not None:
        told += f", change [{_change_text(rule, change[0])}, {_change_text(rule, change[1])}]"
    verbs = ("rose", "has not surely risen") if name == "rise" else ("dropped", "has not surely dropped")
    return f"{told}: {verbs[0] if rings else verbs[1]} by more than {bound}."


def _end_text(rule: AlertRule, found: Found) -> str:
    """Tell the end that decides; evidence is of late, so that it may lie beyond the window's own figure."""
    end = found.low if found.high is None else found.high
    if end is None or found.value is None:
        return ""
    late = found.value < end if found.high is None else found.value > end
    side = "more" if found.high is None else "less"
    return f", {'of late ' if late else ''}surely {figure_text(rule.metric, end)} or {side}"


def _change_text(rule: AlertRule, value: float | None) -> str:
    if value is None:
        return "open"
    return f"{'-' if value < 0 else '+'}{figure_text(rule.metric, abs(value))}"
