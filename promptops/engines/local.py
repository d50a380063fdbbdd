"""This process: as many workers as the concurrency, on one event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from promptops.engines import Engine, Item
from promptops.engines._pool import work_through


class Local(Engine):
    """Workers that draw from one iterator, so that items are made only when a place is free."""

    async def run(
        self, work: Callable[[Item], Awaitable[None]], items: Iterable[Item], concurrency: int
    ) -> None:
        """Do the work for all items; the first exception cancels the others and is raised."""
        await work_through(work, items, concurrency)
