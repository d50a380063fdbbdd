"""A run's results as a table for other tools: Parquet, CSV or JSON lines, streamed, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from promptops.analysis.summary import own_figures
from promptops.errors import UsageError
from promptops.files.csvfile import harmless
from promptops.files.textfile import file_name, replacing
from promptops.metrics import Metric
from promptops.store import Store
from promptops.types import Result, Run, Sample

PAGE = 1_000
"""Rows that are held at a time, however many there are."""

Row = dict[str, Any]


def export_results(
    store: Store, run: Run, metrics: Mapping[str, Metric], path: Path, *, texts: bool = True
) -> int:
    """Write one row a result, by sample id and repeat; the ending of the file says how. Returns the rows.

    Raises UsageError for an ending that is none of ours, FileProblems where the file can't be written.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{file_name(path)!r}: write results to a file that ends with {', '.join(FORMS)}.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}: make it first, or write elsewhere.")
    count = 0
    with replacing(path) as file:
        writer = form(file, _columns(metrics, texts=texts))
        for page in _pages(store, run):
            writer.write([_row(result, sample, metrics, texts=texts) for result, sample in page])
            count += len(page)
        writer.close()
    return count


def _pages(store: Store, run: Run) -> Iterator[list[tuple[Result, Sample]]]:
    results = iter(store.results(run.id))
    while page := list(islice(results, PAGE)):
        samples = store.snapshot_some(run.evalset_digest, list({result.sample_id for result in page}))
        yield [(result, samples[result.sample_id]) for result in page]


def _columns(metrics: Iterable[str], *, texts: bool) -> dict[str, str]:
    """Return each column's kind: text, int, float, flag, texts (a list) or json."""
    found = {
        **{"sample": "text", "repeat": "int", "tags": "texts", "group": "text", "weight": "float"},
        **({"inputs": "json", "target": "texts", "output": "text"} if texts else {}),
        **{"finish_reason": "text", "failure": "text", "failure_message": "text", "model": "text"},
        **{"tokens_in": "int", "tokens_out": "int", "seconds": "float", "cost": "float"},
        **{"attempts": "int", "cached": "flag"},
    }
    for label in metrics:
        found |= {f"score.{label}": "float", f"unscored.{label}": "text"}
        if texts:
            found[f"reason.{label}"] = "text"
    return found


def _row(result: Result, sample: Sample, metrics: Mapping[str, Metric], *, texts: bool) -> Row:
    answer, failure = result.completion, result.failure
    tried = failure.attempts if failure is not None else answer.attempts if answer is not None else ()
    row: Row = {
        "sample": result.sample_id,
        "repeat": result.repeat,
        "tags": list(sample.tags),
        "group": sample.group,
        "weight": sample.weight,
        "finish_reason": answer.finish_reason if answer is not None else None,
        "failure": failure.kind if failure is not None else None,
        "failure_message": failure.message if failure is not None else None,
        "model": answer.model if answer is not None else None,
        "tokens_in": answer.tokens_in if answer is not None else None,
        "tokens_out": answer.tokens_out if answer is not None else None,
        "seconds": answer.seconds if answer is not None else None,
        "cost": answer.cost if answer is not None else None,
        "attempts": max(len(tried), 1),
        "cached": result.cached,
    }
    if texts:
        row |= {
            "inputs": dict(sample.inputs),
            "target": list(sample.target),
            "output": answer.text if answer is not None else None,
        }
    figures = own_figures(result, metrics)
    for label in metrics:
        score = result.scores.get(label)
        row[f"score.{label}"] = figures[label]
        row[f"unscored.{label}"] = score.unscored if score is not None else None
        if texts:
            row[f"reason.{label}"] = score.reason or None if score is not None else None
    return row


class _Form(ABC):
    """Writes pages of rows; knows the columns beforehand."""

    def __init__(self, file: BinaryIO, columns: Mapping[str, str]) -> None:
        self._file = file
        self._columns = columns

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Write a page."""

    def close(self) -> None:
        """Write what belongs at the end."""
        return


class _Lines(_Form):
    def write(self, rows: Sequence[Row]) -> None:
        told = [{name: row.get(name) for name in self._columns} for row in rows]
        text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in told)
        # Half a character is written as JSON escapes it.
        self._file.write(text.encode("utf-8", "backslashreplace"))


class _Csv(_Form):
    def __init__(self, file: BinaryIO, columns: Mapping[str, str]) -> None:
        super().__init__(file, columns)
        self._put([list(columns)])

    def write(self, rows: Sequence[Row]) -> None:
        self._put([[_cell(row.get(name)) for name in self._columns] for row in rows])

    def _put(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode("utf-8", "replace"))


class _Parquet(_Form):
    def __init__(self, file: BinaryIO, columns: Mapping[str, str]) -> None:
        import pyarrow as arrow
        from pyarrow import parquet

        super().__init__(file, columns)
        kinds = {
            **{"text": arrow.string(), "int": arrow.int64(), "float": arrow.float64(), "flag": arrow.bool_()},
            **{"texts": arrow.list_(arrow.string()), "json": arrow.string()},
        }
        self._arrow = arrow
        self._schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        told = [
            {
                name: _sound(_json(row.get(name)) if kind == "json" else row.get(name))
                for name, kind in self._columns.items()
            }
            for row in rows
        ]
        self._writer.write_table(self._arrow.Table.from_pylist(told, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


FORMS: dict[str, type[_Form]] = {".parquet": _Parquet, ".csv": _Csv, ".jsonl": _Lines}


def _cell(value: object) -> object:
    """Return a CSV cell: nothing where a figure is not known, and no text that a spreadsheet would run."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        value = _json(value)
    return harmless(value) if isinstance(value, str) else value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sound(value: object) -> object:
    """Return texts without lone surrogates, which Parquet's UTF-8 can't hold."""
    if isinstance(value, list):
        return [_sound(each) for each in value]
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
