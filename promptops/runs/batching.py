"""A run whose answers a server gives in its own time: handed in as files, collected when they are there.

The server tells what was handed in: each batch carries the run's id, its wave and its place in the wave as
metadata. So whoever was killed anywhere in between, or comes back on another machine, looks there before
anything is handed in, and pays for nothing twice. What we have written down ourselves tells of batches that
the server does not list, and which of them we had cancelled.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, Any, TypeVar

from promptops.calls.brake import GivenUp
from promptops.calls.call import Answer, Caller, Unanswered
from promptops.errors import BatchMissing, CallFailed, UsageError
from promptops.judges import Reads
from promptops.prompts.templates import Renderer
from promptops.providers import Batch, BatchServer
from promptops.runs.runner import answer_request
from promptops.runs.submissions import BatchState, HandedIn
from promptops.runs.tasks import Task, Todo
from promptops.store import Store
from promptops.store.spool import Shelf
from promptops.types import Completion, Failure, Request, Run

WINDOW = "24h"
"""The one window that OpenAI offers; others take it for the longest."""
RUN, WAVE, PART, LEFT = "promptops_run", "promptops_wave", "promptops_part", "promptops_left"
"""Metadata: the run, how often it was handed in anew, the file's place in that, how many requests follow."""
TRIES = 5
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 120.0
Value = TypeVar("Value")
_CUSTOM_ID = re.compile(r"[0-9a-f]{32}-[0-9]+-[0-9]+")
_ENDED = b"\n"
"""In place of a result, of what a batch that has ended never answered."""


def custom_id(sample_id: str, repeat: int, attempt: int) -> str:
    """Return what names a request in a file: the same for the same place and attempt, in plain letters."""
    digest = hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{digest}-{repeat}-{attempt}"


@dataclass
class Collected:
    """Results that were downloaded, and what is known of the batches that they came from."""

    batches: tuple[Batch, ...] = ()
    shelf: Shelf = field(default_factory=Shelf)
    strange: int = 0
    """Lines that are no result of this run, or a second one of the same request."""
    complete: bool = False
    """Whether all of the last wave was handed in."""

    @property
    def pending(self) -> bool:
        return any(batch.status == "pending" for batch in self.batches)

    @property
    def refused(self) -> tuple[Batch, ...]:
        """Batches whose whole file was refused and that no later one took the place of."""
        taken = {_part(batch) for batch in self.batches if batch.status != "failed"}
        last = max((_wave(batch) for batch in self.batches), default=0)
        lost = [batch for batch in self.batches if batch.status == "failed" and _wave(batch) == last]
        return tuple(batch for batch in lost if _part(batch) not in taken)


@dataclass
class BatchCaller:
    """Answers a run's requests from what was collected; what is not there yet is left for later."""

    caller: Caller
    server: BatchServer
    collected: Collected

    def address(self, request: Request, prompt_digest: str = "") -> str:
        """Return the content address of a request to this model."""
        return self.caller.address(request, prompt_digest)

    async def ask(
        self,
        request: Request,
        prompt_digest: str = "",
        *,
        finishing: bool = False,
        address: str | None = None,
        reads: Reads | None = None,
    ) -> Answer:
        """Return an answer; raises Unanswered for what failed, GivenUp for what has not come yet."""
        address = address or self.address(request, prompt_digest)
        found = self.caller.find(request, prompt_digest)
        if found is not None:
            self.caller.usage.reuse(found)
            return Answer(found, address, cached=True, address=address)
        line = self.collected.shelf.get(custom_id(request.sample_id, request.repeat, request.attempt))
        if line is None:
            raise GivenUp
        result = self._read(line)
        if isinstance(result, CallFailed):
            self.caller.usage.failed += 1
            raise Unanswered(Failure(kind=result.kind, message=str(result)[:1000], status=result.status))
        self.caller.usage.add(result)
        reusable = address if self.caller.model.cacheable and result.finish_reason == "stop" else None
        return Answer(result, reusable, cached=False, address=address)

    def _read(self, line: bytes) -> Completion | CallFailed:
        if line == _ENDED:
            return CallFailed("timeout", "The batch ended before this was answered.")
        return self.server.read(line)[1]


@dataclass
class Desk:
    """One run's business with the server of its model."""

    run: Run
    task: Task
    caller: Caller
    server: BatchServer
    store: Store

    async def collect(self, *, again: bool = False) -> Collected:
        """Look up the run's batches and download what was not brought yet.

        Those that their server does not know any more are given up if they are to be handed in `again`.
        Raises CallFailed, and BatchMissing where one is not known and is not to be given up.
        """
        batches, missing = await looked_up(self.server, self.store, self.run.id)
        if missing and not again:
            raise missing_of(self.run, missing)
        for lost in missing:
            self.store.note_batch(self.run.id, lost.id, "given_up")
        kept = self._noted(batches)
        found = Collected(tuple(batches))
        taken = [batch for batch in batches if batch.status != "failed"]
        last = max((_wave(batch) for batch in taken), default=0)
        found.complete = any(_wave(batch) == last and batch.metadata.get(LEFT) == "0" for batch in taken)
        for batch in taken:
            if batch.status != "pending" and kept[batch.id].event != "ended":
                await self._brought(batch, found, cancelled=kept[batch.id].cancelled)
        return found

    def _noted(self, batches: Sequence[Batch]) -> dict[str, HandedIn]:
        """Write down what was not known, as whoever handed it in was killed before; return all that is."""
        known = {batch.id: batch for batch in self.store.batches(self.run.id)}
        for batch in batches:
            if batch.id not in known or known[batch.id].event == "given_up":
                self.store.note_batch(self.run.id, batch.id, "handed_in", batch.total or None)
        return {batch.id: batch for batch in self.store.batches(self.run.id)}

    async def _brought(self, batch: Batch, found: Collected, *, cancelled: bool) -> None:
        """Download what a batch answered; of one that we had cancelled no more than that."""
        ours = cancelled and batch.status == "cancelled"
        skipped = self.server.unanswered if ours else None
        lines = [await self._shelved(name, found, skipped=skipped) for name in batch.result_files]
        # What it never came to stands only in what was handed in.
        if not ours and sum(lines) < max(batch.total, 1) and batch.input_file is not None:
            await self._shelved(batch.input_file, found, ended=True)

    async def hand_in(
        self, renderer: Renderer, found: Collected, window: str = WINDOW
    ) -> list[tuple[Batch, int]]:
        """Hand in what has neither a result nor a place in a batch; returns new batches and their requests.

        Raises CallFailed, UsageError where one request alone is larger than a file may be.
        """
        known = [batch for batch in found.batches if batch.status != "failed"]
        wave = max(max((_wave(batch) for batch in known), default=-1) + found.complete, 0)
        taken = Shelf()
        for batch in known:
            # Of whatever wave: a batch beside it may have been cancelled or given up.
            if batch.status == "pending":
                await self._listed_in(batch, taken)
        part = max((_part(batch)[1] for batch in known if _wave(batch) == wave), default=-1) + 1
        total = sum(1 for _ in self._requests(renderer, found, taken))
        made: list[tuple[Batch, int]] = []
        left, files = total, _files(self._requests(renderer, found, taken), self.server)
        for number, (file, requests) in enumerate(files, part):
            left -= requests
            metadata = {RUN: self.run.id, WAVE: str(wave), PART: str(number), LEFT: str(left)}
            name = f"promptops-{self.run.id}-{wave}-{number}.jsonl"
            with file:
                batch = await self._submitted(file, name, metadata, window)
            self.store.note_batch(self.run.id, batch.id, "handed_in", requests)
            made.append((batch, requests))
        return made

    async def _submitted(self, file: IO[bytes], name: str, metadata: dict[str, str], window: str) -> Batch:
        """Hand in a file; where the answer got lost, look whether it arrived before it is tried again."""

        async def once() -> Batch:
            there = [each for each in await self.server.listed(metadata) if each.status != "failed"]
            if there:
                return there[-1]
            file.seek(0)
            # The client closes what it has sent; this is to be sent again where that failed.
            with open(file.fileno(), "rb", closefd=False) as sent:  # noqa: ASYNC230 - our own small view of it
                return await self.server.submit(sent, name, metadata, window)

        return await patiently(once)

    def _requests(self, renderer: Renderer, found: Collected, taken: Shelf) -> Iterator[bytes]:
        for todo in self.task.places():
            name = custom_id(todo.sample.id, todo.repeat, todo.attempt)
            if todo.answered("answer") is not None or taken.get(name) is not None:
                continue
            if found.shelf.get(name) is not None:
                continue
            request = self._request(renderer, todo)
            if self.caller.find(request, self.run.prompt.digest) is None:
                yield self.server.line(name, self.caller.model.body(request))

    def _request(self, renderer: Renderer, todo: Todo) -> Request:
        return answer_request(renderer, self.run.prompt, todo.sample, todo.repeat, todo.attempt)

    async def _shelved(
        self,
        name: str,
        found: Collected,
        *,
        ended: bool = False,
        skipped: Callable[[bytes], bool] | None = None,
    ) -> int:
        """Download a file and keep its lines by request; returns of how many requests."""
        count = 0
        with tempfile.TemporaryFile() as file:
            await patiently(lambda: _downloaded(self.server, name, file))
            file.seek(0)
            for line in file:
                key = _whose(line)
                if key is None:
                    found.strange += bool(line.strip())
                    continue
                if skipped is not None and skipped(line):
                    continue
                new = found.shelf.put(key, _ENDED if ended else line.strip())
                count += new
                found.strange += not new and not ended
        return count

    async def _listed_in(self, batch: Batch, taken: Shelf) -> None:
        """Take down which requests a batch has."""
        name = batch.input_file
        if name is None:
            raise CallFailed("rejected", f"The server names no file of requests for batch {batch.id}.")
        with tempfile.TemporaryFile() as file:
            await patiently(lambda: _downloaded(self.server, name, file))
            file.seek(0)
            for line in file:
                key = _whose(line)
                if key is not None:
                    taken.put(key, b"1")


async def looked_up(
    server: BatchServer, store: Store, run_id: str
) -> tuple[list[Batch], tuple[HandedIn, ...]]:
    """Return a run's batches, the oldest first, and those that their server does not know any more.

    One that was written down and is not listed is asked for by its id. Raises CallFailed.
    """
    found = await patiently(lambda: server.listed({RUN: run_id}))
    listed = {batch.id for batch in found}
    missing: list[HandedIn] = []
    for kept in store.batches(run_id):
        if kept.open and kept.id not in listed:
            batch = await patiently(partial(server.batch, kept.id))
            if batch is None:
                missing.append(kept)
            else:
                found.append(batch)
    return sorted(found, key=lambda each: (each.created_at, each.id)), tuple(missing)


def missing_of(run: Run, batches: Sequence[HandedIn]) -> BatchMissing:
    """Return what is told of batches that their server does not know any more."""
    told = ", ".join(f"{batch.id} (handed in {batch.at[:16].replace('T', ' ')})" for batch in batches)
    return BatchMissing(
        f"Run {run.id}: its server neither lists {told} nor finds it by its id. With another key, account or "
        f"address than then that is to be expected: put them back, and promptops resume {run.id}. If it is "
        f"gone for good, what it answered is lost: promptops resume {run.id} --again hands its samples in "
        "again, with --live asks them directly; they are paid for once more."
    )


def answered_by(task: Task, caller: Caller, server: BatchServer, found: Collected) -> Task:
    """Return the task with what was collected in place of the model."""
    return replace(task, caller=BatchCaller(caller, server, found), in_parts=True)


def state_of(batch: Batch) -> BatchState:
    """Return what is told of a batch."""
    return BatchState(
        id=batch.id,
        status=batch.status,
        told=batch.told,
        requests=batch.total,
        answered=batch.completed,
        failed=batch.failed,
        errors=batch.errors,
    )


def _files(lines: Iterator[bytes], server: BatchServer) -> Iterator[tuple[IO[bytes], int]]:
    """Yield temporary files of as many requests as one may have, and how many each has."""
    file: IO[bytes] | None = None
    count = size = 0
    for line in lines:
        if len(line) > server.max_bytes:
            raise UsageError(f"One request alone has {len(line):,} bytes; a file of a batch may have fewer.")
        if file is not None and (count >= server.max_requests or size + len(line) > server.max_bytes):
            yield file, count
            file = None
        if file is None:
            file, count, size = tempfile.TemporaryFile(), 0, 0  # noqa: SIM115 - whoever gets it closes it
        file.write(line)
        count, size = count + 1, size + len(line)
    if file is not None:
        file.flush()
        yield file, count


async def _downloaded(server: BatchServer, name: str, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()
    await server.download(name, file)  # type: ignore[arg-type]


async def patiently(work: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Do something at a server, again where that may help. Raises CallFailed."""
    for number in range(TRIES):
        try:
            return await work()
        except CallFailed as error:
            if not error.retryable or number == TRIES - 1:
                raise
            pause = error.retry_after or FIRST_PAUSE * 2.0**number
        await asyncio.sleep(min(pause, LONGEST_PAUSE))
    raise AssertionError


def _whose(line: bytes) -> str | None:
    """Return the request that a line is about; None where it is about none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = row.get("custom_id") if isinstance(row, dict) else None
    return found if isinstance(found, str) and _CUSTOM_ID.fullmatch(found) else None


def _wave(batch: Batch) -> int:
    return _number(batch.metadata.get(WAVE))


def _part(batch: Batch) -> tuple[int, int]:
    return _wave(batch), _number(batch.metadata.get(PART))


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
