"""The one place where an event loop is started, and where work on it is cut short."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

Value = TypeVar("Value")


def wait_for(work: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine to its end, also where a loop is running already (notebooks, Streamlit)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    box: list[Value] = []
    faults: list[BaseException] = []

    def inside() -> None:
        try:
            box.append(asyncio.run(work))
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=inside, name="promptops-loop")
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return box[0]


async def interruptible(work: asyncio.Task[Value], stop: asyncio.Event) -> Value | None:
    """Wait for the work; cancel it when told to stop, and return None then."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return None
        return work.result()
    finally:
        stopping.cancel()


@contextlib.contextmanager
def signals(stop: asyncio.Event, stopped: list[int], pause: Callable[[], None]) -> Iterator[bool]:
    """Turn SIGINT, SIGTERM and SIGHUP into a clean stop, SIGUSR1 into a pause; only the main thread can.

    Yields whether signals are heard. Who was started by nohup ignores SIGHUP, and still does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    loop = asyncio.get_running_loop()

    def told(number: int) -> None:
        stopped.append(number)
        stop.set()

    endings = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        endings.append(signal.SIGHUP)
    for number in endings:
        loop.add_signal_handler(number, told, number)
    before = signal.getsignal(signal.SIGUSR1)
    loop.add_signal_handler(signal.SIGUSR1, pause)
    try:
        yield True
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, before)
        for number in endings:
            loop.remove_signal_handler(number)
