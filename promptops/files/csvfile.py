"""Strict CSV (RFC 4180): rows as texts, with the line and column of each cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from promptops.errors import FileProblems, Problem
from promptops.files.located import Place, shown
from promptops.files.textfile import file_name, read_text

MAX_BYTES = 200_000_000
MAX_CELL = 10_000_000
"""Characters of one cell, as of one line of JSONL."""

_FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
"""A spreadsheet may run a cell that begins so (also in full width); one mark before it makes it text."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
"""What drives a terminal that prints the file: all control characters but tabs and the ends of lines."""

DELIMITERS = ",;\t"
"""What may stand between cells: a spreadsheet of a country with a decimal comma writes semicolons."""

_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
_BARE = {each: re.compile(rf'[^"{each}\r\n]*') for each in DELIMITERS}
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Cell:
    """A cell's text and where it begins."""

    text: str
    place: Place


def harmless(text: str) -> str:
    """Return a text as a cell that neither a spreadsheet nor a terminal obeys: controls are written out."""
    return neutral(text if text.isprintable() else _CONTROL.sub(_written_out, text))


def _written_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def neutral(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs; one that looks marked is marked again."""
    return f"'{text}" if text.lstrip("'").lstrip(" ").startswith(_FORMULA) else text


def unmarked(text: str) -> str:
    """Return what a cell said before `neutral` marked it."""
    return text[1:] if text.startswith("'") and neutral(text[1:]) == text else text


def read_csv(path: Path, delimiters: str = ",") -> Iterator[list[Cell]]:
    """Yield the header and then each row that isn't blank. Raises FileProblems at the first broken cell.

    Of several `delimiters` that counts which parts the header into the most cells.
    """
    text = read_text(path, MAX_BYTES)
    yield from parse_csv(text, file_name(path), _delimiter(text, delimiters))


def parse_csv(text: str, file: str, delimiter: str = ",") -> Iterator[list[Cell]]:
    """Yield the rows of a text; quoted cells may hold delimiters, line ends and doubled quotes."""
    at, line, start = 0, 1, 0
    row: list[Cell] = []
    while at < len(text):
        place = Place(line, at - start + 1)
        value, after = _cell(text, at, file, place, delimiter)
        row.append(Cell(value, place))
        for inner in _LINE_END.finditer(text, at, after):
            line, start = line + 1, inner.end()
        at = after
        if text.startswith(delimiter, at):
            at += 1
            if at < len(text):
                continue
            row.append(Cell("", Place(line, at - start + 1)))
        elif end := _LINE_END.match(text, at):
            at = start = end.end()
            line += 1
        if row != [Cell("", row[0].place)]:
            yield row
        row = []


def _delimiter(text: str, delimiters: str) -> str:
    """Return which of some delimiters parts the first line into the most cells; the first of equals."""
    end = _LINE_END.search(text)
    header = re.sub(_QUOTED, "", text[: end.start()] if end else text)
    return max(delimiters, key=header.count)


def _cell(text: str, at: int, file: str, place: Place, delimiter: str) -> tuple[str, int]:
    if not text.startswith('"', at):
        bare = _BARE[delimiter].match(text, at)
        end = bare.end() if bare else at
        if text.startswith('"', end):
            reason = (
                f'a quote stands inside the cell {shown(text[at:end])}; quote the cell and write "" for "'
            )
            raise FileProblems([Problem(file, reason, place.line, place.column)])
        return _bounded(text[at:end], file, place), end
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise FileProblems([Problem(file, "the quoted cell that begins here never ends", *place)])
    end = quoted.end()
    if end < len(text) and text[end] not in f"{delimiter}\r\n":
        reason = 'text follows the end of the quoted cell; write "" for a quote inside it'
        raise FileProblems([Problem(file, reason, *place)])
    return _bounded(quoted[1].replace('""', '"'), file, place), end


def _bounded(value: str, file: str, place: Place) -> str:
    if len(value) > MAX_CELL:
        raise FileProblems([Problem(file, f"a cell is longer than {MAX_CELL:,} characters", *place)])
    return value
