"""What calls wait for: the next try after a failure, or an answer that takes its time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SLOW = 5.0
"""Seconds after which a call that has no answer yet is told of."""


@dataclass
class Waits:
    """The calls of a command that are under way, and those that failed and will be tried again."""

    clock: Callable[[], float] = time.monotonic
    _begun: dict[int, tuple[float, str]] = field(default_factory=dict)
    """By number when it began, and how the try before it failed; empty where it is the first."""
    _later: dict[int, tuple[float, str]] = field(default_factory=dict)
    """By number when it is tried again, and how it failed."""
    _number: int = 0

    def under_way(self, failed: str = "") -> _Known:
        """Know of a call until it has ended; `failed` is how the try before it did."""
        self._number += 1
        return _Known(self._begun, self._number, (self.clock(), failed))

    def until_tried_again(self, seconds: float, failed: str) -> _Known:
        """Know of a pause after a failure."""
        self._number += 1
        return _Known(self._later, self._number, (self.clock() + seconds, failed))

    def told(self) -> tuple[str, ...]:
        """Return in a few words each what is waited for now; nothing where all goes quickly."""
        now, found = self.clock(), []
        if self._later:
            soonest = max(min(at for at, _ in self._later.values()) - now, 0.0)
            many = len(self._later)
            which = _by_class(failed for _, failed in self._later.values())
            found.append(f"{many:,} {_calls(many)} failed ({which}), the next try in {soonest:.0f} s")
        oldest = min((at for at, _ in self._begun.values()), default=now)
        if now - oldest >= SLOW:
            many = len(self._begun)
            before = _by_class(failed for _, failed in self._begun.values() if failed)
            again = f", tried again after {before}" if before else ""
            found.append(f"{many:,} {_calls(many)} without an answer for up to {now - oldest:.0f} s{again}")
        return tuple(found)


class _Known:
    """Keeps an entry while it is entered; made for every call, so it is no generator."""

    __slots__ = ("_entry", "_number", "_where")

    def __init__(self, where: dict[int, tuple[float, str]], number: int, entry: tuple[float, str]) -> None:
        self._where = where
        self._number = number
        self._entry = entry

    def __enter__(self) -> None:
        self._where[self._number] = self._entry

    def __exit__(self, *_: object) -> None:
        del self._where[self._number]


def _calls(many: int) -> str:
    return "call" if many == 1 else "calls"


def _by_class(failed: Iterator[str]) -> str:
    counts = Counter(failed).most_common()
    return ", ".join(f"{count:,} x {name}" for name, count in counts)
