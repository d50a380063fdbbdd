"""Does a rule ring? By bets that may be looked at every hour for a year; sums and costs as they are.

A rule rings where the evidence of its window is enough, and falls quiet where that is gone and its figure is
back on the right side, so that it does not ring on and off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from promptops.stats.confidence import quantile_sequence
from promptops.stats.detector import Side, alarm_level, fell_below_before, restarted_evidence

_YEAR = 8_766
"""Hours."""
_DAYS_FROM = 48
"""Hours of a window from which on evidence starts anew by the day instead of by the hour."""
_STARTS = 4
"""Moments in a window at which a rise or a drop may have begun."""


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
        now = now if rule.odd_day is None else now.astype("datetime64[D]").astype("datetime64[us]")
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
    inside = (traffic.at >= span.start) & (traffic.at < now)
    earlier = (traffic.at >= span.before) & (traffic.at < span.start)
    if rule.metric in SUMS:
        return _counted(rule, traffic, inside, earlier)
    measure = measure_named(rule.metric, traffic, scales)
    _refuse_off_range(rule, measure)
    found = measure.found(inside, traffic.weights)
    past = measure.found(earlier, traffic.weights)
    relative = rule.rise is not None or rule.drop is not None
    before = past.value if relative else None
    if found.value is None or found.n < rule.min_records or (relative and past.n < rule.min_records):
        n = found.n if found.n < rule.min_records else past.n
        where = "" if n == found.n else f" in the {rule.before} before"
        told = f"{rule.metric}: {n:,} records tell it{where}, and {rule.min_records:,} are needed."
        return _alert(rule, found, before, None, told)
    beyond = _beyond(rule, found.value, before)
    if not _has_bets(measure):
        return _alert(rule, found, before, _state(beyond), _sentence(rule, found, before, _state(beyond)))
    rings = _rings(rule, measure, traffic, span) or (firing and beyond)
    return _alert(rule, found, before, _state(rings), _sentence(rule, found, before, _state(rings)))


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
    state = _state(_beyond(rule, values[0], before))
    unknown = rule.metric == "cost_total" and bool(np.isnan(traffic.costs[inside]).any())
    # What is known is a lower bound of the sum: it may be above a limit, never surely below one.
    if unknown and (rule.below is not None or relative or state == "quiet"):
        return _alert(rule, found, before, None, f"{rule.metric}: the cost of some records is not known.")
    return _alert(rule, found, before, state, _sentence(rule, found, before, state))


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


def _rings(rule: AlertRule, measure: Measure, traffic: Traffic, span: Span) -> bool:
    told = np.isfinite(measure.values)
    if rule.rise is None and rule.drop is None:
        return _beyond_limit(rule, measure, traffic, told, span)
    step = rule.hours / _STARTS
    first = int(np.ceil((span.start - _EPOCH) / _hours(step)))
    starts = [_EPOCH + _hours(step) * (first + place) for place in range(_STARTS)]
    alpha = rule.alpha * step / _YEAR
    return any(
        _moved(rule, measure, traffic, told, Span(start - (span.start - span.before), start, span.now), alpha)
        for start in starts
        if start < span.now
    )


_EPOCH = np.datetime64(0, "us")


def _beyond_limit(rule: AlertRule, measure: Measure, traffic: Traffic, told: Bools, span: Span) -> bool:
    name, limit = rule.limit
    by_day = rule.hours >= _DAYS_FROM
    unit = np.timedelta64(1, "D" if by_day else "h")
    first = int(np.ceil((span.start - _EPOCH) / unit))
    place = np.floor((traffic.at - _EPOCH) / unit).astype(np.intp) - first
    which = told & (place >= 0) & (traffic.at < span.now)
    x, weights = measure.values[which], traffic.weights
    side: Side = "above" if name == "above" else "below"
    if measure.quantile is not None:
        values, bound = (x > limit).astype(np.float64), 1 - measure.quantile
    else:
        values, bound = measure.scaled(x), float(measure.scaled(np.array([limit]))[0])
    count = max(int(np.floor((span.now - _EPOCH) / unit)) - first + 1, 1)
    evidence = restarted_evidence(
        values,
        place[which],
        bound,
        side,
        count=count,
        weights=weights[which],
        largest=float(weights.max(initial=1.0)),
    )
    return bool(evidence[-1] >= alarm_level(_YEAR / (24 if by_day else 1), rule.alpha))


def _moved(
    rule: AlertRule, measure: Measure, traffic: Traffic, told: Bools, span: Span, alpha: float
) -> bool:
    """Tell whether a measure rose or dropped from one moment on, against the time before that moment."""
    name, by = rule.limit
    before = told & (traffic.at >= span.before) & (traffic.at < span.start)
    after = told & (traffic.at >= span.start) & (traffic.at < span.now)
    if before.sum() < rule.min_records or not after.any():
        return False
    x, y = measure.values[before], measure.values[after]
    w, v, largest = traffic.weights[before], traffic.weights[after], float(traffic.weights.max())
    if measure.quantile is not None:
        return _quantile_moved(name == "rise", measure.quantile, by, alpha, x, y, (w, v, largest))
    scale = measure.scale
    by /= (scale.high or 1.0) - (scale.low or 0.0)
    x, y = measure.scaled(x), measure.scaled(y)
    if name == "rise":
        x, y = 1 - x, 1 - y
    return fell_below_before(
        x,
        y,
        np.zeros(len(y), dtype=np.intp),
        by,
        alpha,
        before_weights=w,
        after_weights=v,
        largest=largest,
    )


def _quantile_moved(
    rose: bool,
    share: float,
    by: float,
    alpha: float,
    x: Floats,
    y: Floats,
    weights: tuple[Floats, Floats, float],
) -> bool:
    """Tell whether a quantile moved: by half of alpha a bound of it before, by half the bets afterwards."""
    w, v, largest = weights
    ends = quantile_sequence(x, share, 1 - alpha, weights=w, largest=largest)
    edge = ends.high + by if rose else ends.low - by
    if not np.isfinite(edge):
        return False
    beyond, bound = ((y > edge), 1 - share) if rose else ((y < edge), share)
    evidence = restarted_evidence(
        beyond.astype(np.float64), np.zeros(len(y), dtype=np.intp), bound, "above", weights=v, largest=largest
    )
    return bool(evidence[-1] >= 2 / alpha)


def _state(rings: bool) -> AlertState:
    return "firing" if rings else "quiet"


def _sentence(rule: AlertRule, found: Found, before: float | None, state: AlertState) -> str:
    name, limit = rule.limit
    value = figure_text(rule.metric, found.value)
    if found.low is not None:
        high = "open" if found.high is None else figure_text(rule.metric, found.high)
        value += f" [{figure_text(rule.metric, found.low)}, {high}]"
    bound = figure_text(rule.metric, limit)
    told = f"{rule.metric} {value} in {rule.window}, {found.n:,} records"
    if name in ("above", "below"):
        verb = f"is {name}" if state == "firing" else f"is not surely {name}"
        return f"{told}: {verb} {bound}."
    past = figure_text(rule.metric, before)
    verb = {"rise": "rose", "drop": "dropped"}[name]
    verb = verb if state == "firing" else f"has not surely {'risen' if name == 'rise' else 'dropped'}"
    return f"{told}, {past} in the {rule.before} before: {verb} by more than {bound}."


def _alert(
    rule: AlertRule, found: Found, before: float | None, state: AlertState | None, sentence: str
) -> Alert:
    return Alert(
        rule=rule.name,
        metric=rule.metric,
        prompt=rule.prompt,
        model=rule.model,
        window=rule.window,
        state=state,
        found=found,
        before=before,
        sentence=sentence,
    )
