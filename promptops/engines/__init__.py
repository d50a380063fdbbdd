"""Where does the work run? The contract of the wing; `local.py` is this process.

The driver renders, scores, waits for limits and stores, whatever the engine: so a run has the same figures
everywhere. What an engine may move elsewhere is the asking.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from promptops.providers import Model

Item = TypeVar("Item")


class Engine(ABC):
    """Runs one coroutine for every item, at most `concurrency` of them at a time."""

    def start(self) -> None:
        """Get ready; called once, before the event loop takes signals. Raises UsageError where it can't."""
        return

    def reach(self, model: Model) -> Model:
        """Return the model as it is asked from here: itself, or one that has others ask it."""
        return model

    @abstractmethod
    async def run(
        self, work: Callable[[Item], Awaitable[None]], items: Iterable[Item], concurrency: int
    ) -> None:
        """Do the work for all items; the first exception of `work` ends the run and is raised.

        `concurrency` is what one machine may have under way.
        """

    def close(self) -> None:
        """Let go of what `start` took."""
        return
