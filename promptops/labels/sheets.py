"""What people are to rate as a CSV sheet, for a spreadsheet: written blind, and read back."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem
from promptops.files.csvfile import DELIMITERS, Cell, harmless, read_csv
from promptops.files.located import shown
from promptops.files.textfile import file_name, replacing
from promptops.labels.labels import LONGEST_REASON, Case, in_order, is_swapped, told
from promptops.types import Sample

SHEET = ("case", "rater", "inputs", "target", "output", "rating", "cannot_tell")
PAIR_SHEET = ("case", "rater", "inputs", "target", "answer_a", "answer_b", "better", "cannot_tell")
CHOICES = {"a": 1.0, "b": -1.0, "tie": 0.0}
"""What people say of a pair: by 1 that the answer shown first is better."""
_BLANK = re.compile(r"\s+")
_CUT = 32_000
"""Characters from which on a spreadsheet may have cut a cell off."""


def write_sheet(
    path: Path,
    cases: Sequence[Case],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
    rater: str,
) -> None:
    """Write cases for a rater as CSV with the empty columns `rating` and `cannot_tell`.

    `beside` holds by sample id what else is to be seen. No cell is one that a spreadsheet would run.
    """
    rows = [(case.id, case.sample, [case.output]) for case in cases]
    _write(path, SHEET, rows, samples, beside, rater)


def write_pair_sheet(
    path: Path,
    cases: Sequence[Case],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
    rater: str,
) -> None:
    """Write pairs as CSV, each in an order drawn for the rater, with the empty column `better`."""
    rows = []
    for case in cases:
        swapped = is_swapped(case, rater)
        rows.append((_key(case, swapped=swapped), case.sample, in_order(case, swapped=swapped)))
    _write(path, PAIR_SHEET, rows, samples, beside, rater)


def read_sheet(
    path: Path, cases: Sequence[Case], rater: str, takes: Callable[[float], bool], scale: str
) -> dict[str, float | str]:
    """Return by case id what a rater's sheet says: a rating, or why there is none; empty rows are left out.

    `takes` tells whether a number is one of the judge's scale, `scale` is that in words. Cells may be parted
    by commas, semicolons or tabs, as the spreadsheet of a country writes them. Raises FileProblems, also for
    another's sheet and for an output that is not that of its case.
    """

    def rated(text: str) -> float:
        value = _number(text)
        if value is None or not takes(value):
            raise ValueError(f"the judge's scale is {scale}")
        return value

    return _read(
        path, "rating", rater, {case.id: _Row(case.id, rated, {"output": case.output}) for case in cases}
    )


def read_pair_sheet(path: Path, cases: Sequence[Case], rater: str) -> dict[str, float | str]:
    """Return by case id which output of a pair is better, by a rater's sheet. Raises FileProblems."""

    def chosen(text: str) -> float:
        choice = CHOICES.get(text.strip().lower())
        if choice is None:
            raise ValueError("write A, B or tie")
        return choice

    def turned(text: str) -> float:
        return 0.0 - chosen(text)

    known = {}
    for case in cases:
        for swapped in (False, True):
            shown = dict(zip(("answer_a", "answer_b"), in_order(case, swapped=swapped), strict=True))
            known[_key(case, swapped=swapped)] = _Row(case.id, turned if swapped else chosen, shown)
    return _read(path, "better", rater, known)


class _Row(NamedTuple):
    """What is known of a row before it is read."""

    case: str
    read: Callable[[str], float]
    """Of the cell that rates."""
    texts: Mapping[str, str]
    """By column, what the sheet was written with."""


def _key(case: Case, *, swapped: bool) -> str:
    """Return by what a sheet knows a pair as it shows it: whoever takes it in, the order is told by it."""
    return digest_of([case.sample, *in_order(case, swapped=swapped)])[:16]


def _write(
    path: Path,
    header: Sequence[str],
    rows: Iterable[tuple[str, str, Sequence[str]]],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
    rater: str,
) -> None:
    """Write a row for each key, sample and outputs."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    for key, name, outputs in rows:
        sample = samples[name]
        inputs = told({**sample.inputs, **beside.get(sample.id, {})})
        cells = (inputs, "\n".join(map(str, sample.target)), *outputs)
        writer.writerow([f"#{key}", *map(harmless, (rater, *cells)), "", ""])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def _read(path: Path, column: str, rater: str, known: Mapping[str, _Row]) -> dict[str, float | str]:
    """Return by case id what a column says. `known` are rows by their key."""
    problems: list[Problem] = []
    found: dict[str, float | str] = {}
    name = file_name(path)
    rows = read_csv(path, DELIMITERS)
    header = [cell.text.strip().lower() for cell in next(rows, [])]
    if not {"case", column} <= set(header):
        reason = (
            f"has no columns `case` and `{column}`, parted by commas, semicolons or tabs; write one with "
            "--sheet"
        )
        raise FileProblems([Problem(name, reason, 1)])
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        key, said = cells.get("case"), cells.get(column)
        why = cells["cannot_tell"].text.strip() if "cannot_tell" in cells else ""
        if key is None or said is None or not (said.text.strip() or why):
            continue
        line = said.place.line
        asked = known.get(key.text.strip().removeprefix("#"))
        if asked is None:
            problems.append(Problem(name, f"{shown(key.text)} is no case of these labels", line))
            continue
        wrong = _of_another(name, cells, rater) or _mixed_up(name, cells, asked.texts)
        if wrong is not None:
            problems.append(wrong)
            continue
        try:
            value = _said(said.text, why, asked.read)
        except ValueError as error:
            problems.append(Problem(name, str(error), line, said.place.column, column))
            continue
        if asked.case in found:
            problems.append(Problem(name, f"the case {shown(key.text)} stands above already", line))
        else:
            found[asked.case] = value
    if problems:
        raise FileProblems(problems)
    return found


def _of_another(name: str, cells: Mapping[str, Cell], rater: str) -> Problem | None:
    """Return that a row is somebody else's; None in a sheet that doesn't say whose it is."""
    cell = cells.get("rater")
    if cell is None or cell.text.strip() in ("", rater, harmless(rater)):
        return None
    reason = (
        f"is {shown(cell.text.strip())}, and this is taken in as {rater!r}. Name whose it is: --rater NAME"
    )
    return Problem(name, reason, *cell.place, "rater")


def _mixed_up(name: str, cells: Mapping[str, Cell], texts: Mapping[str, str]) -> Problem | None:
    """Return that a row shows another output than that of its case, so that it isn't known what was rated."""
    for column, text in texts.items():
        cell = cells.get(column)
        if cell is not None and not _same(cell.text, text):
            reason = (
                "is not the output of this row's case. Was one column sorted by itself? Then rate anew in a "
                "new sheet (--sheet); if a spreadsheet only changed how it is written, take the column away"
            )
            return Problem(name, reason, *cell.place, column)
    return None


def _same(cell: str, text: str) -> bool:
    """Tell whether a cell holds a text as far as spreadsheets keep it: not white space, 1.50 or true."""
    one, other = (_BLANK.sub("", each).lstrip("'").casefold() for each in (cell, text))
    if one == other or (len(cell) >= _CUT and other.startswith(one)):
        return True
    number = _number(one)
    return number is not None and number == _number(other)


def _said(text: str, why: str, read: Callable[[str], float]) -> float | str:
    """Return what a cell says, or why there is nothing. Raises ValueError for both, and for neither."""
    if why and text.strip():
        raise ValueError(f"is {shown(text)} beside a reason in `cannot_tell`; leave one of them empty")
    if why:
        return " ".join(why.split())[:LONGEST_REASON]
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(
            f"is {shown(text)}; {error}. Who can't tell leaves it empty and says why in `cannot_tell`"
        ) from None


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
