"""Quality against cost as one self-contained SVG: every system with its interval, and the Pareto front.

No script, no font and no address in it; names come from users and models and are escaped.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from promptops.analysis.ranking import By, Ranking, amount
from promptops.errors import UsageError
from promptops.plots.sheet import Axis, line_of_text, number, sheet, ticks, written
from promptops.texts.figures import figure
from promptops.texts.visible import visible_line

WIDTH = 880
LEFT, RIGHT, TOP, BOTTOM = 76, 856, 84, 470
SIZE = 12.5
"""Of a label's letters."""

_UNITS: dict[By, str] = {
    "cost": "US dollars per 1,000 samples",
    "tokens": "tokens read and written for a sample",
    "seconds": "seconds for an answer (median)",
}
_LOG_FROM = 20.0
"""Amounts that differ by more than this factor stand on a logarithmic axis."""
_ZOOM_BELOW = 0.3
"""Amounts that differ by less than this share of the largest get an axis without 0."""


@dataclass(frozen=True)
class Point:
    """One system: what it takes, its figure and interval, and how it is marked."""

    name: str
    x: float
    y: float
    low: float
    high: float
    chosen: bool


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> float:
        """Return the area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)


def cost_plot(ranking: Ranking) -> str:
    """Return the SVG of a ranking's first metric against what it counts as cost (`ranking.by`).

    Systems whose amount is unknown are named below and not drawn. Raises UsageError where that is all.
    """
    table = ranking.metrics[0]
    systems = {system.run: system for system in ranking.systems}
    points, left_out = [], []
    for one in table.standings:
        x = amount(systems[one.run], ranking.by)
        if x is None or one.figure is None:
            left_out.append(systems[one.run].label)
            continue
        low, high = (one.figure if end is None else end for end in (one.low, one.high))
        points.append(Point(systems[one.run].label, x, one.figure, low, high, one.run == ranking.best.run))
    if not points:
        raise UsageError(
            f"There is nothing to draw: no run has both a figure and a known {ranking.by}. "
            "Tokens or seconds may be known: --by tokens, --by seconds"
        )
    better = "higher is better" if table.higher_is_better else "lower is better"
    unit = f", {table.unit}" if table.unit else ""
    return draw(
        points,
        title=f"{table.label} against {ranking.by} on {ranking.evalset}",
        x_name=_UNITS[ranking.by],
        y_name=f"{table.label}{unit} ({better})",
        higher_is_better=table.higher_is_better,
        notes=(
            f"Bars: each system's own {ranking.level:.0%} interval on {table.n} samples. Two may overlap "
            "and yet differ for certain: differences are paired.",
            "Filled: on the Pareto front, no other is both cheaper and better as the figures stand. "
            "Ring: the best by the rule.",
            *([f"Not drawn, {ranking.by} unknown: {', '.join(left_out)}"] if left_out else []),
        ),
    )


def draw(
    points: Sequence[Point],
    *,
    title: str,
    x_name: str,
    y_name: str,
    higher_is_better: bool,
    notes: Sequence[str] = (),
) -> str:
    """Return points as an SVG document; cheaper is further left."""
    across, up = _across([point.x for point in points]), _up(points)
    front = [points[place] for place in pareto(points, higher_is_better)]
    corners = _corners(front, across, up)
    tall = BOTTOM + 70 + 15 * len(notes)
    parts = [
        line_of_text(LEFT, 34, title, size=19, weight="600", limit=84),
        line_of_text(LEFT, 60, y_name, size=13, colour="#555555", limit=100),
        *_grid(across, up),
        line_of_text((LEFT + RIGHT) / 2, BOTTOM + 42, x_name, size=13, colour="#555555", anchor="middle"),
        *_steps(corners),
        *(_mark(point, point in front, across, up) for point in points),
        *_labels(points, corners, across, up),
        *(
            line_of_text(LEFT, BOTTOM + 64 + 15 * row, note, size=11, colour="#666666", limit=150)
            for row, note in enumerate(notes)
        ),
    ]
    return sheet(parts, title=title, wide=WIDTH, tall=tall)


def pareto(points: Sequence[Point], higher_is_better: bool) -> list[int]:
    """Return the places of points that no other equals in both cost and figure and beats in one."""
    sign = 1.0 if higher_is_better else -1.0
    return [
        place
        for place, one in enumerate(points)
        if not any(
            other.x <= one.x
            and sign * other.y >= sign * one.y
            and (other.x < one.x or sign * other.y > sign * one.y)
            for other in points
        )
    ]


def _across(values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    if low > 0 and high / low > _LOG_FROM:
        start, end = math.log10(low), math.log10(high)
        pad = 0.06 * (end - start)
        ends = 10 ** (start - pad), 10 ** (end + pad)
        return Axis(*ends, LEFT, RIGHT, _decades(*ends), log=True)
    if high <= 0:
        return Axis(-0.05, 1.0, LEFT, RIGHT, (0.0,))
    if high - low < _ZOOM_BELOW * high:
        pad = max(0.15 * (high - low), 0.02 * high)
        return Axis(low - pad, high + pad, LEFT, RIGHT, ticks(low - pad, high + pad))
    return Axis(-0.03 * high, 1.06 * high, LEFT, RIGHT, ticks(0.0, 1.06 * high))


def _up(points: Sequence[Point]) -> Axis:
    low, high = min(point.low for point in points), max(point.high for point in points)
    pad = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    return Axis(low - pad, high + pad, BOTTOM, TOP, ticks(low - pad, high + pad))


def _decades(low: float, high: float) -> tuple[float, ...]:
    """Return 1, 2 and 5 of each decade, fewer of them where there are many decades."""
    span = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(span) <= 4 else (1,)
    return tuple(
        factor * 10.0**power for power in span for factor in factors if low <= factor * 10.0**power <= high
    )


def _grid(across: Axis, up: Axis) -> Iterator[str]:
    for tick in up.ticks:
        y = up.at(tick)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#e6e6e6"/>'
        yield line_of_text(LEFT - 9, y + 4, number(tick), size=12, colour="#555555", anchor="end")
    yield f'<path d="M{LEFT} {BOTTOM}H{RIGHT}" stroke="#8a8a8a"/>'
    for tick in across.ticks:
        x = across.at(tick)
        yield f'<path d="M{x:.1f} {BOTTOM}v5" stroke="#8a8a8a"/>'
        yield line_of_text(x, BOTTOM + 20, number(tick), size=12, colour="#555555", anchor="middle")


def _corners(front: Sequence[Point], across: Axis, up: Axis) -> list[tuple[float, float]]:
    """Return the corners of the front as steps: the best that so much buys."""
    corners: list[tuple[float, float]] = []
    for point in sorted(front, key=lambda each: each.x):
        x, y = across.at(point.x), up.at(point.y)
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    return corners


def _steps(corners: Sequence[tuple[float, float]]) -> Iterator[str]:
    if len(corners) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
        yield f'<path d="M{path}" fill="none" stroke="#9dbde0" stroke-width="1.5" stroke-dasharray="4 3"/>'


def _mark(point: Point, on_front: bool, across: Axis, up: Axis) -> str:
    x, y, low, high = across.at(point.x), up.at(point.y), up.at(point.low), up.at(point.high)
    colour = "#1f5fa8" if on_front else "#8a8f98"
    fill = colour if on_front else "#ffffff"
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9.5" fill="none" stroke="#d9822b" stroke-width="2"/>'
    told = f"{point.name}: {figure(point.y)} [{figure(point.low)}, {figure(point.high)}]"
    bar = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {low:.1f}h10M{x - 5:.1f} {high:.1f}h10"
    return (
        f'<g><title>{written(told)}</title><path d="{bar}" stroke="{colour}" stroke-width="1.6" fill="none"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{fill}" stroke="{colour}" stroke-width="1.8"/>'
        f"{ring if point.chosen else ''}</g>"
    )


def _labels(
    points: Sequence[Point], corners: Sequence[tuple[float, float]], across: Axis, up: Axis
) -> Iterator[str]:
    """Yield each name beside its point, where it covers least of other names, points, bars and the front."""
    taken = [box for point in points for box in _obstacles(point, across, up)]
    taken += [
        _Box(min(x, a) - 1, min(y, b) - 1, max(x, a) + 1, max(y, b) + 1)
        for (x, y), (a, b) in pairwise(corners)
    ]
    for point in sorted(points, key=lambda each: (not each.chosen, across.at(each.x))):
        x, y = across.at(point.x), up.at(point.y)
        name = visible_line(point.name, 44)
        box = _free_place(x, y, _width(name, SIZE), taken)
        taken.append(box)
        if abs((box.top + box.bottom) / 2 - y) > 20:
            near = min(max(x, box.left), box.right)
            edge = box.bottom if box.bottom < y else box.top
            yield f'<path d="M{x:.1f} {y:.1f}L{near:.1f} {edge:.1f}" stroke="#b4b4b4"/>'
        # The real font is not known: against the point's side the width need not be right.
        start, anchor = (box.right, "end") if box.right < x else (box.left, "start")
        weight = "600" if point.chosen else "400"
        yield line_of_text(start, box.bottom - 4, name, size=SIZE, weight=weight, anchor=anchor, halo=True)


def _obstacles(point: Point, across: Axis, up: Axis) -> list[_Box]:
    x, y, low, high = across.at(point.x), up.at(point.y), up.at(point.low), up.at(point.high)
    return [_Box(x - 9, y - 9, x + 9, y + 9), _Box(x - 5, min(low, high), x + 5, max(low, high))]


def _free_place(x: float, y: float, width: float, taken: Sequence[_Box]) -> _Box:
    """Return the nearest place for a label that covers least."""
    height = SIZE + 4
    best: tuple[float, _Box] | None = None
    for step in range(24):
        for down in dict.fromkeys((-step, step)):
            for side in (x + 13, x - 13 - width):
                top = y - height / 2 + down * height / 2
                box = _Box(side, top, side + width, top + height)
                if box.left < LEFT or box.right > WIDTH - 4 or box.top < TOP - 14 or box.bottom > BOTTOM:
                    continue
                covered = sum(box.meets(other) for other in taken)
                if best is None or covered < best[0] - 1e-9:
                    best = covered, box
        if best is not None and best[0] == 0:
            break
    if best is None:  # wider than the paper on both sides of its point
        start = min(max(4.0, x + 13), max(4.0, WIDTH - 4 - width))
        return _Box(start, y - height - 8, start + width, y - 8)
    return best[1]


def _width(text: str, size: float) -> float:
    """Return about how wide a text is; letters of a font that we don't know."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (0.56 * (len(text) - wide) + 1.0 * wide)
