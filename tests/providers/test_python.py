"""Functions as models: how they are called, what they may return, and what their errors become."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from promptops.errors import CallFailed, UsageError
from promptops.providers import ProviderSettings
from promptops.providers.python import Python
from promptops.types import Completion, Message, Request

_numbers = itertools.count()


def target(folder: Path, code: str, function: str = "answer", timeout: float = 10.0) -> Python:
    module = f"target_module_{next(_numbers)}"
    (folder / f"{module}.py").write_text(code, "utf-8")
    return Python(f"{module}:{function}", ProviderSettings(timeout=timeout), {}, folder)


def ask(model: Python, **fields: object) -> Completion:
    request = Request.model_validate(
        {
            "messages": [Message(role="user", content="Hello")],
            "inputs": {"name": "Ada", "list": [1]},
            "parameters": {"temperature": 0},
            "sample_id": "s1",
            "repeat": 2,
            **fields,
        }
    )
    return asyncio.run(model.generate(request))


SIGNATURES = {
    "def answer(inputs): return inputs['name']": "Ada",
    "def answer(row): return row['name']": "Ada",
    "def answer(row, /): return row['name']": "Ada",
    "def answer(row, verbose=False): return row['name']": "Ada",
    "def answer(messages): return messages[-1]['content']": "Hello",
    "def answer(messages, sample_id, repeat): return f'{sample_id} {repeat} {len(messages)}'": "s1 2 1",
    "def answer(*, inputs, parameters): return inputs['name'] + str(parameters)": "Ada{'temperature': 0}",
    "def answer(inputs, extra=3): return str(extra)": "3",
    "def answer(**given): return ' '.join(sorted(given))": "inputs messages parameters repeat sample_id",
    "async def answer(inputs): return inputs['name']": "Ada",
    "class C:\n    def __call__(self, inputs): return inputs['name']\nanswer = C()": "Ada",
    "class C:\n    async def __call__(self, inputs): return inputs['name']\nanswer = C()": "Ada",
    "answer = lambda inputs: inputs['name']": "Ada",
}


@pytest.mark.parametrize("code", SIGNATURES)
def test_a_function_gets_what_its_parameters_ask_for(tmp_path: Path, code: str) -> None:
    assert ask(target(tmp_path, code)).text == SIGNATURES[code]


def test_a_method_of_an_object_in_the_module_can_be_named(tmp_path: Path) -> None:
    code = "class App:\n    def run(self, inputs): return 'ran'\napp = App()"
    assert ask(target(tmp_path, code, "app.run")).text == "ran"


def test_an_object_with_figures_is_a_completion_with_figures(tmp_path: Path) -> None:
    code = "def answer(inputs): return {'output': {'b': 1}, 'tokens_in': 5, 'tokens_out': None, 'cost': 0.1}"
    completion = ask(target(tmp_path, code))
    assert completion.text == '{"b":1}'
    assert (completion.tokens_in, completion.tokens_out, completion.cost) == (5, None, 0.1)
    assert completion.seconds is not None


def test_a_completion_is_passed_on(tmp_path: Path) -> None:
    code = (
        "from promptops.types import Completion\n"
        "def answer(inputs): return Completion(text='x', finish_reason='length')"
    )
    assert ask(target(tmp_path, code)).finish_reason == "length"


def test_text_that_cannot_be_stored_is_made_storable(tmp_path: Path) -> None:
    assert ask(target(tmp_path, "def answer(inputs): return 'a\\ud800b'")).text == "a\ufffdb"


FAILURES = {
    "def answer(inputs): raise ValueError('no\\nluck')": "ValueError: no luck",
    "async def answer(inputs): raise KeyError('x')": "KeyError",
    "def answer(inputs): raise SystemExit(3)": "SystemExit: 3",
    "def answer(inputs): raise StopIteration": "StopIteration",
    "def answer(inputs): raise TimeoutError('db')": "TimeoutError",
    "def answer(inputs): return None": "returned NoneType",
    "def answer(inputs): return 3": "returned int",
    "def answer(inputs): return b'x'": "returned bytes",
    "def answer(inputs): return {'text': 'x'}": "'output'",
    "def answer(inputs): return {'output': 'x', 'tokens': 1}": "unknown keys ['tokens']",
    "def answer(inputs): return {'output': object()}": "no JSON",
    "def answer(inputs): return {'output': float('nan')}": "no JSON",
    "def answer(inputs): return {'output': 'x', 'tokens_in': 'many'}": "bad 'tokens_in'",
}


@pytest.mark.parametrize("code", FAILURES)
def test_what_a_function_does_wrong_is_its_samples_failure(tmp_path: Path, code: str) -> None:
    with pytest.raises(CallFailed) as caught:
        ask(target(tmp_path, code))
    assert caught.value.kind == "target_error"
    assert FAILURES[code] in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_failure_that_a_function_names_itself_keeps_its_kind(tmp_path: Path) -> None:
    code = (
        "from promptops.errors import CallFailed\n"
        "def answer(inputs): raise CallFailed('rate_limited', 'slow down')"
    )
    with pytest.raises(CallFailed) as caught:
        ask(target(tmp_path, code))
    assert caught.value.kind == "rate_limited"


SLEEPERS = [
    "import time\ndef answer(inputs): time.sleep(30)",
    "import asyncio\nasync def answer(inputs): await asyncio.sleep(30)",
]


@pytest.mark.parametrize("code", SLEEPERS)
def test_a_function_that_takes_too_long_is_given_up(tmp_path: Path, code: str) -> None:
    began = time.monotonic()
    with pytest.raises(CallFailed) as caught:
        ask(target(tmp_path, code, timeout=0.1))
    assert caught.value.kind == "timeout"
    assert time.monotonic() - began < 25


def test_plain_functions_run_side_by_side_whatever_the_number_of_processors(tmp_path: Path) -> None:
    code = (
        "import threading\n"
        "barrier = threading.Barrier(40, timeout=100)\n"
        "def answer(inputs):\n    barrier.wait()\n    return 'met'\n"
    )
    model = target(tmp_path, code)
    request = Request(messages=(Message(role="user", content="x"),))

    async def run() -> list[Completion]:
        return await asyncio.gather(*(model.generate(request) for _ in range(40)))

    assert {completion.text for completion in asyncio.run(run())} == {"met"}


def test_a_function_cannot_change_what_the_next_one_gets(tmp_path: Path) -> None:
    code = "def answer(inputs):\n    inputs['list'].append(2)\n    return str(inputs['list'])"
    model = target(tmp_path, code)
    inputs = {"list": [1]}
    assert ask(model, inputs=inputs).text == ask(model, inputs=inputs).text == "[1, 2]"


def test_a_module_can_import_its_neighbours_also_when_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "target_neighbour_now.py").write_text("NAME = 'now'", "utf-8")
    (tmp_path / "target_neighbour_later.py").write_text("NAME = 'later'", "utf-8")
    code = (
        "import target_neighbour_now as now\n"
        "def answer(inputs):\n    import target_neighbour_later as later\n    return now.NAME + later.NAME"
    )
    assert ask(target(tmp_path, code)).text == "nowlater"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("import sys; sys.exit(1)", "SystemExit"),
        ("def other(): pass", "AttributeError"),
        ("def answer(:", "SyntaxError"),
        ("answer = 3", "is no function but int"),
        ("def answer(prompt, temperature): return ''", "wants prompt, temperature"),
        ("def answer(): return ''", "takes nothing"),
        ("import not_a_module_at_all", "ModuleNotFoundError"),
    ],
)
def test_a_function_that_cannot_be_loaded_or_called_is_refused_before_any_call(
    tmp_path: Path, code: str, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        target(tmp_path, code)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["module", "module:", ":function", "no_such_module_here:f"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Python(name, ProviderSettings(), {}, tmp_path)
