"""The plot of drift: a judge's scores of its anchors at each reading, less the frozen ones."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.instruments import Drift, DriftPoint
from promptops.reports._axis import Axis
from promptops.reports._markup import NOTHING, Markup, joined, tag, text
from promptops.texts.figures import interval, signed

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 480, 56, 472, 12, 180
MOST = 60
"""The newest readings that are drawn."""


def drift_plot(found: Drift) -> Markup:
    """Draw each reading's difference from the frozen scores with its interval, one beside the other."""
    points = _measured(found)
    if not points:
        return NOTHING
    dates = _dates(points)
    edges = [each for point in points for each in _ends(point)]
    low, high = min(0.0, *edges), max(0.0, *edges)
    room = 0.08 * (high - low) or 0.5
    axis = Axis(low - room, high + room, BOTTOM, TOP)
    step = (RIGHT - LEFT) / len(points)
    return tag(
        "svg",
        tag("title", text(f"Scores of {found.label} on its anchors over time"), id="drift"),
        tag("desc", text(drift_told(found)), id="drift-told"),
        joined(_scale(axis)),
        tag("line", x1=LEFT, x2=RIGHT, y1=axis.place(0), y2=axis.place(0), class_="zero"),
        joined(_drawn(point, axis, LEFT + step * (place + 0.5)) for place, point in enumerate(points)),
        tag("text", text(dates[0]), x=LEFT, y=BOTTOM + 18, class_="quiet"),
        tag("text", text(dates[-1]), x=RIGHT, y=BOTTOM + 18, text_anchor="end", class_="quiet")
        if len(points) > 1
        else NOTHING,
        viewBox=f"0 0 {WIDTH} {BOTTOM + 24}",
        role="img",
        aria_labelledby="drift drift-told",
    )


def drift_told(found: Drift) -> str:
    """Say in words what the plot shows."""
    told = []
    points = _measured(found)
    for point, date in zip(points, _dates(points), strict=True):
        gap, alarm = point.difference, ", alarm" if point.alarm else ""
        ends = "on every anchor" if gap.low is None else interval(gap.low, gap.high, sign=True)
        told.append(f"{date}: {signed(gap.value)} {ends}{alarm}.")
    return " ".join(told)


def drift_caption(found: Drift) -> str:
    """Say how the plot is read."""
    count = len(_measured(found))
    older = f" The newest {count} of {len(found.points)}." if count < len(found.points) else ""
    return (
        f"The mean score of {found.anchors} anchors at each reading less that when they were frozen, on "
        f"{found.frozen_at[:10]}, with its 95 % interval. A square is the reading that raised the "
        f"alarm.{older}"
    )


def _measured(found: Drift) -> list[DriftPoint]:
    return [point for point in found.points if point.difference.value is not None][-MOST:]


def _dates(points: Sequence[DriftPoint]) -> list[str]:
    """Return the readings' days, with as much of the time as tells the first one from the last."""
    ends = [*points[:1], *points[-1:]]
    length = next((each for each in (10, 16) if len({point.date[:each] for point in ends}) > 1), 19)
    return [point.date[: length if len(points) > 1 else 10].replace("T", " ") for point in points]


def _ends(point: DriftPoint) -> list[float]:
    found = point.difference
    return [each for each in (found.value, found.low, found.high) if each is not None]


def _scale(axis: Axis) -> list[Markup]:
    pieces = []
    for tick in axis.ticks():
        y = axis.place(tick)
        pieces += [
            tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"),
            tag(
                "text",
                text(f"{tick:+.4g}" if tick else "0"),
                x=LEFT - 6,
                y=y + 4,
                text_anchor="end",
                class_="quiet",
            ),
        ]
    return pieces


def _drawn(point: DriftPoint, axis: Axis, x: float) -> Markup:
    found = point.difference
    if found.value is None:
        return NOTHING
    y = axis.place(found.value)
    return tag(
        "g",
        tag("line", x1=x, x2=x, y1=axis.place(found.low), y2=axis.place(found.high), class_="bar")
        if found.low is not None and found.high is not None
        else NOTHING,
        tag("rect", x=x - 5, y=y - 5, width=10, height=10, class_="dot")
        if point.alarm
        else tag("circle", cx=x, cy=y, r=4, class_="dot"),
        class_="fail" if point.alarm else "reading",
    )
