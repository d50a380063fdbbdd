"""Has a judge changed? What its readings of the same anchors say together, and when it was.

A series is what one judge (one signature) said of one set of anchors: what was frozen, where that was this
judge, and every reading since. It ends with an alarm, which stands until the anchors are frozen anew; after
as many checks as the test was planned for, the next reading begins another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptops.instruments import Drift, DriftPoint, Found
from promptops.judging.anchors import Anchors, Reading, moment
from promptops.judging.certificates import changed_parts
from promptops.noun import Noun
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.drift import PLANNED, TooFewAnchorsError, check_anchors
from promptops.stats.intervals import MeanInterval, mean_interval
from promptops.texts.figures import span

ALPHA = 0.05
"""Share of series of PLANNED checks in which a judge that stays the same raises an alarm, at most."""
MOST_UNREAD = 0.05
"""Share of anchors without a score above which nothing was measured, as with the gate."""
ALL_EQUAL = "the difference is the same on every anchor, so that an interval would have no width"
"""Why there is no interval: that of a mean says nothing where nothing varies."""
_ROW = PLANNED + 1


class AnchorCheck(Noun):
    """What was found when a judge's anchors were judged again."""

    evalset: str
    label: str
    judge: str
    signature: str
    date: str
    anchors: int
    """How many cases."""
    frozen_at: str
    began: str
    """When the series began: the date of what the test compares with first."""
    checks: int
    """Checks of this series, this one among them; 0 where it begins the series."""
    planned: int = PLANNED
    alpha: float = ALPHA
    """Share of series of so many checks in which a judge that stays the same raises an alarm, at most."""
    measured: bool
    unread: int
    """Anchors without a score this time."""
    reasons: tuple[str, ...] = ()
    """Why, each once."""
    difference: Found
    """This time less the frozen scores, in units of the scale; null for a judge with another scale."""
    p: float | None = None
    threshold: float | None = None
    """The alarm is raised where p is that or less."""
    drifted: bool = False
    """Whether this reading or an earlier one of the series raised the alarm."""
    before: str | None = None
    """With an alarm: the last reading before the change."""
    since: str | None = None
    """With an alarm: the first reading after it."""
    shift: Found = Found()
    """Where this reading raised the alarm: mean after the change less mean before."""
    new_series: str = ""
    """Why this reading begins a new series; empty where it does not."""
    calls: int = 0
    failed: int = 0
    """Of these, how many got no answer; a server may charge for them."""
    cost: float | None = None
    """US dollars; null where a price is not known."""
    replies: str = ""
    """The file with what the judge said."""
    stand_in: bool = False
    sentence: str = ""


class Change(Noun):
    """When a judge changed, and by how much."""

    before: str
    """The last reading before the change."""
    since: str
    """The first reading after it."""
    shift: float | None

    @property
    def span(self) -> str:
        """When it was, in words."""
        return span(self.before, self.since)

    def side(self, date: str) -> str:
        """Say on which side of the change something judged at a moment is: before, after or within it."""
        when = moment(date)
        if when >= moment(self.since):
            return "after"
        return "before" if when <= moment(self.before) else "within"


@dataclass(frozen=True)
class Series:
    """Times at which one judge said what it thinks of the same anchors."""

    dates: tuple[str, ...]
    rows: tuple[Mapping[str, float | None], ...]
    alarm: Reading | None


def series_of(anchors: Anchors, readings: Sequence[Reading], signature: str) -> Series:
    """Return the series that a judge's next reading belongs to, without it; empty where it begins one."""
    mine = [each for each in readings if (each.anchors, each.signature) == (anchors.digest, signature)]
    rows: list[tuple[str, Mapping[str, float | None]]] = []
    if signature == anchors.freezing.signature:
        rows.append((anchors.freezing.frozen_at, {case.id: case.score for case in anchors.cases}))
    rows += [(each.date, each.scores) for each in mine]
    rows = rows[len(rows) // _ROW * _ROW :]
    alarm = next((each for each in mine if each.alarm), None)
    return Series(tuple(date for date, _ in rows), tuple(scores for _, scores in rows), alarm)


def found_in(
    anchors: Anchors,
    readings: Sequence[Reading],
    fresh: Reading,
    scale: tuple[float | None, float | None],
    reasons: Sequence[str] = (),
) -> tuple[Reading, AnchorCheck]:
    """Return a fresh reading with what it shows, to be kept if it measured anything, and the check.

    `readings` are the earlier ones, `scale` is the judge's now, `reasons` say why anchors have no score.
    """
    freezing = anchors.freezing
    series = series_of(anchors, readings, fresh.signature)
    unread = sum(fresh.scores.get(case.id) is None for case in anchors.cases)
    check = AnchorCheck(
        evalset=freezing.evalset,
        label=freezing.label,
        judge=fresh.judge,
        signature=fresh.signature,
        date=fresh.date,
        anchors=len(anchors.cases),
        frozen_at=freezing.frozen_at,
        began=series.dates[0] if series.dates else fresh.date,
        checks=len(series.rows),
        measured=unread <= MOST_UNREAD * len(anchors.cases),
        unread=unread,
        reasons=tuple(dict.fromkeys(reasons)),
        difference=to_frozen(anchors, fresh, scale),
        new_series="" if series.rows or series.alarm else _why_new(anchors, readings, fresh),
    )
    if not check.measured:
        return fresh, _told(check)
    if series.alarm is not None:
        update: dict[str, object] = {"before": series.alarm.before, "since": series.alarm.since}
        return fresh, _told(check.model_copy(update=update | {"drifted": True}), series.alarm)
    if not series.rows:
        return fresh, _told(check)
    table = [
        [np.nan if (score := row.get(case.id)) is None else score for case in anchors.cases]
        for row in (*series.rows, fresh.scores)
    ]
    try:
        said = check_anchors(table, anchors.clusters, alpha=ALPHA, seed=len(table))
    except (TooFewAnchorsError, TooFewClustersError) as error:
        return fresh, _told(check.model_copy(update={"measured": False, "reasons": (str(error),)}))
    update = {"p": said.p, "threshold": said.threshold}
    reading = fresh.model_copy(update={"p": said.p})
    if said.change is not None and said.shift is not None:
        dates = (*series.dates, fresh.date)
        ends = {"before": dates[said.change - 1], "since": dates[said.change]}
        reading = reading.model_copy(update={**ends, "alarm": True, "shift": said.shift.mean})
        update |= {**ends, "drifted": True, "shift": _found(said.shift)}
    return reading, _told(check.model_copy(update=update))


def changes_of(readings: Sequence[Reading], signature: str) -> tuple[Change, ...]:
    """Return when a judge of one signature changed, the first change first."""
    return tuple(
        Change(before=each.before, since=each.since, shift=each.shift)
        for each in readings
        if each.alarm and each.signature == signature and each.before and each.since
    )


def to_frozen(
    anchors: Anchors, fresh: Reading, scale: tuple[float | None, float | None] | None = None
) -> Found:
    """Return the mean of a reading's scores less the frozen ones, paired by case; none on another `scale`."""
    pairs = [
        (score - case.score, cluster)
        for case, cluster in zip(anchors.cases, anchors.clusters, strict=True)
        if (score := fresh.scores.get(case.id)) is not None
    ]
    if scale is not None and scale != (anchors.freezing.low, anchors.freezing.high):
        return Found(n=len(pairs), reason="the scale is another one")
    gaps = [gap for gap, _ in pairs]
    if pairs and max(gaps) - min(gaps) <= 1e-9:
        return Found(value=gaps[0], n=len(gaps), reason=ALL_EQUAL)
    try:
        return _found(mean_interval(gaps, [cluster for _, cluster in pairs]))
    except (TooFewClustersError, ValueError):
        return Found(n=len(pairs), reason="too few anchors have a score")


def drift_of(
    anchors: Anchors, readings: Sequence[Reading], signature: str, scale: tuple[float | None, float | None]
) -> Drift:
    """Return what a judge of one signature, with this scale, said of these anchors."""
    mine = [each for each in readings if (each.anchors, each.signature) == (anchors.digest, signature)]
    return Drift(
        label=anchors.freezing.label,
        frozen_at=anchors.freezing.frozen_at,
        anchors=len(anchors.cases),
        points=tuple(
            DriftPoint(
                date=each.date,
                difference=to_frozen(anchors, each, scale),
                before=each.before if each.alarm else None,
                since=each.since if each.alarm else None,
            )
            for each in mine
        ),
        others=len(readings) - len(mine),
    )


def moved(shift: float | None) -> str:
    """Say how scores changed."""
    if shift is None:
        return "its scores changed"
    return f"its scores {'rose' if shift > 0 else 'fell'} by {abs(shift):.3g}"


def _found(each: MeanInterval) -> Found:
    if each.se <= 1e-9:
        return Found(value=each.mean, n=each.n, reason=ALL_EQUAL)
    return Found(value=each.mean, low=each.low, high=each.high, n=each.n)


def _why_new(anchors: Anchors, readings: Sequence[Reading], fresh: Reading) -> str:
    if any((each.anchors, each.signature) == (anchors.digest, fresh.signature) for each in readings):
        return f"{PLANNED} checks are over"
    return f"{changed_parts(anchors.freezing.signature, fresh.signature)} since the anchors were frozen"


def _told(check: AnchorCheck, earlier: Reading | None = None) -> AnchorCheck:
    return check.model_copy(update={"sentence": _sentence(check, earlier)})


def _sentence(check: AnchorCheck, earlier: Reading | None) -> str:
    gap = check.difference
    against = (
        f"{gap.value:+.3g} [{gap.low:+.3g}, {gap.high:+.3g}]"
        if gap.value is not None and gap.low is not None and gap.high is not None
        else f"{gap.value:+.3g} on every anchor"
        if gap.value is not None and gap.reason == ALL_EQUAL
        else "not comparable"
    )
    renew = f"promptops judge freeze {check.evalset}:{check.label} --renew"
    if not check.measured:
        why = f": {check.reasons[0]}" if check.reasons else ""
        return (
            f"{check.label} could not be checked: {check.unread} of {check.anchors} anchors have no "
            f"score{why}. Nothing was kept of it."
            if check.unread > MOST_UNREAD * check.anchors
            else f"{check.label} could not be checked{why}."
        )
    if check.before is not None and check.since is not None:
        when = span(check.before, check.since)
        if earlier is not None:
            return (
                f"{check.label} changed {when}: {moved(earlier.shift)}, as was found at the check of "
                f"{earlier.date[:10]}, and its anchors were not frozen since. Take the judge as it is now: "
                f"{renew}"
            )
        shift = check.shift
        within = "" if shift.low is None or shift.high is None else f" [{shift.low:+.3g}, {shift.high:+.3g}]"
        return (
            f"{check.label} changed {when}: {moved(shift.value)}{within} on {check.anchors} anchors "
            f"(p = {check.p:.2g}, alarm at {check.threshold:.2g}). Scores from before and after don't mean "
            f"the same. Take the judge as it is now: {renew}"
        )
    if check.new_series:
        return (
            f"{check.label} begins a new series, as {check.new_series}: there is nothing yet to hold this "
            f"reading against. Its difference to the frozen scores is {against}."
        )
    even = gap.reason == ALL_EQUAL and gap.value is not None
    frozen = f"to the frozen scores of {check.anchors} anchors"
    told = f"{gap.value:+.3g} {frozen}, on every one alike" if even else f"{against} {frozen}"
    return (
        f"{check.label} has not changed measurably since {check.began[:10]}: {told}, check {check.checks} of "
        f"{check.planned} (p = {check.p:.2g}, alarm at {check.threshold:.2g})."
    )
