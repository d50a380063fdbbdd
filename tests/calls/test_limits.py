"""One limiter for each server and key: against a real server that enforces limits, and step by step."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptops.calls.brake import Brake, GivenUp
from promptops.calls.call import Caller, Stopped, Unanswered
from promptops.calls.limiter import LetGo, Limiter, Place
from promptops.calls.limits import Limits
from promptops.calls.models import open_model
from promptops.calls.usage import Usage
from promptops.cli.progress import told as line_of
from promptops.config import load_settings
from promptops.errors import CallFailed, SettingsError
from promptops.providers import Model, ProviderSettings
from promptops.providers._openai_wire import Wire  # noqa: F401  # what it imports takes a part of a second
from promptops.providers.openai import OpenAI
from promptops.runs.runner import Progress
from promptops.types import Completion, Message, Request
from tests.made import EVALSET, PATIENCE, Folder, questions
from tests.providers import limit_server
from tests.providers.limit_server import LimitServer

SAMPLES = 200
PLACES = 32


def request(text: str = "hi") -> Request:
    return Request(messages=(Message(role="user", content=text),))


@dataclass
class Told:
    """How a run of calls ended, and what the server saw of it."""

    server: LimitServer
    limiter: Limiter
    seconds: float
    waited: float
    lost: int


async def run(
    limits: dict[str, Any],
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    concurrency: int | None = None,
    minute: float = 60.0,
    deadline: float = 30.0,
) -> Told:
    async with limit_server.running(**limits) as server:
        model = OpenAI("m", ProviderSettings(base_url=server.url), {}, Path())
        limiter = Limiter("here", minute=minute)
        limiter.tighten(rpm, tpm, concurrency)
        asking = Caller(model, "here/m", attempts=4, deadline=deadline, usage=Usage(), limiter=limiter)
        numbers, lost, waited = iter(range(SAMPLES)), 0, 0.0

        async def place() -> None:
            nonlocal lost, waited
            for number in numbers:
                try:
                    answer = await asking.ask(request(f"question {number:04}"))
                    waited += sum(attempt.waited for attempt in answer.completion.attempts)
                except Unanswered:
                    lost += 1

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(PLACES):
                group.create_task(place())
        seconds = time.monotonic() - began
        await model.close()
        return Told(server, limiter, seconds, waited, lost)


WINDOW = 0.6
IDEAL = 4 * WINDOW
"""Seconds for 200 calls where each window lets 40 in: four windows have to end."""
CASES: list[tuple[dict[str, Any], float, int]] = [
    ({"requests": 40, "kind": "fixed", "headers": True, "retry_after": True}, IDEAL, 10),
    ({"requests": 40, "kind": "fixed", "headers": True}, IDEAL, 10),
    ({"requests": 40, "kind": "steady", "headers": True}, IDEAL, 10),
    ({"requests": 40, "kind": "sliding", "headers": True, "retry_after": True}, IDEAL, 20),
    ({"tokens": 2000, "kind": "fixed", "headers": True, "retry_after": True}, IDEAL, 60),
    ({"requests": 40, "kind": "fixed", "retry_after": True}, IDEAL, 80),
    ({"requests": 40, "kind": "fixed"}, IDEAL, 100),
    ({"requests": 40, "kind": "steady", "retry_after": True}, IDEAL, 150),
    ({"concurrency": 8, "seconds": 0.05}, SAMPLES * 0.05 / 8, 80),
    ({"concurrency": 1, "seconds": 0.01}, SAMPLES * 0.01, 120),
]


@pytest.mark.parametrize(("limits", "ideal", "refusals"), CASES, ids=str)
def test_no_sample_is_lost_to_a_limit_that_has_to_be_learned(
    limits: dict[str, Any], ideal: float, refusals: int
) -> None:
    told = asyncio.run(run({"window": WINDOW, **limits}))
    assert told.lost == 0
    assert len(told.server.admitted) == SAMPLES
    assert told.server.refused <= refusals
    assert told.seconds <= ideal * 2.5 + 1


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        # The client's minute is longer than the server's by 0.6 s of 60; here by 0.3 s, for a busy machine.
        ({"rpm": 40, "minute": 1.3}, {"requests": 40, "kind": "sliding"}),
        ({"tpm": 2000, "minute": 1.3}, {"tokens": 2000, "kind": "sliding"}),
        ({"concurrency": 5}, {"concurrency": 5}),
    ],
)
def test_limits_that_are_set_are_kept_without_one_refusal(
    given: dict[str, Any], limits: dict[str, Any]
) -> None:
    told = asyncio.run(run(limits, **given))
    assert told.lost == 0 and told.server.refused <= 2
    assert len(told.server.admitted) == SAMPLES
    if "concurrency" in given:
        assert told.server.most == 5


def test_waiting_for_room_is_no_part_of_a_calls_deadline() -> None:
    told = asyncio.run(run({}, rpm=100, minute=1.5, deadline=1.0))
    assert told.lost == 0
    assert told.seconds > 1.4


def test_who_finishes_a_sample_goes_before_who_begins_one() -> None:
    async def order() -> list[str]:
        limiter, went = Limiter("here"), list[str]()
        limiter.tighten(None, None, 1)
        first = limiter.enter_at_once("m", request())
        assert first is not None

        async def wait(name: str, *, finishing: bool) -> None:
            place = await limiter.enter("m", request(), finishing=finishing, turn=limiter.turn())
            went.append(name)
            limiter.leave(place)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(wait(f"answer {number}", finishing=False))
            for number in range(2):
                group.create_task(wait(f"judge {number}", finishing=True))
            await asyncio.sleep(0)
            limiter.leave(first)
        return went

    assert asyncio.run(order()) == ["judge 0", "judge 1", "answer 0", "answer 1", "answer 2"]


def test_who_is_cancelled_or_let_go_leaves_no_place_taken() -> None:
    async def way() -> int:
        limiter = Limiter("here")
        limiter.tighten(None, None, 1)
        first = limiter.enter_at_once("m", request())
        assert first is not None
        waiting = [
            asyncio.create_task(limiter.enter("m", request(), finishing=False, turn=limiter.turn()))
            for _ in range(4)
        ]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.leave(first)  # gives the place to the second
        waiting[1].cancel()  # which ends in the same moment
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        place = await asyncio.wait_for(waiting[2], 5)
        limiter.let_go()
        with pytest.raises(LetGo):
            await waiting[3]
        limiter.leave(place)
        return limiter.under_way

    assert asyncio.run(way()) == 0


class Slow(Model):
    """Answers after a while."""

    async def generate(self, request: Request) -> Completion:
        await asyncio.sleep(0.2)
        return Completion(text="x")


def test_the_brake_lets_go_at_once_who_waits_for_room() -> None:
    async def way() -> float:
        limits, brake = Limits(), Brake()
        brake.when_pulled(limits.let_go)
        model = Slow("m", ProviderSettings(rpm=1), {}, Path())
        asking = Caller(model, "slow/m", 4, 30, Usage(), brake=brake, limiter=limits.of(model, "slow/m"))
        await asking.ask(request())
        waiting = asyncio.create_task(asking.ask(request()))
        await asyncio.sleep(0.05)
        progress = Progress(total=2, usage=Usage(held_back=limits.told), done=1)
        assert "limited by slow to 1 requests a minute" in line_of(progress)
        began = time.monotonic()
        brake.pull()
        with pytest.raises(GivenUp):
            await waiting
        with pytest.raises(GivenUp):
            await asking.ask(request())
        return time.monotonic() - began

    assert asyncio.run(way()) < 50  # a request a minute


def test_who_waits_for_room_while_the_run_is_paused_does_not_begin() -> None:
    async def way() -> None:
        brake, model = Brake(), Slow("m", ProviderSettings(), {}, Path())
        limiter = Limiter("here")
        limiter.tighten(None, None, 1)
        asking = Caller(model, "slow/m", 4, 30, Usage(), brake=brake, limiter=limiter)
        first, second = (asyncio.create_task(asking.ask(request())) for _ in range(2))
        await asyncio.sleep(0.05)
        brake.hold()
        await first
        await asyncio.sleep(0.05)
        assert limiter.under_way == 0 and not second.done()
        brake.release()
        await second

    asyncio.run(way())


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def places(limiter: Limiter, count: int) -> list[Place]:
    found = [limiter.enter_at_once("m", request()) for _ in range(count)]
    return [place for place in found if place is not None]


def answer(limiter: Limiter, place: Place) -> None:
    limiter.answered(place, 1.0, Completion(text=""))
    limiter.leave(place)


def test_a_refusal_halves_what_is_under_way_once_and_answers_raise_it_again() -> None:
    clock = Clock()
    limiter = Limiter("here", clock=clock)
    went = places(limiter, 16)
    for place in went[8:]:
        limiter.refused(place, None)
        limiter.leave(place)
    assert not places(limiter, 1)  # a pause, and as many as that are under way
    clock.now += 40
    for place in went[:8]:
        answer(limiter, place)
    [probe] = places(limiter, 3)
    answer(limiter, probe)
    went = places(limiter, 20)
    assert len(went) == 8
    for _ in range(40):
        for place in went:
            answer(limiter, place)
        went = places(limiter, 40)
    assert len(went) > 16


def test_calls_that_hang_do_not_hold_up_all_others() -> None:
    clock = Clock()
    limiter = Limiter("here", clock=clock)
    went = places(limiter, 5)
    answer(limiter, went[0])
    for place in went[1:]:
        limiter.refused(place, 2.0)
        limiter.leave(place)
    clock.now += 2.5
    (probe,) = places(limiter, 8)
    answer(limiter, probe)
    hanging = places(limiter, 8)
    allowed = len(hanging)
    assert 1 <= allowed <= 3
    clock.now += 9.9
    assert not places(limiter, 8)  # the usual answer takes a second
    clock.now += 0.2
    assert len(places(limiter, 8)) == allowed  # as many again, and no more
    clock.now += 60
    assert not places(limiter, 8)


def test_what_the_user_set_is_kept_though_calls_hang() -> None:
    clock = Clock()
    limiter = Limiter("here", clock=clock)
    limiter.tighten(None, None, 2)
    answer(limiter, places(limiter, 1)[0])
    assert len(places(limiter, 4)) == 2
    clock.now += 60
    assert not places(limiter, 4)


def test_a_probe_that_gives_no_sign_opens_the_way_after_a_second() -> None:
    clock = Clock()
    limiter = Limiter("here", clock=clock)
    for place in places(limiter, 8):
        limiter.refused(place, 2.0)
        limiter.leave(place)
    clock.now += 1.9
    assert not places(limiter, 1)
    clock.now += 0.2
    assert len(places(limiter, 8)) == 1
    clock.now += 1.1
    assert len(places(limiter, 8)) == 3


class Closed(Model):
    """Refuses every call after some."""

    def __init__(self, answers: int) -> None:
        super().__init__("m", ProviderSettings(), {}, Path())
        self.answers = answers
        self.calls = 0

    @property
    def account(self) -> str:
        return "a server"

    async def generate(self, request: Request) -> Completion:
        self.calls += 1
        refused = self.calls > self.answers
        await asyncio.sleep(0)
        if refused:
            raise CallFailed("rate_limited", "slow down", retry_after=0.001)
        return Completion(text="x")


def test_a_server_that_refuses_everybody_stops_the_run_after_a_few_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("promptops.calls.limiter.FIRST_PAUSE", 0.001)

    async def many() -> None:
        for number in range(100):
            with contextlib.suppress(Unanswered):
                await asking.ask(request(str(number)))

    asking = Caller(Closed(0), "closed/m", attempts=4, deadline=30, usage=Usage())
    with pytest.raises(Stopped, match="slow down"):
        asyncio.run(many())
    assert asking.model.calls == 20  # type: ignore[attr-defined]


def test_one_that_closes_in_the_middle_is_borne_with_for_two_minutes_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("promptops.calls.limiter.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("promptops.calls.limiter.LONGEST_PAUSE", 0.02)
    monkeypatch.setattr("promptops.calls.call.LONGEST_WAIT", 0.5)
    asking = Caller(Closed(3), "closed/m", attempts=4, deadline=30, usage=Usage())

    async def many() -> None:
        async def one(number: int) -> None:
            with contextlib.suppress(Unanswered):
                await asking.ask(request(str(number)))

        await asyncio.gather(*(one(number) for number in range(12)))
        for number in range(100):
            await one(number)

    began = time.monotonic()
    with pytest.raises(Stopped):
        asyncio.run(many())
    assert 0.5 <= time.monotonic() - began < PATIENCE


def test_models_of_one_server_and_key_share_a_limiter_and_others_do_not() -> None:
    limits = Limits()

    def limiter(name: str, key: str, url: str = "http://127.0.0.1:9/v1", **more: Any) -> Limiter:
        settings = ProviderSettings(base_url=url, api_key_env="KEY", **more)
        return limits.of(OpenAI(name.partition("/")[2], settings, {"KEY": key}, Path()), name)

    first = limiter("here/a", "key-one-0123")
    assert limiter("here/b", "key-one-0123") is first
    assert limiter("other/a", "key-one-0123", "http://127.0.0.1:9/elsewhere/v1") is first
    assert limiter("here/a", "key-two-0123") is not first
    assert limiter("here/a", "key-one-0123", "http://127.0.0.1:8/v1") is not first
    assert not any("key-one" in name for name in limits._limiters)


def test_each_model_goes_by_the_limit_that_was_told_for_it() -> None:
    from promptops.providers import Allowance

    limiter = Limiter("here")
    small, big = limiter.enter_at_once("small", request()), limiter.enter_at_once("big", request())
    assert small and big
    limiter.hear(small, [Allowance("requests", 10, 0, 60.0)])
    limiter.hear(big, [Allowance("requests", 500, 499, 60.0)])
    assert limiter.enter_at_once("small", request()) is None
    assert limiter.enter_at_once("big", request()) is not None


def test_a_run_with_a_judge_shares_the_servers_room_between_both(folder: Folder) -> None:
    folder.evalset(
        "numbers", questions(60), EVALSET + '\n[metrics.quality]\nmetric = "rubric"\nmodel = "here/judge"\n'
    )

    async def way() -> LimitServer:
        async with limit_server.running(concurrency=4, seconds=0.05) as server:
            folder.write(
                "promptops.toml",
                f'[providers.here]\nkind = "openai"\nbase_url = "{server.url}"\nconcurrency = 3\n',
            )
            await asyncio.to_thread(
                folder.run, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", "here/m", "-j", "16"
            )
            return server

    server = asyncio.run(way())
    assert (server.refused, server.most, len(server.admitted)) == (0, 3, 120)
    # A judgement waits for those under way, not for the answers of the fifteen other places.
    behind = [
        server.admitted[: number + 1].count("m") - server.admitted[: number + 1].count("judge")
        for number in range(120)
    ]
    assert max(behind) < 13


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rpm = 0", "providers.here.rpm"),
        ("tpm = -5", "providers.here.tpm"),
        ('rpm = "fast"', "providers.here.rpm"),
        ("rpm = 1.5", "providers.here.rpm"),
        ("concurrency = 0", "providers.here.concurrency"),
        ("rmp = 5", "Did you mean"),
    ],
)
def test_wrong_limits_in_the_settings_are_told_with_their_place(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "promptops.toml").write_text(f'[providers.here]\nkind = "mock"\n{line}\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    assert told.lower() in str(caught.value).lower() and "promptops.toml:3" in str(caught.value)


def test_limits_hold_for_every_kind_of_provider(tmp_path: Path) -> None:
    (tmp_path / "promptops.toml").write_text('[providers.here]\nkind = "mock"\nrpm = 5\n')
    settings, root = load_settings(tmp_path, {})
    limits = Limits()
    one, two = (open_model(name, settings, {}, root) for name in ("here/echo", "here/constant:x"))
    assert limits.of(one, "here/echo") is limits.of(two, "here/constant:x")
