"""YAML as data only: what a value means, what is refused, and where."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from promptops.errors import FileProblems
from promptops.files.yamlfile import MAX_NODES, read_yaml

VALUES = [
    ("a: no", {"a": "no"}),
    ("on: off", {"on": "off"}),
    ("a: yes", {"a": "yes"}),
    ("a: true\nb: False", {"a": True, "b": False}),
    ("a: 1.10", {"a": 1.1}),
    ("a: 12:30", {"a": "12:30"}),
    ("a: 12:30:45", {"a": "12:30:45"}),
    ("a: 0123", {"a": "0123"}),
    ("a: 0o17\nb: 0x1F", {"a": "0o17", "b": "0x1F"}),
    ("a: 1_000", {"a": "1_000"}),
    ("a: 2020-01-02", {"a": "2020-01-02"}),
    ("a: 1e3\nb: .5\nc: -2.\nd: +7", {"a": 1000.0, "b": 0.5, "c": -2.0, "d": 7}),
    ("a: ~\nb:\nc: null\nd: ''", {"a": None, "b": None, "c": None, "d": ""}),
    ("1: x\nnull: y\ntrue: z", {"1": "x", "null": "y", "true": "z"}),
    ("'1.0'", "1.0"),
    ("- a\n- [b, {c: d}]", ["a", ["b", {"c": "d"}]]),
    ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ("a: >-\n  x\n  y\n", {"a": "x y"}),
    ("\ufeffa: 1", {"a": 1}),
    ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
    ('a: "\\u2028\\x07"', {"a": "\u2028\x07"}),
    ("<<: 1", {"<<": 1}),
    ("--- 1\n...\n", 1),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalars_mean_what_they_look_like(text, value):
    read = read_yaml(text, "f").value
    assert read == value
    assert json.dumps(read) == json.dumps(value)


REFUSED = [
    ("", 1, 1, "", "empty"),
    ("# nothing\n", 1, 1, "", "empty"),
    ("a: 1\nb: 2\na: 3", 3, 1, "a", "twice, first on line 1"),
    ("x: {a: 1, 'a': 2}", 1, 11, "x.a", "twice"),
    ("a: &x 1", 1, 4, "a", "anchors"),
    ("a: *x", 1, 4, "a", "aliases"),
    ("a: !!python/object/apply:os.system [ls]", 1, 4, "a", "tags"),
    ("- !!str 1", 1, 3, "[0]", "tags"),
    ("- a: ! 1", 1, 6, "[0].a", "tags"),
    ("a: .nan", 1, 4, "a", "finite"),
    ("a: [1, -.inf]", 1, 8, "a[1]", "finite"),
    ("a: 1e999", 1, 4, "a", "too large"),
    ("a: 123456789012345678901234567890", 1, 4, "a", "64 bits"),
    ("a: 9223372036854775808", 1, 4, "a", "64 bits"),
    ("a: 1\n---\nb: 2", 2, 1, "", "second document"),
    ("[a]: 1", 1, 1, "", "key must be a text"),
    ("? {a: b}\n: 1", 1, 3, "", "key must be a text"),
    ("{: 1}", 1, 2, "", "not YAML"),
    ("a:\n\tb: 1", 2, 1, "", "not YAML"),
    ("a: b: c", 1, 5, "", "not YAML"),
    ("a: [1,\nb", 2, 2, "", "not YAML"),
    ("a: 'x", 1, 6, "", "not YAML"),
    ("a: x\u2028y", 1, 5, "", "U+2028"),
    ("é: 1\na: \x01", 2, 4, "", "U+0001"),
    ("a: x\x85", 1, 5, "", "U+0085"),
    ('a: "\\ud800"', 1, 7, "", "not YAML"),
    ("- " * 41 + "x", 1, 81, "[0]" * 40, "deeper than 40"),
    ("[" * 100_000, 1, 41, "[0]" * 40, "deeper than 40"),
    ("{a: " * 100_000, 1, 161, ".".join("a" * 40), "deeper than 40"),
]


@pytest.mark.parametrize(("text", "line", "column", "field", "reason"), REFUSED)
def test_what_is_not_plain_data_is_refused_at_its_place(text, line, column, field, reason):
    with pytest.raises(FileProblems) as caught:
        read_yaml(text, "some.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column, problem.field) == ("some.yaml", line, column, field)
    assert reason in problem.reason


def test_forty_levels_are_read():
    assert read_yaml("[" * 40 + "]" * 40, "f").value


def test_places_are_those_of_keys_and_items():
    located = read_yaml("a: 1\nb:\n  - x\n  - c: [1,\n        2]\n", "f")
    assert located.place(("a",)) == (1, 1)
    assert located.place(("b", 0)) == (3, 5)
    assert located.place(("b", 1, "c")) == (4, 5)
    assert located.place(("b", 1, "c", 1)) == (5, 9)
    assert located.place(("b", 1, "missing", "deep")) == (4, 5)


BOMBS = {
    "laughs": "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]",
    "nodes": "- a\n" * (MAX_NODES + 10),
    "empty flows": "[" + "[]," * 1_000_000,
    "pairs": "{" + "a: b, " * 1_000_000 + "}",
    "unclosed quote": '"' + "a" * 5_000_000,
    "documents": "---\n" * 1_000_000,
    "anchor name": "&" + "a" * 5_000_000,
    "indents": "".join(" " * i + "a:\n" for i in range(2000)),
    "too large": "a" * 10_000_001,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_in_a_short_message(name):
    with pytest.raises(FileProblems) as caught:
        read_yaml(BOMBS[name], "f")
    assert len(str(caught.value)) < 2000


def test_a_long_text_is_read():
    assert len(str(read_yaml("a: " + "b" * 9_000_000, "f").value)) > 9_000_000


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_another_yaml_writer_quotes_is_read_back(value):
    # JSON in ASCII is YAML as well, but for surrogate pairs.
    text = json.dumps(value)
    if "\\ud" not in text and "\\/" not in text:
        assert read_yaml(text, "f").value == value


@given(st.text() | st.text(alphabet="ab:-[]{}\"'|>&*!%#? \n\t,0.~"))
def test_any_text_is_read_or_refused(text):
    try:
        read_yaml(text, "f")
    except FileProblems as error:
        assert error.problems[0].file == "f"


@given(st.text(alphabet="ab:-[]{}\"' \n,", max_size=40))
def test_texts_without_special_scalars_mean_what_pyyaml_reads(text):
    try:
        expected = yaml.load(text, Loader=yaml.BaseLoader)  # BaseLoader: every scalar is text
        read = read_yaml(text, "f").value
    except (FileProblems, yaml.YAMLError, TypeError, ValueError):
        return
    assert _as_text(read) == _as_text(expected)


def _as_text(value):
    if isinstance(value, dict):
        return {key: _as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_text(member) for member in value]
    return "" if value is None else value
