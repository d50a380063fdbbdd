"""Longest common subsequences, a whole row of the table at a time.

Hyyrö, "Bit-parallel LCS-length computation revisited" (2004): bit i of a row is 0 where the table grows by
one at word i, so one addition of Python ints does what a loop over the row would.
"""

from __future__ import annotations

from collections.abc import Sequence

Rows = dict[str, int]


def rows_of(words: Sequence[str]) -> Rows:
    """Return for each word the bits of the places where it stands."""
    rows: Rows = {}
    bit = 1
    for word in words:
        rows[word] = rows.get(word, 0) | bit
        bit <<= 1
    return rows


def lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    if len(first) < len(second):
        first, second = second, first
    full = row = (1 << len(first)) - 1
    # What an addition carries beyond the row changes nothing within it, and is cut off once, in the end.
    for places in filter(None, map(rows_of(first).get, second)):
        matches = row & places
        row = (row + matches) | (row - matches)
    return len(first) - (row & full).bit_count()


def lcs_places(rows: Rows, length: int, other: Sequence[str]) -> int:
    """Return the bits of one longest common subsequence with `other`, the one that rouge-score reads out.

    `rows` and `length` describe the reference. rouge-score walks back from the end of the table, takes a
    match where it stands on one, and else goes left where the row above is shorter, up otherwise.
    """
    columns = _columns(rows, (1 << length) - 1, other)
    found = 0
    below = (1 << length) - 1
    for matches, row in reversed(columns):
        # The walk goes up to the next match, or to the next place where the table grows.
        stops = (matches | ~row) & below
        if not stops:
            break
        bit = 1 << (stops.bit_length() - 1)
        below = bit - 1
        if matches & bit:
            found |= bit
        else:
            below |= bit
    return found


def _columns(rows: Rows, full: int, other: Sequence[str]) -> list[tuple[int, int]]:
    """Return matches and row for each word of `other`.

    A word that the reference lacks keeps a column, as it changes where the walk goes next; several in
    succession do what one does, and those before the first match nothing.
    """
    columns: list[tuple[int, int]] = []
    row = full
    gap = True
    for matches in map(rows.get, other):
        if matches:
            both = row & matches
            row = ((row + both) | (row - both)) & full
            columns.append((matches, row))
            gap = False
        elif not gap:
            columns.append((0, row))
            gap = True
    return columns
