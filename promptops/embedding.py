"""Texts as points by an embedding model: each text once, in batches, asked again where that may help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

import numpy as np

from promptops.calls import Stopped
from promptops.errors import CallFailed, UsageError
from promptops.limiter import FIRST_PAUSE, LONGEST_PAUSE
from promptops.providers import Embedder, Model
from promptops.quotas import LONGEST_WAIT
from promptops.stats import Floats

CHARACTERS = 6000
"""Of each text: models read some 8,000 tokens at most, and a longer text would be refused."""


async def embedded(
    texts: Sequence[str], model: Model, name: str, *, attempts: int, concurrency: int
) -> Floats:
    """Return a row for each text, (texts, dimensions); equal texts are asked once. `name` is the model's.

    Raises UsageError for a model that makes no points, Stopped where the server gives none.
    """
    server = model.embedder()
    if server is None:
        raise UsageError(
            f"{name!r} makes no points of texts. Name a model of a server with /v1/embeddings, for example "
            "openai/text-embedding-3-small, or one on this machine: encoder/all-MiniLM-L6-v2."
        )
    cut = [text[:CHARACTERS] for text in texts]
    asked = list(dict.fromkeys(cut))
    slots = asyncio.Semaphore(concurrency)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_until_answered(server, batch, attempts, slots))
                for batch in _batches(asked, server.max_texts, server.max_characters)
            ]
    except ExceptionGroup as faults:
        failed = faults.exceptions[0]
        if not isinstance(failed, CallFailed):
            raise
        raise Stopped(f"{name} gave no points ({failed.kind}): {failed}") from None
    finally:
        await server.close()
    rows = [np.array(row, dtype=np.float64) for task in tasks for row in task.result()]
    if len({len(row) for row in rows}) > 1:
        raise Stopped(f"{name} gave points of different lengths; they can't be compared.")
    place = {text: position for position, text in enumerate(asked)}
    return np.array([rows[place[text]] for text in cut])


def _batches(texts: Sequence[str], most: int, characters: int) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == most or size + len(text) > characters):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


async def _until_answered(
    server: Embedder, texts: Sequence[str], attempts: int, slots: asyncio.Semaphore
) -> Sequence[Sequence[float]]:
    jitter = random.Random()  # noqa: S311  # spreads pauses, keeps no secret
    for tried in range(1, attempts + 1):
        try:
            async with slots:
                return (await server.embed(texts)).rows
        except CallFailed as failed:
            if not failed.retryable or tried == attempts:
                raise
            longest = min(FIRST_PAUSE * 2.0 ** (tried - 1), LONGEST_PAUSE)
            asked = failed.retry_after
            pause = longest * (0.25 + 0.75 * jitter.random()) if asked is None else min(asked, LONGEST_WAIT)
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")
