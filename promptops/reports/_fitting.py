"""A text of bounded length from parts of which some matter more than others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A piece of the text: a frame around items, of which the last may be left out."""

    items: Sequence[str]
    before: str = ""
    after: str = ""
    name: str = ""
    """What its items are called where some are left out."""
    rank: int = 0
    """Parts of a lower rank are given room first."""


def fitted(parts: Sequence[Part], limit: int, told: str = "") -> str:
    """Join parts with empty lines; whole items are left out from the end where there is no room.

    Ends with a sentence on what was left out, followed by `told`. Length is counted as GitHub does, in
    UTF-16 units. A part without items is not there.
    """
    there = [part for part in parts if part.items]
    room = limit - 400 - length(told)
    kept = dict.fromkeys(range(len(there)), 0)
    for place in sorted(kept, key=lambda place: there[place].rank):
        part = there[place]
        # Two line ends stand between parts, one between items.
        frame = length(part.before) + length(part.after) + 4
        used = frame
        for item in part.items:
            used += length(item) + 1
            if used > room:
                break
            kept[place] += 1
        if kept[place]:
            room -= frame + sum(length(item) + 1 for item in part.items[: kept[place]])
    shown = [
        "\n".join(
            [
                *([part.before] if part.before else []),
                *part.items[: kept[place]],
                *([part.after] if part.after else []),
            ]
        )
        for place, part in enumerate(there)
        if kept[place]
    ]
    missing = [
        f"{len(part.items) - kept[place]:,} of {len(part.items):,} {part.name}"
        for place, part in enumerate(there)
        if kept[place] < len(part.items)
    ]
    if missing:
        shown.append(f"Left out for want of room: {', '.join(missing)}. {told}".rstrip())
    return "\n\n".join(shown) + "\n"


def length(text: str) -> int:
    """Return a text's length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)
