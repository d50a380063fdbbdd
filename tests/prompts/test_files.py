"""Prompt files: read with every fault named, written so that they read back the same."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from promptops.errors import FileProblems
from promptops.files.yamlfile import read_yaml
from promptops.prompts.files import parse_prompt, prompt_schema, prompt_yaml, read_prompt, write_prompt
from promptops.types import Message, Prompt

WHOLE = """\
# yaml-language-server: $schema=prompt.schema.json
name: reply
model: openai/org/model-1:free
messages:
  - role: system
    content: You are short.
  - role: user
    content: |
      Sum up:
      {{ article }}
parameters: {temperature: 0, stop: ["\\n\\n"], seed: null}
response_format:
  type: json_schema
  name: summary
  schema: {type: object, properties: {text: {type: string}}, required: [text]}
inputs:
  type: object
  properties:
    article: {$ref: "#/$defs/long"}
  $defs: {long: {type: string, minLength: 1}}
template: plain
note: Shorter.
tags: [news, short]
"""

MINIMAL = "messages: [{role: user, content: hi}]\n"


def test_every_key_is_read(tmp_path):
    path = tmp_path / "other.prompt.yaml"
    path.write_text(WHOLE)
    prompt = read_prompt(path)
    assert prompt.name == "reply"
    assert prompt.model == "openai/org/model-1:free"
    assert prompt.messages[1] == Message(role="user", content="Sum up:\n{{ article }}\n")
    assert prompt.parameters == {"temperature": 0, "stop": ["\n\n"], "seed": None}
    assert prompt.response_format is not None
    assert prompt.response_format["type"] == "json_schema"
    assert (prompt.template, prompt.note, prompt.tags) == ("plain", "Shorter.", ("news", "short"))
    assert Draft202012Validator(prompt_schema()).is_valid(read_yaml(WHOLE, "f").value)


@pytest.mark.parametrize("suffix", [".prompt.yaml", ".prompt.yml"])
def test_the_name_is_the_file_s_where_none_is_written(tmp_path, suffix):
    path = tmp_path / f"mail-triage.v2{suffix}"
    path.write_text(MINIMAL)
    assert read_prompt(path).name == "mail-triage.v2"


@pytest.mark.parametrize("name", ["reply.txt", "reply.md", "reply.prompt.md"])
def test_a_text_file_is_one_user_message_byte_for_byte(tmp_path, name):
    path = tmp_path / name
    path.write_bytes("\ufeffWrite to {{ name }}:\r\n\r\n# é ".encode())
    prompt = read_prompt(path)
    assert prompt.name == "reply"
    assert prompt.messages == (Message(role="user", content="Write to {{ name }}:\r\n\r\n# é "),)


def test_layout_and_comments_do_not_change_the_digest():
    other = '# hello\nmessages:\n- {"content": "hi", "role": user}\nparameters: {}\nnote: x\nmodel: a/b\n'
    assert parse_prompt(MINIMAL, "f", "a").digest == parse_prompt(other, "g", "b").digest


BAD = [
    ("- a", 1, 1, "", "must be an object"),
    ("name: x", 1, 1, "", "has no messages"),
    ("mesages: []", 1, 1, "mesages", "Did you mean 'messages'?"),
    (MINIMAL + "modelParameters: {}", 2, 1, "modelParameters", "unknown key. Did you mean 'parameters'?"),
    (MINIMAL + "zzz: 1", 2, 1, "zzz", "Known are: name, messages"),
    ("messages: []", 1, 1, "messages", "an empty list"),
    ("messages: hi", 1, 1, "messages", "not a text"),
    ("messages:\n  - hi", 2, 5, "messages[0]", "role and content"),
    ("messages:\n  - role: user", 2, 5, "messages[0].content", "and is missing"),
    ("messages:\n  - content: hi", 2, 5, "messages[0].role", "and is missing"),
    ("messages:\n  - role: tool\n    content: hi", 2, 5, "messages[0].role", "not 'tool'"),
    ("messages:\n  - role: user\n    content: 12", 3, 5, "messages[0].content", "put it in quotes"),
    ("messages:\n  - role: user\n    content:", 3, 5, "messages[0].content", "not empty (null)"),
    ("messages:\n  - {role: user, content: a, name: b}", 2, 30, "messages[0].name", "unknown key"),
    (MINIMAL + "name: ../x", 2, 1, "name", "letters, digits"),
    (MINIMAL + "name: 1", 2, 1, "name", "must be a text"),
    (MINIMAL + "name: " + "a" * 101, 2, 1, "name", "at most 100"),
    (MINIMAL + "model: gpt-4o", 2, 1, "model", "provider/model"),
    (MINIMAL + "model: openai/", 2, 1, "model", "provider/model"),
    (MINIMAL + "parameters: [1]", 2, 1, "parameters", "must be an object"),
    (MINIMAL + "parameters: {temperature: .inf}", 2, 27, "parameters.temperature", "finite"),
    (MINIMAL + "response_format: json", 2, 1, "response_format", "must be an object"),
    (MINIMAL + "response_format: {type: xml}", 2, 19, "response_format.type", "not 'xml'"),
    (MINIMAL + "response_format: {}", 2, 1, "response_format.type", "missing"),
    (
        MINIMAL + "response_format: {type: json_schema}",
        2,
        1,
        "response_format.schema",
        "must be a JSON Schema",
    ),
    (MINIMAL + "response_format: {type: text, schema: {}}", 2, 31, "response_format.schema", "no meaning"),
    (MINIMAL + "response_format: {type: text, strict: true}", 2, 31, "response_format.strict", "unknown key"),
    (
        MINIMAL + "response_format: {type: json_schema, schema: {type: objekt}}",
        2,
        47,
        "response_format.schema.type",
        "no valid JSON Schema",
    ),
    (MINIMAL + "inputs: 1", 2, 1, "inputs", "must be an object"),
    (MINIMAL + "inputs: {type: array}", 2, 10, "inputs.type", "inputs have names"),
    (MINIMAL + "inputs: {properties: {a: 5}}", 2, 23, "inputs.properties.a", "no valid JSON Schema"),
    (
        MINIMAL + "inputs: {properties: {a: {pattern: '('}}}",
        2,
        27,
        "inputs.properties.a.pattern",
        "JSON Schema",
    ),
    (MINIMAL + "inputs: {$ref: 'http://127.0.0.1:1/x'}", 2, 10, "inputs.$ref", "leads out"),
    (MINIMAL + "inputs: {$ref: 'file:///etc/passwd'}", 2, 10, "inputs.$ref", "leads out"),
    (MINIMAL + "inputs: {$ref: '#/$defs/x'}", 2, 10, "inputs.$ref", "leads nowhere"),
    (MINIMAL + "inputs: {$schema: 'http://127.0.0.1:1/x'}", 2, 10, "inputs.$schema", "no known dialect"),
    (MINIMAL + "inputs: {$schema: [1]}", 2, 10, "inputs.$schema", "no known dialect"),
    (MINIMAL + "inputs: {title: " + "a" * 100_001 + "}", 2, 1, "inputs", "longer than 100,000"),
    (MINIMAL + "template: jinja2", 2, 1, "template", "plain or minijinja"),
    (MINIMAL + "note: [1]", 2, 1, "note", "must be a text"),
    (MINIMAL + "tags: news", 2, 1, "tags", "must be a list"),
    (MINIMAL + "tags: [a, '']", 2, 11, "tags[1]", "must be a text"),
]


@pytest.mark.parametrize(("text", "line", "column", "field", "reason"), BAD)
def test_a_fault_is_told_with_line_column_and_field(text, line, column, field, reason):
    with pytest.raises(FileProblems) as caught:
        parse_prompt(text, "p.prompt.yaml", "p")
    found = [(problem.line, problem.column, problem.field) for problem in caught.value.problems]
    assert (line, column, field) in found
    problem = caught.value.problems[found.index((line, column, field))]
    assert problem.file == "p.prompt.yaml"
    assert reason in problem.reason
    assert len(str(caught.value)) < 5000


def test_all_faults_are_told_at_once():
    with pytest.raises(FileProblems) as caught:
        parse_prompt("nam: x\nmessages: [{role: x}]\ntemplate: y\ntags: 3\n", "f", "p")
    assert len(caught.value.problems) == 5


# The published schema can't tell these: they need the parser, or a schema inside the schema.
OUTSIDE_THE_SCHEMA = ("finite", "JSON Schema", "leads", "dialect", "longer than")


WITHIN_THE_SCHEMA = [
    text
    for text, *_, reason in BAD
    if "must be a" in reason or not any(word in reason for word in OUTSIDE_THE_SCHEMA)
]


@pytest.mark.parametrize("text", WITHIN_THE_SCHEMA)
def test_the_published_schema_refuses_what_the_reader_refuses(text):
    assert not Draft202012Validator(prompt_schema()).is_valid(read_yaml(text, "f").value)


def test_the_published_schema_is_a_schema():
    Draft202012Validator.check_schema(prompt_schema())


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.prompt", "a"])
def test_other_files_are_no_prompts(tmp_path, name):
    (tmp_path / name).write_text(MINIMAL)
    with pytest.raises(FileProblems, match=r"ends with \.prompt\.yaml, \.prompt\.yml, \.txt, \.md"):
        read_prompt(tmp_path / name)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "null.txt").symlink_to("/dev/zero")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    for name, reason in [
        ("folder.txt", "no regular file"),
        ("pipe.txt", "no regular file"),
        ("null.txt", "no regular file"),
        ("loop.txt", "leads to itself"),
        ("missing.txt", "no such file"),
        ("a\0b.txt", "no valid path"),
        ("a" * 300 + ".txt", "file name too long"),
    ]:
        with pytest.raises(FileProblems, match=reason):
            read_prompt(tmp_path / name)


def test_faulty_text_files_are_refused(tmp_path):
    for name, data, reason in [
        ("a.txt", b"", "is empty"),
        ("a.txt", b" \n", "is empty"),
        ("a.txt", b"ok\nx\xc3\xa9\xff", "a.txt:2:3: byte 0xff is not UTF-8"),
        ("a.txt", "hi".encode("utf-16"), "UTF-16"),
        ("a.txt", b"a" * 1_000_001, "larger than 1,000,000 bytes"),
        ("my prompt.txt", b"hi", "rename the file"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FileProblems, match=reason):
            read_prompt(tmp_path / name)


def test_a_file_name_cannot_forge_a_line(tmp_path):
    with pytest.raises(FileProblems) as caught:
        read_prompt(tmp_path / "a\nERROR\x1b[2J.txt")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


texts = st.text(st.characters(codec="utf-8")) | st.text(
    alphabet="ab \n\t\r:#-'\"|>{}[]%é\u2028\x85\ufeff01.e~"
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(
        ["no", "on", "1.10", "0123", "1e3", "12:30", "null", "~", ".inf", "<<", "=", "2020-01-01"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
prompts = st.builds(
    Prompt,
    name=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z"),
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts),
        min_size=1,
        max_size=3,
    ),
    model=st.none() | st.just("openai/x"),
    parameters=st.dictionaries(texts, json_values, max_size=3),
    response_format=st.none() | st.just({"type": "json_object"}),
    inputs=st.none() | st.just({"type": "object", "properties": {"on": {"const": "no"}}}),
    template=st.sampled_from(["plain", "minijinja"]),
    note=texts,
    tags=st.lists(texts.filter(str.strip), max_size=3),
)


@settings(max_examples=300, deadline=None)
@given(prompts)
def test_a_prompt_reads_back_as_it_was_written(prompt):
    read = parse_prompt(prompt_yaml(prompt), "f", "f")
    assert read == prompt
    assert read.digest == prompt.digest


def test_a_prompt_is_written_for_people(tmp_path):
    prompt = parse_prompt(WHOLE, "f", "f")
    path = tmp_path / "new" / "reply.prompt.yaml"
    write_prompt(prompt, path)
    text = path.read_text()
    assert "    content: |\n      Sum up:\n      {{ article }}\n" in text
    assert "name: reply\n" in text
    assert read_prompt(path) == prompt
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblems, match="can't be written"):
        write_prompt(parse_prompt(MINIMAL, "f", "f"), tmp_path / "file" / "a.prompt.yaml")


@given(st.text() | st.text(alphabet="messages:rolecontentuser-{}[]\"' \n,12"))
def test_any_text_is_read_or_refused(text):
    try:
        parse_prompt(text, "f", "f")
    except FileProblems as error:
        assert error.problems


@settings(deadline=None)
@given(
    json_values,
    st.sampled_from(["messages", "parameters", "response_format", "inputs", "tags", "name", "model"]),
)
def test_any_value_at_any_key_is_read_or_refused(value, key):
    import json

    fields = {"messages": [{"role": "user", "content": "x"}], key: value}
    text = json.dumps(fields)
    try:
        parse_prompt(text, "f", "f")
    except FileProblems as error:
        assert error.problems


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.txt", "a.prompt.yaml"):
        (folder / name).write_bytes(data)
        try:
            read_prompt(folder / name)
        except FileProblems as error:
            assert error.problems
