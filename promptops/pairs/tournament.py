"""Several runs before a pairwise judge: which pairs it is asked about, and what it said of them.

All pairs, sample by sample, so that a limit leaves a fair part of each; or a schedule that spends calls
where ranks are unsure, with looks that are planned before the first call. What was judged before is not asked
again.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np

from promptops.analysis.standings import SMALL
from promptops.calls.call import first_fault
from promptops.errors import RunInterrupted
from promptops.pairs.preference import Bench, shuffled
from promptops.pairs.ranking import columns
from promptops.pairs.recorded import JudgedPair
from promptops.pairs.summary import Hearing, Pair
from promptops.prompts.templates import Renderer
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import interruptible, signals, wait_for
from promptops.runs.progress import Progress
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.games import NotConnectedError
from promptops.stats.schedule import look, opening
from promptops.types import Completion, Run, Sample, Score

Schedule = Literal["all", "adaptive"]
LOOKS = 10
"""How often the adaptive schedule may look whether all ranks are sure."""
_OPENING = 30
"""Pairs at least with which it begins, spread over the samples."""

Answers = dict[tuple[str, int], Completion | None]
"""A run's answers by sample id and repeat; None where it gave none."""
Who = tuple[int, int]
"""Two systems by their places, the lower first."""


@dataclass(frozen=True)
class Place:
    """Two systems' answers to one sample."""

    who: Who
    pair: Pair
    flipped: bool
    """Whether the baseline is the first system, and not the second."""
    decided: float | None = None
    """The candidate's share where one of them gave no answer: nobody is asked."""


@dataclass
class Tournament:
    """Runs of one set before one judge."""

    work: Evaluation
    bench: Bench
    """Before any two of the runs."""
    runs: Sequence[Run]
    answers: Sequence[Answers]
    samples: dict[str, Sample]
    schedule: Schedule = "all"
    level: float = 0.95
    looks: int = 0
    """Looks that were made."""
    absent: int = 0
    """Pairs of which neither gave an answer: nothing to judge."""
    places: dict[Who, list[Place]] = field(init=False)
    """What can be judged, each pair's in an order by hashes of its groups of samples."""
    scores: dict[tuple[Who, str, int], Score] = field(init=False, default_factory=dict)
    progress: Progress = field(init=False)
    _benches: dict[Who, Bench] = field(init=False, default_factory=dict)
    _known: dict[Who, dict[tuple[str, int], Score]] = field(init=False, default_factory=dict)
    _next: Counter[Who] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        self.places = {who: self._places(who) for who in combinations(range(len(self.runs)), 2)}
        self.progress = Progress(self.total, self.work.usage, brake=self.work.brake)

    @property
    def total(self) -> int:
        """How many pairs there are."""
        return sum(map(len, self.places.values()))

    @property
    def planned(self) -> int:
        """How often a schedule may look; a ranking of all pairs looks once."""
        return LOOKS if self.schedule == "adaptive" else 1

    def play(self) -> None:
        """Have the judge say which is better, as far as the schedule wants it and a limit lets it.

        Raises RunInterrupted after a signal, and Stopped where the judge's server refuses all.
        """
        stopped: list[int] = []
        if wait_for(self._play(stopped)) is None:
            again = "The same command goes on where this one ended."
            raise RunInterrupted(again, 128 + stopped[0], self.work.usage.told_under_way())

    async def _play(self, stopped: list[int]) -> bool | None:
        stop = asyncio.Event()
        try:
            with Renderer() as renderer, signals(stop, stopped, self._pause):
                self._tell()
                return await interruptible(asyncio.create_task(self._all(renderer)), stop)
        finally:
            await self.bench.caller.model.close()
            self.work.engine.close()

    async def _all(self, renderer: Renderer) -> bool:
        if self.schedule == "adaptive":
            await self._adapt(renderer)
        else:
            await self._hear(self.in_turns(), renderer)
        return True

    def _pause(self) -> None:
        """Let no call begin, or let them go on."""
        brake = self.work.brake
        if brake.held:
            brake.release()
        else:
            brake.hold()
        self._tell()

    def _tell(self) -> None:
        if self.work.watch is not None:
            self.work.watch(self.progress)

    def in_turns(self) -> Iterator[Place]:
        """Yield all places, each sample's pairs together."""
        for number in range(max(map(len, self.places.values()), default=0)):
            for places in self.places.values():
                if number < len(places):
                    yield places[number]

    def benches(self) -> Iterator[tuple[Bench, list[Pair]]]:
        """Yield who asks about two runs, with all that there is to ask."""
        for who, places in self.places.items():
            yield self._benches[who], [place.pair for place in places if place.decided is None]

    def score_of(self, place: Place) -> Score | None:
        """Return what the judge said, or None where it was not asked."""
        return self.scores.get((place.who, *place.pair.place))

    def judged(self) -> tuple[list[JudgedPair], Counter[str]]:
        """Return what has a verdict, and why others that were asked about have none."""
        found: list[JudgedPair] = []
        unscored: Counter[str] = Counter()
        for places in self.places.values():
            for place in places:
                score = self.score_of(place)
                if score is None:
                    continue
                if score.unscored is not None:
                    unscored[score.unscored] += 1
                    continue
                found.append(self._judged(place, score))
        return found, unscored

    def asked(self) -> Iterator[tuple[Pair, Score]]:
        """Yield the pairs of different answers that have a verdict, with it."""
        for places in self.places.values():
            for place in places:
                score = self.score_of(place)
                same = place.decided is not None or place.pair.same
                if score is not None and score.unscored is None and not same:
                    yield place.pair, score

    def _judged(self, place: Place, score: Score) -> JudgedPair:
        share = score.counts[0]
        sample = place.pair.sample
        first, second = (self.runs[number].id for number in place.who)
        return JudgedPair(
            first,
            second,
            1 - share if place.flipped else share,
            f"s:{sample.id}" if sample.group is None else f"g:{sample.group}",
            sample.weight / min(self.runs[number].repeats for number in place.who),
            both_orders=True,
        )

    def _places(self, who: Who) -> list[Place]:
        """Return what can be judged of two systems; the older run is the baseline, as `compare` has it.

        What was judged the other way round is found where its scores are.
        """
        one, other = (self.runs[number] for number in who)
        flipped = (one.created_at, one.id) <= (other.created_at, other.id)
        baseline, candidate = (who[0], who[1]) if flipped else (who[1], who[0])
        bench, known = self._heard(baseline, candidate)
        if not known:
            turned, turned_known = self._heard(candidate, baseline)
            if turned_known:
                bench, known, flipped = turned, turned_known, not flipped
                baseline, candidate = candidate, baseline
        self._benches[who], self._known[who] = bench, known
        before, after = self.answers[baseline], self.answers[candidate]
        found: dict[tuple[str, int], Place] = {}
        for where, old in before.items():
            new = after.get(where)
            if where not in after:
                continue
            if old is None and new is None:
                self.absent += 1
                continue
            decided = None if old is not None and new is not None else 1.0 if old is None else 0.0
            blank = Completion(text="")
            pair = Pair(self.samples[where[0]], where[1], old or blank, new or blank)
            found[where] = Place(who, pair, flipped, decided)
        return [found[pair.place] for pair in shuffled([place.pair for place in found.values()])]

    def _heard(self, baseline: int, candidate: int) -> tuple[Bench, dict[tuple[str, int], Score]]:
        hearing = Hearing(
            self.bench.hearing.label,
            self.bench.hearing.judge,
            self.bench.hearing.stand_in,
            self.runs[baseline].id,
            self.runs[candidate].id,
        )
        bench = self.bench.before(hearing)
        return bench, bench.stored()

    async def _hear(self, places: Iterable[Place], renderer: Renderer) -> None:
        async def one(place: Place) -> None:
            score = self._known[place.who].get(place.pair.place)
            if place.decided is not None:
                score = Score.of(place.decided)
            bench = self._benches[place.who]
            if place.decided is None and bench.wants(score):
                score = await bench.score(place.pair, renderer) or score
            if score is not None:
                self.scores[(place.who, *place.pair.place)] = score
                self.progress.done += 1
                self.progress.unscored += score.unscored is not None
                self._tell()

        try:
            await self.work.engine.run(one, places, self.work.concurrency)
        except BaseExceptionGroup as group:
            raise first_fault(group) from None

    async def _adapt(self, renderer: Renderer) -> None:
        """Judge where ranks are unsure; what is asked depends on earlier verdicts and nothing else."""
        turns = len(self.places)
        first = opening(len(self.runs), max(2, math.ceil(_OPENING / turns)))
        await self._hear(self._drawn(first), renderer)
        size = max(1, math.ceil((self.total - len(first)) / (LOOKS - 1)))
        while self.looks < LOOKS and not self.work.budget.stopped:
            pairs = self._wanted(size)
            self.looks += 1
            if not pairs:
                self.progress.enough = True
                self._tell()
                return
            if self.looks < LOOKS:
                await self._hear(self._drawn(pairs), renderer)

    def _wanted(self, size: int) -> Sequence[Who]:
        """Return which pairs to judge next; with too little to look at, all by turns."""
        pairs, _ = self.judged()
        room = np.zeros((len(self.runs), len(self.runs)))
        for who, places in self.places.items():
            room[who] = len(places) - self._next[who]
        by_turns = [who for who in self.places if room[who] > 0] * math.ceil(size / len(self.places))
        if len({pair.group for pair in pairs}) < SMALL:
            return by_turns[:size]
        first, second, score, groups, weights = columns(pairs, [run.id for run in self.runs])
        try:
            return look(
                first,
                second,
                score,
                groups,
                size=size,
                looks=LOOKS,
                alpha=1 - self.level,
                systems=len(self.runs),
                weights=weights,
                room=room,
            ).pairs
        except (NotConnectedError, TooFewClustersError):
            return by_turns[:size]

    def _drawn(self, pairs: Iterable[Who]) -> Iterator[Place]:
        """Yield the next place of each pair; pairs begin at different samples, so that many are met."""
        for who in pairs:
            places = self.places[who]
            if self._next[who] < len(places):
                start = list(self.places).index(who) * len(places) // len(self.places)
                place = places[(start + self._next[who]) % len(places)]
                self._next[who] += 1
                yield place
