"""How much a command may spend: no call begins once the next one could pass the limit."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from promptops.errors import FailureKind, UsageError

MAYBE_PAID: frozenset[FailureKind] = frozenset(
    {"timeout", "connection", "malformed", "too_large", "filtered", "target_error"}
)
"""Failures of calls that a server may have charged for, though no usable answer came."""

_ROUNDING = 1 + 1e-9
"""Ten calls of a cent each are ten cents, though their sum is a little more or less."""


class OverBudget(Exception):
    """A call that was not made, because it could have passed a limit."""


@dataclass
class Budget:
    """What all models and judges of a command may spend together, and what they have spent.

    Calls are counted as they begin, each attempt by itself, so that never more are made. Money is known only
    afterwards: a call begins if what was spent and what it and those under way are expected to cost stay
    within the limit. A call is expected to cost as much as the dearest one of its model so far; until one is
    known, the model is asked one call at a time.
    """

    max_calls: int | None = None
    max_cost: float | None = None
    """US dollars."""
    calls: int = field(init=False, default=0)
    """Attempts that were begun."""
    spent: float = field(init=False, default=0.0)
    """US dollars of all answers whose cost is known."""
    maybe_spent: float = field(init=False, default=0.0)
    """US dollars that failed calls are expected to have cost, if they were charged at all."""
    stopped: str = field(init=False, default="")
    """Why no further call is made, as a sentence; empty while there is room."""
    _held: float = field(init=False, default=0.0)
    _dearest: dict[str, float] = field(init=False, default_factory=dict)
    _under_way: Counter[str] = field(init=False, default_factory=Counter)
    _settled: asyncio.Event | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.max_calls is not None and self.max_calls < 0:
            raise UsageError(f"--max-calls takes a number of calls, 0 or more, not {self.max_calls}.")
        if self.max_cost is not None and not (0 < self.max_cost < math.inf):
            raise UsageError(f"--max-cost takes US dollars, more than 0, not {self.max_cost}.")

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_calls is not None or self.max_cost is not None

    def refuse_unpriced(self, model: str, *, priced: bool, by_usage: bool) -> None:
        """Raise UsageError if there is a limit in money: what a model's answers cost is not known."""
        if self.max_cost is None or priced:
            return
        if not by_usage:
            raise UsageError(
                f"--max-cost can't be kept: answers of {model} don't tell what they cost. Limit the calls: "
                "--max-calls."
            )
        provider = model.partition("/")[0]
        raise UsageError(
            f"--max-cost can't be kept: the price of {model} is not known. Write it into prices.toml "
            f'(model = "{model}", price_in, price_out) or under [providers.{provider}]; a server that costs '
            "nothing has the price 0. Or limit the calls: --max-calls."
        )

    def admit(self, model: str, least: float = 0.0) -> Ticket | None:
        """Let a call begin; None where it must wait until another one has ended. Raises OverBudget.

        `least` is what it will cost at least, in US dollars, as far as its own text tells: that is all that
        is known before the first answer.
        """
        if self.stopped:
            raise OverBudget
        if self.max_calls is not None and self.calls >= self.max_calls:
            self._stop(f"Stopped by --max-calls {self.max_calls}")
        expected = self._dearest.get(model)
        if self.max_cost is not None:
            most = self.max_cost * _ROUNDING
            sure = self.spent + self.maybe_spent + (least if expected is None else expected)
            if sure > most or (expected is None and sure >= self.max_cost):
                self._stop(f"Stopped by --max-cost {_plain(self.max_cost)}")
            if sure + self._held > most or (expected is None and self._under_way[model]):
                return None
        self.calls += 1
        self._under_way[model] += 1
        self._held += expected or 0.0
        return Ticket(self, model, expected or 0.0)

    async def settled(self) -> None:
        """Wait until a call that is under way has ended."""
        if self._settled is None:
            self._settled = asyncio.Event()
        await self._settled.wait()

    def told(self) -> str:
        """Return how much was spent: "100 calls made, $0.42 spent"."""
        calls = f"{self.calls:,} call{'' if self.calls == 1 else 's'} made"
        if self.max_cost is None:
            return calls
        maybe = f" and up to ${_plain(self.maybe_spent)} for calls that failed" if self.maybe_spent else ""
        return f"{calls}, ${_plain(self.spent)} spent{maybe}"

    def _stop(self, why: str) -> None:
        self.stopped = why
        raise OverBudget

    def _end(self, ticket: Ticket) -> None:
        self._under_way[ticket.model] -= 1
        self._held = max(self._held - ticket.expected, 0.0) if sum(self._under_way.values()) else 0.0
        if self._settled is not None:
            self._settled.set()
            self._settled = None


def _plain(amount: float) -> str:
    """Return four digits of an amount, never as a power of ten."""
    return format(Decimal(f"{amount:.4g}"), "f")


@dataclass(frozen=True)
class Ticket:
    """One call that was let in; it must be told how the call ended."""

    budget: Budget
    model: str
    expected: float
    """US dollars that are kept back for it."""

    def answered(self, cost: float | None) -> None:
        """Take what an answer cost; where that is not known, a limit in money ends the run."""
        budget = self.budget
        if cost is not None:
            budget.spent += cost
            budget._dearest[self.model] = max(cost, budget._dearest.get(self.model, 0.0))
        elif budget.max_cost is not None and not budget.stopped:
            budget.stopped = (
                f"Stopped, as --max-cost can't be kept: an answer of {self.model} does not tell what it cost"
            )
        budget._end(self)

    def failed(self, kind: FailureKind) -> None:
        """Take a failure; where it may have been charged, what it was expected to cost counts as spent."""
        if kind in MAYBE_PAID:
            self.budget.maybe_spent += self.expected
        self.budget._end(self)

    def given_up(self) -> None:
        """Take the end of the command while the call was under way; it may have been charged."""
        self.failed("connection")
