"""The plot of agreement: what a judge said of cases against what people said of them."""

from __future__ import annotations

import math

from promptops.judging.certificates import Certificate, Pairing
from promptops.reports._axis import Axis
from promptops.reports._markup import NOTHING, Markup, joined, tag, text

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 480, 56, 472, 10, 330
MOST_VALUES = 11
"""Up to so many values on each side there is a table of counts; beyond, a point for each pair."""
GOLDEN = 0.618034
"""Multiples of it, without their whole parts, lie evenly in [0, 1)."""


def agreement_plot(found: Certificate) -> Markup:
    """Draw people's ratings across and the judge's scores up; on the line both say the same."""
    if not found.pairs:
        return NOTHING
    values = sorted({each for pair in found.pairs for each in (pair.judge, pair.person)})
    few = len(values) <= MOST_VALUES
    drawn = _table(found.pairs, values) if few else _points(found)
    middle = LEFT + _side(values) * len(values) / 2 if few else (LEFT + RIGHT) / 2
    return tag(
        "svg",
        tag("title", text(f"What {found.label} and people said of the same cases"), id="agreement"),
        tag("desc", text(agreement_told(found)), id="agreement-told"),
        drawn,
        tag(
            "text",
            text("people's rating"),
            x=middle,
            y=BOTTOM + 36,
            text_anchor="middle",
            class_="quiet",
        ),
        tag("text", text("the judge"), x=0, y=TOP + 8, class_="quiet"),
        viewBox=f"0 0 {WIDTH} {BOTTOM + 42}",
        role="img",
        aria_labelledby="agreement agreement-told",
    )


def agreement_told(found: Certificate) -> str:
    """Say in words what the plot shows."""
    total = sum(pair.times for pair in found.pairs)
    same = sum(pair.times for pair in found.pairs if pair.judge == pair.person)
    above = sum(pair.times for pair in found.pairs if pair.judge > pair.person)
    return (
        f"Of {total} pairs of a rating and a score {same} are the same, in {above} the judge said more, in "
        f"{total - same - above} less."
    )


def agreement_caption() -> str:
    """Say how the plot is read."""
    return (
        "Each case against each person's rating of it. On the framed squares or the line both say the same; "
        "above, the judge says more."
    )


def _side(values: list[float]) -> float:
    return min(RIGHT - LEFT, BOTTOM - TOP) / len(values)


def _table(pairs: tuple[Pairing, ...], values: list[float]) -> Markup:
    side = _side(values)
    top = max(pair.times for pair in pairs)
    places = {value: place for place, value in enumerate(values)}
    pieces = []
    for pair in pairs:
        x, y = LEFT + side * places[pair.person], BOTTOM - side * (places[pair.judge] + 1)
        opacity = f"{0.12 + 0.68 * pair.times / top:.2f}"
        pieces += [
            tag("rect", x=x, y=y, width=side, height=side, class_="cell", fill_opacity=opacity),
            tag(
                "text",
                text(str(pair.times)),
                x=x + side / 2,
                y=y + side / 2 + 4,
                text_anchor="middle",
                class_="figure",
            ),
        ]
    for value, place in places.items():
        middle = side * (place + 0.5)
        corner = {"x": LEFT + side * place, "y": BOTTOM - side * (place + 1)}
        pieces += [
            tag("rect", **corner, width=side, height=side, class_="same"),
            _mark(value, LEFT + middle, BOTTOM + 16, "middle"),
            _mark(value, LEFT - 8, BOTTOM - middle + 4, "end"),
        ]
    return joined(pieces)


def _points(found: Certificate) -> Markup:
    across = Axis(found.low, found.high, LEFT + 8, RIGHT - 8)
    up = Axis(found.low, found.high, BOTTOM - 8, TOP + 8)
    ends = {"x1": across.place(found.low), "x2": across.place(found.high)}
    pieces = [tag("line", **ends, y1=up.place(found.low), y2=up.place(found.high), class_="zero")]
    for tick in across.ticks():
        pieces += [
            tag("line", x1=LEFT, x2=RIGHT, y1=up.place(tick), y2=up.place(tick), class_="grid"),
            _mark(tick, across.place(tick), BOTTOM + 16, "middle"),
            _mark(tick, LEFT - 8, up.place(tick) + 4, "end"),
        ]
    for number, pair in enumerate(found.pairs):
        # Ratings are often round: pushed aside a little, points don't hide each other.
        aside = 10 * (number * GOLDEN % 1) - 5
        x = min(max(across.place(pair.person) + aside, LEFT), RIGHT)
        radius = min(3 * math.sqrt(pair.times), 10)
        pieces.append(tag("circle", cx=x, cy=up.place(pair.judge), r=radius, class_="point"))
    return joined(pieces)


def _mark(value: float, x: float, y: float, anchor: str) -> Markup:
    return tag("text", text(f"{value:g}"), x=x, y=y, text_anchor=anchor, class_="quiet")
