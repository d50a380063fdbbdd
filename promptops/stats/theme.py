"""Two words that mark some texts among others."""

from __future__ import annotations

import numpy as np

from promptops.stats import Ints
from promptops.stats.textlanguage import is_little
from promptops.stats.textspace import TextSpace

WORDS = 2
SHORTEST = 3
"""Letters; shorter ones are mostly little words."""
_COMMON = 0.2
"""A word must stand in this share of the texts, or it marks one of them and not all."""


def theme(space: TextSpace, members: Ints, others: Ints) -> str:
    """Return the two words whose mean TF-IDF in the members exceeds that in the others most, in that order.

    Empty where the space has no words.
    """
    if not space.terms or not len(members):
        return ""
    ones = [np.ones(len(side)) / max(len(side), 1) for side in (members, others)]
    means = [
        space.rows.take(side).transposed_times(weights)
        for side, weights in zip((members, others), ones, strict=True)
    ]
    shares = space.rows.take(members).column_counts() / len(members)
    gaps = np.where(shares >= _COMMON, means[0] - means[1], 0.0)
    found = [
        space.terms[place]
        for place in np.argsort(-gaps, kind="stable")
        if gaps[place] > 0 and _is_word(space.terms[place])
    ]
    return " ".join(found[:WORDS])


def _is_word(term: str) -> bool:
    return term.isalpha() and not is_little(term) and (len(term) >= SHORTEST or not term.isascii())
