"""A judge of pairs heard on two runs: with whoever watches told, and ended by a signal with nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from promptops.errors import RunInterrupted
from promptops.pairs.preference import Bench, Scores
from promptops.pairs.summary import Pair
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import interruptible, signals, wait_for
from promptops.runs.progress import Progress
from promptops.types import Score

AGAIN = "The same command goes on where this one ended."


def hear(work: Evaluation, bench: Bench, pairs: Sequence[Pair], again: str = AGAIN) -> Scores:
    """Have a judge say which is better, as far as a limit lets it; return what is known of each pair.

    Raises RunInterrupted after a signal, which says `again`, and Stopped where its server refuses all.
    """
    stopped: list[int] = []
    found = wait_for(_heard(work, bench, pairs, stopped))
    if found is None:
        raise RunInterrupted(again, 128 + stopped[0], work.usage.told_under_way())
    return found


async def _heard(work: Evaluation, bench: Bench, pairs: Sequence[Pair], stopped: list[int]) -> Scores | None:
    stop, brake = asyncio.Event(), work.brake
    wanted = bench.wanted(pairs)
    progress = Progress(len(wanted), work.usage, brake=brake, unit="pairs")

    def tell(score: Score | None = None) -> None:
        if score is not None:
            progress.done += 1
            progress.unscored += score.unscored is not None
        if work.watch is not None:
            work.watch(progress)

    def pause() -> None:
        (brake.release if brake.held else brake.hold)()
        tell()

    tell()
    try:
        with signals(stop, stopped, pause):
            return await interruptible(asyncio.create_task(bench.decide(pairs, work.concurrency, tell)), stop)
    finally:
        work.engine.close()
