"""A sheet of SVG without script, font or address: an axis with round ticks, and text that is nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from promptops.texts.visible import visible_line

_NOT_XML = re.compile("[\ufffe\uffff]")


def sheet(parts: Iterable[str], *, title: str, wide: int, tall: int) -> str:
    """Return elements as one SVG document on white."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}" '
            f'height="{tall}" role="img" aria-labelledby="title" '
            'font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">',
            f'<title id="title">{written(title)}</title>',
            f'<rect width="{wide}" height="{tall}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


@dataclass(frozen=True)
class Axis:
    """From values to places on the paper."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value stands."""
        low, high, here = ((math.log10(each) if self.log else each) for each in (self.low, self.high, value))
        return self.start + (here - low) / (high - low) * (self.end - self.start)


def ticks(low: float, high: float, wanted: int = 6) -> tuple[float, ...]:
    """Return round values between both ends."""
    rough = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(each * step for each in range(first, math.floor(high / step + 1e-9) + 1))


def line_of_text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    colour: str = "#222222",
    weight: str = "400",
    anchor: str = "start",
    limit: int = 200,
    halo: bool = False,
) -> str:
    """Return a line of text of at most `limit` characters.

    With a halo, a white edge keeps it readable where it can't help crossing a line.
    """
    edge = ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}"{edge}>{written(text, limit)}</text>'
    )


def written(text: str, limit: int = 400) -> str:
    """Return text that an XML reader takes for nothing but text."""
    return escape(_NOT_XML.sub("\ufffd", visible_line(text, limit)))


def number(value: float) -> str:
    """Return a number as it stands beside an axis."""
    if value and abs(value) < 0.001:
        return f"{value:.0e}"
    return f"{value:,.10g}" if abs(value) >= 1000 else f"{value:.6g}"
