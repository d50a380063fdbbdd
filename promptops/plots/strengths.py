"""Strengths of systems as one self-contained SVG: a line each, with its interval and its ranks."""

from __future__ import annotations

from promptops.pairs.standings import PairRanking, PairStanding
from promptops.plots.sheet import Axis, line_of_text, number, sheet, ticks, written
from promptops.texts.figures import shortened
from promptops.texts.visible import visible_line

_LEFT, _RIGHT, _TOP = 300, 800, 92
_ROW = 30
_WIDTH = 880


def strength_plot(found: PairRanking, *, elo: bool = False) -> str:
    """Return the SVG of a ranking by pairs, the strongest on top; names are escaped."""
    rows = [_figures(one, elo=elo) for one in found.standings]
    ends = [end for row in rows for end in row if end is not None]
    pad = 0.06 * (max(ends) - min(ends)) or 1.0
    low, high = min(ends) - pad, max(ends) + pad
    axis = Axis(low, high, _LEFT, _RIGHT, ticks(low, high))
    bottom = _TOP + _ROW * len(rows)
    scale = (
        f"Elo points, {found.zero} is {found.anchor_elo:g}" if elo else f"strength (logit), {found.zero} is 0"
    )
    notes = [
        f"Bars: each system's own {found.level:.0%} interval, questions as clusters. Right: the ranks that "
        "each can have, all together.",
        f"{found.n} judgements, {found.groups} questions. {found.method}.",
    ]
    parts = [
        line_of_text(24, 34, f"Strengths by pairs: {found.source}", size=19, weight="600", limit=76),
        line_of_text(24, 60, found.sentence, size=13, colour="#555555", limit=128),
        line_of_text(_RIGHT + 24, _TOP - 8, "rank", size=12, colour="#555555"),
    ]
    for tick in axis.ticks:
        x = axis.at(tick)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#e6e6e6"/>')
        parts.append(line_of_text(x, bottom + 20, number(tick), size=12, colour="#555555", anchor="middle"))
    parts.append(f'<path d="M{_LEFT} {bottom}H{_RIGHT}" stroke="#8a8a8a"/>')
    for place, (one, row) in enumerate(zip(found.standings, rows, strict=True)):
        parts += _row(one, row, axis, _TOP + _ROW * place + _ROW / 2)
    middle = (_LEFT + _RIGHT) / 2
    parts.append(
        line_of_text(middle, bottom + 42, scale, size=13, colour="#555555", anchor="middle", limit=80)
    )
    parts += [
        line_of_text(24, bottom + 66 + 15 * row, note, size=11, colour="#666666", limit=150)
        for row, note in enumerate(notes)
    ]
    return sheet(parts, title=f"Strengths by pairs: {found.source}", wide=_WIDTH, tall=bottom + 100)


def _figures(one: PairStanding, *, elo: bool) -> tuple[float, float | None, float | None]:
    return (one.elo, one.elo_low, one.elo_high) if elo else (one.strength, one.low, one.high)


def _row(one: PairStanding, row: tuple[float, float | None, float | None], axis: Axis, y: float) -> list[str]:
    value, low, high = row
    x = axis.at(value)
    ranks = str(one.best_rank) if one.best_rank == one.worst_rank else f"{one.best_rank}-{one.worst_rank}"
    told = f"{one.name}: {number(round(value, 4))}, rank {ranks}"
    colour = "#1f5fa8" if one.best_rank == 1 else "#8a8f98"
    bar = ""
    if low is not None and high is not None:
        a, b = axis.at(low), axis.at(high)
        path = f"M{a:.1f} {y:.1f}H{b:.1f}M{a:.1f} {y - 5:.1f}v10M{b:.1f} {y - 5:.1f}v10"
        bar = f'<path d="{path}" stroke="{colour}" stroke-width="1.6" fill="none"/>'
        told += f" [{number(round(low, 4))}, {number(round(high, 4))}]"
    point = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    return [
        line_of_text(_LEFT - 12, y + 4, visible_line(shortened(one.name, 40), 48), size=12.5, anchor="end"),
        f"<g><title>{written(told)}</title>{bar}{point}</g>",
        line_of_text(_RIGHT + 24, y + 4, ranks, size=12.5),
    ]
