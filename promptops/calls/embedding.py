"""Texts as points by an embedding model: each text once, in batches, asked again where that may help.

Each answer is kept as it comes, so that whoever is stopped goes on where that was.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from promptops.calls.budget import Budget, OverBudget
from promptops.calls.call import Stopped
from promptops.calls.limiter import FIRST_PAUSE, LONGEST_PAUSE
from promptops.calls.quotas import LONGEST_WAIT
from promptops.canonical import digest_of
from promptops.errors import CallFailed, UsageError
from promptops.noun import Noun
from promptops.providers import Embedder, Model, Vectors
from promptops.stats import Floats
from promptops.store.points import CHARACTERS, Points
from promptops.texts.figures import dollars

_CHARACTERS_A_TOKEN = 4


class EmbeddingForecast(Noun):
    """What it takes to turn the texts that a command looks at into points, before anything is asked.

    Retries come on top. What a text costs is its tokens by a rule of thumb (four characters each) at the
    price of what a model reads; None where that price is unknown.
    """

    model: str
    texts: int
    """Different ones."""
    kept: int
    """Of these, how many have their point from an earlier time."""
    calls: int
    tokens_in: int
    cost: float | None
    """US dollars."""
    sentence: str


async def embedded(
    texts: Sequence[str],
    model: Model,
    name: str,
    *,
    attempts: int,
    concurrency: int,
    kept: Points | None = None,
    reuse: bool = True,
    budget: Budget | None = None,
) -> Floats:
    """Return a row for each text, (texts, dimensions); equal texts are asked once. `name` is the model's.

    A point that is kept is not asked for unless `reuse` is off; what comes is kept.
    Raises UsageError for a model that makes no points, Stopped where there is an end before all have one.
    """
    server = _embedder(model, name)
    cut = [text[:CHARACTERS] for text in texts]
    keys = _keys(cut, model, name, server)
    known = {} if kept is None or not reuse else kept.find(list(keys.values()))
    points = {text: known[key] for text, key in keys.items() if key in known}
    desk = _Desk(server, model, name, attempts, asyncio.Semaphore(concurrency), budget or Budget())

    async def ask(batch: Sequence[str]) -> None:
        rows = await desk.rows(batch)
        points.update({text: np.array(row) for text, row in zip(batch, rows, strict=False)})
        if kept is not None and rows:
            made = {keys[text]: row for text, row in zip(batch, rows, strict=True)}
            kept.keep(name, made, {keys[text]: text for text in batch})

    try:
        async with asyncio.TaskGroup() as group:
            for batch in _batches([text for text in keys if text not in points], server):
                group.create_task(ask(batch))
    finally:
        await server.close()
    if desk.fault:
        there = f" {len(points):,} of {len(keys):,} texts have points" if points else ""
        goes_on = ", which are kept: the same command goes on from there." if points and kept else "."
        raise Stopped(desk.fault + (f"{there}{goes_on}" if there else ""))
    if len({len(point) for point in points.values()}) > 1:
        old = " Forget those of earlier: promptops cache prune --model " + name if known else ""
        raise Stopped(f"{name} gave points of different lengths; they can't be compared.{old}")
    return np.array([points[text] for text in cut], dtype=np.float64)


def forecast_embedded(
    texts: Sequence[str], model: Model, name: str, *, kept: Points, reuse: bool = True
) -> EmbeddingForecast:
    """Return what `embedded` would take; nobody is asked. Raises UsageError for a model without points."""
    server = _embedder(model, name)
    keys = _keys([text[:CHARACTERS] for text in texts], model, name, server)
    known = kept.known(list(keys.values())) if reuse else set()
    asked = [text for text, key in keys.items() if key not in known]
    tokens = sum(map(_tokens, asked))
    calls = sum(1 for _ in _batches(asked, server))
    cost = _cost(model, tokens)
    left = len(keys) - len(asked)
    price = dollars(cost) if cost is None or not cost else f"about {dollars(cost)}"
    return EmbeddingForecast(
        model=name,
        texts=len(keys),
        kept=left,
        calls=calls,
        tokens_in=tokens,
        cost=cost,
        sentence=f"{len(keys):,} texts as points of {name}: {left:,} are kept, {len(asked):,} would be asked "
        f"for in {calls:,} call{'' if calls == 1 else 's'}; about {tokens:,} tokens read; {price}.",
    )


@dataclass
class _Desk:
    """Asks a server for points, within a budget; once it is of no use, or the budget ends, nothing more."""

    server: Embedder
    model: Model
    name: str
    attempts: int
    slots: asyncio.Semaphore
    budget: Budget
    fault: str = ""
    """Why no further call is made, as a sentence."""
    _jitter: random.Random = field(default_factory=random.Random)

    async def rows(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a point for each text; none where there is a fault."""
        for tried in range(1, self.attempts + 1):
            try:
                found = await self._asked(texts)
            except OverBudget:
                self.fault = self.fault or f"{self.budget.stopped}."
                return ()
            except CallFailed as failed:
                if not failed.retryable or tried == self.attempts:
                    self.fault = self.fault or f"{self.name} gave no points ({failed.kind}): {failed}"
                    return ()
                pause = self._pause(failed, tried)
            else:
                return () if found is None else found.rows
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns")

    async def _asked(self, texts: Sequence[str]) -> Vectors | None:
        """Make one attempt; None where there is a fault by now."""
        least = _cost(self.model, sum(map(_tokens, texts)))
        while True:
            async with self.slots:
                if self.fault:
                    return None
                ticket = self.budget.admit(self.name, least or 0.0)
                if ticket is not None:
                    try:
                        found = await self.server.embed(texts)
                    except CallFailed as failed:
                        ticket.failed(failed.kind)
                        raise
                    except asyncio.CancelledError:
                        ticket.given_up()
                        raise
                    ticket.answered(_cost(self.model, found.tokens))
                    return found
            await self.budget.settled()

    def _pause(self, failed: CallFailed, tried: int) -> float:
        if failed.retry_after is not None:
            return min(failed.retry_after, LONGEST_WAIT)
        return min(FIRST_PAUSE * 2.0 ** (tried - 1), LONGEST_PAUSE) * (0.25 + 0.75 * self._jitter.random())


def priced(model: Model) -> bool:
    """Tell whether it is known what a model's points cost: by what it reads, as it writes nothing."""
    return model.free or (model.by_usage and model.settings.price_in is not None)


def _embedder(model: Model, name: str) -> Embedder:
    server = model.embedder()
    if server is None:
        raise UsageError(
            f"{name!r} makes no points of texts. Name a model of a server with /v1/embeddings, for example "
            "openai/text-embedding-3-small, or one on this machine: encoder/all-MiniLM-L6-v2."
        )
    return server


def _keys(texts: Sequence[str], model: Model, name: str, server: Embedder) -> dict[str, str]:
    """Return each different text's content address: all that can change its point."""
    asked = {"model": name, "origin": model.origin, "body": dict(model.settings.body), "about": server.about}
    return {text: digest_of({**asked, "text": text}) for text in dict.fromkeys(texts)}


def _batches(texts: Sequence[str], server: Embedder) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == server.max_texts or size + len(text) > server.max_characters):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _tokens(text: str) -> int:
    return math.ceil(max(len(text), 1) / _CHARACTERS_A_TOKEN)


def _cost(model: Model, tokens: int | None) -> float | None:
    """Return US dollars for so many tokens that are read; None where that is not known."""
    if model.free or tokens == 0:
        return 0.0
    price = model.settings.price_in
    return None if tokens is None or price is None or not model.by_usage else tokens * price / 1_000_000
