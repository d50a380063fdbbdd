"""What `promptops.trace` makes of functions that are not written as such, and of streams that are left."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

import promptops
from promptops.errors import UsageError
from promptops.production.records import Record, RecordFilter
from promptops.store import Store


def kept(store: Store) -> list[Record]:
    assert promptops.flush(60), promptops.logger().stats
    return store.records(RecordFilter())[::-1]


async def answer(question: str) -> str:
    await asyncio.sleep(0.01)
    if not question:
        raise ValueError("nothing was asked")
    return question.upper()


class Client:
    async def __call__(self, question: str) -> str:
        return await answer(question)


def retried(function: Callable[[str], Coroutine[Any, Any, str]]) -> Callable[[str], Coroutine[Any, Any, str]]:
    """Wrap a function as decorators do that are not `async` themselves."""

    @functools.wraps(function)
    def plain(question: str) -> Coroutine[Any, Any, str]:
        return function(question)

    return plain


@pytest.mark.parametrize("function", [Client(), retried(answer), functools.partial(answer)])
@pytest.mark.parametrize("decorate", [promptops.trace, promptops.trace("reply")])
def test_what_returns_a_coroutine_is_recorded_when_it_ends(
    stored: Store, function: Any, decorate: Any
) -> None:
    traced = decorate(function)

    async def application() -> None:
        assert await traced("hi") == "HI"
        with pytest.raises(ValueError, match="nothing was asked"):
            await traced("")

    asyncio.run(application())
    good, bad = kept(stored)
    assert (good.inputs, good.output, good.error) == ({"question": "hi"}, "HI", None)
    assert good.seconds is not None and good.seconds >= 0.01
    assert (bad.output, bad.error) == (None, "ValueError")


def test_an_asynchronous_stream_that_a_loop_leaves_is_closed_early_and_no_error(stored: Store) -> None:
    @promptops.trace("reply")
    async def stream() -> AsyncIterator[str]:
        yield "Hel"
        yield "lo."

    async def application() -> None:
        async for _ in stream():
            break

    asyncio.run(application())
    [record] = kept(stored)
    assert (record.output, record.error, record.metadata) == ("Hel", None, {"stream": "closed early"})


class Stream(Iterator[str]):
    """As clients of chat APIs return: it has more to it than a generator."""

    def __next__(self) -> str:
        raise StopIteration


def test_a_stream_of_a_client_s_own_is_handed_on_untouched_and_its_name_is_no_answer(stored: Store) -> None:
    stream = Stream()
    assert promptops.trace("reply", metadata={"shop": "b"})(lambda: stream)() is stream
    assert promptops.trace("reply", output=lambda _: "told")(lambda: stream)() is stream
    untold, told = kept(stored)
    assert (untold.output, untold.error) == (None, None)
    assert untold.metadata == {"shop": "b", "stream": "not recorded"}
    assert told.output == "told"


@pytest.mark.parametrize("decorate", [promptops.trace, promptops.trace("reply")])
@pytest.mark.parametrize("wrapper", [classmethod, staticmethod, property])
def test_to_stand_above_a_wrapper_is_refused_where_it_is_written(decorate: Any, wrapper: Any) -> None:
    with pytest.raises(UsageError, match=f"stands above @{wrapper.__name__}. Put it below"):
        decorate(wrapper(lambda it: it))
