"""Votes of several judges: combined, counted, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import JsonValue

from promptops.stats.alpha import krippendorff_alpha

Rule = Literal["mean", "median", "majority"]
Votes = dict[str, list[float | None]]
"""By judge, one for each poll; None where there was none."""


def combined(rule: Rule, votes: Sequence[float]) -> float | None:
    """Return what votes come to; None where there is no majority, as two scores have as many."""
    if rule == "mean":
        return statistics.fmean(votes)
    if rule == "median":
        return statistics.median(votes)
    (value, most), *others = Counter(votes).most_common()
    return None if others and others[0][1] == most else value


def counted(votes: Sequence[float]) -> str:
    """Return how often each score was given, on one line."""
    return ", ".join(f"{count} x {vote:.4g}" for vote, count in sorted(Counter(votes).items()))


def read_votes(votes: Mapping[str, JsonValue], names: Iterable[str]) -> Votes:
    """Return votes as they were kept; those of judges that are not there as none."""
    found: Votes = {}
    for name in names:
        each = votes.get(name)
        found[name] = [
            None if vote is None else float(str(vote)) for vote in (each if isinstance(each, list) else [])
        ]
    return found


def disagreement(tables: list[Votes]) -> tuple[str, ...]:
    """Tell on how many answers all votes agree, how far two of them lie apart, and Krippendorff's alpha."""
    rows = [[vote for votes in table.values() for vote in votes] for table in tables]
    known = [[vote for vote in row if vote is not None] for row in rows]
    several = [row for row in known if len(row) > 1]
    if not several:
        return ()
    agreed = sum(len(set(row)) == 1 for row in several)
    apart = statistics.fmean(statistics.fmean(abs(a - b) for a, b in combinations(row, 2)) for row in several)
    width = max(map(len, rows))
    padded = [
        [np.nan if vote is None else vote for vote in row] + [np.nan] * (width - len(row)) for row in rows
    ]
    alpha = krippendorff_alpha(np.array(padded), "interval")
    shown = "undefined, as all votes are the same" if alpha is None else f"{alpha:.3f}"
    return (
        f"all votes agree on {agreed} of {len(several)} answers; two votes lie {apart:.3g} apart in the "
        f"mean; Krippendorff's alpha (interval) {shown}",
    )
