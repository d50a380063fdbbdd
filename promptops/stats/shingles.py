"""How alike are two texts, letter by letter? Sets of their runs of letters, and what these share."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from promptops.stats import Floats
from promptops.stats.sparse import SparseRows

LENGTH = 5
"""Letters in a run, after spaces are made one and capitals small."""
_BUCKETS = 1 << 20


def shingles(texts: Sequence[str]) -> SparseRows:
    """Return a row for each text with a 1 for each run of five letters in it (hashed, alike everywhere)."""
    found = [sorted(_runs(text)) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(each) for each in found])
    places = np.array([place for each in found for place in each], dtype=np.intp)
    return SparseRows.of(rows, places, np.ones(len(places)), (len(texts), _BUCKETS))


def resemblance(first: SparseRows, second: SparseRows) -> Floats:
    """Return the share of all runs of both texts that stand in both, (n, m) (Jaccard; Broder 1997)."""
    shared = first.overlaps(second)
    sizes = first.row_counts()[:, None] + second.row_counts()[None, :] - shared
    alike: Floats = shared / np.maximum(sizes, 1.0)
    return alike


def containment(parts: SparseRows, wholes: SparseRows) -> Floats:
    """Return the share of each part's runs that stand in each whole, (n, m)."""
    inside: Floats = parts.overlaps(wholes) / np.maximum(parts.row_counts()[:, None], 1.0)
    return inside


def _runs(text: str) -> set[int]:
    plain = " ".join(text.casefold().split())
    ends = max(len(plain) - LENGTH + 1, min(len(plain), 1))
    return {
        zlib.crc32(plain[start : start + LENGTH].encode("utf-8", "surrogatepass")) % _BUCKETS
        for start in range(ends)
    }
