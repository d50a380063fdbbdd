"""People who said the same of every case that both rated: perhaps one sheet that was taken in twice."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from promptops.labels.labels import Case

FEWEST_COPIED = 10
"""Cases that two must have rated alike; fewer, or one that differs, is no sign."""


class Copy(NamedTuple):
    """Two raters, and of how many cases both said the same, which are all that both rated."""

    one: str
    other: str
    cases: int

    @property
    def told(self) -> str:
        """Return it as a warning, with what is to be done."""
        return (
            f"{self.one} and {self.other} said the same of all {self.cases} cases that both rated. Was one "
            "sheet taken in for both, or did they rate together? Then they count as one person: take one "
            "away with --withdraw, and certify anew."
        )


def copies(cases: Iterable[Case]) -> tuple[Copy, ...]:
    """Return who said the same as somebody else throughout, by name."""
    ratings = [case.ratings for case in cases]
    found = []
    for one, other in combinations(sorted({rater for each in ratings for rater in each}), 2):
        both = [(each[one], each[other]) for each in ratings if one in each and other in each]
        if len(both) >= FEWEST_COPIED and all(first == second for first, second in both):
            found.append(Copy(one, other, len(both)))
    return tuple(found)
