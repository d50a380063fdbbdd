"""JSON Lines: strict, with the column of each fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.files.jsonfile import read_json, read_json_lines

REFUSED = [
    ('{"a": 1, "b": {"x": 1, "x": 2}}', 24, "b.x", "twice"),
    ('{"a": NaN}', 7, "a", "NaN"),
    ('[1, {"a": -Infinity}]', 11, "[1].a", "Infinity"),
    ('{"a": [1, 1e999]}', 11, "a[1]", "too large"),
    ('{"a": 9223372036854775808}', 7, "a", "64 bits"),
    ('{"a": ' + "9" * 5000 + "}", 7, "a", "64 bits"),
    ('{"a": "x\\ud800y"}', 7, "a", "half a character"),
    ('{"\\udc00": 1}', 2, "", "half a character"),
    ("[" * 41 + "]" * 41, 41, "[0][0][0]", "deeper than 40"),
    ("[" * 100_000, None, None, "deeper than 40"),
    ("[" * 2_000_000, None, None, "deeper than 40"),
    ('{"a": 1} {"b": 2}', 10, "", "goes on after"),
    ('{"a" 1}', 6, "", "not JSON"),
    ("{'a': 1}", 2, "", "not JSON"),
    ('{"a": 1,}', 9, "", "not JSON"),
    ("// note", 1, "", "not JSON"),
    ('"abc', 1, "", "not JSON"),
    ('{"a": "\t"}', 8, "", "not JSON"),
    ('{"a": 01}', 8, "", "not JSON"),
    ("<<<<<<< HEAD", 1, "", "conflict mark"),
]


@pytest.mark.parametrize(("text", "column", "field", "reason"), REFUSED)
def test_a_faulty_line_is_refused_at_its_column(text, column, field, reason):
    with pytest.raises(FileProblems) as caught:
        read_json(text, "f.jsonl", 7)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("f.jsonl", 7)
    assert reason in problem.reason
    if column is not None:
        assert (problem.column, problem.field) == (column, field)
    assert len(str(problem)) < 500


def test_places_are_those_of_keys_and_items():
    located = read_json(' {"a": {"b" : [10, {"c": null}]}, "d": 1}', "f", 3)
    assert located.place(("a", "b")) == (3, 9)
    assert located.place(("a", "b", 1, "c")) == (3, 21)
    assert located.place(("d",)) == (3, 35)
    assert located.place(("missing",)) == (3, 2)
    assert located.place(("d", "deeper", 1)) == (3, 35)


def test_a_file_is_read_with_mark_line_ends_and_blank_lines(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n"\xc3\xa9\xf0\x9f\x98\x80"\n[2]')
    problems = []
    rows = list(read_json_lines(path, problems))
    assert [row.value for row in rows] == [{"a": 1}, "é😀", [2]]
    assert [row.place(()).line for row in rows] == [1, 4, 5]
    assert not problems


def test_each_faulty_line_is_told_and_the_rest_is_read(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'1\n{"a"\n2\n"ok \xff"\n3\n\xff\xfe\n')
    problems = []
    assert [row.value for row in read_json_lines(path, problems)] == [1, 2, 3]
    assert [(problem.line, problem.column) for problem in problems] == [(2, 5), (4, 5), (6, 1)]
    assert "0xff is not UTF-8" in problems[1].reason
    assert "0xff is not UTF-8" in problems[2].reason


@pytest.mark.parametrize("wide", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_file_of_wide_characters_has_one_fault(tmp_path, wide):
    path = tmp_path / "f.jsonl"
    path.write_bytes('{"a": "\u00e9"}\n{"a": "\u4e2d"}\n'.encode(wide))
    problems = []
    with pytest.raises(FileProblems) as caught:
        list(read_json_lines(path, problems))
    (only,) = [*problems, *caught.value.problems]
    assert (only.line, only.column) == (1, 1)
    name = wide[:6].upper()
    assert only.reason == f"is {name}; save it as UTF-8 (for example by iconv -f {name} -t UTF-8)"


def test_a_line_of_ten_megabytes_is_read_and_a_longer_one_refused(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'"' + b"a" * 9_999_998 + b'"\n')
    assert len(next(read_json_lines(path, [])).value) == 9_999_998
    path.write_bytes(b'1\n"' + b"a" * 10_000_000 + b'"\n')
    with pytest.raises(FileProblems, match="longer than 10,000,000 bytes") as caught:
        list(read_json_lines(path, []))
    assert caught.value.problems[0].line == 2


def test_a_file_of_nothing_but_faults_is_given_up(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"x\n" * 100_000)
    problems = []
    assert list(read_json_lines(path, problems)) == []
    assert len(problems) == 1000


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, st.booleans(), st.sampled_from([None, 2]))
def test_every_json_value_is_read_as_the_standard_reader_does(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    located = read_json(text, "f")
    assert located.value == json.loads(text)
    for path, offset in _members(text, located.value):
        assert located.place(path).column == offset


def _members(text, value):
    """Yield the places of an object's keys, found in another way: where the parser's own scan meets them."""
    if isinstance(value, dict) and len(value) == 1:
        yield tuple(value), text.index('"') + 1


@given(st.text() | st.text(alphabet='{}[]",:\\u d8012eE.-nultrfasINy '))
def test_any_line_is_read_or_refused(text):
    try:
        read_json(text, "f")
    except FileProblems as error:
        assert error.problems[0].line == 1
