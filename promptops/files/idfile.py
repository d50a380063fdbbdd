"""A list of samples as a file: one id a line, where it has one with its weight behind a tab."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.located import MAX_PROBLEMS, shown
from promptops.files.textfile import decode, file_name, read_lines, replacing
from promptops.noun import Noun


class Ids(Noun):
    """Samples by id, in order; `weights` where each stands for more or less than itself."""

    name: str
    """The file's, for messages."""
    ids: tuple[str, ...]
    weights: tuple[float, ...] | None = None


def read_ids(path: str | Path) -> Ids:
    """Read a list of ids. Raises FileProblems with every fault and its line.

    Empty lines don't count. All lines have a weight, or none has.
    """
    path = Path(path)
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    weights: list[float] = []
    for number, data in read_lines(path):
        if len(problems) >= MAX_PROBLEMS:
            break
        sample_id, tab, weight = decode(data, file_name(path), number).partition("\t")
        if not sample_id.strip():
            continue
        first = lines.setdefault(sample_id, number)
        if first != number:
            reason = f"{shown(sample_id)} stands on line {first} already"
            problems.append(Problem(file_name(path), reason, number))
        if tab:
            _add(weight, weights, path, number, problems)
    if not lines and not problems:
        problems.append(Problem(file_name(path), "holds no ids; write one a line", 1))
    if not problems and weights and len(weights) != len(lines):
        reason = f"{len(weights)} of {len(lines)} ids have a weight; give all of them one, or none"
        problems.append(Problem(file_name(path), reason))
    if problems:
        raise FileProblems(problems)
    return Ids(name=path.name, ids=tuple(lines), weights=tuple(weights) or None)


def write_ids(path: Path, ids: Sequence[str], weights: Sequence[float] | None = None) -> None:
    """Write a list of ids to a file that isn't there yet; weights are left out where all are equal.

    Raises UsageError where the file is there, FileProblems where it can't be written.
    """
    if path.exists():
        raise UsageError(f"{file_name(path)} is there already. Name another file, or take it away.")
    given = weights if weights is not None and len({f"{weight:.9g}" for weight in weights}) > 1 else None
    with replacing(path) as file:
        for place, sample_id in enumerate(ids):
            behind = "" if given is None else f"\t{given[place]:.9g}"
            file.write(f"{sample_id}{behind}\n".encode())


def _add(text: str, weights: list[float], path: Path, line: int, problems: list[Problem]) -> None:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        reason = f"a weight must be a number over 0, not {shown(text)}"
        problems.append(Problem(file_name(path), reason, line))
    weights.append(weight)
