"""One thread that commits whatever is queued as soon as it is free: durable, and cheap by the batch."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from types import TracebackType
from typing import Self

from promptops.calls.contentaddress import seal_of
from promptops.errors import StoreError
from promptops.store.bulk import Value
from promptops.store.columns import marked
from promptops.store.database import Database, timestamp
from promptops.store.encoding import figures_text, noun_text, remarks_text
from promptops.store.figures import figures_bytes
from promptops.store.rows import CallRow, ResultRow
from promptops.store.tables import calls, results

__all__ = ["CallRow", "ResultRow", "Writer"]

BURST = 8
"""Rows' owners after which the thread is let in; a loop with many answers at once would hold it off."""

_Values = tuple[bool, tuple[Value, ...]]


class Writer:
    """Stores calls and results for any number of tasks; close it, or use it as a context manager."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
        self._closed = False
        self._burst = 0
        self._thread = threading.Thread(target=self._work, name="promptops-writer", daemon=True)
        self._thread.start()

    async def save(self, *rows: CallRow | ResultRow) -> None:
        """Return when all rows are committed, in one transaction.

        Rows that are queued are stored even if the caller is cancelled. Raises StoreError.
        """
        await self.submit(*rows)

    def submit(self, *rows: CallRow | ResultRow) -> asyncio.Future[None]:
        """Queue rows for one transaction; the future is done when they are committed, or holds StoreError.

        Costs no turn of the event loop, which in a burst of answers is a wait behind all of them.
        """
        if self._closed:
            raise StoreError("The writer is closed.")
        loop = asyncio.get_running_loop()
        wish = _Wish(loop, loop.create_future(), [_values(row) for row in rows])
        self._queue.put(wish)
        self._burst += 1
        if self._burst % BURST == 0:
            # Gives up the interpreter lock: the thread commits these while the next are on their way.
            time.sleep(0)
        return wish.done

    def close(self) -> None:
        """Commit what is queued and end."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        while not self._queue.empty():  # another thread saved while this one closed
            late = self._queue.get()
            if late is not None:
                _answer([late], StoreError("The writer is closed."))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        with contextlib.suppress(StoreError):  # the first commit says it, to those who wait for it
            self._store.append()
        while (wish := self._queue.get()) is not None:
            batch = [wish]
            while not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            error: BaseException | None = None
            try:
                self._commit(batch)
            except BaseException as raised:  # whatever it is, the waiters must hear of it
                error = raised
            _answer(batch, error)

    def _commit(self, batch: list[_Wish]) -> None:
        now = timestamp()
        call_rows: list[tuple[Value, ...]] = []
        result_rows: list[tuple[Value, ...]] = []
        for wish in batch:
            for is_call, values in wish.rows:
                if is_call:
                    call_rows.append((*values[:-2], now, *values[-2:]))
                else:
                    result_rows.append((*values, now))
        self._store.append((calls, _CALL, call_rows), (results, _RESULT, result_rows))


class _Wish:
    """Rows that somebody waits for."""

    __slots__ = ("done", "loop", "rows")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[None], rows: list[_Values]
    ) -> None:
        self.loop = loop
        self.done = done
        self.rows = rows


_CALL = (
    "run_id",
    "sample_id",
    "repeat",
    "purpose",
    "attempt",
    "cache_key",
    "cached",
    "content",
    "created_at",
    "address",
    "seal",
)
_RESULT = (
    "run_id",
    "sample_id",
    "repeat",
    "attempt",
    "failure_kind",
    "failure",
    "scores",
    "figures",
    "remarks",
    "cached",
    "created_at",
)


def _values(row: CallRow | ResultRow) -> _Values:
    """Return whether it is a call, and all columns but the date."""
    if isinstance(row, CallRow):
        content = noun_text(row.completion)
        key = None if row.cache_key is None else marked(row.cache_key)
        address = None if row.address is None else marked(row.address)
        return True, (
            marked(row.run_id),
            marked(row.sample_id),
            row.repeat,
            marked(row.purpose),
            row.attempt,
            key,
            row.cached,
            content,
            address if key is None else None,
            seal_of(row.cache_key or row.address, content),
        )
    result = row.result
    failure = result.failure
    figures = figures_bytes(result.scores)
    return False, (
        marked(row.run_id),
        marked(result.sample_id),
        result.repeat,
        row.attempt,
        None if failure is None else failure.kind,
        None if failure is None else noun_text(failure),
        figures_text(result.scores) if figures is None else "",
        figures,
        remarks_text(result.scores),
        result.cached,
    )


def _answer(batch: list[_Wish], error: BaseException | None) -> None:
    """Wake the waiters, with one call into each event loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for wish in batch:
        waiting.setdefault(wish.loop, []).append(wish.done)
    for loop, futures in waiting.items():
        try:
            loop.call_soon_threadsafe(_settle, futures, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _settle(futures: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # heard: whoever still waits gets it, and nobody else is told at exit
