"""Templates written by an enemy: they end in a clean error or in harmless text, soon and in little memory."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from promptops.errors import TemplateError
from promptops.prompts.templates import Renderer
from promptops.types import Message, Prompt
from tests.made import PATIENCE

SECRET = "canary-4711"
INPUTS = {"a": "text", "b": {"k": [1, {"x": "y"}]}, "n": 3, "xs": ["p", "q"]}


@pytest.fixture(scope="module")
def renderer():
    os.environ["PROMPTOPS_CANARY"] = SECRET
    # One second, so that the suite doesn't wait four for each bomb; the last test waits the whole time.
    with Renderer(seconds=1.0) as shared:
        yield shared
    del os.environ["PROMPTOPS_CANARY"]


def outcome(renderer, text, template):
    """Return what a template came to, as text: what it rendered, or the error's message."""
    prompt = Prompt(name="p", messages=(Message(role="user", content=text),), template=template)
    begun = time.monotonic()
    try:
        told = renderer.render(prompt, INPUTS)[0].content
    except TemplateError as error:
        told = str(error)
        assert len(told) < 2000
        assert "\n" not in told
    assert time.monotonic() - begun < PATIENCE
    return told


ESCAPES = [
    "{{ a.__class__ }}",
    "{{ a.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ [].__class__ }}",
    "{{ {}.__class__.__bases__[0] }}",
    "{{ b.__init__.__globals__ }}",
    "{{ b['__class__'] }}",
    "{{ b|attr('__class__') }}",
    "{{ a|attr('__class__')|attr('__mro__') }}",
    "{{ a|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ xs|map(attribute='__class__')|list }}",
    "{{ [b]|map(attribute='__class__')|list }}",
    "{{ [b]|groupby('__class__') }}",
    "{{ [b]|sort(attribute='__class__') }}",
    "{{ [b]|selectattr('__class__')|list }}",
    "{{ [b]|rejectattr('__class__')|list }}",
    "{{ [b]|sum(attribute='__class__') }}",
    "{{ [b]|unique(attribute='__class__')|list }}",
    "{{ a.format(a) }}",
    "{{ '{0.__class__}'.format(a) }}",
    "{{ '{0.__class__}'|format(a) }}",
    "{{ '%s'|format(a) }}",
    "{{ a.format_map(b) }}",
    "{{ a.encode() }}",
    "{{ a.join }}",
    "{{ b.items }}",
    "{{ b.keys() }}",
    "{{ b.update({'k': 1}) }}",
    "{{ xs.append('z') }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ loop }}",
    "{% for x in xs %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle.__globals__ }}{% endfor %}",
    "{{ range.__globals__ }}",
    "{{ range.__class__ }}",
    "{{ dict.__class__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ namespace().__class__ }}",
    "{{ cycler.__init__.__globals__.os.environ }}",
    "{{ cycler('a').next() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ lipsum() }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ config }}",
    "{{ request }}",
    "{{ environ }}",
    "{{ os.environ }}",
    "{{ env }}",
    "{{ debug() }}",
    "{{ debug }}",
    "{{ a|debug }}",
    "{{ a|pprint }}",
    "{{ open('/etc/passwd').read() }}",
    "{{ __import__('os').environ }}",
    "{{ eval('1') }}",
    "{{ exec('1') }}",
    "{{ getattr(a, '__class__') }}",
    "{{ globals() }}",
    "{{ vars() }}",
    "{{ now() }}",
    "{{ random() }}",
    "{{ xs|random }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{{ varargs }}",
    "{% include '/etc/passwd' %}",
    "{% include 'templatechild.py' %}",
    "{% include ['/etc/passwd', '/proc/self/environ'] %}",
    "{% extends '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}{{ x }}",
    "{% from '/etc/passwd' import x %}{{ x }}",
    "{% import 'os' as os %}{{ os }}",
    "{% macro m() %}{{ caller }}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m.name }}{{ m.arguments }}",
    "{% set x = a.__class__ %}{{ x }}",
    "{% set ns = namespace() %}{% set ns.__class__ = a %}{{ ns }}",
    "{% with x = b.__dict__ %}{{ x }}{% endwith %}",
    "{% filter attr('__class__') %}x{% endfilter %}",
    "{% do a.__class__ %}",
    "{% autoescape true %}{{ a|safe }}{% endautoescape %}",
    "{% call dict() %}{% endcall %}",
    "{{ a is filter('attr') }}",
    "{{ a is sameas a }}",
    "{{ a|e }}{{ a|escape }}",
    "{{ a|safe.__class__ }}",
    "{{ a|urlencode }}",
    "{{ (a,).__class__ }}",
    "{{ true.__class__ }}",
    "{{ n.__class__ }}",
    "{{ n.real }}",
    "{{ none.__class__ }}",
    "{{ undefined.__class__ }}",
    "{{ a.__doc__ }}",
    "{{ ().__reduce__() }}",
    "{{ 1|attr('__class__')|attr('__base__') }}",
    "{% raw %}{{ a.__class__ }}{% endraw %}",
    "${{ secrets.KEY }} ${7*7} #{7*7} <%= 7*7 %>",
]
FORBIDDEN = [
    SECRET,
    "root:",
    "<class",
    "object at 0x",
    "built-in",
    "import json",
    "os.environ'>",
    "Traceback",
]


def test_there_are_sixty_escapes_and_more():
    assert len(set(ESCAPES)) >= 60


@pytest.mark.parametrize("text", ESCAPES)
def test_an_escape_reaches_nothing(renderer, text):
    for template in ("plain", "minijinja"):
        told = outcome(renderer, text, template)
        assert not [word for word in FORBIDDEN if word in told]
        assert "State {" not in told


def test_a_template_cannot_change_the_inputs_or_later_renderings(renderer):
    outcome(
        renderer,
        "{% set a = 'changed' %}{% set ns = namespace(x=1) %}{% macro n() %}{% endmacro %}",
        "minijinja",
    )
    assert outcome(renderer, "{{ a }}{{ n }}{{ ns is defined }}", "minijinja") == "text3false"


def test_the_process_has_no_environment_and_no_site_packages_hooks(renderer):
    outcome(renderer, "{{ a }}", "minijinja")
    pid = renderer._process._process.pid
    assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    limits = {
        line[:25].strip(): line[25:].split()[:2]
        for line in Path(f"/proc/{pid}/limits").read_text().split("\n")
    }
    assert limits["Max address space"] == [str(512 * 2**20)] * 2
    assert limits["Max core file size"] == limits["Max file size"] == limits["Max processes"] == ["0", "0"]
    assert limits["Max cpu time"][0].isdigit()


def looped(times, step, end, start="[1]"):
    """Return a template that changes ns.x many times and then shows something of it."""
    begin = f"{{% set ns = namespace(x={start}, y={start}) %}}{{% for i in range({times}) %}}"
    return f"{begin}{step}{{% endfor %}}{{{{ {end} }}}}"


BRANCH = "{% set ns.x = [ns.x, ns.x] %}"
DEEP = 20_000
BOMBS = {
    "string doubling": looped(60, "{% set ns.x = ns.x ~ ns.x %}", "ns.x|length", start="'aaaaaaaa'"),
    "string adding": looped(60, "{% set ns.x = ns.x + ns.x %}", "ns.x|length", start="'aaaaaaaa'"),
    "list doubling": looped(60, "{% set ns.x = ns.x + ns.x %}", "ns.x|length"),
    "list nesting": looped(9999, "{% set ns.x = [ns.x] %}", "ns.x"),
    "list branching": looped(40, BRANCH, "ns.x"),
    "branching to json": looped(40, BRANCH, "ns.x|tojson"),
    "branching to text": looped(40, BRANCH, "ns.x ~ ''"),
    "branching compared": looped(40, BRANCH + BRANCH.replace("x", "y"), "ns.x == ns.y"),
    "branching sorted": looped(40, BRANCH, "[ns.x, ns.x]|unique|list|length"),
    "text repeated": "{{ 'a' * 1000000000 }}",
    "text repeated twice": "{{ ('a' * 10000) * 100000 }}",
    "list repeated": "{{ [1] * 1000000000 }}",
    "list repeated, unseen": "{% set x = [1] * 1000000000 %}ok",
    "replace": "{% set x = 'a' * 5000 %}{{ x|replace('a', x)|replace('a', x) }}",
    "replace nothing": "{{ ('a' * 9999)|replace('', 'b' * 9999) }}",
    "indent": "{{ ('\n' * 9999)|indent(100000000) }}",
    "indent, first": "{{ 'a'|indent(9999999999, true) }}",
    "wordwrap": "{{ ('a ' * 9999)|wordwrap(1, wrapstring='b' * 99999) }}",
    "join": "{{ (['a'] * 9999)|join('b' * 99999) }}",
    "batch": "{{ [1]|batch(9999999999, 'x')|list }}",
    "slice": "{{ [1]|slice(9999999999, 'x')|list }}",
    "range": "{{ range(999999999999)|list|length }}",
    "range, backwards": "{{ range(0, -999999999999, -1)|sum }}",
    "range over range": "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
    "loops ten deep": "{% for i in range(9999) %}" * 10 + "x" + "{% endfor %}" * 10,
    "empty loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "sum of ranges": "{% for i in range(9999) %}{% set x = range(99999)|sum %}{% endfor %}",
    "sorted again": looped(9999, "{% set y = ns.x|sort|reverse|list %}", "1", start="range(99999)|list"),
    "power": "{{ 9 ** 9 ** 9 }}",
    "powers": "{{ 2 ** 100000000 }}",
    "shifted": "{{ 10 ** 38 * 10 ** 38 }}",
    "round": "{{ 1.5|round(2147483647) }}",
    "macro recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "two macros": "{% macro m() %}{{ o() }}{% endmacro %}{% macro o() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro tree": "".join(
        f"{{% macro m{i}() %}}{{{{ m{i + 1}() }}}}{{{{ m{i + 1}() }}}}{{% endmacro %}}" for i in range(40)
    )
    + "{% macro m40() %}x{% endmacro %}{{ m0() }}",
    "block recursion": "{% block b %}{{ self.b() }}{% endblock %}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "parentheses": "{{ " + "(" * DEEP + "1" + ")" * DEEP + " }}",
    "brackets": "{{ " + "[" * DEEP + "]" * DEEP + " }}",
    "minus signs": "{{ " + "-" * DEEP + "1 }}",
    "nots": "{{ " + "not " * DEEP + "1 }}",
    "pluses": "{{ " + "1+" * DEEP + "1 }}",
    "tildes": "{{ " + "a ~ " * DEEP + "a }}",
    "attributes": "{{ b" + ".k" * DEEP + " }}",
    "indexes": "{{ b" + "[0]" * DEEP + " }}",
    "filters": "{{ a" + "|upper" * DEEP + " }}",
    "ifs": "{% if a %}" * DEEP + "{% endif %}" * DEEP,
    "elifs": "{% if a %}" + "{% elif a %}" * DEEP + "{% endif %}",
    "conditional": "{{ " + "1 if a else " * DEEP + "1 }}",
    "comparisons": "{{ " + "1 == " * DEEP + "1 }}",
    "withs": "{% with x = 1 %}" * DEEP + "{% endwith %}" * DEEP,
    "many slots": "{{ a }}" * 200_000,
    "one long name": "{{ " + "a" * 900_000 + " }}",
    "open braces": "{{" * 400_000,
    "open blocks": "{%" * 400_000,
    "spaces in a slot": "{{ a" + " " * 900_000 + "b }}",
    "dots": "{{ " + "a." * 400_000 + " }}",
    "comments": "{#" * 400_000,
    "captures": "{% set x %}" * 5000 + "{% endset %}" * 5000,
    "unpacking": "{% set (" * 5000 + "a" + ",) = 1 %}" * 5000,
}


def test_there_are_thirty_five_bombs_and_more():
    assert len(BOMBS) >= 35


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_soon_and_the_next_prompt_is_rendered(renderer, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for template in ("plain", "minijinja"):
        assert len(outcome(renderer, BOMBS[name], template)) <= 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert outcome(renderer, "{{ a|upper }}", "minijinja") == "TEXT"


HUNGRY = (
    "string doubling",
    "list doubling",
    "branching to text",
    "text repeated twice",
    "join",
    "range over range",
)


def test_no_bomb_took_more_than_600_megabytes():
    # In a process of its own: the peak that a process knows of is that of all the children it ever had.
    code = (
        "import json, resource, sys\n"
        "from promptops.errors import TemplateError\n"
        "from promptops.prompts.templates import Renderer\n"
        "from promptops.types import Message, Prompt\n"
        "with Renderer(seconds=1.0) as renderer:\n"
        "    for text in json.load(sys.stdin):\n"
        "        prompt = Prompt(messages=(Message(role='user', content=text),), template='minijinja')\n"
        "        try: renderer.render(prompt, {'a': 'text', 'b': {'k': 1}})\n"
        "        except TemplateError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    given = json.dumps([BOMBS[name] for name in HUNGRY])
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) < 600_000


SCHEMA_BOMBS = {
    "pattern": {"properties": {"a": {"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}}},
    "pattern names": {"patternProperties": {"^(a+)+$": {}}},
    "itself": {"$ref": "#"},
    "all of": {
        "$defs": {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)} | {"d40": {}},
        "$ref": "#/$defs/d0",
    },
    "any of": {
        "$defs": {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 3} for i in range(40)}
        | {"d40": False},
        "$ref": "#/$defs/d0",
    },
    "far away": {"$ref": "http://127.0.0.1:9/schema"},
    "a file": {"$ref": "file:///etc/passwd"},
    "unique": {"properties": {"a": {"uniqueItems": True}}},
    "nonsense": {"type": "nothing"},
    "no pattern": {"properties": {"a": {"pattern": "("}}},
}


@pytest.mark.parametrize("name", SCHEMA_BOMBS)
def test_a_schema_that_never_ends_is_ended(renderer, name):
    prompt = Prompt(messages=(Message(role="user", content="fine"),), inputs=SCHEMA_BOMBS[name])
    inputs = {"a": "a" * 60, "a" * 60 + "!": 1}
    if name == "unique":
        inputs = {"a": [{"x": [i]} for i in range(20_000)]}
    begun = time.monotonic()
    try:
        renderer.render(prompt, inputs)
    except TemplateError as error:
        assert len(str(error)) < 2000
        assert "root:" not in str(error)
    assert time.monotonic() - begun < PATIENCE
    assert outcome(renderer, "{{ a|upper }}", "minijinja") == "TEXT"


def test_without_a_shorter_time_a_template_has_less_than_five_seconds():
    with Renderer() as renderer:
        assert "takes longer than 4 s" in outcome(renderer, BOMBS["sorted again"], "minijinja")
