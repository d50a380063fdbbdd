"""What stops calls from beginning: pulled for good, or held for a while."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable


class GivenUp(Exception):
    """A call that was not made, or not made again, because nothing depends on it any more."""


class Brake:
    """Is pulled when no further call is wanted: whoever waits for a first or another try is let go.

    It can also be held for a while: then nobody begins a call until it is released.
    """

    def __init__(self) -> None:
        self._pulled = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._held = 0.0
        self._since = 0.0
        self._then: list[Callable[[], None]] = []

    def when_pulled(self, then: Callable[[], None]) -> None:
        """Have something called in the moment in which it is pulled."""
        self._then.append(then)

    def pull(self) -> None:
        """Let no call begin from now on; those under way come to their end."""
        self._pulled.set()
        for then in self._then:
            then()
        self.release()

    def hold(self) -> None:
        """Let no call begin until it is released; those under way come to their end."""
        if self._free.is_set() and not self._pulled.is_set():
            self._since = time.monotonic()
            self._free.clear()

    def release(self) -> None:
        """Let calls begin again."""
        if self.held:
            self._held += time.monotonic() - self._since
            self._free.set()

    @property
    def held(self) -> bool:
        """Whether calls wait until it is released."""
        return not self._free.is_set()

    @property
    def held_seconds(self) -> float:
        """How long it was held, all in all."""
        return self._held + (time.monotonic() - self._since if self.held else 0.0)

    async def passed(self) -> float:
        """Wait while it is held; return the seconds waited. Raises GivenUp once it is pulled."""
        began = time.monotonic()
        held = self.held
        await self._free.wait()
        self.check()
        return time.monotonic() - began if held else 0.0

    @property
    def pulled(self) -> bool:
        """Whether no further call is wanted."""
        return self._pulled.is_set()

    def check(self) -> None:
        """Raise GivenUp once it is pulled."""
        if self.pulled:
            raise GivenUp

    async def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the moment in which it is pulled. Raises GivenUp then."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pulled.wait(), seconds)
        self.check()
