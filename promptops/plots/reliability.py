"""Metrics against feedback as one self-contained SVG: each area with its interval, the best on top."""

from __future__ import annotations

from promptops.plots.sheet import Axis, line_of_text, number, sheet, ticks, written
from promptops.production.reliability import MetricReliability, Reliability
from promptops.texts.figures import counted
from promptops.texts.visible import visible_line

_LEFT, _RIGHT, _TOP = 240, 700, 92
_ROW = 30
_WIDTH = 880
_COLOURS = {"trust": "#1a7f4b", "weak": "#8f5a00", "reversed": "#c02f45"}


def reliability_plot(found: Reliability) -> str:
    """Return the SVG of the table of metrics; names are escaped."""
    rows = [each for each in found.metrics if each.auc.value is not None]
    axis = Axis(0.0, 1.0, _LEFT, _RIGHT, ticks(0.0, 1.0))
    bottom = _TOP + _ROW * max(len(rows), 1)
    left_out = len(found.metrics) - len(rows)
    parts = [
        line_of_text(24, 34, f"Which metric tells what users like? {found.evalset}", size=19, weight="600"),
        line_of_text(
            24,
            60,
            f"{counted(found.records, 'record')} with feedback, {found.good:,} liked"
            + (f"; {counted(left_out, 'metric')} with too few left out" if left_out else ""),
            size=13,
            colour="#555555",
        ),
    ]
    for tick in axis.ticks:
        x = axis.at(tick)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#e6e6e6"/>')
        parts.append(line_of_text(x, bottom + 20, number(tick), size=12, colour="#555555", anchor="middle"))
    middle = axis.at(0.5)
    parts.append(f'<path d="M{middle:.1f} {_TOP}V{bottom}" stroke="#8a8a8a" stroke-dasharray="4 3"/>')
    for place, each in enumerate(rows):
        parts += _row(each, axis, _TOP + _ROW * place + _ROW / 2)
    parts.append(
        line_of_text(
            (_LEFT + _RIGHT) / 2,
            bottom + 42,
            "how often a liked answer scores better than one that was not (0.5: chance)",
            size=13,
            colour="#555555",
            anchor="middle",
        )
    )
    return sheet(parts, title=f"Reliability of {found.evalset}", wide=_WIDTH, tall=bottom + 64)


def _row(each: MetricReliability, axis: Axis, y: float) -> list[str]:
    value, low, high = each.auc.value, each.auc.low, each.auc.high
    if value is None or low is None or high is None:
        return []
    colour = _COLOURS.get(each.trust, "#8a8f98")
    a, b = axis.at(low), axis.at(high)
    path = f"M{a:.1f} {y:.1f}H{b:.1f}M{a:.1f} {y - 5:.1f}v10M{b:.1f} {y - 5:.1f}v10"
    told = f"{each.label}: {value:.3f} [{low:.3f}, {high:.3f}], {each.trust}, {counted(each.n, 'record')}"
    return [
        line_of_text(_LEFT - 12, y + 4, visible_line(each.label, 34), size=12.5, anchor="end"),
        f"<g><title>{written(told)}</title>"
        f'<path d="{path}" stroke="{colour}" stroke-width="1.6" fill="none"/>'
        f'<circle cx="{axis.at(value):.1f}" cy="{y:.1f}" r="5" fill="{colour}"/></g>',
        line_of_text(_RIGHT + 16, y + 4, f"{each.trust}, n {each.n:,}", size=12.5, colour=colour),
    ]
