"""Texts as points: TF-IDF over all of them, and its first singular directions.

Fit it on both samples pooled: then no text knows which sample it came from, and a permutation test
on the points stays exact. Where there are hardly any words, hashed pieces of text stand in for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.sparse import SparseRows
from promptops.stats.tokens import tokens

SMALLEST_VOCABULARY = 50
DIMENSIONS = 50

_MIN_TEXTS = 2
"""A term in fewer texts than this tells nothing about a sample."""
_PIECES = (2, 3, 4)
_HASHES = 1 << 14
_OVERSAMPLING = 10
_POWER_STEPS = 4


@dataclass(frozen=True)
class TextSpace:
    """Texts as rows of L2-normalised TF-IDF; `terms` name the columns and are empty for hashed pieces."""

    rows: SparseRows
    terms: tuple[str, ...]


def text_space(texts: Sequence[str]) -> TextSpace:
    """Return TF-IDF rows: sublinear tf, smoothed idf, terms of at least two texts (as scikit-learn counts).

    Below fifty terms the columns are hashed pieces of 2 to 4 characters instead.
    """
    words = word_space(texts)
    if len(words.terms) >= SMALLEST_VOCABULARY:
        return words
    pieces = _piece_counts(texts)
    return TextSpace(_weighted(pieces.columns(np.flatnonzero(pieces.column_counts()))), ())


def word_space(texts: Sequence[str]) -> TextSpace:
    """Return TF-IDF rows of the terms of at least two texts, however few: for names, not for distances."""
    counts, terms = _term_counts(texts)
    common = np.flatnonzero(counts.column_counts() >= _MIN_TEXTS)
    return TextSpace(_weighted(counts.columns(common)), tuple(terms[column] for column in common))


def leading_directions(rows: SparseRows, dimensions: int = DIMENSIONS, seed: int = 0) -> Floats:
    """Return rows projected on their first right singular vectors, (rows, at most `dimensions`).

    Randomised SVD with power steps (Halko, Martinsson & Tropp 2011); signs of columns mean nothing.
    """
    n, width = rows.shape
    rank = min(dimensions + _OVERSAMPLING, n, width)
    if rank == 0:
        return np.zeros((n, 1))
    sketch = rows.times(np.random.default_rng(seed).standard_normal((width, rank)))
    basis = np.linalg.qr(sketch)[0]
    for _ in range(_POWER_STEPS):
        back = np.linalg.qr(rows.transposed_times(basis))[0]
        basis = np.linalg.qr(rows.times(back))[0]
    left, sizes, _ = np.linalg.svd(rows.transposed_times(basis).T, full_matrices=False)
    projected: Floats = (basis @ left * sizes)[:, :dimensions]
    return projected


def _term_counts(texts: Sequence[str]) -> tuple[SparseRows, list[str]]:
    columns: dict[str, int] = {}
    places: list[int] = []
    values: list[int] = []
    lengths: list[int] = []
    for text in texts:
        counted = Counter(tokens(text))
        places.extend(columns.setdefault(term, len(columns)) for term in counted)
        values.extend(counted.values())
        lengths.append(len(counted))
    rows = np.repeat(np.arange(len(texts)), lengths)
    return SparseRows.of(
        rows, np.array(places, dtype=np.intp), values, (len(texts), max(1, len(columns)))
    ), list(columns)


def _piece_counts(texts: Sequence[str]) -> SparseRows:
    """Return counts of hashed pieces; not Python's hash, which differs from process to process."""
    hashed = [_pieces(text) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(pieces) for pieces in hashed])
    places = np.concatenate([*hashed, np.zeros(0, dtype=np.intp)])
    return SparseRows.of(rows, places, np.ones(len(places)), (len(texts), _HASHES))


def _pieces(text: str) -> Ints:
    codes = np.frombuffer(f" {text.lower()} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    found = []
    for length in _PIECES:
        if len(codes) >= length:
            windows = np.lib.stride_tricks.sliding_window_view(codes, length)
            mixed = np.full(len(windows), length, dtype=np.uint64)
            for column in windows.T:
                mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(29)
            found.append((mixed % np.uint64(_HASHES)).astype(np.intp))
    return np.concatenate([*found, np.zeros(0, dtype=np.intp)])


def _weighted(counts: SparseRows) -> SparseRows:
    texts = counts.shape[0]
    rarity = np.log((1.0 + texts) / (1.0 + counts.column_counts())) + 1.0
    return counts.sublinear().scaled(rarity).normalised()
