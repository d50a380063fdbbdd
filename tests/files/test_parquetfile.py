"""Samples and texts from Parquet files: what pyarrow and pandas write, read right or refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as arrow
import pytest
from pyarrow import parquet

from promptops.distributions.textrows import read_texts
from promptops.errors import FileProblems
from promptops.files import parquetfile
from promptops.sets import samplefiles
from promptops.sets.evalset import read_evalset
from tests.made import Folder, questions

ROWS = [
    {
        "id": "1",
        "inputs": {"mail": 'a, "b"\nc', "to": "x", "parts": [1, 2]},
        "target": ["t"],
        "tags": ["p", "q"],
        "group": "g",
    },
    {"id": "2", "inputs": {"mail": "é"}, "weight": 1.5, "origin": "o", "metadata": {"m": "1", "n": 2}},
]


def made(tmp_path: Path, rows: Any, name: str = "mails") -> Path:
    folder = Folder(tmp_path).evalset(name, [])
    (folder / "samples.jsonl").unlink()
    table = rows if isinstance(rows, arrow.Table) else arrow.Table.from_pylist(rows)
    parquet.write_table(table, folder / "samples.parquet", row_group_size=1)
    return folder


def problems_of(folder: Path) -> str:
    with pytest.raises(FileProblems) as caught:
        read_evalset(folder)
    return str(caught.value)


def test_structs_and_flat_columns_mean_what_json_lines_mean(tmp_path: Path) -> None:
    flat = [
        {f"{key}.{name}": each for key in ("inputs", "metadata") for name, each in row.get(key, {}).items()}
        | {key: each for key, each in row.items() if key not in ("inputs", "metadata")}
        for row in ROWS
    ]
    expected = read_evalset(Folder(tmp_path).evalset("lines", ROWS))
    for name, rows in (("structs", ROWS), ("flat", flat)):
        everywhere = dict.fromkeys(key for row in rows for key in row)
        found = read_evalset(made(tmp_path, [everywhere | row for row in rows], name))
        assert found.samples == expected.samples
        assert found.digest == expected.digest


def test_pandas_writes_what_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b"], "inputs.x": ["1", None], "target": ["t", "u"], "weight": [1.0, 2.5]}
    )
    frame["metadata.kind"] = pd.Categorical(["k", "l"])
    folder = Folder(tmp_path).evalset("frame", [])
    (folder / "samples.jsonl").unlink()
    frame.to_parquet(folder / "samples.parquet")
    first, second = read_evalset(folder).samples
    assert (first.inputs, first.metadata, first.target) == ({"x": "1"}, {"kind": "k"}, ("t",))
    assert (second.inputs, second.weight) == ({}, 2.5)


def test_a_large_one_is_read_by_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_evalset(Folder(tmp_path).evalset("lines", questions(1203)))
    folder = made(tmp_path, arrow.Table.from_pylist(questions(1203)))
    monkeypatch.setattr(samplefiles, "IN_MEMORY", 0)
    found = read_evalset(folder)
    assert tuple(found.samples) == expected.samples and not isinstance(found.samples, tuple)
    assert found.digest == expected.digest


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"id": "a", "input.x": "x"}],
            "samples.parquet: unknown column 'input.x'. Did you mean 'inputs.NAME'?",
        ),
        (
            [{"id": "a", "question": "x"}],
            "there is no column of inputs: call each inputs.NAME (such as 'inputs.q",
        ),
        ([{"id": "a", "__index_level_0__": 1}], "index of a pandas table: write that with index=False"),
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], "parquet, row 3: id: 'a' was given already, in row 1"),
        ([{"id": 5}], "put it in quotes"),
        ([{"id": "a", "weight": float("nan")}], "parquet, row 1: weight is nan, which is no JSON number"),
        ([{"id": "a", "inputs": {"x": [2.0, float("inf")]}}], "inputs.x.1 is inf"),
        ([{"id": "a", "metadata": {"day": datetime.date(2026, 1, 1)}}], "column 'metadata' holds date32"),
        ([{"id": "a", "inputs": {"x": b"raw"}}], "column 'inputs' holds binary"),
        (arrow.table({"id": ["a"], "weight": arrow.array([2**64 - 1], arrow.uint64())}), "64 bits"),
        (arrow.Table.from_arrays([arrow.array(["a"])] * 2, ["id", "id"]), "'id' stands there twice"),
        (arrow.table({"id": arrow.array([], arrow.string())}), "holds no samples"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(tmp_path: Path, rows: Any, told: str) -> None:
    assert told in problems_of(made(tmp_path, rows))


@pytest.mark.parametrize("cut", [0, 4, 60, -20])
def test_a_broken_file_is_told(tmp_path: Path, cut: int) -> None:
    folder = made(tmp_path, questions(40))
    file = folder / "samples.parquet"
    file.write_bytes(file.read_bytes()[:cut])
    assert "is no Parquet file that can be read" in problems_of(folder)


def test_bytes_that_are_changed_within_end_in_a_word_and_not_in_a_crash(tmp_path: Path) -> None:
    folder = made(tmp_path, questions(40))
    file = folder / "samples.parquet"
    whole = file.read_bytes()
    for place in range(0, len(whole), max(len(whole) // 60, 1)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_evalset(folder)
        except FileProblems as error:
            assert "samples.parquet" in str(error)


def test_a_group_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquetfile, "MAX_GROUP", 10)
    assert "write it with smaller ones" in problems_of(made(tmp_path, questions(3)))


def test_texts_of_production_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    parquet.write_table(arrow.table({"output": ["a", "b"], "user.name": ["x", "y"]}), path)
    assert read_texts(path) == ["a", "b"]
    assert read_texts(path, "output") == ["a", "b"]


def test_rows_with_one_fault_are_told_as_rows(tmp_path: Path) -> None:
    rows = [{"id": f"s{number}", "inputs": {"x": "1"}, "weight": -1.0} for number in range(5)]
    told = problems_of(made(tmp_path, rows))
    assert "samples.parquet, row 1: weight: " in told
    assert "(and 4 more such: row 2, row 3, row 4, ...)" in told and "line" not in told


def test_a_column_of_inputs_is_not_missed_where_there_is_one(tmp_path: Path) -> None:
    told = problems_of(made(tmp_path, [{"id": "a", "inputs.x": "1", "lable": "y"}]))
    assert "unknown column 'lable'." in told and "no column of inputs" not in told
    assert "inputs.x" not in told.partition("Known are")[0]
