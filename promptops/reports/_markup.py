"""HTML and SVG from pieces: every text is escaped here, and nowhere else is a tag written."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NewType

from promptops.texts.visible import visible

Markup = NewType("Markup", str)
"""HTML or SVG that was made in this file."""

NOTHING = Markup("")
_NOT_XML = re.compile("[\ufffe\uffff]")
_VOID = frozenset({"meta", "br"})


def text(value: str) -> Markup:
    """Return text that is shown as it is: no tag, no entity, no control or direction character."""
    return Markup(html.escape(visible(value), quote=True))


def tag(name: str, /, *inside: str | Markup, **attributes: str | float | None) -> Markup:
    """Return an element; `inside` is Markup already. `class_` is `class`, `aria_label` is `aria-label`."""
    opening = f"<{name}{_attributes(attributes)}>"
    return Markup(opening if name in _VOID and not inside else f"{opening}{''.join(inside)}</{name}>")


def joined(pieces: Iterable[Markup], between: str = "") -> Markup:
    """Return pieces one after the other."""
    return Markup(between.join(pieces))


def table(caption: str, names: Sequence[str], rows: Iterable[Sequence[Markup]], left: int = 1) -> Markup:
    """Return a table in a frame that scrolls by itself; each row's first cell is its header.

    The first `left` columns hold words, the others figures.
    """
    head = joined(
        tag("th", text(name), scope="col", class_=None if place < left else "figure")
        for place, name in enumerate(names)
    )
    body = joined(_row(cells, left) for cells in rows)
    whole = tag(
        "table",
        tag("caption", text(caption)),
        tag("thead", tag("tr", head)),
        tag("tbody", body),
    )
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")


def standalone(svg: Markup, style: str) -> str:
    """Return an SVG as an image of its own: with its namespace and style, without what XML can't hold."""
    opening, rest = svg.split(">", 1)
    named = f'{opening} xmlns="http://www.w3.org/2000/svg">{tag("style", Markup(style))}{rest}'
    return _NOT_XML.sub("\ufffd", named)


def _row(cells: Sequence[Markup], left: int) -> Markup:
    found = [
        tag("th", cell, scope="row")
        if place == 0
        else tag("td", cell, class_=None if place < left else "figure")
        for place, cell in enumerate(cells)
    ]
    return tag("tr", joined(found))


def _attributes(found: Mapping[str, str | float | None]) -> str:
    return "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_plain(value))}"'
        for key, value in found.items()
        if value is not None
    )


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
