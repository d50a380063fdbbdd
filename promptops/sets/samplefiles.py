"""The samples of an evaluation set, from JSONL, CSV, YAML or Parquet, each fault with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.csvfile import DELIMITERS, Cell, read_csv, unmarked
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import (
    MAX_PROBLEMS,
    Faults,
    KeyPath,
    Located,
    Place,
    did_you_mean,
    kind_of,
    shown,
)
from promptops.files.parquetfile import read_parquet
from promptops.files.textfile import file_name, read_text
from promptops.files.yamlfile import MAX_BYTES, plain_value, read_yaml
from promptops.runs.collector import collecting_later
from promptops.store.spool import Spool
from promptops.types import KeptSamples, Sample

FILES = ("samples.jsonl", "samples.csv", "samples.yaml", "samples.yml", "samples.parquet")
KEYS = ("id", "inputs", "target", "tags", "group", "weight", "origin", "metadata")
MAX_ID = 200
IN_MEMORY = 4 * 2**20
"""Bytes of a file up to which its samples are held in memory, where they take about eight times as much."""
PACKED = 8
"""How many times smaller Parquet is."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read_samples(path: Path) -> tuple[tuple[Sample, ...] | KeptSamples, list[Problem]]:
    """Return the samples that could be read and every fault; a faulty row is left out of the samples.

    Of a file over IN_MEMORY they are kept in a temporary file. Raises FileProblems where the file itself
    can't be read, StoreError where there is no room for that.
    """
    problems: list[Problem] = []
    if _size(path) > IN_MEMORY:
        spool = Spool()
        _read(path, problems, lambda name, where: spool.claim(name, _line_of_id(where)), spool.add)
        return spool, problems
    samples: list[Sample] = []
    with collecting_later():
        _read(path, problems, _Claims().claim, samples.append)
    return tuple(samples), problems


def _read(path: Path, problems: list[Problem], claim: _Claim, add: Callable[[Sample], None]) -> None:
    reader = _SampleReader(file_name(path), problems, claim)
    any_row = False
    for row in _rows(path, problems):
        any_row = True
        sample = reader.sample(row)
        if sample is not None:
            add(sample)
        if len(problems) >= MAX_PROBLEMS:
            break
    if not any_row and not problems:
        problems.append(Problem(file_name(path), "holds no samples", 1))


def _size(path: Path) -> int:
    """Return about how many bytes a file has as JSON text."""
    try:
        return path.stat().st_size * (PACKED if path.suffix.lower() == ".parquet" else 1)
    except OSError:
        return 0  # whoever reads it tells why it can't be read


def read_rows(path: Path, problems: list[Problem]) -> Iterator[Located]:
    """Yield the rows of a file of any table (JSONL, CSV, YAML, Parquet), columns by their whole names.

    Faulty rows are skipped and noted in `problems`. Raises FileProblems where the file can't be read.
    """
    return _rows(path, problems, plain_columns=True)


def _rows(path: Path, problems: list[Problem], *, plain_columns: bool = False) -> Iterator[Located]:
    ending = path.suffix.lower()
    if ending == ".csv":
        return _csv_rows(path, problems, plain_columns)
    if ending == ".parquet":
        return _parquet_rows(path, problems, plain_columns)
    if ending in (".yaml", ".yml"):
        return _yaml_rows(path)
    return read_json_lines(path, problems)


def _yaml_rows(path: Path) -> Iterator[Located]:
    document = read_yaml(read_text(path, MAX_BYTES), file_name(path))
    if not isinstance(document.value, list):
        reason = f"must be a list of samples, not {kind_of(document.value)}"
        raise FileProblems([Problem(file_name(path), reason, *document.place(()))])
    for index, value in enumerate(document.value):
        yield document.inside(value, (index,))


def _parquet_rows(path: Path, problems: list[Problem], plain_columns: bool) -> Iterator[Located]:
    """Yield rows with `inputs.NAME` and `metadata.NAME` put together, where these are columns."""
    for row in read_parquet(path, problems, _nothing_odd if plain_columns else _odd_columns):
        if plain_columns or not isinstance(row.value, dict):
            yield row
            continue
        value: dict[str, JsonValue] = {}
        for key, member in row.value.items():
            outer, dot, inner = key.partition(".")
            owner = value.setdefault(outer, {}) if dot and outer in ("inputs", "metadata") else None
            if isinstance(owner, dict):
                owner[inner] = member
            else:
                value[key] = member
        yield Located(value, row.place)


def _nothing_odd(columns: Sequence[str]) -> list[str]:
    return []


def _odd_columns(columns: Sequence[str]) -> list[str]:
    """Return what is wrong with columns that are to hold samples; structs may hold what has dots here."""
    outer = [
        name.partition(".")[0] if name.startswith(("inputs.", "metadata.")) else name for name in columns
    ]
    unknown = [name for name, first in zip(columns, outer, strict=True) if first not in KEYS]
    told = []
    for name in unknown:
        known = [*(key for key in KEYS if key not in ("inputs", "metadata")), "inputs.NAME", "metadata.NAME"]
        index = name.startswith("__index_level_")
        why = " It is the index of a pandas table: write that with index=False." if index else ""
        told.append(f"unknown column {shown(name)}.{why or did_you_mean(name, known)}")
    if unknown and "inputs" not in outer:
        told.append(
            f"there is no column of inputs: call each inputs.NAME (such as {shown(f'inputs.{unknown[0]}')}), "
            "or put them into one column `inputs` of structs"
        )
    return told


def _csv_rows(path: Path, problems: list[Problem], plain_columns: bool) -> Iterator[Located]:
    rows = read_csv(path, DELIMITERS)
    header = next(rows, None)
    if header is None:
        return
    columns = _columns(header, file_name(path), plain_columns)
    for row in rows:
        if len(row) != len(header):
            reason = f"the row has {len(row)} cells where the header has {len(header)}"
            problems.append(Problem(file_name(path), reason, *row[0].place))
            continue
        # In a table of anybody's, that may be ours, what was marked for spreadsheets is as it was.
        plain = [Cell(unmarked(cell.text), cell.place) for cell in row] if plain_columns else row
        yield _csv_row(columns, plain)


def _columns(header: list[Cell], file: str, plain_columns: bool) -> list[KeyPath]:
    problems = []
    columns: list[KeyPath] = []
    for cell in header:
        name = cell.text
        outer, dot, inner = name.partition(".")
        reason = ""
        if plain_columns and (not dot or outer not in ("inputs", "metadata")):
            columns.append((name,))
        elif dot and outer in ("inputs", "metadata"):
            columns.append((outer, inner))
            if not inner or "." in inner:
                reason = f"column {shown(name)} must be {outer}.NAME; objects inside objects need JSONL"
        else:
            columns.append((name,))
            if name in ("inputs", "metadata"):
                reason = f"column {name!r} must say which one: {name}.NAME"
            elif name not in KEYS:
                known = [key for key in KEYS if key not in ("inputs", "metadata")]
                reason = f"unknown column {shown(name)}." + did_you_mean(
                    name, [*known, "inputs.NAME", "metadata.NAME"]
                )
        if not reason and columns.count(columns[-1]) > 1:
            reason = f"column {shown(name)} stands here twice"
        if reason:
            problems.append(Problem(file, reason, *cell.place))
    if problems:
        raise FileProblems(problems)
    return columns


def _csv_row(columns: list[KeyPath], row: list[Cell]) -> Located:
    """Make a row of cells into an object; an empty cell means that there is nothing."""
    value: dict[str, JsonValue] = {}
    places: dict[KeyPath, Place] = {(): row[0].place}
    for path, cell in zip(columns, row, strict=True):
        places[path] = cell.place
        if cell.text == "":
            continue
        if len(path) == 2:
            inner = value.setdefault(str(path[0]), {})
            if isinstance(inner, dict):
                inner[str(path[1])] = cell.text
        elif path == ("tags",):
            value["tags"] = [tag.strip() for tag in cell.text.split(";") if tag.strip()]
        elif path == ("weight",):
            value["weight"] = _number(cell.text)
        else:
            value[str(path[0])] = cell.text
    return Located(value, lambda path: places.get(path) or places.get(path[:1]) or places[()])


def _number(text: str) -> JsonValue:
    """Return the number that a cell means, or its text where it means none."""
    try:
        return plain_value(text)
    except ValueError:
        return text


_Where = Callable[[KeyPath], Place]
_Claim = Callable[[str, _Where], tuple[bool, int | None]]
"""Takes an id for a row; returns whether it was free, and if not the line of the one that has it."""


class _Claims:
    """The ids of a small file."""

    def __init__(self) -> None:
        self._places: dict[str, _Where] = {}
        """Where each id stands is looked up only where it is given twice: that costs more than to read it."""

    def claim(self, sample_id: str, where: _Where) -> tuple[bool, int | None]:
        first = self._places.setdefault(sample_id, where)
        return (True, None) if first is where else (False, _line_of_id(first))


def _line_of_id(where: _Where) -> int | None:
    return where(("id",)).line


class _SampleReader:
    """Makes rows into Samples and notes what is wrong with them."""

    def __init__(self, file: str, problems: list[Problem], claim: _Claim) -> None:
        self._file = file
        self._problems = problems
        self._claim = claim

    def sample(self, row: Located) -> Sample | None:
        known = len(self._problems)
        faults = Faults(self._file, row, self._problems)
        if not isinstance(row.value, dict):
            faults.add((), f"a sample must be an object, not {kind_of(row.value)}")
            return None
        faults.unknown_keys((), row.value, KEYS)
        fields = {key: value for key, value in row.value.items() if key in KEYS}
        self._check_id(fields, row, faults)
        _check_weight(fields, faults)
        for key in ("group", "origin"):
            if key in fields:
                _check_text(fields[key], (key,), faults)
        for key in ("inputs", "metadata"):
            if not isinstance(fields.get(key, {}), dict):
                faults.add((key,), f"must be an object, not {kind_of(fields[key])}")
        fields["target"] = _alternatives(fields, faults)
        fields["tags"] = _tags(fields, faults)
        if len(self._problems) > known:
            return None
        fields.setdefault("inputs", {})
        return Sample.model_validate(fields)

    def _check_id(self, fields: dict[str, JsonValue], row: Located, faults: Faults) -> None:
        if "id" not in fields:
            faults.add((), "has no id; give each sample one that stays when lines move")
            return
        sample_id = fields["id"]
        if not _check_text(sample_id, ("id",), faults) or not isinstance(sample_id, str):
            return
        if len(sample_id) > MAX_ID:
            faults.add(("id",), f"is longer than {MAX_ID} characters")
            return
        free, line = self._claim(sample_id, row.place)
        if not free:
            where = f"in row {line}" if self._file.endswith(".parquet") else f"on line {line}"
            faults.add(("id",), f"{shown(sample_id)} was given already, {where}")


def _check_text(value: JsonValue, path: KeyPath, faults: Faults) -> bool:
    """Note where a value is no name-like text: not empty, and on one line."""
    if not isinstance(value, str):
        hint = " (put it in quotes)" if isinstance(value, int | float) else ""
        faults.add(path, f"must be a text, not {kind_of(value)}{hint}")
    elif not value.strip():
        faults.add(path, "must not be empty")
    elif _CONTROL.search(value):
        faults.add(path, f"{shown(value)} holds a control character")
    else:
        return True
    return False


def _check_weight(fields: dict[str, JsonValue], faults: Faults) -> None:
    weight = fields.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        faults.add(("weight",), f"must be a number over 0, not {shown(weight)}")
    elif not weight > 0:
        faults.add(("weight",), f"must be over 0, not {weight}")


def _alternatives(fields: dict[str, JsonValue], faults: Faults) -> list[JsonValue]:
    """Return the targets: a list holds alternatives, anything else is the only one."""
    if "target" not in fields:
        return []
    target = fields["target"]
    if target is None:
        faults.add(("target",), "is null; leave the key out where there is no target")
    if not isinstance(target, list):
        return [target]
    for index, alternative in enumerate(target):
        if alternative is None:
            faults.add(("target", index), "is null; leave it out")
    return target


def _tags(fields: dict[str, JsonValue], faults: Faults) -> list[JsonValue]:
    tags = fields.get("tags", [])
    if not isinstance(tags, list):
        faults.add(("tags",), f"must be a list of texts, not {kind_of(tags)}")
        return []
    for index, tag in enumerate(tags):
        if _check_text(tag, ("tags", index), faults) and tag in tags[:index]:
            faults.add(("tags", index), f"{shown(tag)} stands here twice")
    return tags
