"""Few at a time go on in one turn of the event loop, the others in the next ones."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets whoever comes take a turn, in order.

    Many answers come at once. Scored in one go, they would all be stored before the first of their
    places can ask again; a few at a time, the first ones ask while the last are being scored.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        if self._taken >= self._size:
            waits = loop.create_future()
            self._waiting.append(waits)
            await waits
            return
        if self._taken == 0:
            loop.call_soon(self._renew, loop)
        self._taken += 1

    def _renew(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next turn with those who wait, in order; each is woken once, when it may go on."""
        self._taken = 0
        while self._waiting and self._taken < self._size:
            waits = self._waiting.popleft()
            if not waits.done():
                waits.set_result(None)
                self._taken += 1
        if self._taken:
            loop.call_soon(self._renew, loop)
