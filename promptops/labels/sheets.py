"""What people are to rate as a CSV sheet, for a spreadsheet: written blind, and read back."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from promptops.canonical import digest_of
from promptops.errors import FileProblems, Problem
from promptops.files.csvfile import DELIMITERS, neutral, read_csv
from promptops.files.located import shown
from promptops.files.textfile import file_name, replacing
from promptops.labels.labels import LONGEST_REASON, Case, in_order, is_swapped, told
from promptops.types import Sample

SHEET = ("case", "inputs", "target", "output", "rating", "cannot_tell")
PAIR_SHEET = ("case", "inputs", "target", "answer_a", "answer_b", "better", "cannot_tell")
CHOICES = {"a": 1.0, "b": -1.0, "tie": 0.0}
"""What people say of a pair: by 1 that the answer shown first is better."""


def write_sheet(
    path: Path,
    cases: Sequence[Case],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
) -> None:
    """Write cases as CSV with the empty columns `rating` and `cannot_tell`.

    `beside` holds by sample id what else is to be seen. No cell is one that a spreadsheet would run.
    """
    _write(path, SHEET, [(case.id, case.sample, [case.output]) for case in cases], samples, beside)


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
    _write(path, PAIR_SHEET, rows, samples, beside)


def read_sheet(path: Path, cases: Sequence[Case], low: float, high: float) -> dict[str, float | str]:
    """Return by case id what a sheet says: a rating, or why there is none; empty rows are left out.

    Cells may be parted by commas, semicolons or tabs, as the spreadsheet of a country writes them. Only
    `case`, `rating` and `cannot_tell` are read: it may have changed the texts. Raises FileProblems.
    """

    def rated(text: str) -> float:
        value = _number(text)
        if value is None or not low <= value <= high:
            raise ValueError(f"the judge's scale is {low:g} to {high:g}")
        return value

    return _read(path, "rating", {case.id: (case.id, rated) for case in cases})


def read_pair_sheet(path: Path, cases: Sequence[Case]) -> dict[str, float | str]:
    """Return by case id which output of a pair is better, by anybody's sheet. Raises FileProblems."""

    def chosen(text: str) -> float:
        choice = CHOICES.get(text.strip().lower())
        if choice is None:
            raise ValueError("write A, B or tie")
        return choice

    def turned(text: str) -> float:
        return 0.0 - chosen(text)

    known = {
        _key(case, swapped=swapped): (case.id, turned if swapped else chosen)
        for case in cases
        for swapped in (False, True)
    }
    return _read(path, "better", known)


def _key(case: Case, *, swapped: bool) -> str:
    """Return by what a sheet knows a pair as it shows it: whoever takes it in, the order is told by it."""
    return digest_of([case.sample, *in_order(case, swapped=swapped)])[:16]


def _write(
    path: Path,
    header: Sequence[str],
    rows: Iterable[tuple[str, str, Sequence[str]]],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
) -> None:
    """Write a row for each key, sample and outputs."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    for key, name, outputs in rows:
        sample = samples[name]
        inputs = told({**sample.inputs, **beside.get(sample.id, {})})
        cells = (inputs, "\n".join(map(str, sample.target)), *outputs)
        writer.writerow([f"#{key}", *map(neutral, cells), "", ""])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def _read(
    path: Path, column: str, known: Mapping[str, tuple[str, Callable[[str], float]]]
) -> dict[str, float | str]:
    """Return by case id what a column says. `known` holds by a row's key its case, and who reads the cell."""
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
        case, read = known.get(key.text.strip().removeprefix("#"), ("", float))
        if not case:
            problems.append(Problem(name, f"{shown(key.text)} is no case of these labels", line))
            continue
        try:
            value = _said(said.text, why, read)
        except ValueError as error:
            problems.append(Problem(name, str(error), line, said.place.column, column))
            continue
        if case in found:
            problems.append(Problem(name, f"the case {shown(key.text)} stands above already", line))
        else:
            found[case] = value
    if problems:
        raise FileProblems(problems)
    return found


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
