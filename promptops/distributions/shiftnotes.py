"""What a shift says beside its figures: what was left out, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptops.stats.featurechange import FeatureChange
from promptops.stats.textpanel import Column


def missing_notes(
    used: tuple[int, int], columns: Sequence[Column], changes: Sequence[FeatureChange]
) -> Iterator[str]:
    """Say of which columns few or only some texts have a value."""
    there = {change.name: change for change in changes}
    for column in columns:
        found = there.get(column.name)
        if found is None:
            yield f"{column.name} is left out: fewer than 5 texts on a side have one."
        elif (found.reference_n, found.current_n) != used:
            told = f"{found.reference_n:,} of {used[0]:,} and {found.current_n:,} of {used[1]:,} texts"
            yield f"{column.name} is tested on those that have one: {told}."


def psi_notes(changes: Sequence[FeatureChange], *, paired: bool, by_day: bool) -> Iterator[str]:
    """Say why PSI has no p-value, where it has none."""
    if (paired or by_day) and any(change.psi_p is None for change in changes):
        told = "stand in pairs" if paired else "may be alike within a day"
        yield f"PSI has no p-value here: its law is that of independent texts, and these {told}."


def thinned_note(first: int, second: int, most: int) -> str:
    """Say that days were thinned to `most` texts, and how many texts that leaves on each side."""
    return (
        f"Days have unequally many texts: larger ones are thinned to {most:,}, which leaves {first:,} and "
        f"{second:,} texts."
    )
