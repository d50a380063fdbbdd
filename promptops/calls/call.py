"""One call to a Model: looked up, asked, asked again where that may help, and counted.

Providers make one attempt and say what happened; everything that is the same for all of them is here.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from promptops.calls.brake import Brake, GivenUp
from promptops.calls.budget import Budget, OverBudget, Ticket
from promptops.calls.contentaddress import Asked, content_address
from promptops.calls.limiter import FIRST_PAUSE, LONGEST_PAUSE, LetGo, Limiter, Place
from promptops.calls.quotas import LONGEST_WAIT
from promptops.calls.tokenestimate import tokens_read
from promptops.calls.tracing import Tracing
from promptops.calls.usage import Usage
from promptops.errors import FATAL, CallFailed, PromptopsError, StoreError
from promptops.judges import Reads
from promptops.providers import Allowance, Model
from promptops.types import Attempt, Completion, Failure, Request

FATAL_LIMIT = 5
"""So many failures that every call would meet, and no success: the run is stopped."""
_NEVER = float("inf")
OVERLOADED = frozenset({503, 529})
"""Statuses by which a server asks for fewer calls at a time, as it does by 429."""
REFUSED_LIMIT = 25
"""The same for failures that could be the fault of single questions, and in a row after a success."""


_heard_at: ContextVar[Place | None] = ContextVar("_heard_at", default=None)
"""The place of the call that the current task makes."""


class Stopped(PromptopsError):
    """Every call fails for the same reason, so no further one is paid for."""

    exit_code = 3


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

    def address(self, request: Request, prompt_digest: str = "") -> str | None:
        """Return the content address of a request; None where no answer is looked up by one."""

    async def ask(
        self,
        request: Request,
        prompt_digest: str = "",
        *,
        finishing: bool = False,
        address: str | None = None,
        reads: Reads | None = None,
    ) -> Answer:
        """Return an answer; raises Unanswered, GivenUp, or what ends the run.

        Who has worked out the request's content address before hands it over. What `reads` can't read is no
        answer that was there before, and none for later.
        """


class Unanswered(Exception):
    """All attempts at one request failed; holds the Failure to be stored."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


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
    limiter: Limiter = field(default_factory=lambda: Limiter("the server"))
    """Shared by all who ask the same server with the same key."""
    budget: Budget = field(default_factory=Budget)
    """What all callers of a command may spend together."""
    _answered: bool = False
    _fatal: int = 0
    _refused: int = 0
    _last: str = ""
    _jitter: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.model.tell = self._hear

    async def ask(
        self,
        request: Request,
        prompt_digest: str = "",
        *,
        finishing: bool = False,
        address: str | None = None,
        reads: Reads | None = None,
    ) -> Answer:
        """Return an answer; raises Unanswered, GivenUp, or Stopped where no call can succeed.

        A call that is `finishing` a sample, such as a judge's, goes before those that begin one.
        """
        address = address or self.address(request, prompt_digest)
        key = address if self.model.cacheable else None
        found = self._found(key, reads)
        if found is not None:
            self.usage.reuse(found)
            return Answer(found, key, cached=True, address=address)
        if self.brake is not None:
            self.brake.check()
        self.refuse_more()
        completion = await self._until_answered(request, finishing)
        self.usage.add(completion)
        whole = completion.finish_reason == "stop"
        reusable = key if whole and (reads is None or reads(completion)) else None
        return Answer(completion, reusable, cached=False, address=address)

    def refuse_more(self) -> None:
        """Raise Stopped where so many calls were refused that no further one can succeed."""
        # A quota may run out and a key be withdrawn in the middle of a run.
        limit = REFUSED_LIMIT if self._answered else FATAL_LIMIT
        refused = self._fatal >= limit or (not self._answered and self._refused >= REFUSED_LIMIT)
        if refused or self.limiter.given_up >= FATAL_LIMIT:
            said = self._last or self.limiter.said
            raise Stopped(f"{self.name} refuses every call, so no more are made. It said: {said}")

    def address(self, request: Request, prompt_digest: str = "") -> str:
        """Return the content address of a request to this model."""
        asked = Asked(self.name, self.model.origin, self.model.settings.body)
        return content_address(asked, request, prompt_digest)

    def find(
        self, request: Request, prompt_digest: str = "", reads: Reads | None = None
    ) -> Completion | None:
        """Return the answer that an earlier run has to the same request, if any; nobody is asked."""
        return self._found(self.address(request, prompt_digest) if self.model.cacheable else None, reads)

    def _found(self, key: str | None, reads: Reads | None) -> Completion | None:
        found = None if key is None or self.lookup is None else self.lookup(key)
        return found if found is None or reads is None or reads(found) else None

    async def _until_answered(self, request: Request, finishing: bool) -> Completion:
        ends = time.monotonic() + self.deadline
        tried: list[Attempt] = []
        counted, first_refusal, turn = 0, _NEVER, self.limiter.turn()
        while True:
            before = time.monotonic()
            place, ticket = await self._admitted(request, finishing, turn)
            started = time.monotonic()
            # Who waits for room or is held has not begun: the deadline moves along.
            ends += started - before
            try:
                with self.usage.waits.under_way(_how(tried)):
                    completion = await self._attempt_at(place, request, max(ends - started, 0.001))
            except CallFailed as error:
                failed = error
            except TimeoutError:
                failed = CallFailed("timeout", f"no answer within {self.deadline:g} s in all")
            except asyncio.CancelledError:
                ticket.given_up()
                self.usage.under_way += 1
                raise
            else:
                ticket.answered(0.0 if self.model.free else completion.cost)
                return self._succeeded(completion, tried, time.monotonic() - started, place.waited)
            ticket.failed(failed.kind)
            tried.append(_attempt(failed, time.monotonic() - started, place.waited))
            if failed.kind == "rate_limited":
                first_refusal = min(first_refusal, started)
                counted += not self._bears_with(started - first_refusal)
                # If it's the call's own fault, the others go on before the next try.
                turn = turn if len(tried) % self.attempts else self.limiter.turn()
            else:
                counted += 1
            if not failed.retryable or counted >= self.attempts or _asks_too_much(failed):
                raise self._given_up(failed, tried)
            if not _is_paused(failed):
                pause = self._pause(failed, len(tried))
                if time.monotonic() + pause >= ends:
                    raise self._given_up(failed, tried)
                with self.usage.waits.until_tried_again(pause, _how(tried)):
                    await self._sleep(pause)

    async def _admitted(self, request: Request, finishing: bool, turn: int) -> tuple[Place, Ticket]:
        """Wait for a place at the server and until the budget lets the next attempt begin.

        Raises GivenUp where the budget has run out.
        """
        while True:
            place = await self._place(request, finishing, turn)
            try:
                ticket = self.budget.admit(self.name, self._least_cost(request))
            except OverBudget:
                self.limiter.leave(place, 0.0)
                if self.brake is not None:
                    self.brake.pull()
                raise GivenUp from None
            if ticket is not None:
                return place, ticket
            self.limiter.leave(place, 0.0)  # nobody waits for money at a place that others could use
            await self.budget.settled()

    def _least_cost(self, request: Request) -> float:
        """Return what reading a request will cost in US dollars; nothing where that is of no matter."""
        price = self.model.settings.price_in
        if self.budget.max_cost is None or price is None:
            return 0.0
        return tokens_read(request) * price / 1e6

    async def _place(self, request: Request, finishing: bool, turn: int) -> Place:
        """Wait until the call may begin. Raises GivenUp once the brake is pulled."""
        while True:
            if self.brake is not None:
                if self.brake.held:
                    await self.brake.passed()
                self.brake.check()
            place = self.limiter.enter_at_once(self.name, request)
            if place is not None:
                return place
            try:
                place = await self.limiter.enter(self.name, request, finishing=finishing, turn=turn)
            except LetGo:
                raise GivenUp from None
            if self.brake is None or not self.brake.held:
                return place
            self.limiter.leave(place, 0.0)  # held in the meantime

    async def _attempt_at(self, place: Place, request: Request, seconds: float) -> Completion:
        spent: float | None = None
        started = time.monotonic()
        _heard_at.set(place)
        try:
            if self.tracing is None and (patience := self.model.patience) is not None and patience <= seconds:
                completion = await self.model.generate(request)  # the usual call, at half of the steps
            else:
                completion = await self._attempt(request, seconds)
            self.limiter.answered(place, time.monotonic() - started, completion)
            spent = _tokens(completion)
            return completion
        except CallFailed as error:
            if error.kind == "rate_limited":
                spent = 0.0
            if _is_paused(error):
                self.limiter.refused(place, self._asked_pause(error))
            elif error.status in OVERLOADED:
                self.limiter.overloaded(place)
            raise
        finally:
            self.limiter.leave(place, spent)

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

    def _hear(self, told: tuple[Allowance, ...]) -> None:
        place = _heard_at.get()
        if place is not None:
            self.limiter.hear(place, told)

    def _succeeded(
        self, completion: Completion, tried: list[Attempt], seconds: float, waited: float
    ) -> Completion:
        self._answered = True
        self._fatal = 0
        if not tried:
            return completion
        attempts = (*tried, Attempt(seconds=seconds, waited=waited))
        return completion.model_copy(update={"attempts": attempts})

    def _bears_with(self, seconds: float) -> bool:
        """Tell whether a refusal so long after a call's first one is no attempt: it has to wait, that's all.

        True of a server that lets anybody in, for as long as a pause may be.
        """
        return self.model.account is not None and self.limiter.lets_in and seconds < LONGEST_WAIT

    def _pause(self, failed: CallFailed, tries: int) -> float:
        asked = self._asked_pause(failed)
        if asked is not None:
            return asked
        longest = min(FIRST_PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE)
        return longest * (0.25 + 0.75 * self._jitter.random())

    def _asked_pause(self, failed: CallFailed) -> float | None:
        """Return the pause that the server asks for, a little spread; None where it asks for none."""
        if failed.retry_after is None or _asks_too_much(failed):
            return None
        return failed.retry_after * (1 + 0.1 * self._jitter.random())

    async def _sleep(self, seconds: float) -> None:
        if self.brake is None:
            await asyncio.sleep(seconds)
        else:
            await self.brake.sleep(seconds)

    def _given_up(self, failed: CallFailed, tried: list[Attempt]) -> Unanswered:
        self.usage.failed += 1
        self._fatal += failed.kind in FATAL
        if failed.kind == "rate_limited" or failed.status in OVERLOADED:
            self.limiter.given_up += 1
            self.limiter.said = str(failed)
        self._refused += failed.kind == "rejected"
        self._last = str(failed)
        message = str(failed)
        if failed.retry_after is not None and _asks_too_much(failed):
            message += f" (it asks for a pause of {failed.retry_after:.0f} s, too long to wait)"
        return Unanswered(
            Failure(kind=failed.kind, message=message[:1000], status=failed.status, attempts=tuple(tried))
        )


def _attempt(failed: CallFailed, seconds: float, waited: float) -> Attempt:
    return Attempt(
        seconds=seconds, failure=failed.kind, status=failed.status, message=str(failed)[:300], waited=waited
    )


def _how(tried: Sequence[Attempt]) -> str:
    """Return how the last try failed: its class, and the server's status where it gave one."""
    if not tried:
        return ""
    last = tried[-1]
    return f"{last.failure} {last.status}" if last.status is not None else str(last.failure)


def _is_paused(failed: CallFailed) -> bool:
    """Tell whether the limiter makes all calls wait for this failure's sake."""
    return failed.kind == "rate_limited" or (failed.status in OVERLOADED and failed.retry_after is not None)


def _asks_too_much(failed: CallFailed) -> bool:
    return failed.retry_after is not None and failed.retry_after > LONGEST_WAIT


def _tokens(completion: Completion) -> float | None:
    if completion.tokens_in is None or completion.tokens_out is None:
        return None
    return float(completion.tokens_in + completion.tokens_out)


def first_fault(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what really went wrong in a run: the store's or the provider's word before a follow-up fault."""
    flat: list[BaseException] = []
    for error in group.exceptions:
        flat.extend([first_fault(error)] if isinstance(error, BaseExceptionGroup) else [error])
    return next((error for error in flat if isinstance(error, StoreError | Stopped)), flat[0])
