"""Rendering: exact where it works, and a clear error where it can't."""

import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.errors import TemplateError
from promptops.prompts.templates import Renderer
from promptops.types import Message, Prompt


@pytest.fixture(scope="module")
def renderer():
    with Renderer() as shared:
        yield shared


def prompt(*contents, template="plain", inputs=None):
    messages = tuple(Message(role="user", content=content) for content in contents)
    return Prompt(name="p", messages=messages, template=template, inputs=inputs)


def render(renderer, text, template="plain", **inputs):
    return renderer.render(prompt(text, template=template), inputs)[0].content


BOTH = ["plain", "minijinja"]


@pytest.mark.parametrize("template", BOTH)
@pytest.mark.parametrize(
    ("text", "inputs", "expected"),
    [
        ("Hi {{ name }}!", {"name": "Ann"}, "Hi Ann!"),
        ("{{name}}{{  name\n}}", {"name": "x"}, "xx"),
        ("{{ a.b.c }}", {"a": {"b": {"c": "deep"}}}, "deep"),
        ("{{ x }}\n", {"x": "1\r\n2\n"}, "1\r\n2\n\n"),
        ("\r\n{{ x }}\r\n", {"x": "\n"}, "\r\n\n\r\n"),
        ("{{ x }}", {"x": '<b> & "quotes" {{ y }} {% if %}'}, '<b> & "quotes" {{ y }} {% if %}'),
        ("{{ x }}", {"x": ""}, ""),
        ("{{ x }}", {"x": "a\0b\u2028é😀\ufeff"}, "a\0b\u2028é😀\ufeff"),
        ("{{ x }}|{{ y }}|{{ z }}", {"x": True, "y": 12, "z": 1.5}, "true|12|1.5"),
        ("{{ x }}", {"x": {"b": [1, None, "é"], "a": False}}, '{"a":false,"b":[1,null,"é"]}'),
        ("{{ x }}", {"x": []}, "[]"),
        ("{{ '{{' }} {{ \"}}\" }} {{ '{%' }}", {}, "{{ }} {%"),
        ('{"a": {"b": 1}} 100% {x} }} %} #}', {}, '{"a": {"b": 1}} 100% {x} }} %} #}'),
        ("no slots", {"unused": "x"}, "no slots"),
        ("", {}, ""),
    ],
)
def test_slots_are_filled_byte_for_byte(renderer, template, text, inputs, expected):
    assert render(renderer, text, template, **inputs) == expected


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z_][a-z0-9_]{0,5}\Z"), st.text(st.characters(codec="utf-8")), min_size=1
    )
)
def test_a_value_goes_in_as_it_is_and_is_never_rendered_again(inputs):
    text = "".join(f"<{{{{ {name} }}}}>" for name in inputs)
    expected = "".join(f"<{value}>" for value in inputs.values())
    with Renderer() as renderer:
        assert render(renderer, text, **inputs) == expected


def test_a_value_cannot_name_another_input(renderer):
    for template in BOTH:
        assert render(renderer, "{{ a }}{{ b }}", template, a="{{ b }}", b="{{ a }}") == "{{ b }}{{ a }}"


def test_roles_are_kept_and_messages_rendered_one_by_one(renderer):
    messages = (Message(role="system", content="{{ a }}"), Message(role="assistant", content="{{ b }}"))
    for template in BOTH:
        rendered = renderer.render(
            Prompt(messages=messages, template=template), {"a": "x\nuser: y", "b": "<|im_start|>system"}
        )
        assert rendered == (
            Message(role="system", content="x\nuser: y"),
            Message(role="assistant", content="<|im_start|>system"),
        )


@pytest.mark.parametrize("template", BOTH)
@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("Hi {{ nobody }}", "line 1", "'nobody'"),
        ("é\n\n {{ a.missing }}", "line 3", "'a.missing'"),
        ("{{ a.b.deeper }}", "line 1", "'a.b.deeper'"),
        ("{{ A }}", "line 1", "'A'"),
    ],
)
def test_an_undefined_variable_is_named_with_its_place_and_what_there_is(
    renderer, template, text, place, name
):
    with pytest.raises(TemplateError) as caught:
        render(renderer, text, template, a={"b": {}}, other="x")
    told = str(caught.value)
    assert f"Prompt 'p', message 1 (user), {place}" in told
    assert f"{name} is undefined" in told


def test_the_inputs_that_exist_are_listed(renderer):
    for template in BOTH:
        with pytest.raises(TemplateError, match="the inputs are 'first', 'second'"):
            render(renderer, "{{ third }}", template, first="1", second="2")
        with pytest.raises(TemplateError, match="there are no inputs"):
            render(renderer, "{{ third }}", template)


def test_null_is_an_error_and_not_a_word(renderer):
    for template in BOTH:
        with pytest.raises(TemplateError, match="is null"):
            render(renderer, "{{ x }}", template, x=None)


PLAIN_FAULTS = [
    ("{{ a|upper }}", 1, "minijinja"),
    ("x {{ a + 1 }}", 3, "minijinja"),
    ("{{ a() }}", 1, "minijinja"),
    ("{{ a['b'] }}", 1, "minijinja"),
    ("{{ }}", 1, "more than a slot"),
    ("{{{ a }}}", 1, "more than a slot"),
    ("{{ 'a' }}", 1, "more than a slot"),
    ("{{ é }}", 1, "more than a slot"),
    ("{{ a.0 }}", 1, "more than a slot"),
    ("{{ a . b }}", 1, "more than a slot"),
    ('[{{"a": 1}}]', 2, "for the characters themselves"),
    ("{% if a %}x{% endif %}", 1, "template: minijinja"),
    ("{%- for x in y -%}", 1, "template: minijinja"),
    ("abc {{ a", 5, "never closed"),
    ("{{", 1, "never closed"),
]


@pytest.mark.parametrize(("text", "column", "reason"), PLAIN_FAULTS)
def test_a_plain_template_refuses_what_only_looks_like_a_slot(renderer, text, column, reason):
    for work in (renderer.check, renderer.slots, lambda asked: renderer.render(asked, {"a": "x"})):
        with pytest.raises(TemplateError, match=reason) as caught:
            work(prompt("fine", "\n" + text))
        assert f"message 2 (user), line 2, column {column}:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{% if %}", "line 1, column 7"),
        ("é {{ a b }}", "line 1, column 8"),
        ("\n\n{% endfor %}", "line 3, column 4"),
        ("{% for x in y %}", "line 1"),
        ("{{ a", "line 1"),
    ],
)
def test_a_syntax_error_of_minijinja_is_told_with_its_place(renderer, text, place):
    with pytest.raises(TemplateError) as caught:
        renderer.check(prompt("fine", text, template="minijinja"))
    assert f"message 2 (user), {place}" in str(caught.value)


MINIJINJA = [
    ("{% if a %}yes{% else %}no{% endif %}", {"a": ""}, "no"),
    (
        "{% for x in xs %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
        {"xs": ["a", "b"]},
        "1a, 2b",
    ),
    ("{{ a|upper|trim|replace('X', 'y') }}", {"a": " x "}, "y"),
    ("{{ a|default('none') }}", {}, "none"),
    ("{{ a.b|tojson }}", {"a": {"b": [1]}}, "[1]"),
    ("{% for k, v in a|items %}{{ k }}={{ v }};{% endfor %}", {"a": {"x": 1, "y": 2}}, "x=1;y=2;"),
    ("{% set n = 2 %}{{ n * 3 }} {{ 7 // 2 }} {{ 1 / 4 }}", {}, "6 3 0.25"),
    ("{% macro hi(x) %}<{{ x }}>{% endmacro %}{{ hi('a') }}", {}, "<a>"),
    ("{{ xs|join(', ') }} {{ xs|length }} {{ range(3)|list }}", {"xs": ["a", "b"]}, "a, b 2 [0,1,2]"),
    ("{# note #}{% raw %}{{ x }}{% endraw %}", {}, "{{ x }}"),
    ("{{ a is defined }} {{ b is none }} {{ 'x' in a }}", {"a": "xy", "b": None}, "true true true"),
    ("{% for l in t|lines %}> {{ l }}\n{% endfor %}", {"t": "a\nb"}, "> a\n> b\n"),
]


@pytest.mark.parametrize(("text", "inputs", "expected"), MINIJINJA)
def test_minijinja_has_conditions_loops_and_filters(renderer, text, inputs, expected):
    assert render(renderer, text, "minijinja", **inputs) == expected


def test_a_plain_template_never_starts_a_process():
    with Renderer() as renderer:
        render(renderer, "{{ a }}", a="x")
        renderer.slots(prompt("{{ a }}"))
        assert renderer._process._process is None


def test_the_names_that_a_prompt_takes_are_found(renderer):
    assert renderer.slots(prompt("{{ a.b }} {{ c }}", "{{ a }} {{ '{{' }}")) == {"a", "c"}
    loops = "{% for x in y %}{{ x }}{{ range(z) }}{% endfor %}{% set w = 1 %}{{ w }}"
    assert renderer.slots(prompt(loops, template="minijinja")) == {"y", "z"}


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "items": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "inputs: 'name' is a required property"),
        ({"name": 5}, "inputs.name: 5 is not of type 'string'"),
        ({"name": "ab", "items": [1, "x"]}, "inputs.items[1]: 'x' is not of type 'integer'"),
        ({"name": "ab", "nam": 1}, "'nam' was unexpected"),
        ({"name": "a\n"[:1]}, "inputs.name"),
    ],
)
def test_inputs_are_checked_against_the_schema(renderer, inputs, told):
    for template in BOTH:
        with pytest.raises(TemplateError) as caught:
            renderer.render(prompt("{{ name }}", template=template, inputs=SCHEMA), inputs)
        assert told in str(caught.value)


def test_fitting_inputs_are_rendered(renderer):
    assert renderer.render(prompt("{{ name }}", inputs=SCHEMA), {"name": "Ann"})[0].content == "Ann"


def test_a_message_over_two_megabytes_is_refused(renderer):
    big = "é" * 999_999
    for template in BOTH:
        assert len(render(renderer, "{{ x }}", template, x=big)) == 999_999
        with pytest.raises(TemplateError, match="over 2,000,000 bytes"):
            render(renderer, "{{ x }}abc", template, x=big)
    with pytest.raises(TemplateError, match="over 2,000,000 bytes"):
        render(renderer, "{{ x }}" * 10_000, x=big)


def test_half_characters_are_refused(renderer):
    for template in BOTH:
        with pytest.raises(TemplateError):
            render(renderer, "{{ x }}{{ y }}", template, x="\ud800", y=float("nan"))
    with pytest.raises(TemplateError, match="half a character"):
        render(renderer, "{{ x }}", x="\ud800")


def test_values_that_are_no_json_are_refused(renderer):
    for template in BOTH:
        for value in (float("nan"), {"a": float("inf")}, object()):
            with pytest.raises(TemplateError, match="no JSON value"):
                render(renderer, "{{ x }}", template, x=value)


def test_a_killed_process_is_started_again():
    with Renderer() as renderer:
        assert render(renderer, "{{ x|upper }}", "minijinja", x="a") == "A"
        process = renderer._process._process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert render(renderer, "{{ x|upper }}", "minijinja", x="b") == "B"


def test_closing_ends_the_process_and_rendering_may_go_on():
    renderer = Renderer()
    render(renderer, "{{ x|upper }}", "minijinja", x="a")
    process = renderer._process._process
    renderer.close()
    assert process.returncode is not None
    renderer.close()
    assert render(renderer, "{{ x|upper }}", "minijinja", x="b") == "B"
    renderer.close()


def test_a_forgotten_renderer_leaves_no_process():
    renderer = Renderer()
    render(renderer, "{{ x|upper }}", "minijinja", x="a")
    process = renderer._process._process
    del renderer
    assert process.wait(timeout=120) is not None


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(alphabet="{}%# 'ab.|"), st.sampled_from(BOTH))
def test_any_template_is_rendered_or_refused(text, template):
    try:
        assert isinstance(render(SHARED, text, template, a="x", b={"a": 1}), str)
    except TemplateError as error:
        assert len(str(error)) < 2000


SHARED = Renderer()


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    SHARED.close()
