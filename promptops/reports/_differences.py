"""The plot of one metric's differences: every case's own change, from the worst to the best."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.reports._axis import Axis
from promptops.reports._markup import NOTHING, Markup, joined, tag, text
from promptops.texts.figures import interval, signed
from promptops.verdicts import Delta

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 474, 8, 196
COLUMNS = 400
"""Columns at most: there are no more points to draw on than that."""
SINGLE = 90
"""Up to so many cases have a bar each with a gap between them."""


def differences_plot(changes: Sequence[float], delta: Delta) -> Markup:
    """Draw sorted changes with the change of all and its [L, U]."""
    if not changes:
        return NOTHING
    ordered = sorted(changes, reverse=not delta.higher_is_better)
    edges = [*changes, 0.0, *(each for each in (delta.low, delta.high) if each is not None)]
    low, high = min(edges), max(edges)
    if low == high:
        low, high = -1.0, 1.0
    axis = Axis(low, high, BOTTOM, TOP)
    return tag(
        "svg",
        tag(
            "title",
            text(f"Change of {delta.label} in every case, from the worst to the best"),
            id="differences",
        ),
        tag("desc", text(differences_told(changes, delta)), id="differences-told"),
        _scale(axis),
        _band(axis, delta),
        joined(_bars(ordered, axis, delta.higher_is_better)),
        _middle(axis, delta),
        tag("line", x1=LEFT, x2=RIGHT, y1=axis.place(0), y2=axis.place(0), class_="zero"),
        tag(
            "text",
            text(f"{len(changes):,} cases, from the worst to the best change"),
            x=(LEFT + RIGHT) / 2,
            y=HEIGHT - 6,
            text_anchor="middle",
            class_="quiet",
        ),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby="differences differences-told",
    )


def differences_told(changes: Sequence[float], delta: Delta) -> str:
    """Say in words what the plot shows."""
    worse = sum(change < 0 if delta.higher_is_better else change > 0 for change in changes)
    same = sum(change == 0 for change in changes)
    return (
        f"{worse} of {len(changes)} cases got worse, {same} stayed the same, "
        f"{len(changes) - worse - same} got better. All: {signed(delta.difference)}, "
        f"[L, U] {interval(delta.low, delta.high, sign=True)}."
    )


def differences_caption(changes: Sequence[float], delta: Delta) -> str:
    """Say how the plot is read."""
    name = f"{delta.label} on {delta.slice}" if delta.slice else delta.label
    told = (
        f"Every case's own change in {name}. The line is the change of all, the band its [L, U]. "
        f"{sum(change == 0 for change in changes):,} of {len(changes):,} cases did not change."
    )
    if "bootstrap" in delta.method:
        told += " This metric looks at all texts together, so the line is not the mean of the bars."
    return told


def _scale(axis: Axis) -> Markup:
    marks = [
        (
            tag("line", x1=LEFT, x2=RIGHT, y1=axis.place(tick), y2=axis.place(tick), class_="grid"),
            tag(
                "text",
                text(f"{tick:+.4g}" if tick else "0"),
                x=LEFT - 6,
                y=axis.place(tick) + 4,
                text_anchor="end",
                class_="quiet",
            ),
        )
        for tick in axis.ticks()
    ]
    return joined(piece for mark in marks for piece in mark)


def _band(axis: Axis, delta: Delta) -> Markup:
    if delta.low is None or delta.high is None:
        return NOTHING
    top, bottom = axis.place(delta.high), axis.place(delta.low)
    return tag("rect", x=LEFT, y=top, width=RIGHT - LEFT, height=max(bottom - top, 1.0), class_="band")


def _bars(ordered: Sequence[float], axis: Axis, higher_is_better: bool) -> list[Markup]:
    """Return one path for what got worse and one for what got better."""
    shown = _thinned(ordered)
    width = (RIGHT - LEFT) / len(shown)
    bar = width * 0.8 if len(shown) <= SINGLE else width
    zero = axis.place(0)
    paths: dict[str, list[str]] = {"worse": [], "better": []}
    for number, change in enumerate(shown):
        if change:
            side = "better" if (change > 0) == higher_is_better else "worse"
            at = LEFT + number * width
            paths[side].append(f"M{at:.2f},{zero:.2f}V{axis.place(change):.2f}h{bar:.2f}V{zero:.2f}z")
    return [tag("path", d="".join(path), class_=side) for side, path in paths.items() if path]


def _thinned(ordered: Sequence[float]) -> Sequence[float]:
    """Return as many of sorted figures as can be told apart, the first and the last among them."""
    if len(ordered) <= COLUMNS:
        return ordered
    step = (len(ordered) - 1) / (COLUMNS - 1)
    return [ordered[round(place * step)] for place in range(COLUMNS)]


def _middle(axis: Axis, delta: Delta) -> Markup:
    if delta.difference is None:
        return NOTHING
    at = axis.place(delta.difference)
    return tag("line", x1=LEFT, x2=RIGHT, y1=at, y2=at, class_="mean")
