"""Does a rule on single days ring? The last whole day (UTC) against the days before it, once a day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from promptops.production.alertrules import AlertRule
from promptops.production.alerts import Alert
from promptops.production.days import Days
from promptops.production.measures import Scale, measure_named
from promptops.production.measuretext import figure_text
from promptops.production.traffic import Traffic
from promptops.stats.outliers import FEWEST, outlier_at
from promptops.texts.figures import counted, p_value

DAYS_OF_A_YEAR = 365.25


def day_looked_at(
    rule: AlertRule, traffic: Traffic, scales: Mapping[str, Scale], day: np.datetime64
) -> Alert:
    """Return how a rule stands by one day and the days before it. Raises UnknownName."""
    past = traffic.only(traffic.at < day + np.timedelta64(1, "D"))
    measure = measure_named(rule.metric, past, scales)
    days = Days.of(measure, past)
    found = measure.found(past.at >= day, past.weights)
    before = int((days.at < day).sum())
    if found.value is None or found.n < rule.min_records or not (days.at == day).any():
        tell = counted(found.n, f"record of {day} tells", f"records of {day} tell")
        return Alert.of(rule, found, f"{tell} it, and {rule.min_records:,} are needed.")
    far = outlier_at(days.figures, days.sizes, len(days.at) - 1, within=days.within)
    if far is None:
        tell = counted(before, f"day before {day} tells", f"days before {day} tell")
        return Alert.of(rule, found, f"{tell} it, and {FEWEST - 1} are needed.")
    level = rule.alpha / DAYS_OF_A_YEAR
    expected = far.interval(1 - level)
    low, high = days.shown([expected.low, expected.high])
    middle = (low + high) / 2
    side = "above" if found.value > middle else "below"
    rings = far.p <= level and rule.odd_day in (side, "either")
    said = f"far {side}" if far.p <= level else "not surely off"
    value, *ends = (figure_text(rule.metric, each) for each in (found.value, low, high))
    past_days, let = counted(before, "day"), "lets" if before == 1 else "let"
    sentence = (
        f"{value} on {day}, {counted(found.n, 'record')}: {said} the {ends[0]} to {ends[1]} that "
        f"{past_days} before {let} one expect (p {p_value(far.p)})."
    )
    return Alert.of(rule, found, sentence, "firing" if rings else "quiet", expected=(low, high))
