"""The plot of rules: each one's [L, U] against no change and the loss that is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptops.gate.headline import outcome_word, settled
from promptops.reports._axis import Axis
from promptops.reports._markup import NOTHING, Markup, joined, tag, text
from promptops.texts.figures import interval, signed
from promptops.verdicts import CellVerdict

WIDTH, TOP, ROW = 480, 34, 46
REACH = 4.0
"""Margins to either side that are drawn; an interval that goes on ends in an arrow."""
CAPTION = (
    "Each rule's change with its bounds, measured in the rule's own margin. To the right is better. "
    "PASS: the whole bar lies right of the accepted loss. FAIL: it lies left of no change."
)


@dataclass(frozen=True)
class _Interval:
    cell: CellVerdict
    low: float
    middle: float
    high: float


def intervals_plot(cells: Sequence[CellVerdict]) -> Markup:
    """Draw the rules that have a margin, each measured in its own; better lies on the right."""
    rows = _rows(cells)
    if not rows:
        return NOTHING
    axis = Axis(
        max(min(-2.0, *(each.low - 0.2 for each in rows)), -REACH),
        min(max(1.2, *(each.high + 0.2 for each in rows)), REACH),
        8,
        WIDTH - 8,
    )
    height = TOP + ROW * len(rows) + 6
    return tag(
        "svg",
        tag("title", text("Change of each rule's metric against the loss that is accepted"), id="intervals"),
        tag("desc", text(intervals_told(cells)), id="intervals-told"),
        _ground(axis, height),
        joined(_drawn(each, axis, TOP + ROW * place) for place, each in enumerate(rows)),
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby="intervals intervals-told",
    )


def intervals_told(cells: Sequence[CellVerdict]) -> str:
    """Say in words what the plot shows."""
    return " ".join(_described(each) for each in _rows(cells))


def _rows(cells: Sequence[CellVerdict]) -> list[_Interval]:
    return [each for each in map(_measured, cells) if each is not None]


def _measured(cell: CellVerdict) -> _Interval | None:
    delta, margin = cell.delta, cell.rule.margin
    if delta is None or margin is None or delta.difference is None or delta.low is None or delta.high is None:
        return None
    sign = 1.0 if delta.higher_is_better else -1.0
    low, high = sorted((sign * delta.low / margin, sign * delta.high / margin))
    return _Interval(cell, low, sign * delta.difference / margin, high)


def _described(each: _Interval) -> str:
    delta, rule = each.cell.delta, each.cell.rule
    told = interval(delta.low, delta.high, sign=True) if delta else "-"
    return f"{outcome_word(settled(each.cell))}: {_name(each.cell)} {told}, margin {rule.margin:g}."


def _ground(axis: Axis, height: float) -> Markup:
    accepted, none = axis.place(-1), axis.place(0)
    return joined(
        (
            tag("rect", x=0, y=22, width=accepted, height=height - 22, class_="beyond"),
            tag("line", x1=accepted, x2=accepted, y1=22, y2=height, class_="limit"),
            tag("line", x1=none, x2=none, y1=22, y2=height, class_="zero"),
            # Both words end or begin at their line, so that they can't run into each other.
            tag("text", text("accepted loss"), x=accepted - 4, y=14, text_anchor="end", class_="quiet"),
            tag("text", text("no change"), x=none + 4, y=14, class_="quiet"),
        )
    )


def _drawn(each: _Interval, axis: Axis, top: float) -> Markup:
    delta, outcome = each.cell.delta, settled(each.cell)
    middle = top + 30
    start, end = axis.place(each.low), axis.place(each.high)
    if delta is None:
        return NOTHING
    told = f"{signed(delta.difference)} {interval(delta.low, delta.high, sign=True)}"
    return tag(
        "g",
        tag("text", text(_name(each.cell)), x=8, y=top + 14, class_="label"),
        tag("text", text(told), x=WIDTH - 8, y=top + 14, text_anchor="end", class_="label figure"),
        tag("line", x1=start, x2=end, y1=middle, y2=middle, class_="bar"),
        _end(each.low, start, middle, axis.low, axis.high, -1),
        _end(each.high, end, middle, axis.high, axis.low, 1),
        tag("circle", cx=axis.place(each.middle), cy=middle, r=4, class_="dot")
        if axis.low <= each.middle <= axis.high
        else NOTHING,
        class_=outcome.lower(),
    )


def _end(value: float, place: float, middle: float, edge: float, opposite: float, side: int) -> Markup:
    if (value - opposite) * side < 0:
        return NOTHING  # all of the interval lies beyond the other edge, where an arrow says so
    if (value - edge) * side > 0:
        shape = f"M{place:.1f},{middle:.1f} l{-8 * side},-6 v12 z"
        return tag("path", d=shape, class_="arrow")
    return tag("line", x1=place, x2=place, y1=middle - 6, y2=middle + 6, class_="bar")


def _name(cell: CellVerdict) -> str:
    name = f"{cell.rule.metric} on {cell.rule.slice}" if cell.rule.slice else cell.rule.metric
    return name if len(name) <= 30 else name[:29] + "…"
