import json

import pandas as pd
import pytest

from promptops import Project
from promptops.distributions.textrows import day_of, read_text_rows, text_fields, value_at
from promptops.errors import FileProblems


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T23:30:00-05:00", "2026-03-03"),
        ("2026-03-02T10:00:00Z", "2026-03-02"),
        (" 2026-03-02 10:00 ", "2026-03-02"),
        (1772445600, "2026-03-02"),
        (1772445600123, "2026-03-02"),
        (True, None),
        ("yesterday", None),
        (10**400, None),
        (None, None),
    ],
)
def test_a_day_is_that_in_greenwich(value, day):
    assert day_of(value) == day


def test_a_whole_key_goes_before_dots_into_objects():
    row = {"a.b": 1, "a": {"b": 2, "c": {"d": 3}}}
    assert [value_at(row, name) for name in ("a.b", "a.c.d", "a.x", "a.b.c")] == [1, 3, None, None]
    assert value_at("text", "a") is None


@pytest.mark.parametrize("ending", ["parquet", "PARQUET", "csv"])
def test_an_export_of_records_gives_the_texts_of_the_records(tmp_path, ending):
    said = ["- a bullet", "=1+1", "'quoted'", "' @x", '{"a": 1}', "plain", "two\nlines", "\uff1dwide"]
    rows = [
        {"id": f"r{n}", "at": f"2026-03-02T10:00:{n:02}Z", "prompt": "p", "output": text}
        | {"inputs": {"question": text, "context": f"c{n}"}, "metadata": {"shop": f"s{n}"}}
        for n, text in enumerate(said)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / f"out.{ending}"
    with Project.open(tmp_path, database="sqlite://") as project:
        project.import_records(log)
        project.export_records(path)
    assert [row.text for row in read_text_rows(path, what="outputs")] == said
    found = read_text_rows(path, "inputs.question", columns=["metadata.shop"])
    assert [(row.text, *row.values) for row in found] == [(text, f"s{n}") for n, text in enumerate(said)]
    assert [row.text for row in read_text_rows(path)] == [row.text for row in read_text_rows(log)]
    assert {"inputs.context", "metadata.shop"} <= {*text_fields(path)}


def test_a_cell_of_inputs_that_is_no_object_is_a_text(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('inputs\n"{""a"": 1"\n[1]\n"{""b"": ""x""}"\n')
    assert [row.text for row in read_text_rows(path)] == ['{"a": 1', "[1]", "x"]


def test_inputs_and_outputs_are_looked_for_under_their_own_keys(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"prompt": "p", "response": "r"}\n{"question": "q", "answer": "a"}\n')
    assert [row.text for row in read_text_rows(path, what="inputs")] == ["p", "q"]
    assert [row.text for row in read_text_rows(path, what="outputs")] == ["r", "a"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_columns_days_and_keys_come_with_the_texts(tmp_path, form):
    path = tmp_path / f"log.{form}"
    table = pd.DataFrame(
        {"text": ["x", "y"], "at": ["2026-01-01", "2026-01-02"], "n": [1, 2], "id": ["a", "b"]}
    )
    if form == "jsonl":
        table.to_json(path, orient="records", lines=True)
    elif form == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    rows = read_text_rows(path, columns=["n"], day="at", key="id")
    assert [(row.text, str(row.values[0]), row.day, row.key) for row in rows] == [
        ("x", "1", "2026-01-01", "a"),
        ("y", "2", "2026-01-02", "b"),
    ]


@pytest.mark.parametrize(
    ("asked", "line", "reason"),
    [
        ({"day": "at"}, 2, "must be a date, a time (ISO 8601) or seconds since 1970, not 'soon'"),
        ({"key": "id"}, 2, "'a' was given already"),
        ({"key": "n"}, 1, "must be a text or a whole number that names the row"),
        ({"columns": ["colour"]}, None, "no row has 'colour'"),
    ],
)
def test_what_a_row_lacks_is_told_with_its_place(tmp_path, asked, line, reason):
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"text": "x", "at": "2026-01-01", "id": "a", "n": 1.5}\n'
        '{"text": "y", "at": "soon", "id": "a", "n": 2}\n'
    )
    with pytest.raises(FileProblems) as caught:
        read_text_rows(path, **asked)
    problem = caught.value.problems[0]
    assert problem.line == line
    assert reason in problem.reason
