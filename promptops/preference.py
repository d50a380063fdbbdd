"""A pairwise judge's say on two runs: asked in both orders, stored, and summed up with its biases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from promptops import plugins
from promptops.calls import Caller, Unanswered, first_fault
from promptops.engines import Engine
from promptops.judges.pairwise import Pairwise
from promptops.runner import judge_request
from promptops.stats.intervals import wilson_interval
from promptops.store import Store
from promptops.store.rows import PairRow
from promptops.summary import bounded_interval, cluster_codes
from promptops.templates import Renderer
from promptops.types import Completion, Noun, Prompt, Sample, Score


class Preference(Noun):
    """Which of two runs a pairwise judge prefers, asked in both orders on every sample."""

    label: str
    judge: str
    baseline: str
    candidate: str
    n: int
    unscored: int
    identical: int
    """Samples with the same answer in both runs; they count as ties and the judge is not asked."""
    share: float | None
    """Share won by the candidate, a tie counts half; 0.5 means no preference."""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    wins: int
    losses: int
    ties: int
    flips: int
    """Samples where the verdict changed with the order."""
    flip_rate: float | None = None
    flip_low: float | None = None
    flip_high: float | None = None
    first_rate: float | None = None
    """Share of the decided replies that chose the answer shown first; 0.5 means no position bias."""
    first_low: float | None = None
    first_high: float | None = None
    stand_in: bool = False


@dataclass(frozen=True)
class Pair:
    """One sample with the answers of both runs."""

    sample: Sample
    repeat: int
    baseline: Completion
    candidate: Completion


@dataclass(frozen=True)
class Bench:
    """Two runs before one judge."""

    store: Store
    caller: Caller
    judge: Pairwise
    label: str
    baseline: str
    candidate: str

    async def decide(self, pairs: Sequence[Pair], concurrency: int) -> dict[tuple[str, int], Score]:
        """Return a score for each pair; what is stored is not asked again, what is new is stored."""
        stored = self.store.pair_scores(self.baseline, self.candidate, self.label, self.judge.signature)
        scores = {place: row.score for place, row in stored.items()}
        left = [pair for pair in pairs if (pair.sample.id, pair.repeat) not in scores]
        engine = plugins.find("engines", "local", Engine)()  # type: ignore[type-abstract]
        with Renderer() as renderer:

            async def one(pair: Pair) -> None:
                scores[pair.sample.id, pair.repeat] = await self._score(pair, renderer)

            try:
                await engine.run(one, left, concurrency)
            except BaseExceptionGroup as group:
                raise first_fault(group) from None
            finally:
                await self.caller.model.close()
        return scores

    async def _score(self, pair: Pair, renderer: Renderer) -> Score:
        async def ask(
            prompt: Prompt,
            slots: Mapping[str, JsonValue],
            form: dict[str, JsonValue] | None,
            *,
            model: str = "",
            poll: int = 0,
        ) -> Completion:
            request = judge_request(renderer, prompt, slots, form, pair.sample.id, pair.repeat, poll)
            return (await self.caller.ask(request, prompt.digest)).completion

        try:
            score = await self.judge.prefer(pair.baseline, pair.candidate, pair.sample, ask)
        except Unanswered as error:
            # Not stored: the next comparison asks again.
            return Score.missing(f"the judge gave no answer: {error.failure.message}")
        row = PairRow(
            self.baseline,
            self.candidate,
            pair.sample.id,
            pair.repeat,
            self.label,
            self.judge.signature,
            score,
            {},
        )
        await asyncio.to_thread(self.store.save_pair_scores, [row])
        return score


def summed_up(
    bench: Bench, pairs: Sequence[Pair], scores: Mapping[tuple[str, int], Score], level: float = 0.95
) -> Preference:
    """Return the share won with a cluster-robust t interval, and flip rate and position bias by Wilson.

    Repeats are averaged within a sample first. Identical answers count as ties.
    """
    by_sample: dict[str, list[float]] = {}
    samples: dict[str, Sample] = {}
    orders: list[tuple[str, str]] = []
    unscored = 0
    for pair in pairs:
        score = scores[pair.sample.id, pair.repeat]
        if score.unscored is not None:
            unscored += 1
            continue
        samples[pair.sample.id] = pair.sample
        by_sample.setdefault(pair.sample.id, []).append(score.counts[0])
        order = score.evidence.get("orders")
        if isinstance(order, list) and pair.baseline.text != pair.candidate.text:
            orders.append((str(order[0]), str(order[1])))
    shares = np.array([np.mean(found) for found in by_sample.values()], dtype=np.float64)
    clusters = cluster_codes(list(samples.values()))
    low: float | None = None
    high: float | None = None
    if len(np.unique(clusters)) > 1:
        low, high = bounded_interval(shares, clusters, np.ones(len(shares)), level, low=0.0, high=1.0)
    flips = sum(order not in {("A", "B"), ("B", "A"), ("tie", "tie")} for order in orders)
    decided = [reply for order in orders for reply in order if reply != "tie"]
    flipped = wilson_interval(flips, len(orders), level) if orders else None
    first = wilson_interval(decided.count("A"), len(decided), level) if decided else None
    return Preference(
        label=bench.label,
        judge=bench.judge.model,
        baseline=bench.baseline,
        candidate=bench.candidate,
        n=len(shares),
        unscored=unscored,
        identical=sum(pair.baseline.text == pair.candidate.text for pair in pairs),
        share=float(shares.mean()) if len(shares) else None,
        low=low,
        high=high,
        level=level,
        wins=int((shares > 0.5).sum()),
        losses=int((shares < 0.5).sum()),
        ties=int((shares == 0.5).sum()),
        flips=flips,
        flip_rate=flipped.value if flipped else None,
        flip_low=flipped.low if flipped else None,
        flip_high=flipped.high if flipped else None,
        first_rate=first.value if first else None,
        first_low=first.low if first else None,
        first_high=first.high if first else None,
        stand_in=bench.judge.stand_in,
    )
