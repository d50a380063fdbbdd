"""Streams of traced functions: each part is handed on as it comes, and the call is recorded at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol

from promptops.production.current import Inside


class StreamedCall(Protocol):
    """One call of a function whose answer comes in parts."""

    def inside(self) -> Inside:
        """Make it the current call for a while."""
        ...

    def part(self, part: object) -> None:
        """Take a part."""
        ...

    def streamed(self) -> None:
        """Record a stream that has ended."""
        ...

    def failed(self, error: BaseException) -> None:
        """Record what had come before an exception; GeneratorExit says that the reader has left."""
        ...


Begin = Callable[..., tuple[StreamedCall, Any]]
"""Begins a call, and gives the generator whose parts are handed on."""


def handing_on(begin: Begin) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that hands on another's parts, and all that is sent and thrown into it."""

    def stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call, inner = begin(*args, **kwargs)
        try:
            with call.inside():
                part = next(inner)
            while True:
                call.part(part)
                try:
                    sent = yield part
                except GeneratorExit:
                    inner.close()
                    raise
                except BaseException as thrown:
                    with call.inside():
                        part = inner.throw(thrown)
                else:
                    with call.inside():
                        part = inner.send(sent)
        except StopIteration as end:
            call.streamed()
            return end.value
        except BaseException as error:
            call.failed(error)
            raise

    return stream


def handing_on_asynchronously(begin: Begin) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an asynchronous generator function that does the same."""

    async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call, inner = begin(*args, **kwargs)
        left = False
        try:
            with call.inside():
                part = await anext(inner)
            while True:
                call.part(part)
                try:
                    sent = yield part
                except GeneratorExit:
                    left = True
                    await inner.aclose()
                    raise
                except BaseException as thrown:
                    # A loop that ends cancels what was about to close its streams.
                    left = not isinstance(thrown, Exception)
                    with call.inside():
                        part = await inner.athrow(thrown)
                else:
                    with call.inside():
                        part = await inner.asend(sent)
        except StopAsyncIteration:
            call.streamed()
        except BaseException as error:
            call.failed(GeneratorExit() if left and not isinstance(error, Exception) else error)
            raise

    return stream
