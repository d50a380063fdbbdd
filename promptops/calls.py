"""One call to a Model: looked up, asked, asked again where that may help, and counted.

Providers make one attempt and say what happened; everything that is the same for all of them is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from promptops.contentaddress import Asked, content_address
from promptops.errors import FATAL, CallFailed, PromptopsError
from promptops.providers import Model
from promptops.tracing import Tracing
from promptops.types import Attempt, Completion, Failure, Request

RETRY_AFTER_LIMIT = 120.0
"""Seconds: a server that asks for a longer pause has in effect refused."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
FATAL_LIMIT = 5
"""So many failures that every call would meet, and no success: the run is stopped."""
REFUSED_LIMIT = 25
"""The same for failures that could be the fault of single questions, and in a row after a success."""


class Stopped(PromptopsError):
    """Every call fails for the same reason, so no further one is paid for."""

    exit_code = 3


@dataclass
class Usage:
    """What the calls of a run have cost so far. Unknown figures stay out and are counted."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def add(self, completion: Completion) -> None:
        """Count one answered call."""
        self.calls += 1
        self.tokens_in += completion.tokens_in or 0
        self.tokens_out += completion.tokens_out or 0
        if completion.cost is None:
            self.unpriced += 1
        else:
            self.cost += completion.cost


@dataclass(frozen=True)
class Answer:
    """A completion, where it came from, and the key under which it may be used again."""

    completion: Completion
    cache_key: str | None
    cached: bool
    address: str | None = None
    """The content address of what was asked, whether the answer may be used again or not."""


class Asker(Protocol):
    """Who answers requests: a Caller, or what was answered before."""

    async def ask(self, request: Request, prompt_digest: str = "") -> Answer:
        """Return an answer; raises Unanswered, GivenUp, or what ends the run."""


class Unanswered(Exception):
    """All attempts at one request failed; holds the Failure to be stored."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class GivenUp(Exception):
    """A call that was not made, or not made again, because nothing depends on it any more."""


class Brake:
    """Is pulled when no further call is wanted: whoever waits for a first or another try is let go.

    It can also be held for a while: then nobody begins a call until it is released.
    """

    def __init__(self) -> None:
        self._pulled = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._held = 0.0
        self._since = 0.0

    def pull(self) -> None:
        """Let no call begin from now on; those under way come to their end."""
        self._pulled.set()
        self.release()

    def hold(self) -> None:
        """Let no call begin until it is released; those under way come to their end."""
        if self._free.is_set() and not self._pulled.is_set():
            self._since = time.monotonic()
            self._free.clear()

    def release(self) -> None:
        """Let calls begin again."""
        if self.held:
            self._held += time.monotonic() - self._since
            self._free.set()

    @property
    def held(self) -> bool:
        """Whether calls wait until it is released."""
        return not self._free.is_set()

    @property
    def held_seconds(self) -> float:
        """How long it was held, all in all."""
        return self._held + (time.monotonic() - self._since if self.held else 0.0)

    async def passed(self) -> float:
        """Wait while it is held; return the seconds waited. Raises GivenUp once it is pulled."""
        began = time.monotonic()
        held = self.held
        await self._free.wait()
        self.check()
        return time.monotonic() - began if held else 0.0

    def check(self) -> None:
        """Raise GivenUp once it is pulled."""
        if self._pulled.is_set():
            raise GivenUp

    async def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the moment in which it is pulled. Raises GivenUp then."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pulled.wait(), seconds)
        self.check()


@dataclass
class Caller:
    """Asks one Model on behalf of a run."""

    model: Model
    name: str
    attempts: int
    deadline: float
    usage: Usage
    lookup: Callable[[str], Completion | None] | None = None
    """Finds a stored completion by its key; None switches the cache off."""
    brake: Brake | None = None
    """Pulled by a run that may stop early."""
    tracing: Tracing | None = None
    """Makes a span of each attempt."""
    _paused_until: float = 0.0
    _answered: bool = False
    _fatal: int = 0
    _refused: int = 0
    _last: str = ""
    _jitter: random.Random = field(default_factory=random.Random)

    async def ask(self, request: Request, prompt_digest: str = "") -> Answer:
        """Return an answer; raises Unanswered, GivenUp, or Stopped where no call can succeed."""
        address = self.address(request, prompt_digest)
        key = address if self.model.cacheable else None
        if key is not None and self.lookup is not None:
            found = self.lookup(key)
            if found is not None:
                self.usage.cached += 1
                return Answer(found, key, cached=True, address=address)
        if self.brake is not None:
            self.brake.check()
        # A quota may run out and a key be withdrawn in the middle of a run.
        limit = REFUSED_LIMIT if self._answered else FATAL_LIMIT
        if self._fatal >= limit or (not self._answered and self._refused >= REFUSED_LIMIT):
            raise Stopped(f"{self.name} refuses every call, so no more are made. It said: {self._last}")
        completion = await self._until_answered(request)
        self.usage.add(completion)
        reusable = key if completion.finish_reason == "stop" else None
        return Answer(completion, reusable, cached=False, address=address)

    def address(self, request: Request, prompt_digest: str = "") -> str:
        """Return the content address of a request to this model."""
        asked = Asked(self.name, self.model.origin, self.model.settings.body)
        return content_address(asked, request, prompt_digest)

    async def _until_answered(self, request: Request) -> Completion:
        ends = time.monotonic() + self.deadline
        tried: list[Attempt] = []
        while True:
            waited = await self._wait_out_pause()
            if self.brake is not None:
                # Who is held has not begun: that time is not the server's.
                ends += await self.brake.passed()
            started = time.monotonic()
            try:
                completion = await self._attempt(request, max(ends - started, 0.001))
            except CallFailed as error:
                failed = error
            except TimeoutError:
                failed = CallFailed("timeout", f"no answer within {self.deadline:g} s in all")
            else:
                return self._succeeded(completion, tried, time.monotonic() - started, waited)
            tried.append(_attempt(failed, time.monotonic() - started, waited))
            pause = self._next_pause(failed, len(tried), ends)
            if pause is None:
                raise self._given_up(failed, tried)
            if failed.kind == "rate_limited":
                self._paused_until = max(self._paused_until, time.monotonic() + pause)
            else:
                await self._sleep(pause)

    async def _attempt(self, request: Request, seconds: float) -> Completion:
        if self.tracing is None:
            return await self._asked(request, seconds)
        with self.tracing.call(self.name, self.model.origin, request) as span:
            completion = await self._asked(request, seconds)
            span.answered(completion)
            return completion

    async def _asked(self, request: Request, seconds: float) -> Completion:
        patience = self.model.patience
        if patience is not None and patience <= seconds:
            return await self.model.generate(request)
        async with asyncio.timeout(seconds):
            return await self.model.generate(request)

    def _succeeded(
        self, completion: Completion, tried: list[Attempt], seconds: float, waited: float
    ) -> Completion:
        self._answered = True
        self._fatal = 0
        if not tried:
            return completion
        attempts = (*tried, Attempt(seconds=seconds, waited=waited))
        return completion.model_copy(update={"attempts": attempts})

    def _next_pause(self, failed: CallFailed, tries: int, ends: float) -> float | None:
        """Return how long to wait before the next try, or None to give up."""
        if not failed.retryable or tries >= self.attempts:
            return None
        if failed.retry_after is not None:
            if failed.retry_after > RETRY_AFTER_LIMIT:
                return None
            pause = failed.retry_after * (1 + 0.1 * self._jitter.random())
        else:
            longest = min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE)
            pause = longest * (0.25 + 0.75 * self._jitter.random())
        return pause if time.monotonic() + pause < ends else None

    async def _wait_out_pause(self) -> float:
        """Sleep while the server has asked all calls to wait; return the seconds slept."""
        waited = 0.0
        while (left := self._paused_until - time.monotonic()) > 0:
            # Spread the calls that wait for the same moment, or they meet the same limit again.
            nap = left + 0.2 * self._jitter.random() * max(left, 0.05)
            await self._sleep(nap)
            waited += nap
        return waited

    async def _sleep(self, seconds: float) -> None:
        if self.brake is None:
            await asyncio.sleep(seconds)
        else:
            await self.brake.sleep(seconds)

    def _given_up(self, failed: CallFailed, tried: list[Attempt]) -> Unanswered:
        self.usage.failed += 1
        self._fatal += failed.kind in FATAL
        self._refused += failed.kind == "rejected"
        self._last = str(failed)
        message = str(failed)
        if failed.retry_after is not None and failed.retry_after > RETRY_AFTER_LIMIT:
            message += f" (it asks for a pause of {failed.retry_after:.0f} s, too long to wait)"
        return Unanswered(
            Failure(kind=failed.kind, message=message[:1000], status=failed.status, attempts=tuple(tried))
        )


def _attempt(failed: CallFailed, seconds: float, waited: float) -> Attempt:
    return Attempt(
        seconds=seconds, failure=failed.kind, status=failed.status, message=str(failed)[:300], waited=waited
    )
