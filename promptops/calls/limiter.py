"""How one server is asked without being overrun by one key.

What the user set holds always. What the server allows beyond that is learned: from the headers of its
answers, and from refusals, after which fewer calls are under way at a time.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from promptops.calls.quotas import TRIAL_SECONDS, Learned, Taken, Window
from promptops.calls.tokenestimate import TokenEstimate
from promptops.providers import Allowance
from promptops.types import Completion, Request

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SLOW_GROWTH = 0.25
"""Calls at a time that a round adds above the number that was refused; below it doubles each round."""
MOST_LEARNED = 100
LATE, SOONEST_LATE = 10.0, 1.0
"""A call is late after so many usual answers' times, and after so many seconds."""

_INFINITY = float("inf")


class LetGo(Exception):
    """The wait for a place is over without one: no further call is wanted."""


@dataclass(slots=True, eq=False)
class Place:
    """The right to have one call under way; given back by `Limiter.leave`."""

    model: str
    request: Request
    number: int
    began: float
    waited: float = 0.0
    window: Taken | None = None
    marks: dict[Learned, tuple[float, float]] = field(default_factory=dict)
    """What was counted where: the amount, and the mark by which its answer is known."""


@dataclass(slots=True, eq=False)
class _Waiter:
    model: str
    request: Request
    place: asyncio.Future[Place]


class Limiter:
    """Lets calls to one server go when it will take them; those that finish samples go first."""

    def __init__(
        self, name: str, *, clock: Callable[[], float] = time.monotonic, minute: float = 60.0
    ) -> None:
        """Set no limit yet. `minute` is the length of one in seconds, for tests that can't wait."""
        self.name = name
        self.answers = 0
        self.given_up = 0
        """Calls that were refused to the end, since the last answer."""
        self.said = ""
        """How the last of them was refused."""
        self._clock = clock
        self._minute = minute
        self._requests: Window | None = None
        self._tokens: Window | None = None
        self._most: int | None = None
        self._allowed: float | None = None
        self._ceiling = 0
        self._wanted_until = 0
        self._peak = 0
        self.under_way = 0
        """Calls that hold a place now."""
        self._number = 0
        self._cut_at = 0
        self._refused_in_a_row = 0
        self._probing = False
        self._probe_at: float | None = None
        self._paused_until = 0.0
        self._learned: dict[tuple[str, int | None], Learned] = {}
        self._of_model: dict[str, tuple[Learned, ...]] = {}
        self._of_tokens: set[Learned] = set()
        self._places: dict[int, Place] = {}
        self._waiting: list[tuple[bool, int, _Waiter]] = []
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _INFINITY
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seconds: float | None = None
        self._estimate = TokenEstimate()

    @property
    def lets_in(self) -> bool:
        """Whether the server has answered a call, or has one for so long that it will."""
        if self.answers > 0:
            return True
        oldest = next(iter(self._places.values()), None)
        return oldest is not None and self._clock() - oldest.began > TRIAL_SECONDS

    def tighten(self, rpm: int | None, tpm: int | None, concurrency: int | None) -> None:
        """Set requests and tokens a minute and calls at a time, where they are stricter than before."""
        if rpm is not None and (self._requests is None or rpm < self._requests.limit):
            self._requests = Window(rpm, self._minute)
        if tpm is not None and (self._tokens is None or tpm < self._tokens.limit):
            self._tokens = Window(tpm, self._minute)
        if concurrency is not None:
            self._most = concurrency if self._most is None else min(self._most, concurrency)

    def turn(self) -> int:
        """Return a place in the queue, to be kept for a call's later attempts."""
        self._turn += 1
        return self._turn

    def enter_at_once(self, model: str, request: Request) -> Place | None:
        """Return a place if nobody waits and one is free."""
        if self._waiting or self._wait(request) > 0 or self._wait_of(model, request) > 0:
            return None
        return self._admit(model, request)

    async def enter(self, model: str, request: Request, *, finishing: bool, turn: int) -> Place:
        """Wait for a place; calls that finish a sample come before others, then the order of turns counts.

        Raises LetGo when `let_go` is called.
        """
        place = self.enter_at_once(model, request)
        if place is not None:
            return place
        began = self._clock()
        waiter = _Waiter(model, request, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, (not finishing, turn, waiter))
        self._wake()
        try:
            place = await waiter.place
        except asyncio.CancelledError:
            if waiter.place.done() and not waiter.place.cancelled() and waiter.place.exception() is None:
                self.leave(waiter.place.result(), 0.0)
            else:
                self._wake()
            raise
        place.waited = self._clock() - began
        return place

    def leave(self, place: Place, tokens: float | None = None) -> None:
        """Give a place back, with the tokens that were really used if that is known."""
        self.under_way -= 1
        del self._places[place.number]
        if place.window is not None and self._tokens is not None and tokens is not None:
            self._tokens.correct(place.window, tokens)
        for learned, (amount, _) in place.marks.items():
            learned.end(amount)
        if self._waiting:
            self._wake()

    def answered(self, place: Place, seconds: float, completion: Completion) -> None:
        """Learn from an answer; due before `leave`."""
        self.answers += 1
        self.given_up = 0
        self._seconds = seconds if self._seconds is None else 0.8 * self._seconds + 0.2 * seconds
        if self._tokens is not None or self._of_tokens or not self._estimate.learned:
            self._estimate.learn(place.request, completion)
        if place.number > self._cut_at:
            self._probing = False
            self._refused_in_a_row = 0
        if self._allowed is not None and place.number <= self._wanted_until:
            self._allowed += 1 if self._allowed < self._ceiling else SLOW_GROWTH / self._allowed
            if self._allowed > self._peak:
                self._allowed = None

    def refused(self, place: Place, pause: float | None) -> None:
        """Learn from a refusal for want of room; `pause` is what the server asks for, None if nothing."""
        explained = self._used_up(place)
        for learned in place.marks:
            learned.refute()
        if place.number <= self._cut_at:
            # It was under way when another one was refused: one more that was too many together.
            self._ceiling -= not explained
            self._pause(pause or 0.0)
            return
        self._refused_in_a_row += 1
        if explained and self._refused_in_a_row == 1:
            # The headers say what is used up and until when, so it is not about calls at a time.
            self._pause(pause or 0.0)
        else:
            if not self._probing:
                self._cut()
            self._probing, self._probe_at = True, None
            own = 0.0 if pause is not None and self._refused_in_a_row == 1 else self._own_pause()
            self._pause(max(own, pause or 0.0))
        self._cut_at = self._number

    def overloaded(self, place: Place) -> None:
        """Learn from a server that is overloaded and doesn't say for how long: fewer calls, no pause."""
        if place.number > self._cut_at:
            self._cut()
            self._cut_at = self._number

    def hear(self, place: Place, told: Sequence[Allowance]) -> None:
        """Learn from what an answer says is left."""
        if place.number not in self._places:
            return
        now = self._clock()
        found = []
        for allowance in told:
            key = (allowance.kind, allowance.limit)
            learned = self._learned.get(key)
            if learned is None:
                # Models with the same limit share it, others have their own: servers do both.
                learned = self._learned[key] = Learned(allowance, now)
                if allowance.kind != "requests":
                    self._of_tokens.add(learned)
            found.append(learned)
        if self._of_model.get(place.model) != tuple(found):
            self._of_model[place.model] = tuple(found)
            self._forget_unused()
            for each in self._places.values():
                if each.model == place.model:
                    self._count(each, now)
        for allowance, learned in zip(told, found, strict=True):
            learned.hear(allowance, place.marks[learned][1], now)
        if self._waiting:
            self._wake()

    def let_go(self) -> None:
        """Let all who wait go without a place."""
        waiting, self._waiting = self._waiting, []
        for _, _, waiter in waiting:
            if not waiter.place.done():
                waiter.place.set_exception(LetGo())

    def told(self) -> str:
        """Return in a few words what holds calls back now; empty if nothing does."""
        waiting = sum(not waiter.place.done() for _, _, waiter in self._waiting)
        if not waiting:
            return ""
        now = self._clock()
        if self._paused_until > now:
            return f"{self.name} has no room (rate_limited), asked again in {self._paused_until - now:.0f} s"
        if self.under_way >= self._at_a_time():
            return f"limited by {self.name} to {self._at_a_time():.0f} calls at a time"
        if self._requests is not None and self._requests.wait(1, now) > 0:
            return f"limited by {self.name} to {self._requests.limit:,} requests a minute"
        if self._tokens is not None and self._tokens.wait(self._tokens.limit, now) > 0:
            return f"limited by {self.name} to {self._tokens.limit:,} tokens a minute"
        return f"waiting until {self.name} has room again"

    def _forget_unused(self) -> None:
        if len(self._learned) > MOST_LEARNED:  # a server that tells another limit each time
            used = {learned for learned_here in self._of_model.values() for learned in learned_here}
            self._learned = {key: learned for key, learned in self._learned.items() if learned in used}
            self._of_tokens &= used

    def _at_a_time(self) -> float:
        most = _INFINITY if self._most is None else self._most
        return most if self._allowed is None else min(most, int(self._allowed))

    def _admit(self, model: str, request: Request) -> Place:
        self.under_way += 1
        self._number += 1
        place = self._places[self._number] = Place(model, request, self._number, self._clock())
        if self._probing and self._probe_at is None:
            self._probe_at = self._clock()
        if self._requests is not None:
            self._requests.take(1, self._clock())
        if self._tokens is not None:
            place.window = self._tokens.take(self._estimate.of(request), self._clock())
        if self._of_model:
            self._count(place, self._clock())
        return place

    def _count(self, place: Place, now: float) -> None:
        """Count a call against what the server told of its model, as far as it isn't yet."""
        for learned in self._of_model.get(place.model, ()):
            if learned not in place.marks:
                amount = self._amount(learned, place.request)
                place.marks[learned] = (amount, learned.start(amount, now))

    def _wait(self, request: Request) -> float:
        """Return the seconds that a call has to wait whatever its model; infinity until another ends."""
        if self.under_way >= self._at_a_time() and (until_late := self._until_late()) > 0:
            # More would be wanted: the answers to as many calls as these speak for raising the number.
            self._wanted_until = self._number + self.under_way
            return until_late
        requests, limit_of_tokens = self._requests, self._tokens
        if not (self._probing or self._paused_until or requests or limit_of_tokens):
            return 0.0
        now = self._clock()
        wait = self._paused_until - now
        if wait <= 0:
            self._paused_until = wait = 0.0
        if self._probing and self._probe_at is not None:
            probed = self._probe_at + TRIAL_SECONDS - now
            if probed > 0:
                wait = max(wait, probed)
            else:
                self._probing = False
        if requests is not None:
            wait = max(wait, requests.wait(1, now))
        if limit_of_tokens is not None:
            wait = max(wait, limit_of_tokens.wait(self._estimate.of(request), now))
        return wait

    def _until_late(self) -> float:
        """Return the seconds until the oldest calls are so late that another may go beside them.

        A number that was learned speaks of calls that are answered; one that hangs would hold up all others.
        At most as many again may go, and none beyond what the user set, which holds always: infinity then.
        """
        if self._allowed is None or self._seconds is None or self.under_way >= (self._most or _INFINITY):
            return _INFINITY
        allowed = int(self._allowed)
        late = self.under_way - allowed
        if late >= allowed:
            return _INFINITY
        last = next(islice(self._places.values(), late, None))
        return max(0.0, last.began + max(SOONEST_LATE, LATE * self._seconds) - self._clock())

    def _wait_of(self, model: str, request: Request) -> float:
        """Return the seconds that a call to one model has to wait by what the server told of it."""
        learned_here = self._of_model.get(model)
        if not learned_here:
            return 0.0
        now = self._clock()
        return max(learned.wait(self._amount(learned, request), now) for learned in learned_here)

    def _amount(self, learned: Learned, request: Request) -> float:
        return self._estimate.of(request) if learned in self._of_tokens else 1.0

    def _used_up(self, place: Place) -> bool:
        """Tell whether the server's own figures say until when such a call must wait."""
        now = self._clock()
        return any(0 < learned.wait(amount, now) < _INFINITY for learned, (amount, _) in place.marks.items())

    def _cut(self) -> None:
        self._peak = max(self._peak, self.under_way)
        self._ceiling = self.under_way - 1
        half = float(max(1, self.under_way // 2))
        self._allowed = half if self._allowed is None else min(half, self._allowed)

    def _wake(self) -> None:
        """Give places to those who wait, in order, as far as there are any."""
        aside: list[tuple[bool, int, _Waiter]] = []
        held: set[str] = set()
        soonest = _INFINITY
        while self._waiting:
            waiter = self._waiting[0][2]
            if waiter.place.done():
                heapq.heappop(self._waiting)
                continue
            wait = self._wait(waiter.request)
            if wait > 0:
                soonest = min(soonest, wait)
                break
            wait = _INFINITY if waiter.model in held else self._wait_of(waiter.model, waiter.request)
            if wait > 0:
                # Another model may have its own limit; behind the same one nobody overtakes.
                held.add(waiter.model)
                aside.append(heapq.heappop(self._waiting))
                soonest = min(soonest, wait)
                continue
            heapq.heappop(self._waiting)
            waiter.place.set_result(self._admit(waiter.model, waiter.request))
        for each in aside:
            heapq.heappush(self._waiting, each)
        if self._waiting and soonest < _INFINITY:
            self._wake_in(soonest)

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None and self._loop is loop:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._loop = loop
        self._timer_at = at
        self._timer = loop.call_at(at, self._timed_out)

    def _timed_out(self) -> None:
        self._timer, self._timer_at = None, _INFINITY
        self._wake()

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _own_pause(self) -> float:
        # Where nobody says how long, an answer's time is the scale: one of those under way must end.
        first = FIRST_PAUSE if self._seconds is None else min(FIRST_PAUSE, max(self._seconds, 0.02))
        doublings = min(self._refused_in_a_row - 1, 20 if self.answers else 3)
        longest = min(first * 2.0**doublings, LONGEST_PAUSE)
        return longest * (0.5 + 0.5 * random.random())  # noqa: S311 - it only spreads calls
