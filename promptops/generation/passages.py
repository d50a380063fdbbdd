"""Documents cut into passages that one call can read, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from promptops.errors import FileProblems, Problem
from promptops.files.textfile import file_name, read_text
from promptops.noun import Noun

LONGEST = 6_000
"""Characters of a passage."""
SHORTEST = 80
"""Letters and digits that a passage needs for a question about it; a heading alone has fewer."""
MAX_BYTES = 20_000_000
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?\u2026\u3002])\s+|\n")


class Passage(Noun):
    """A part of a document: characters from `start` up to `end`."""

    document: str
    """The file's name, from the project's root on where it lies there."""
    start: int
    end: int
    text: str


class Passages(NamedTuple):
    """Passages that can be asked about, and how many were too short for that."""

    kept: tuple[Passage, ...]
    short: int


def read_passages(paths: Sequence[Path], root: Path) -> Passages:
    """Return the passages of some documents. Raises FileProblems for all that hold none at once."""
    found: list[Passage] = []
    short = 0
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        try:
            every = [
                Passage(document=_named(path, root), start=start, end=end, text=text)
                for start, end, text in cut(read_text(path, MAX_BYTES))
            ]
        except FileProblems as error:
            problems.extend(error.problems)
            continue
        own = [passage for passage in every if sum(map(str.isalnum, passage.text)) >= SHORTEST]
        short += len(every) - len(own)
        if not own:
            longest = max((sum(map(str.isalnum, passage.text)) for passage in every), default=0)
            told = (
                f"holds no passage of {SHORTEST} letters and digits or more to ask about; its longest has "
                f"{longest}"
            )
            problems.append(Problem(file_name(path), told))
        found += own
    if problems:
        raise FileProblems(problems)
    return Passages(tuple(found), short)


def cut(text: str, longest: int = LONGEST) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and text of passages: whole paragraphs up to `longest` characters together.

    A paragraph that is longer is cut between sentences or lines, one longer than that at its place.
    """
    start = end = 0
    for begin, stop in _pieces(text, longest):
        if stop - start > longest and end > start:
            yield from _passage(text, start, end)
            start = begin
        if end <= start:
            start = begin
        end = stop
    yield from _passage(text, start, end)


def _named(path: Path, root: Path) -> str:
    """Return a name without the folders of this machine."""
    whole, top = path.resolve(), root.resolve()
    return file_name(whole.relative_to(top)) if whole.is_relative_to(top) else file_name(Path(path.name))


def _passage(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    whole = text[start:end]
    inner = whole.strip()
    if inner:
        begin = start + len(whole) - len(whole.lstrip())
        yield begin, begin + len(inner), inner


def _pieces(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Yield where each paragraph lies, or each of its parts where it is too long."""
    for begin, stop in _between(text, 0, len(text), _PARAGRAPH):
        if stop - begin <= longest:
            yield begin, stop
            continue
        for first, last in _between(text, begin, stop, _SENTENCE):
            for place in range(first, last, longest):
                yield place, min(place + longest, last)


def _between(text: str, begin: int, stop: int, border: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for found in border.finditer(text, begin, stop):
        if found.start() > begin:
            yield begin, found.start()
        begin = found.end()
    if stop > begin:
        yield begin, stop
