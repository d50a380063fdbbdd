"""Which samples say what others say already: the same letters nearly all through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptops.distributions.leaks import ALIKE
from promptops.stats.shingles import resemblance, shingles

_BLOCK = 256


@dataclass(frozen=True)
class Known:
    """A text that is there already: what it says, beside what, and by what name it goes."""

    text: str
    beside: str
    """What stands beside it and is copied, such as a context: cases on different ones are different."""
    name: str


def repeated(news: Sequence[Known], present: Sequence[Known], alike: float = ALIKE) -> list[str | None]:
    """Return for each new text the name of what it repeats: of a present one, or of one before it.

    None where it repeats nothing. What repeats something is not held against those that come after.
    """
    found: list[str | None] = [None] * len(news)
    rows = shingles([each.text for each in news])
    for start in range(0, len(present), _BLOCK):
        block = present[start : start + _BLOCK]
        near = resemblance(rows, shingles([each.text for each in block])) >= alike
        for place, column in np.argwhere(near).tolist():
            if found[place] is None and news[place].beside == block[column].beside:
                found[place] = block[column].name
    among = resemblance(rows, rows) >= alike
    for place in range(len(news)):
        if found[place] is not None:
            continue
        for before in np.flatnonzero(among[place, :place]).tolist():
            if found[before] is None and news[before].beside == news[place].beside:
                found[place] = news[before].name
                break
    return found
