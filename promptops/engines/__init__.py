"""Where does the work run? The contract of the wing; `local.py` is this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class Engine(ABC):
    """Runs one coroutine for every item, at most `concurrency` of them at a time."""

    @abstractmethod
    async def run(
        self, work: Callable[[Item], Awaitable[None]], items: Iterable[Item], concurrency: int
    ) -> None:
        """Do the work for all items; the first exception of `work` ends the run and is raised."""
