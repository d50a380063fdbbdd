"""How much may still be asked of a server: what the user set, and what its answers say is left.

All amounts are requests or tokens, all times seconds of a monotonic clock that the caller reads.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from promptops.providers import Allowance

LONGEST_WAIT = 120.0
"""Seconds: a server that asks for a longer pause has in effect refused."""
TRIAL_SECONDS = 1.0
"""A call that was not refused after so long was let in, though its answer may take minutes."""
SURE_AMOUNT = 3.0
"""So much must have come back before its coming or staying away is taken for a sign."""
MOST_REFUTED = 2
SLACK = 0.01
"""A server counts calls as they arrive, which is later than they were sent by a little more or less."""


@dataclass(slots=True, eq=False)
class Taken:
    """An amount that was taken from a Window; it may be corrected while it counts."""

    at: float
    amount: float
    counts: bool = True


class Window:
    """At most `limit` in any `seconds` on end, exactly: a log of what was taken and when.

    A bucket that fills steadily would have to give up either the first burst, which a short run lives
    on, or a part of the rate, so as never to exceed the limit within one minute.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds * (1 + SLACK)
        self._used = 0.0
        self._log: deque[Taken] = deque()

    def wait(self, amount: float, now: float) -> float:
        """Return how many seconds an amount has to wait, 0 if it may be taken now.

        An amount over the limit would wait for ever; it needs the whole window instead.
        """
        self._forget(now)
        over = self._used + min(amount, self.limit) - self.limit
        if over <= 0 or not self._log:
            return 0.0
        for taken in self._log:
            over -= taken.amount
            if over <= 0:
                break
        return max(taken.at + self.seconds - now, 0.001)

    def take(self, amount: float, now: float) -> Taken:
        """Take an amount, whether or not there is room for it."""
        taken = Taken(now, amount)
        self._log.append(taken)
        self._used += amount
        return taken

    def correct(self, taken: Taken, amount: float) -> None:
        """Put what was really used in the place of an estimate."""
        if taken.counts:
            self._used += amount - taken.amount
            taken.amount = amount

    def _forget(self, now: float) -> None:
        log = self._log
        while log and log[0].at + self.seconds <= now:
            gone = log.popleft()
            gone.counts = False
            self._used -= gone.amount
        if not log:
            self._used = 0.0  # sums of floats drift


class Learned:
    """One limit of a server as its answers tell it: what is left, and when it is whole again.

    Some servers give back all at once when a window ends, others bit by bit; `reset` is the moment of the
    whole in both. A steady one is known by what is left: before the reset it is more than it was, less
    what was asked since.
    """

    def __init__(self, told: Allowance, now: float) -> None:
        self.steady = False
        """Whether what was used comes back bit by bit."""
        self._refuted = 0
        self._started = 0.0
        self._under_way = 0.0
        self._heard_at = 0.0
        self._whole_at = 0.0
        self._reset_at: float | None = None
        self._tried_at: float | None = None
        self._remaining = 0.0
        self._note(told, now)
        self._anchor = (now, 0.0, self._remaining)

    def start(self, amount: float, now: float) -> float:
        """Count a call that begins; return the mark by which its answer is told from older ones."""
        self._started += amount
        self._under_way += amount
        if self._reset_at is not None and now >= self._reset_at and self._tried_at is None:
            self._tried_at, self._whole_at = now, self._started
        return self._started

    def end(self, amount: float) -> None:
        """Count a call that has ended."""
        self._under_way -= amount

    def hear(self, told: Allowance, mark: float, now: float) -> None:
        """Take in what the answer to the call with that mark says.

        Calls overtake one another: an older one's word counts if it is the worse, and of this window.
        """
        if mark >= self._heard_at:
            passed = self._reset_at is not None and now >= self._reset_at
            self._heard_at = mark
            self._note(told, now)
            self._compare(passed, now)
        elif mark >= self._whole_at and told.remaining < self._remaining and not self.steady:
            self._remaining = float(told.remaining)

    def refute(self) -> None:
        """Take in a refusal: if bits were thought to have come back, they had not."""
        self._refuted += self.steady
        self.steady = False

    def wait(self, amount: float, now: float) -> float:
        """Return how many seconds an amount has to wait: 0 to go, infinity until another answer."""
        amount = amount if self._limit is None else min(amount, self._limit)
        missing = amount - self._left(now)
        if missing <= 0:
            return 0.0
        if self._reset_at is not None and now >= self._reset_at:
            # One goes ahead and tells what there is: only some servers give all back at once.
            return 0.0 if self._tried_at is None else max(self._tried_at + TRIAL_SECONDS - now, 0.0)
        if self.steady and self._pace:
            return missing / self._pace
        if self._reset_at is None or self._reset_at - now > LONGEST_WAIT:
            # Nobody said when: those under way will tell more, and one alone finds out.
            return float("inf") if self._under_way > 0 else 0.0
        return max(self._reset_at - now, 0.001)

    def _note(self, told: Allowance, now: float) -> None:
        self._limit, self._remaining, self._told_at = told.limit, float(told.remaining), now
        self._tried_at = None
        self._reset_at = None if told.reset is None else now + told.reset * (1 + SLACK) + 0.01
        used = 0 if told.limit is None else told.limit - told.remaining
        self._pace = used / told.reset if told.reset else 0.0

    def _compare(self, passed: bool, now: float) -> None:
        """See whether anything came back since the anchor, as far as by its pace it must have."""
        since, mark, remaining = self._anchor
        due = self._pace * (now - since)
        if passed or due >= SURE_AMOUNT:
            back = self._remaining - (remaining - (self._heard_at - mark))
            if not passed:
                self.steady = back >= due / 2 and self._refuted < MOST_REFUTED
            self._anchor = (now, self._heard_at, self._remaining)

    def _left(self, now: float) -> float:
        # Nobody knows which of those under way are in the figure already, so that none is taken to be.
        left = self._remaining - self._under_way
        return left + (self._pace * (now - self._told_at) if self.steady else 0.0)
