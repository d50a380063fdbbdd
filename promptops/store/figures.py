"""Counts out of stored scores, a page at a time and without an object for each number.

Rows of one run look alike, since `figures_text` wrote them: a pattern made of one row takes the others
apart. What looks otherwise is read as any JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import not_

import numpy as np
import numpy.typing as npt

from promptops.store.encoding import json_text
from promptops.store.rows import Counts

_DIGITS = 15
"""As many digits as double precision holds for certain."""
_NUMBERS = "[-+.,eE0-9]+"
_NEWLINE = ord("\n")


class FigureReader:
    """Reads pages of scores for some labels; rows that look like the one before cost least."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = frozenset(labels)
        self._pattern: re.Pattern[str] | None = None
        self._order: tuple[str, ...] = ()

    def counts(self, texts: Sequence[str], places: Sequence[int]) -> dict[str, list[Counts]]:
        """Return each label's counts where they were measured, with the place of their row in the page."""
        found: dict[str, list[Counts]] = {label: [] for label in self._labels}
        rows = list(zip(places, texts, strict=True))
        while self._pattern is None and rows:
            self._read_alone(*rows.pop(0), found)
        if self._pattern is None:
            return found
        parts = self._pattern.findall("\n".join([text for _, text in rows]))
        if len(parts) < len(rows):
            fits = [self._pattern.fullmatch(text) is not None for _, text in rows]
            for place, text in compress(rows, map(not_, fits)):
                self._read_alone(place, text, found)
            rows = list(compress(rows, fits))
        if not rows:
            return found
        where = np.array([place for place, _ in rows], dtype=np.intp)
        columns: Iterable[Sequence[str]]
        columns = [parts] if len(self._order) == 1 else zip(*parts, strict=True)
        for label, column in zip(self._order, columns, strict=False):
            found[label].extend(_of_column(where, column))
        return found

    def _read_alone(self, place: int, text: str, found: dict[str, list[Counts]]) -> None:
        scores = json.loads(text)
        for label in self._labels & scores.keys():
            score = scores[label]
            if score.get("unscored") is None:
                found[label].append(_alone(place, score["counts"]))
        order = tuple(label for label in scores if label in self._labels)
        if (
            self._pattern is None
            and order
            and all(score.get("unscored") is None for score in scores.values())
        ):
            self._order = order
            self._pattern = re.compile(rf"(?m)^\{{{','.join(map(self._part, scores))}\}}$")

    def _part(self, label: str) -> str:
        taken = f"({_NUMBERS})" if label in self._labels else _NUMBERS
        return rf'{re.escape(json_text(label))}:\{{"counts":\[{taken}\],"unscored":null\}}'


def _of_column(places: npt.NDArray[np.intp], rows: Sequence[str]) -> list[Counts]:
    """Return what stands in rows of numbers with commas between: one table if they are of one width."""
    table = _whole_numbers(rows)
    if table is not None:
        return [(places, table)]
    vectors = [[float(number) for number in row.split(",")] for row in rows]
    if len({len(vector) for vector in vectors}) == 1:
        return [(places, np.array(vectors))]
    return [_alone(place, vector) for place, vector in zip(places.tolist(), vectors, strict=True)]


def _alone(place: int, vector: Sequence[float]) -> Counts:
    return np.array([place], dtype=np.intp), np.array([vector], dtype=np.float64).reshape(1, -1)


def _whole_numbers(rows: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Read rows of `12.0,7.0,...` digit by digit for all numbers at once; None where any isn't like that."""
    joined = ("\n".join(rows) + "\n").replace(".0,", ",").replace(".0\n", "\n").encode("ascii")
    if joined.translate(None, b"0123456789,\n"):
        return None
    text = np.frombuffer(joined, dtype=np.uint8)
    ends = np.flatnonzero(text < ord("0"))
    width = len(ends) // len(rows)
    if len(ends) != width * len(rows) or (text[ends[width - 1 :: width]] != _NEWLINE).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    longest = int(lengths.max())
    if lengths.min() < 1 or longest > _DIGITS:
        return None
    numbers = text[ends - 1].astype(np.float64) - ord("0")
    for place in range(1, longest):
        longer = np.flatnonzero(lengths > place)
        digits = text[ends[longer] - 1 - place].astype(np.float64) - ord("0")
        numbers[longer] += digits * 10.0**place
    return numbers.reshape(len(rows), width)
