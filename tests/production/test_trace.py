"""`promptops.trace`: every kind of function is recorded and behaves as it did before."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import promptops
from promptops import Completion
from promptops.errors import CallFailed, UnknownName, UsageError
from promptops.production.answers import Answer
from promptops.production.records import Record, RecordFilter, subject_mark
from promptops.store import Store

ALL = RecordFilter()


def kept(store: Store) -> list[Record]:
    """Return what is stored, in the order in which the calls began."""
    assert promptops.flush(60), promptops.logger().stats
    return store.records(ALL)[::-1]


def chat(content: str | None, **message: object) -> dict[str, Any]:
    return {
        "model": "gpt-x",
        "choices": [{"finish_reason": "stop", "message": {"content": content, **message}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }


def as_object(value: object) -> object:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(member) for key, member in value.items()})
    return [as_object(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("Hello.", {"output": "Hello."}),
        ({"answer": 3}, {"output": {"answer": 3}}),
        (None, {}),
        (
            Completion(text="Hi", tokens_in=3, cost=0.1, model="m", seconds=2.0, finish_reason="length"),
            {
                "output": "Hi",
                "tokens_in": 3,
                "cost": 0.1,
                "model": "m",
                "seconds": 2.0,
                "finish_reason": "length",
            },
        ),
        *[
            (
                made(chat("Hi")),
                {
                    "output": "Hi",
                    "model": "gpt-x",
                    "finish_reason": "stop",
                    "tokens_in": 7,
                    "tokens_out": 2,
                },
            )
            for made in (lambda value: value, as_object)
        ],
        (
            chat(None, refusal="I can't."),
            {
                "output": "I can't.",
                "model": "gpt-x",
                "finish_reason": "refusal",
                "tokens_in": 7,
                "tokens_out": 2,
            },
        ),
    ],
    ids=["text", "JSON", "nothing", "Completion", "chat dict", "chat object", "refusal"],
)
def test_an_answer_is_known_by_its_shape(returned: object, found: dict[str, object]) -> None:
    answer = Answer()
    answer.take(returned)
    assert answer.fields == found


def test_a_call_is_recorded_with_its_arguments_and_what_it_returned(stored: Store) -> None:
    class Desk:
        @promptops.trace("reply@2", subject="user", session=lambda given: given["user"] + "-1", tags=["shop"])
        def answer(self, question: str, user: str, *, lines: int = 2) -> object:
            """Answer."""
            promptops.feedback(str(promptops.current_record()), thumb="up")
            return chat(f"{question}!")

    answer = Desk().answer("Where", user="ada")
    assert answer["choices"][0]["message"]["content"] == "Where!"  # type: ignore[index]
    assert (Desk.answer.__name__, Desk.answer.__doc__) == ("answer", "Answer.")
    assert promptops.current_record() is None
    [record] = kept(stored)
    assert (record.reference, record.output, record.model, record.tokens_in) == (
        "reply@2", "Where!", "gpt-x", 7,
    )  # fmt: skip
    assert record.inputs == {"question": "Where", "user": "ada", "lines": 2}
    assert (record.subject, record.session, record.tags) == (subject_mark("ada"), "ada-1", ("shop",))
    assert record.seconds is not None and record.seconds > 0
    assert [said.record for said in stored.feedback()] == [record.id]


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (["b"], {"b": [2]}),
        ({"a": "question"}, {"question": 1}),
        (lambda given: {"sum": given["a"] + 1}, {"sum": 2}),
        (lambda given: given["c"], {"input": "[KeyError in a function of promptops.trace]"}),
    ],
    ids=["chosen", "renamed", "made", "broken"],
)
def test_inputs_are_chosen_and_kept_as_they_were_when_the_call_began(
    stored: Store, inputs: Any, found: dict[str, object]
) -> None:
    @promptops.trace(inputs=inputs, output=lambda returned: f"{returned} apples")
    def count(a: int, b: list[int]) -> int:
        b.append(9)
        return a

    assert count(1, [2]) == 1
    [record] = kept(stored)
    assert record.inputs == found and record.output == "1 apples"


def test_a_function_is_traced_without_brackets_too(stored: Store) -> None:
    @promptops.trace
    def answer(question: str) -> str:
        return question.upper()

    assert answer("why") == "WHY"
    [record] = kept(stored)
    assert (record.prompt, record.inputs, record.output) == (None, {"question": "why"}, "WHY")


def test_an_exception_is_recorded_by_its_class_and_goes_on(stored: Store) -> None:
    @promptops.trace("reply")
    def fails(kind: str) -> None:
        raise CallFailed("timeout", "late") if kind == "call" else KeyError("secret words")

    for kind, error in (("call", CallFailed), ("other", KeyError)):
        with pytest.raises(error):
            fails(kind)
    with pytest.raises(TypeError, match="positional"):
        fails()  # type: ignore[call-arg]
    found = kept(stored)
    assert [record.error for record in found] == ["timeout", "KeyError", "TypeError"]
    assert all(record.output is None for record in found)
    assert "secret words" not in str(found)


def test_streams_are_joined_and_get_all_that_is_sent_and_thrown(stored: Store) -> None:
    heard: list[object] = []

    @promptops.trace("stream")
    def stream(words: int) -> Iterator[str]:
        for number in range(words):
            try:
                heard.append((yield f"w{number} "))
            except ValueError:
                heard.append("thrown")
                yield "again "
        return "end"

    assert list(stream(2)) == ["w0 ", "w1 "]
    hand: Any = stream(3)
    assert (next(hand), hand.send("sent"), hand.throw(ValueError())) == ("w0 ", "w1 ", "again ")
    hand.close()
    with pytest.raises(StopIteration) as end:
        next(stream(0))  # type: ignore[call-overload]
    assert end.value.value == "end"
    assert heard == [None, None, "sent", "thrown"]
    assert inspect.isgeneratorfunction(stream)
    found = kept(stored)
    assert [record.output for record in found] == ["w0 w1 ", "w0 w1 again ", ""]
    assert [record.metadata for record in found] == [{}, {"stream": "closed early"}, {}]


def test_asynchronous_functions_and_streams_are_recorded(stored: Store) -> None:
    @promptops.trace("inner")
    async def chunks(question: str) -> AsyncIterator[object]:
        for part in ("On ", "its way."):
            await asyncio.sleep(0)
            yield {"choices": [{"delta": {"content": part}}], "model": "gpt-x"}
        if question == "fail":
            raise TimeoutError

    @promptops.trace("outer")
    async def answer(question: str) -> str:
        own = promptops.current_record()
        parts = [part["choices"][0]["delta"]["content"] async for part in chunks(question)]  # type: ignore[index]
        assert promptops.current_record() == own
        return "".join(parts)

    async def both() -> list[object]:
        return await asyncio.gather(answer("a"), answer("fail"), return_exceptions=True)

    good, bad = asyncio.run(both())
    assert good == "On its way." and isinstance(bad, TimeoutError)
    assert inspect.iscoroutinefunction(answer) and inspect.isasyncgenfunction(chunks)
    found = {(record.prompt, record.inputs["question"]): record for record in kept(stored)}
    for question, error in (("a", None), ("fail", "TimeoutError")):
        outer, inner = found["outer", question], found["inner", question]
        assert (outer.parent, inner.parent) == (None, outer.id)
        assert (outer.error, inner.error) == (error, error)
        assert (inner.output, inner.model) == ("On its way.", "gpt-x")


def test_a_stream_that_is_given_up_is_recorded_and_closed(stored: Store) -> None:
    closed: list[bool] = []

    @promptops.trace("stream")
    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "more "
        finally:
            closed.append(True)

    async def take_two() -> None:
        async with contextlib.aclosing(endless()) as parts:  # type: ignore[type-var]
            await anext(parts)
            await anext(parts)

    asyncio.run(take_two())
    [record] = kept(stored)
    assert closed == [True] and record.output == "more more " and record.error is None
    assert record.metadata == {"stream": "closed early"}


def test_a_plain_function_that_returns_a_stream_is_recorded_at_its_end(stored: Store) -> None:
    @promptops.trace("stream")
    def answer() -> Iterator[str]:
        return (part for part in ("a", "b"))

    parts = answer()
    assert "".join(parts) == "ab"
    assert [record.output for record in kept(stored)] == ["ab"]


def test_calls_within_a_call_are_its_children_and_share_its_session(stored: Store) -> None:
    @promptops.trace("outer", session=lambda given: "s1")
    def outer() -> str:
        promptops.log("logged", output="x")
        return inner()

    @promptops.trace("inner")
    def inner() -> str:
        return "y"

    outer()
    found = {record.prompt: record for record in kept(stored)}
    assert {record.session for record in found.values()} == {"s1"}
    assert found["logged"].parent == found["inner"].parent == found["outer"].id


def test_a_client_whose_objects_raise_does_not_disturb_the_application(stored: Store) -> None:
    class Odd:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    @promptops.trace("reply")
    def answer() -> Odd:
        return Odd()

    assert isinstance(answer(), Odd)
    [record] = kept(stored)
    assert record.output is not None and "Odd object" in record.output


def traced_functions() -> list[Callable[..., Any]]:
    """Functions of each kind, for the switch."""

    @promptops.trace("a")
    def plain() -> str:
        return "x"

    @promptops.trace("b")
    def parts() -> Iterator[str]:
        yield "x"

    return [plain, lambda: list(parts())]


def test_what_is_switched_off_is_not_recorded(stored: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promptops.logger(), "off", True)
    assert [each() for each in traced_functions()] == ["x", ["x"]]
    assert promptops.log("reply", output="x")
    assert promptops.flush(0)
    monkeypatch.setattr(promptops.logger(), "off", False)
    assert kept(stored) == []


@pytest.mark.parametrize(
    "given", [{"subject": "user"}, {"session": "talk"}, {"inputs": ["mails"]}, {"inputs": {"mails": "m"}}]
)
def test_an_argument_that_is_none_is_refused_where_it_is_written(given: dict[str, Any]) -> None:
    with pytest.raises(UnknownName, match=r"No argument of .*reply, for promptops\.trace, .*mail"):

        @promptops.trace("reply", **given)
        def reply(mail: str) -> str:
            return mail


def test_arguments_of_a_function_that_takes_any_are_found_by_their_names(
    stored: Store, caplog: pytest.LogCaptureFixture
) -> None:
    @promptops.trace("reply", inputs=["mail", "tone"], subject="user", session="chat")
    def reply(mail: str, **more: object) -> str:
        return f"{mail} {len(more)}"

    assert reply("a", user="ada", tone="kind", chat="c 1", retries=2) == "a 4"
    [record] = kept(stored)
    assert record.inputs == {"mail": "a", "tone": "kind"}
    assert (record.subject, record.session) == (subject_mark("ada"), "c 1")
    assert "came without" not in caplog.text
    reply("b", users="ada")
    assert kept(stored)[-1].subject is None
    for option, name in (("subject", "user"), ("session", "chat"), ("inputs", "tone")):
        told = f"reply: a call came without the argument {name!r}, which {option} names"
        assert caplog.text.count(told) == 1


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (None, {"mail": "a", "tone": "kind", "lines": 2}),
        ("tone", {"tone": "kind"}),
        ({"tone": "style"}, {"style": "kind"}),
        (["more"], {"more": {"tone": "kind", "lines": 2}}),
        (lambda given: {"all": sorted(given)}, {"all": ["lines", "mail", "tone"]}),
    ],
    ids=["all", "one", "renamed", "together", "made"],
)
def test_what_came_by_any_name_stands_beside_the_other_inputs(
    stored: Store, inputs: Any, found: dict[str, object]
) -> None:
    class Desk:
        @promptops.trace("reply", inputs=inputs)
        async def reply(self, mail: str, /, **more: object) -> str:
            return mail

    asyncio.run(Desk().reply("a", tone="kind", lines=2))
    assert kept(stored)[0].inputs == found


@pytest.mark.parametrize(
    "given", [{"subject": "self"}, {"inputs": ["mail", "self"]}, {"session": ""}, {"inputs": [3]}]
)
def test_a_name_that_no_call_can_have_is_refused_where_it_is_written(given: dict[str, Any]) -> None:
    with pytest.raises(UnknownName, match=r"No argument of .*reply, for promptops\.trace, .*mail"):

        class _Desk:
            @promptops.trace("reply", **given)
            def reply(self, mail: str, **more: object) -> str:
                return mail


@pytest.mark.parametrize(("option", "name"), [("subject", "more"), ("session", "rest")])
def test_a_name_of_several_arguments_is_no_person(option: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"{option} names '{name}', which holds several arguments"):

        @promptops.trace("reply", **{option: name})  # type: ignore[call-overload]
        def reply(*rest: str, **more: object) -> str:
            return ""


def test_of_a_function_without_a_signature_keywords_are_found(stored: Store) -> None:
    traced = promptops.trace("reply", inputs=["mail"], subject="user")(_Untold())
    assert traced("x", mail="a", user="ada") == "told"
    [record] = kept(stored)
    assert (record.inputs, record.subject) == ({"mail": "a"}, subject_mark("ada"))


class _Untold:
    """As some functions that are written in C: nobody can tell its arguments."""

    __signature__ = "none"

    def __call__(self, *args: object, **kwargs: object) -> str:
        return "told"
