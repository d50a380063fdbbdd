"""The fault server in a thread of its own, for programs that ask it from another process or loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from tests.providers import fault_server
from tests.providers.fault_server import FaultServer


@contextlib.contextmanager
def serving() -> Iterator[FaultServer]:
    """Serve until the block ends."""
    ready: list[FaultServer] = []
    loop = asyncio.new_event_loop()
    begun, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with fault_server.running() as server:
            ready.append(server)
            begun.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="fault-server")
    thread.start()
    begun.wait(10)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
