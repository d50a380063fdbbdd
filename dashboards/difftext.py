"""Two texts side by side with what changed marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from dashboards.markup import escaped

Kind = Literal["same", "removed", "added"]

_BLOCK = (
    "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.55;margin:0;padding:0.6rem 0.8rem;"
    "border:1px solid rgba(128,128,128,0.25);border-radius:0.4rem;max-height:32rem;overflow-y:auto"
)
# Told apart without colour too: struck through or underlined, and in brackets as on the terminal.
_REMOVED = "text-decoration:line-through;background:rgba(220,60,60,0.16);border-radius:3px"
_ADDED = "text-decoration:underline;background:rgba(30,150,80,0.18);border-radius:3px"
_MARK = "opacity:0.55;font-size:0.8em"
_OPEN = {
    "removed": f'<span style="{_MARK}">[−</span><del style="{_REMOVED}">',
    "added": f'<span style="{_MARK}">{{+</span><ins style="{_ADDED}">',
}
_CLOSE = {
    "removed": f'</del><span style="{_MARK}">−]</span>',
    "added": f'</ins><span style="{_MARK}">+}}</span>',
}


class Part(Protocol):
    """A run of text, as `promptops.word_diff` returns it."""

    @property
    def kind(self) -> Kind: ...

    @property
    def text(self) -> str: ...


def side_html(parts: Sequence[Part], side: Literal["removed", "added"], *, fixed_width: bool = False) -> str:
    """Return one side of a diff as HTML: what both have, and what only this side has."""
    font = ";font-family:monospace;font-size:0.9em" if fixed_width else ""
    body = "".join(_piece(part.text, part.kind) for part in parts if part.kind in {"same", side})
    return f'<div style="{_BLOCK}{font}">{body}</div>'


def _piece(text: str, kind: Kind) -> str:
    return escaped(text) if kind == "same" else _OPEN[kind] + escaped(text) + _CLOSE[kind]
