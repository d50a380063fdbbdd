"""Scores' counts as bytes: written row by row, read a page at a time as arrays.

A row holds a version (1 byte), the length of its header (4 bytes), the header, and all counts as doubles;
all of it little-endian. The header is JSON: of each label how many counts it has, or why it was not scored.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from promptops.errors import Altered
from promptops.store.encoding import json_text
from promptops.store.rows import Counts, ScoreFigures
from promptops.types import Score

_VERSION = 1
_LEAD = struct.Struct("<BI")


def figures_bytes(scores: Mapping[str, Score]) -> bytes | None:
    """Return what statistics need of the scores; None where they must be told as JSON.

    That is of no scores at all, of unscored ones with counts, and of counts whose sum is not finite.
    """
    counts: list[float] = []
    for score in scores.values():
        if score.unscored is not None and score.counts:
            return None
        counts += score.counts
    if not scores or not math.isfinite(sum(counts)):
        return None
    return _head(
        tuple(
            (label, len(score.counts) if score.unscored is None else score.unscored)
            for label, score in scores.items()
        )
    ) + struct.pack(f"<{len(counts)}d", *counts)


def figures_of(row: bytes | None, text: str) -> dict[str, ScoreFigures]:
    """Read one row, labels in their order; from JSON where it has no bytes.

    Raises StoreError where the bytes are none of ours.
    """
    if row is None:
        return cast("dict[str, ScoreFigures]", json.loads(text))
    form = _form(_head_of(row))
    counts: list[float] = form.table([row])[0].tolist()
    return {
        label: {"counts": counts[part], "unscored": form.unscored.get(label)}
        for label, part in form.parts.items()
    }


def counts_of(
    labels: Sequence[str], places: Sequence[int], rows: Sequence[bytes | None], texts: Sequence[str]
) -> dict[str, list[Counts]]:
    """Return each label's counts where they were measured, with the places of their rows in the page.

    Only the rows at `places` are read; from JSON where they have no bytes. One table for each width.
    """
    found: dict[str, list[Counts]] = {label: [] for label in labels}
    for head, alike in _by_head(places, rows).items():
        if head is None:
            _add_json(found, alike, texts)
            continue
        form = _form(head)
        table = form.table([rows[place] or b"" for place in alike])
        where = np.array(alike, dtype=np.intp)
        for label in found.keys() & form.parts.keys() - form.unscored.keys():
            found[label].append((where, table[:, form.parts[label]]))
    return {label: _in_order(tables) for label, tables in found.items()}


@dataclass(frozen=True)
class _Form:
    """What rows with one header look like."""

    layout: np.dtype[np.void]
    parts: dict[str, slice]
    """Each label's columns in the table of counts."""
    unscored: dict[str, str]

    def table(self, rows: Sequence[bytes]) -> npt.NDArray[np.float64]:
        """Return the counts (n, k) of rows. Raises Altered where one is too short or too long."""
        if set(map(len, rows)) != {self.layout.itemsize}:
            raise Altered(
                "Stored counts can't be read: there are too few or too many. Was the database edited?"
            )
        return np.frombuffer(b"".join(rows), self.layout)["counts"].astype(np.float64)


def _by_head(places: Sequence[int], rows: Sequence[bytes | None]) -> Mapping[bytes | None, Sequence[int]]:
    """Return the places of rows by their header; None of those without bytes."""
    picked = [rows[place] for place in places]
    if picked and picked[0] is not None:
        # In most pages all rows have one header, which is told without a look at each.
        head = _head_of(picked[0])
        joined = b"".join([row[: len(head)] for row in picked if row is not None])
        if joined == head * len(picked):
            return {head: places}
    return _by_each_head(places, rows)


def _by_each_head(places: Sequence[int], rows: Sequence[bytes | None]) -> dict[bytes | None, list[int]]:
    groups: dict[bytes | None, list[int]] = {}
    head: bytes | None = None
    group: list[int] = []
    for place in places:
        row = rows[place]
        if row is None:
            groups.setdefault(None, []).append(place)
            continue
        if head is None or not row.startswith(head):
            head = _head_of(row)
            group = groups.setdefault(head, [])
        group.append(place)
    return groups


def _add_json(found: dict[str, list[Counts]], places: Sequence[int], texts: Sequence[str]) -> None:
    alike: dict[tuple[str, int], tuple[list[int], list[list[float]]]] = {}
    for place in places:
        scores = figures_of(None, texts[place])
        for label in found.keys() & scores.keys():
            counts = scores[label]["counts"]
            if scores[label]["unscored"] is None:
                where, vectors = alike.setdefault((label, len(counts)), ([], []))
                where.append(place)
                vectors.append(counts)
    for (label, width), (where, vectors) in alike.items():
        table = np.array(vectors, dtype=np.float64).reshape(len(where), width)
        found[label].append((np.array(where, dtype=np.intp), table))


def _in_order(tables: list[Counts]) -> list[Counts]:
    """Put tables of one width together by the order of rows: the last digit of sums depends on it."""
    if len(tables) < 2:
        return tables
    alike: dict[int, list[Counts]] = {}
    for places, vectors in tables:
        alike.setdefault(vectors.shape[1], []).append((places, vectors))
    return [_together(each) for each in alike.values()]


def _together(tables: list[Counts]) -> Counts:
    places = np.concatenate([places for places, _ in tables])
    order = np.argsort(places)
    return places[order], np.concatenate([vectors for _, vectors in tables])[order]


@lru_cache(maxsize=64)
def _head(shape: tuple[tuple[str, int | str], ...]) -> bytes:
    header = json_text(dict(shape)).encode("ascii")
    return _LEAD.pack(_VERSION, len(header)) + header


def _head_of(row: bytes) -> bytes:
    if len(row) < _LEAD.size or row[0] != _VERSION:
        raise Altered(
            "Stored counts can't be read: this promptops doesn't know their form. Was the database edited?"
        )
    return row[: _LEAD.size + _LEAD.unpack_from(row)[1]]


@lru_cache(maxsize=64)
def _form(head: bytes) -> _Form:
    try:
        shape: dict[str, int | str] = json.loads(head[_LEAD.size :])
        unscored = {label: told for label, told in shape.items() if isinstance(told, str)}
        ends = [0, *accumulate(0 if isinstance(told, str) else told for told in shape.values())]
        layout = np.dtype([("head", f"V{len(head)}"), ("counts", "<f8", (ends[-1],))])
    except (ValueError, TypeError, AttributeError) as error:
        raise Altered(f"Stored counts can't be read. Was the database edited? ({error})") from error
    return _Form(
        layout, {label: slice(*part) for label, part in zip(shape, pairwise(ends), strict=True)}, unscored
    )
