"""What people are to rate as a CSV sheet, for a spreadsheet: written blind, and read back."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptops.csvfile import DELIMITERS, neutral, read_csv
from promptops.errors import FileProblems, Problem
from promptops.labels import LONGEST_REASON, Case, told
from promptops.located import shown
from promptops.textfile import file_name, replacing
from promptops.types import Sample

SHEET = ("case", "inputs", "target", "output", "rating", "cannot_tell")


def write_sheet(
    path: Path,
    cases: Sequence[Case],
    samples: Mapping[str, Sample],
    beside: Mapping[str, Mapping[str, object]],
) -> None:
    """Write cases as CSV with the empty columns `rating` and `cannot_tell`.

    `beside` holds by sample id what else is to be seen. No cell is one that a spreadsheet would run.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(SHEET)
    for case in cases:
        sample = samples[case.sample]
        inputs = told({**sample.inputs, **beside.get(sample.id, {})})
        cells = (inputs, "\n".join(map(str, sample.target)), case.output)
        writer.writerow([f"#{case.id}", *map(neutral, cells), "", ""])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def read_sheet(path: Path, cases: Sequence[Case], low: float, high: float) -> dict[str, float | str]:
    """Return by case id what a sheet says: a rating, or why there is none; empty rows are left out.

    Cells may be parted by commas, semicolons or tabs, as the spreadsheet of a country writes them. Only
    `case`, `rating` and `cannot_tell` are read: it may have changed the texts. Raises FileProblems.
    """
    problems: list[Problem] = []
    found: dict[str, float | str] = {}
    known = {case.id for case in cases}
    name = file_name(path)
    rows = read_csv(path, DELIMITERS)
    header = [cell.text.strip().lower() for cell in next(rows, [])]
    if not {"case", "rating"} <= set(header):
        reason = (
            "has no columns `case` and `rating`, parted by commas, semicolons or tabs; write one with --sheet"
        )
        raise FileProblems([Problem(name, reason, 1)])
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        case, rating = cells.get("case"), cells.get("rating")
        why = cells["cannot_tell"].text.strip() if "cannot_tell" in cells else ""
        if case is None or rating is None or not (rating.text.strip() or why):
            continue
        key, line = case.text.strip().removeprefix("#"), rating.place.line
        if key not in known:
            problems.append(Problem(name, f"{shown(case.text)} is no case of these labels", line))
            continue
        try:
            said = _said(rating.text, why, low, high)
        except ValueError as error:
            problems.append(Problem(name, str(error), line, rating.place.column, "rating"))
            continue
        if key in found:
            problems.append(Problem(name, f"the case {shown(key)} stands above already", line))
        else:
            found[key] = said
    if problems:
        raise FileProblems(problems)
    return found


def _said(rating: str, why: str, low: float, high: float) -> float | str:
    """Return a rating, or why there is none. Raises ValueError for both, and for what is no rating."""
    if why and rating.strip():
        raise ValueError(f"is {shown(rating)} beside a reason in `cannot_tell`; leave one of them empty")
    if why:
        return " ".join(why.split())[:LONGEST_REASON]
    value = _number(rating)
    if value is None or not low <= value <= high:
        raise ValueError(
            f"is {shown(rating)}; the judge's scale is {low:g} to {high:g}. Who can't tell leaves it empty "
            "and says why in `cannot_tell`"
        )
    return value


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
