"""Results as Parquet, CSV and JSON lines: read back by pandas, they are what is stored."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from promptops import Project
from promptops.errors import UsageError
from tests.made import EVALSET, Folder, questions

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "  =1", "\uff1d1", "\uff0b1", "\uff20x")

RUN = tuple("=+-@\t\r\0\uff1d\uff0b\uff0d\uff20")


def made(folder: Folder, samples: int = 40) -> str:
    """Return a run with answers that a spreadsheet would run, failures, and a judge that can't be read."""
    rows = questions(samples, metadata=lambda number: {"n": number})
    folder.evalset("numbers", rows, EVALSET + '\n[metrics.quality]\nmetric = "rubric"\n')
    answers = {f"q{number:03}": {"text": text, "tokens_in": 3} for number, text in enumerate(FORMULAS)}
    answers["q020"] = {"fail": "filtered"}
    answers["q021"] = {"text": 'a \ud800 b\nc,"d"'}
    model = folder.script("odd.json", {**answers, "*": {}})
    with Project.open(folder.path) as project:
        run = project.evaluate(
            "numbers",
            [folder.path / "ask.prompt.yaml"],
            [model],
            judge_model="mock/constant:no verdict",
            repeats=2,
        )
        return run[0].id


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_what_is_read_back_is_what_is_stored(folder: Folder, tmp_path: Path, ending: str) -> None:
    run = made(folder)
    path = tmp_path / f"results.{ending}"
    with Project.open(folder.path) as project:
        assert project.export(run, path) == 80
        cases = project.cases_of(run, limit=100)
        samples = {sample.id: sample for sample in project.samples(run)}
    frame = {
        "parquet": pd.read_parquet,
        "csv": lambda file: pd.read_csv(file, encoding="utf-8", keep_default_na=True),
        "jsonl": lambda file: pd.DataFrame(map(json.loads, file.read_bytes().splitlines()), dtype=object),
    }[ending](path)
    assert len(frame) == 80
    assert list(frame["sample"]) == [case.result.sample_id for case in cases]
    assert list(frame["repeat"]) == [case.result.repeat for case in cases]
    for row, case in zip(frame.to_dict("records"), cases, strict=True):
        for label in ("exact", "contains", "quality"):
            expected, found = case.figures[label], row[f"score.{label}"]
            assert (found is None or math.isnan(found)) if expected is None else found == expected
        inputs = row["inputs"] if ending == "jsonl" else json.loads(row["inputs"])
        assert inputs == samples[row["sample"]].inputs
        answer = case.result.completion
        if answer is None:
            assert row["failure"] == "filtered" and pd.isna(row["output"]) and pd.isna(row["finish_reason"])
        elif ending == "jsonl" or row["sample"] > "q021":
            assert row["output"] == answer.text
        known = answer is not None and answer.tokens_in is not None
        assert (row["tokens_in"] == 3) if known else pd.isna(row["tokens_in"])
        assert pd.isna(row["cost"])
    unread = frame["unscored.quality"].dropna()
    assert len(unread) > 60 and "no readable verdict" in unread.iloc[0]


def test_no_cell_of_a_spreadsheet_is_run(folder: Folder, tmp_path: Path) -> None:
    run = made(folder)
    with Project.open(folder.path) as project:
        project.export(run, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    outputs = {row["sample"]: row["output"] for row in rows}
    for number, text in enumerate(FORMULAS):
        written_out = {"\r=1": r"\u000d=1", "\0=1": r"\u0000=1"}
        assert outputs[f"q{number:03}"] == written_out.get(text, f"'{text}")
    for row in rows:
        for name, cell in row.items():
            if not name.startswith("score."):
                assert not cell.lstrip(" ").startswith(tuple("=+-@\t\r\0\uff1d\uff0b\uff0d\uff20")), (
                    name,
                    cell,
                )


def test_without_texts_there_are_only_figures(folder: Folder, tmp_path: Path) -> None:
    run = made(folder)
    folder.run("export", run, "-o", str(tmp_path / "figures.parquet"), "--no-texts")
    frame = pd.read_parquet(tmp_path / "figures.parquet")
    assert not {"inputs", "target", "output", "reason.quality"} & set(frame.columns)
    assert frame["score.exact"].notna().sum() == 78
    assert str(frame["tokens_in"].dtype) in ("float64", "Int64")


def test_an_unknown_ending_or_place_is_refused_and_leaves_nothing(folder: Folder, tmp_path: Path) -> None:
    run = made(folder, 30)
    told = folder.run("export", run, "-o", "results.xlsx", code=2).stderr
    assert ".parquet, .csv, .jsonl" in " ".join(told.split())
    (tmp_path / "file").write_text("x")
    for place in ("file", "nowhere"):
        told = folder.run("export", run, "-o", str(tmp_path / place / "a.csv"), code=2).stderr
        assert "There is no folder" in told
    assert not (tmp_path / "nowhere").exists()
    with Project.open(folder.path) as project, pytest.raises(UsageError, match="ends with"):
        project.export(run, tmp_path / "results")
    assert not list(folder.path.glob("results*")) and not list(tmp_path.glob("*.tmp"))


def test_a_file_that_was_there_stays_whole_until_the_new_one_is(folder: Folder, tmp_path: Path) -> None:
    run = made(folder, 30)
    path = tmp_path / "results.jsonl"
    path.write_text("old")
    with Project.open(folder.path) as project:
        results = project.store.results

        def broken(run_id: str, **options: object) -> object:
            yield next(iter(results(run_id)))
            raise RuntimeError("the disk is gone")

        project.store.results = broken  # type: ignore[assignment, method-assign]
        with pytest.raises(RuntimeError, match="the disk is gone"):
            project.export(run, path)
    assert path.read_text() == "old"
    assert not [each.name for each in tmp_path.iterdir() if each.name.endswith(".tmp")]
