"""Samples in three formats: read right, or refused with line, column and field; and texts of production."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops.distributions.textrows import read_texts
from promptops.errors import FileProblems
from promptops.sets.evalset import read_evalset
from promptops.types import Sample

CARD = 'format = 1\n[card]\ndescription = "d"\n[metrics.exact]\n'
ROW = '{"id": "a", "inputs": {"x": "1"}, "target": "t", "tags": ["long"]}\n'


@pytest.fixture
def make(tmp_path):
    """Write a set and return its folder."""

    def write(toml=CARD, name="mails", **files):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "evalset.toml").write_bytes(toml.encode() if isinstance(toml, str) else toml)
        for suffix, text in (files or {"jsonl": ROW}).items():
            (folder / f"samples.{suffix}").write_bytes(text.encode() if isinstance(text, str) else text)
        return folder

    return write


def problems_of(folder):
    with pytest.raises(FileProblems) as caught:
        read_evalset(folder)
    return caught.value.problems


@pytest.mark.parametrize(
    ("target", "alternatives"),
    [
        ('"t"', ("t",)),
        ('""', ("",)),
        ('["a", "b"]', ("a", "b")),
        ('{"a": [1]}', ({"a": [1]},)),
        ("5", (5,)),
        ("false", (False,)),
        ("[]", ()),
        ("[[1, 2]]", ([1, 2],)),
    ],
)
def test_a_list_of_targets_holds_alternatives_and_anything_else_is_one(make, target, alternatives):
    (sample,) = read_evalset(make(jsonl=f'{{"id": "a", "target": {target}}}')).samples
    assert sample.target == alternatives


def test_the_three_formats_mean_the_same(make):
    rows = [
        {
            "id": "1",
            "inputs": {"mail": 'a, "b"\nc', "to": "x"},
            "target": "t",
            "tags": ["p", "q"],
            "group": "g",
        },
        {"id": "2", "inputs": {"mail": "é"}, "weight": 1.5, "origin": "o", "metadata": {"m": "1"}},
    ]
    lines = "".join(json.dumps(row) + "\r\n" for row in rows)
    table = (
        "\ufeffid,inputs.mail,inputs.to,target,tags,group,weight,origin,metadata.m\r\n"
        '1,"a, ""b""\nc",x,t,p; q,g,,,\r\n2,é,,,,,1.5,o,1\r\n'
    )
    text = """
- id: '1'
  inputs:
    mail: |-
      a, "b"
      c
    to: x
  target: t
  tags: [p, q]
  group: g
- {id: "2", inputs: {mail: é}, weight: 1.5, origin: o, metadata: {m: '1'}}
"""
    sets = [
        read_evalset(make(name=name, **{name: content}))
        for name, content in [("jsonl", lines), ("csv", table), ("yaml", text), ("yml", text)]
    ]
    assert len({found.digest for found in sets}) == 1
    assert sets[0].samples[0].inputs["mail"] == 'a, "b"\nc'


BAD_ROWS = [
    ("[1]", 1, "", "must be an object, not a list"),
    ('{"inputs": {}}', 1, "", "has no id"),
    ('{"id": 5}', 2, "id", "put it in quotes"),
    ('{"id": ""}', 2, "id", "must not be empty"),
    ('{"id": "a\\nb"}', 2, "id", "control character"),
    ('{"id": "a\\u001b[2J"}', 2, "id", "control character"),
    ('{"id": "%s"}' % ("a" * 201), 2, "id", "longer than 200"),
    ('{"id": "a", "input": {}}', 13, "input", "unknown key. Did you mean 'inputs'?"),
    ('{"id": "a", "expected": "x"}', 13, "expected", "Known are: id, inputs, target"),
    ('{"id": "a", "inputs": "x"}', 13, "inputs", "must be an object, not a text"),
    ('{"id": "a", "inputs": {"x": 1, "x": 2}}', 32, "inputs.x", "twice"),
    ('{"id": "a", "inputs": {"x": NaN}}', 29, "inputs.x", "NaN"),
    ('{"id": "a", "target": null}', 13, "target", "is null"),
    ('{"id": "a", "target": ["x", null]}', 29, "target[1]", "is null"),
    ('{"id": "a", "tags": "x"}', 13, "tags", "must be a list"),
    ('{"id": "a", "tags": [1]}', 22, "tags[0]", "must be a text"),
    ('{"id": "a", "tags": ["x", "x"]}', 27, "tags[1]", "twice"),
    ('{"id": "a", "tags": [" "]}', 22, "tags[0]", "empty"),
    ('{"id": "a", "group": 1}', 13, "group", "must be a text"),
    ('{"id": "a", "weight": 0}', 13, "weight", "over 0"),
    ('{"id": "a", "weight": -1}', 13, "weight", "over 0"),
    ('{"id": "a", "weight": "1"}', 13, "weight", "a number over 0"),
    ('{"id": "a", "weight": true}', 13, "weight", "a number over 0"),
    ('{"id": "a", "weight": 1e999}', 23, "weight", "too large"),
    ('{"id": "a", "origin": []}', 13, "origin", "must be a text"),
    ('{"id": "a", "metadata": 1}', 13, "metadata", "must be an object"),
    ('{"id": "a"', 11, "", "not JSON"),
]


@pytest.mark.parametrize(("row", "column", "field", "reason"), BAD_ROWS)
def test_a_faulty_sample_is_told_with_its_place(make, row, column, field, reason):
    (problem,) = problems_of(make(jsonl='{"id": "first"}\n\n' + row + "\n"))
    assert problem.file.endswith("mails/samples.jsonl")
    assert (problem.line, problem.column, problem.field) == (3, column, field)
    assert reason in problem.reason


def test_an_id_given_twice_names_both_lines(make):
    (problem,) = problems_of(make(jsonl=ROW + ROW))
    assert (problem.line, problem.field) == (2, "id")
    assert "'a' was given already, on line 1" in problem.reason


BAD_TABLES = [
    ("id,target,colour\n1,2,3", 1, 11, "unknown column 'colour'"),
    ("id,targets\n1,2", 1, 4, "Did you mean 'target'?"),
    ("id,inputs\n1,2", 1, 4, "inputs.NAME"),
    ("id,inputs.\n1,2", 1, 4, "inputs.NAME"),
    ("id,inputs.a.b\n1,2", 1, 4, "need JSONL"),
    ("id,inputs.a,inputs.a\n1,2,3", 1, 13, "twice"),
    ("id;colour\n1;2", 1, 4, "unknown column 'colour'"),
    ("id,target\n1,2,3", 2, 1, "has 3 cells where the header has 2"),
    ("id,target\n1,2\n\n3", 4, 1, "has 1 cells"),
    ('id,target\n1,"x', 2, 3, "never ends"),
    ('id,target\n1,"a\nb"\n1,c', 4, 1, "already, on line 2"),
    ("id,weight\n1,heavy", 2, 3, "'heavy'"),
    ("id,weight\n1,nan", 2, 3, "'nan'"),
    ("id,weight\n1,-2", 2, 3, "over 0"),
    ("id,tags\n1,a;b;a", 2, 3, "twice"),
    ("id,target\n,x", 2, 1, "has no id"),
    ("id,target\n", 1, None, "holds no samples"),
    ("", 1, None, "holds no samples"),
]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_parted_by_what_parts_the_header(make, mark):
    rows = [["id", "inputs.mail", "tags"], ["1", '"a, b; c\td"', '"p;q"'], ["2", "plain", ""]]
    [first, second] = read_evalset(make(csv="\n".join(map(mark.join, rows)))).samples
    assert (first.inputs["mail"], first.tags) == ("a, b; c\td", ("p", "q"))
    assert (second.inputs["mail"], second.tags) == ("plain", ())


@pytest.mark.parametrize(("text", "line", "column", "reason"), BAD_TABLES)
def test_a_faulty_table_is_told_with_its_physical_line(make, text, line, column, reason):
    (problem,) = problems_of(make(csv=text))
    assert (problem.line, problem.column) == (line, column)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("text", "line", "column", "field", "reason"),
    [
        ("id: a", 1, 1, "", "must be a list"),
        ("- a", 1, 3, "", "must be an object"),
        ("- id: a\n- id: a", 2, 3, "id", "already, on line 1"),
        ("- id: 1", 1, 3, "id", "put it in quotes"),
        ("- id: a\n  inputs:\n    x: &b 1", 3, 8, "[0].inputs.x", "anchors"),
        ("- id: a\n  inputs:\n    x: 1\n    x: 2", 4, 5, "[0].inputs.x", "twice"),
        ("- id: a\n  tags: [x, 2]", 2, 13, "tags[1]", "must be a text"),
        ("[]", 1, None, "", "holds no samples"),
    ],
)
def test_faulty_yaml_samples_are_told_with_their_place(make, text, line, column, field, reason):
    (problem,) = problems_of(make(yaml=text))
    assert (problem.line, problem.column, problem.field) == (line, column, field)
    assert reason in problem.reason


def test_a_line_of_ten_megabytes_is_read(make):
    row = json.dumps({"id": "a", "inputs": {"x": "é" * 4_000_000, "y": [[]] * 300_000}}, ensure_ascii=False)
    assert read_evalset(make(jsonl=row)).digest


def test_many_samples_are_read(make):
    rows = "".join(
        json.dumps({"id": f"s{i}", "inputs": {"x": "text " * 20}, "target": "t"}) + "\n" for i in range(5000)
    )
    assert len(read_evalset(make(jsonl=rows)).samples) == 5000


texts = st.text(st.characters(codec="utf-8"))
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(str.strip)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
samples = st.lists(
    st.builds(
        Sample,
        id=names.filter(lambda name: len(name) <= 200),
        inputs=st.dictionaries(texts, values, max_size=3),
        target=st.lists(values.filter(lambda value: value is not None), max_size=3),
        tags=st.lists(names, max_size=3, unique=True),
        group=st.none() | names,
        weight=st.floats(min_value=1e-6, max_value=1e6),
        origin=st.none() | names,
        metadata=st.dictionaries(texts, values, max_size=2),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda sample: sample.id,
)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(samples, st.booleans())
def test_samples_read_back_from_json_lines_and_yaml(make, samples, ascii_only):
    rows = [sample.model_dump(mode="json", exclude_none=True) for sample in samples]
    for row, sample in zip(rows, samples, strict=True):
        row["inputs"], row["metadata"] = dict(sample.inputs), dict(sample.metadata)
        row["target"] = list(sample.target)
    lines = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    assert read_evalset(make(jsonl=lines)).samples == tuple(samples)


@quick
@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:id aNn1\n\r;.').map(str.encode))
def test_any_bytes_are_read_or_refused(make, data):
    for kind in ("jsonl", "csv", "yaml"):
        folder = make(name=kind, **{kind: data})
        try:
            read_evalset(folder)
        except FileProblems as error:
            assert all(problem.file.endswith(f"samples.{kind}") for problem in error.problems)


PRODUCTION = [
    ('"a"\n"b"\n', None, ["a", "b"]),
    ('{"inputs": {"z": "2", "a": "1", "n": 5}}\n', None, ["1\n5\n2"]),
    ('{"input": "x", "output": "y"}\n{"text": "z"}\n{"output": "o"}\n', None, ["x", "z", "o"]),
    ('{"input": "x", "output": "y"}\n', "output", ["y"]),
    ('{"inputs": {"mail": {"body": "b", "subject": "s"}}}\n', "inputs.mail.body", ["b"]),
    ('{"messages": ["a", "b"]}\n', "messages", ["a\nb"]),
    (json.dumps({"id": "a", "inputs": {"x": "1"}, "target": "t"}), None, ["1"]),
]


@pytest.mark.parametrize(("text", "field", "expected"), PRODUCTION)
def test_texts_are_taken_from_production_rows(tmp_path, text, field, expected):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    assert read_texts(path, field) == expected


def test_texts_are_taken_from_tables_too(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("id,inputs.mail,colour\n1,hello,red\n2,you,blue\n")
    assert read_texts(path) == ["hello", "you"]
    assert read_texts(path, "colour") == ["red", "blue"]


@pytest.mark.parametrize(
    ("text", "field", "line", "named", "reason"),
    [
        ("", None, 1, "", "holds no texts"),
        ('"a"\n{"x": 1}', None, 2, "", "has none of inputs, input, text, output"),
        ('{"inputs": {}}', None, 1, "inputs", "must be a text"),
        ('{"input": null}', None, 1, "input", "must be a text"),
        ("5.5\ntrue", None, 2, "", "must be a text"),
        ('{"a": {"body": "x"}}', "a.bdy", 1, "a", "Did you mean 'body'?"),
        ('{"a": "x"}', "a.b", 1, "a", "has no 'b'"),
        ('"a"\n{', None, 2, "", "not JSON"),
    ],
)
def test_production_rows_without_a_text_are_told(tmp_path, text, field, line, named, reason):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(FileProblems) as caught:
        read_texts(path, field)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, named)
    assert reason in problem.reason
