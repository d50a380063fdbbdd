"""What the calls of a command have taken so far, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from promptops.calls.waits import Waits
from promptops.types import Completion


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
    uncounted: int = 0
    """Answers that do not tell their tokens."""
    saved: float = 0.0
    """US dollars that cached answers had cost, as far as that is known."""
    under_way: int = 0
    """Calls that were under way when the command ended: closed without an answer, and maybe charged."""
    held_back: Callable[[], tuple[str, ...]] = tuple
    """Tells in a few words each what calls wait for just now, such as a server's limits."""
    waits: Waits = field(default_factory=Waits)
    """What those that are under way, or failed, wait for."""

    def add(self, completion: Completion) -> None:
        """Count one answered call."""
        self.calls += 1
        self.tokens_in += completion.tokens_in or 0
        self.tokens_out += completion.tokens_out or 0
        self.uncounted += completion.tokens_in is None or completion.tokens_out is None
        if completion.cost is None:
            self.unpriced += 1
        else:
            self.cost += completion.cost

    def reuse(self, completion: Completion) -> None:
        """Count one answer that the cache had."""
        self.cached += 1
        self.saved += completion.cost or 0.0

    def told_waits(self) -> tuple[str, ...]:
        """Return in a few words each what calls wait for just now; nothing where they don't."""
        return (*self.held_back(), *self.waits.told())

    def told_under_way(self) -> str:
        """Return a sentence about the calls that were under way at the end; empty where there were none."""
        if not self.under_way:
            return ""
        calls = f"{self.under_way:,} call{' was' if self.under_way == 1 else 's were'} under way"
        return f"{calls} and may have been charged."
