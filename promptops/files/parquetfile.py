"""Rows of a Parquet file as JSON values, some at a time; a row's number stands where a line's would."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import MAX_DEPTH, KeyPath, Located, Place, shown
from promptops.files.textfile import file_name, open_regular

ROWS = 500
"""Rows that are held at a time."""
MAX_GROUP = 2**30
"""Bytes, unpacked, of a row group: pages of it are unpacked at once."""
_MAX_INTEGER = 2**63 - 1


def read_parquet(
    path: Path, problems: list[Problem], odd: Callable[[Sequence[str]], list[str]]
) -> Iterator[Located]:
    """Yield each row as an object; what is null isn't there. Faulty rows are skipped and noted in `problems`.

    Columns hold texts, numbers, booleans, lists or structs of these; `odd` tells what is wrong with their
    names. Raises FileProblems where the file can't be read, or a column is none of these.
    """
    import pyarrow as arrow
    from pyarrow import parquet

    name = file_name(path)
    with open_regular(path) as file:
        try:
            opened = parquet.ParquetFile(file, pre_buffer=False)
            _check(opened, name, odd)
            number = 0
            for batch in opened.iter_batches(batch_size=ROWS, use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    fault = _fault(row, ())
                    if fault is None:
                        yield Located(_present(row), _at(number))
                    else:
                        problems.append(Problem(name, f"{shown_path(fault[0])} {fault[1]}", number))
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise FileProblems([Problem(name, f"is no Parquet file that can be read: {reason}")]) from error


def shown_path(path: KeyPath) -> str:
    """Spell where in a row a value stands."""
    return ".".join(str(step) for step in path)


def _at(number: int) -> Any:
    return lambda path: Place(number)


def _check(opened: Any, name: str, odd: Callable[[Sequence[str]], list[str]]) -> None:
    """Raise FileProblems with every column whose values JSON has no word for, and for what is too large."""
    problems = []
    columns: list[str] = opened.schema_arrow.names
    problems += [
        Problem(name, f"column {shown(column)} stands there twice")
        for column in dict.fromkeys(columns)
        if columns.count(column) > 1
    ]
    problems += [Problem(name, reason) for reason in odd(columns)]
    for field in opened.schema_arrow:
        strange = _odd(field.type)
        if strange is not None:
            told = f"column {shown(field.name)} holds {strange}; write it as texts, numbers, lists or structs"
            problems.append(Problem(name, told))
    for place in range(opened.metadata.num_row_groups):
        if opened.metadata.row_group(place).total_byte_size > MAX_GROUP:
            problems.append(
                Problem(name, f"has a row group of over {MAX_GROUP:,} bytes; write it with smaller ones")
            )
            break
    if problems:
        raise FileProblems(problems)


def _odd(kind: Any, depth: int = 1) -> str | None:
    """Return the type in a column that JSON has no word for; None where there is none."""
    from pyarrow import types

    plain = (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_floating)
    if depth > MAX_DEPTH:
        return f"values nested deeper than {MAX_DEPTH} levels"
    if any(fits(kind) for fits in (*plain, types.is_null)):
        return None
    if types.is_dictionary(kind):
        return _odd(kind.value_type, depth)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _odd(kind.value_type, depth + 1)
    if types.is_struct(kind):
        return next((odd for field in kind if (odd := _odd(field.type, depth + 1)) is not None), None)
    return str(kind)


def _fault(value: Any, path: KeyPath) -> tuple[KeyPath, str] | None:
    """Return the first number that JSON can't hold, and why."""
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)  # type: ignore[assignment]
    else:
        if isinstance(value, float) and not math.isfinite(value):
            return path, f"is {value}, which is no JSON number; leave it null where a value is unknown"
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            return path, "is a number that needs more than 64 bits; write it as text"
        return None
    return next((found for key, each in inside if (found := _fault(each, (*path, key)))), None)


def _present(value: Any) -> JsonValue:
    """Return a row without the members that are null: a struct has each of its fields in every row."""
    if isinstance(value, dict):
        return {key: _present(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_present(each) for each in value]
    found: JsonValue = value
    return found
