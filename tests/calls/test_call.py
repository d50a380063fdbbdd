"""Retries, pauses, deadlines and reuse, against a model that fails on command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from promptops.calls.call import Caller, Stopped, Unanswered
from promptops.calls.usage import Usage
from promptops.errors import CallFailed
from promptops.judges import Reads
from promptops.providers import Model, ProviderSettings
from promptops.types import Completion, Message, Request
from tests.made import PATIENCE


class Scripted(Model):
    """Plays failures and answers from a list; the last one is played again for ever."""

    def __init__(self, *steps: CallFailed | str | float) -> None:
        super().__init__("scripted", ProviderSettings(), {}, Path())
        self.steps: list[CallFailed | str | float] = list(steps)
        self.times: list[float] = []

    async def generate(self, request: Request) -> Completion:
        self.times.append(time.monotonic())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, CallFailed):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
        return Completion(text=str(step), tokens_in=3, tokens_out=2, cost=0.5)


def caller(model: Model, attempts: int = 3, deadline: float = 20.0) -> Caller:
    return Caller(model=model, name="test/scripted", attempts=attempts, deadline=deadline, usage=Usage())


def request(text: str = "hi", repeat: int = 0) -> Request:
    return Request(messages=(Message(role="user", content=text),), repeat=repeat)


def quick(kind: str = "rate_limited") -> CallFailed:
    return CallFailed(kind, "not now", retry_after=0.01)  # type: ignore[arg-type]


def test_a_failure_that_passes_is_tried_again_and_every_attempt_is_kept() -> None:
    model = Scripted(quick(), quick("server"), "fine")
    answer = asyncio.run(caller(model).ask(request()))
    assert answer.completion.text == "fine"
    assert [attempt.failure for attempt in answer.completion.attempts] == ["rate_limited", "server", None]


@pytest.mark.parametrize("kind", ["auth", "quota", "not_found", "rejected", "filtered", "too_large"])
def test_a_failure_that_would_come_again_is_not_tried_again(kind: str) -> None:
    model = Scripted(quick(kind), "never reached")
    with pytest.raises(Unanswered) as caught:
        asyncio.run(caller(model).ask(request()))
    assert caught.value.failure.kind == kind
    assert len(model.times) == 1


def test_the_attempts_end() -> None:
    model = Scripted(quick("server"))
    with pytest.raises(Unanswered) as caught:
        asyncio.run(caller(model, attempts=3).ask(request()))
    assert len(caught.value.failure.attempts) == len(model.times) == 3


def test_the_servers_pause_is_kept_by_every_call_to_it() -> None:
    model = Scripted(CallFailed("rate_limited", "slow down", retry_after=0.3), "fine")
    asking = caller(model)

    async def several() -> None:
        await asyncio.gather(*(asking.ask(request(str(number))) for number in range(3)))

    started = time.monotonic()
    asyncio.run(several())
    late = [moment - started for moment in model.times[3:]]
    assert late and min(late) >= 0.29


def test_a_pause_of_a_day_is_refused_and_not_slept() -> None:
    model = Scripted(CallFailed("rate_limited", "tomorrow", retry_after=86_400))
    started = time.monotonic()
    with pytest.raises(Unanswered, match="too long to wait"):
        asyncio.run(caller(model).ask(request()))
    assert time.monotonic() - started < PATIENCE


def test_a_call_that_hangs_ends_at_the_deadline() -> None:
    started = time.monotonic()
    with pytest.raises(Unanswered) as caught:
        asyncio.run(caller(Scripted(300.0), deadline=0.2).ask(request()))
    assert caught.value.failure.kind == "timeout"
    assert time.monotonic() - started < PATIENCE


def test_a_wrong_key_stops_the_run_after_a_few_calls() -> None:
    model = Scripted(quick("auth"))
    asking = caller(model)

    async def many() -> int:
        failed = 0
        for number in range(100):
            try:
                await asking.ask(request(str(number)))
            except Unanswered:
                failed += 1
        return failed

    with pytest.raises(Stopped):
        asyncio.run(many())
    assert len(model.times) <= 10


def test_an_answer_is_reused_for_the_same_request_and_no_other() -> None:
    stored: dict[str, Completion] = {}
    model = Scripted("one", "two", "three", "four")
    asking = caller(model)
    asking.lookup = stored.get

    async def ask(asked: Request, digest: str = "p") -> str:
        answer = await asking.ask(asked, digest)
        if answer.cache_key:
            stored[answer.cache_key] = answer.completion
        return answer.completion.text

    async def way() -> list[str]:
        hot = request().model_copy(update={"parameters": {"temperature": 1}})
        asked = [request(), request(), request(repeat=1), hot, request("other")]
        return [await ask(each) for each in asked]

    assert asyncio.run(way()) == ["one", "one", "two", "three", "four"]
    assert asking.usage.cached == 1


def test_a_reply_that_cant_be_read_is_neither_found_nor_kept_for_later() -> None:
    stored: dict[str, Completion] = {}
    model = Scripted("well", "hm", "4")
    asking = caller(model)
    asking.lookup = stored.get

    async def ask(reads: Reads | None = None) -> str:
        answer = await asking.ask(request(), "p", reads=reads)
        if answer.cache_key:
            stored[answer.cache_key] = answer.completion
        return answer.completion.text

    async def way() -> list[str]:
        # The first one stands for what an older promptops kept: it knew of no reader.
        return [await ask(), *[await ask(lambda reply: reply.text.isdigit()) for _ in range(4)]]

    assert asyncio.run(way()) == ["well", "hm", "4", "4", "4"]
    assert asking.usage.cached == 2 and [each.text for each in stored.values()] == ["4"]
    assert asking.find(request(), "p", lambda reply: reply.text == "5") is None


@pytest.mark.parametrize("reason", ["length", "refusal", "other"])
def test_a_cut_or_refused_answer_is_never_reused(reason: str) -> None:
    class Cut(Scripted):
        async def generate(self, request: Request) -> Completion:
            return (await super().generate(request)).model_copy(update={"finish_reason": reason})

    answer = asyncio.run(caller(Cut("half an ans")).ask(request()))
    assert answer.cache_key is None


def test_unknown_prices_are_counted_and_not_taken_for_zero() -> None:
    class Free(Scripted):
        async def generate(self, request: Request) -> Completion:
            return Completion(text="x")

    asking = caller(Free("x"))
    asyncio.run(asking.ask(request()))
    assert (asking.usage.calls, asking.usage.unpriced, asking.usage.cost) == (1, 1, 0.0)


def test_waiting_calls_are_spread_over_time() -> None:
    steps: Sequence[CallFailed | str] = [CallFailed("server", "busy")] * 20 + ["fine"]
    model = Scripted(*steps)
    asking = caller(model)

    async def several() -> None:
        await asyncio.gather(*(asking.ask(request(str(number))) for number in range(20)))

    asyncio.run(several())
    again = sorted(model.times[20:])
    assert again[-1] - again[0] >= 0.15
