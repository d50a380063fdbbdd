"""As many workers as there are places, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from promptops.engines import Item


async def work_through(work: Callable[[Item], Awaitable[None]], items: Iterable[Item], places: int) -> None:
    """Do the work for all items; they are made only when a place is free. The first exception ends all."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(places):
            group.create_task(worker())
