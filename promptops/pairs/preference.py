"""A pairwise judge before two runs: each pair asked in both orders, and each reply stored as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from promptops import plugins
from promptops.calls.brake import GivenUp
from promptops.calls.call import Caller, Unanswered, first_fault
from promptops.calls.forecast import Part, Usual, Wanted, part_of
from promptops.calls.tokenlimit import token_limit
from promptops.engines import Engine
from promptops.errors import StoreError
from promptops.judges import Ask, Reads, trial_completion
from promptops.judges.pairwise import Pairwise
from promptops.pairs.summary import Hearing, Pair
from promptops.prompts.templates import Renderer
from promptops.runs.calling import Count
from promptops.runs.runner import judge_request
from promptops.store import Store
from promptops.store.rows import PairRow
from promptops.types import Completion, Prompt, Request, Sample, Score

Scores = dict[tuple[str, int], Score]
"""By sample id and repeat."""


@dataclass
class Bench:
    """Who asks a judge about pairs, and remembers what it replied to whom.

    A reply is known by its content address, so that the same two answers are not judged twice: not in the
    other direction, and not of other runs that hold them. What could not be read is asked again.
    """

    store: Store
    caller: Caller
    judge: Pairwise
    hearing: Hearing
    anew: bool = False
    """Whether to ask also about what has a verdict already."""
    _replies: dict[str, Completion] = field(init=False)
    _rows: dict[tuple[str, int], PairRow] = field(init=False, default_factory=dict)
    """What was stored of these very runs when it was last looked up."""

    def __post_init__(self) -> None:
        known = self.caller.model.cacheable and not self.anew
        self._replies = self.store.pair_replies(self.judge.signature) if known else {}

    def before(self, hearing: Hearing) -> Bench:
        """Return the same judge before two other runs; what it replies to either is known to both."""
        other = copy(self)
        other.hearing, other._rows = hearing, {}
        return other

    def stored(self) -> Scores:
        """Return the scores of pairs of these very runs that were judged before, and why others have none."""
        hearing = self.hearing
        self._rows = self.store.pair_scores(
            hearing.baseline, hearing.candidate, hearing.label, self.judge.signature
        )
        return {place: row.score for place, row in self._rows.items()}

    def wants(self, score: Score | None) -> bool:
        """Tell whether a pair of which this is stored is to be asked about."""
        return self.anew or score is None or score.unscored is not None

    def wanted(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Return those to be asked about, in an order by hashes.

        So those before a limit are a fair part of all.
        """
        stored = self.stored()
        return [pair for pair in shuffled(pairs) if self.wants(stored.get(pair.place))]

    async def decide(
        self, pairs: Sequence[Pair], concurrency: int, heard: Callable[[Score], None] = lambda _: None
    ) -> Scores:
        """Return a score for each pair, as far as a limit lets them be asked; what is new is stored.

        Whoever wants to know what was `heard` is told each new score.
        """
        wanted = self.wanted(pairs)
        scores: Scores = {place: row.score for place, row in self._rows.items()}
        engine = plugins.find("engines", "local", Engine)()  # type: ignore[type-abstract]
        with Renderer() as renderer:

            async def one(pair: Pair) -> None:
                score = await self.score(pair, renderer)
                if score is not None:
                    scores[pair.place] = score
                    heard(score)

            try:
                await engine.run(one, wanted, concurrency)
            except BaseExceptionGroup as group:
                raise first_fault(group) from None
            finally:
                await self.caller.model.close()
        return scores

    async def asks(self, pairs: Sequence[Pair]) -> bool:
        """Tell whether any call would have to be made."""
        return len((await self.counted(pairs)).characters) > 0

    async def counted(self, pairs: Sequence[Pair], unseen: Sequence[Pair] = ()) -> Count:
        """Return which calls would have to be made, without making any.

        Of the `unseen` the candidate's answer is not there yet: these are calls at most.
        """
        scores, found = self.stored(), Count()
        with Renderer() as renderer:

            async def look(request: Request, address: str, prompt: Prompt, reads: Reads | None) -> Completion:
                known = self._known(address, reads) or self.caller.find(request, prompt.digest, reads)
                if known is not None:
                    found.cached += 1
                    return known
                found.characters.append(sum(len(message.content) for message in request.messages))
                return trial_completion(prompt, request.response_format)

            async def look_ahead(
                request: Request, address: str, prompt: Prompt, reads: Reads | None
            ) -> Completion:
                found.unseen.append(sum(len(message.content) for message in request.messages))
                return trial_completion(prompt, request.response_format)

            for pair in pairs:
                if not self.wants(scores.get(pair.place)):
                    found.stored += 1
                else:
                    ask = self._asking(pair, renderer, look)
                    await self.judge.prefer(pair.baseline, pair.candidate, pair.sample, ask)
            for pair in unseen:
                ask = self._asking(pair, renderer, look_ahead)
                await self.judge.prefer(pair.baseline, pair.candidate, pair.sample, ask)
        return found

    def taking(self, count: Count, places: int, answer: float | None = None) -> Part:
        """Return what calls that were counted would take; an `answer` that is unseen has so many tokens."""
        wanted = Wanted(
            kind="judge",
            name=self.hearing.label,
            model=self.hearing.judge,
            places=places,
            stored=count.stored,
            cached=count.cached,
            characters=count.characters + count.unseen,
            limit=token_limit(self.judge.prompts_at(self.judge.model), self.caller),
            unseen=len(count.unseen),
            answer=answer,
        )
        return part_of(wanted, self.caller.model, Usual())

    async def known(self, pairs: Sequence[Pair]) -> Scores:
        """Return the scores of pairs whose replies are all known, of whatever runs; nobody is asked."""
        scores = Scores()
        with Renderer() as renderer:

            async def look(request: Request, address: str, prompt: Prompt, reads: Reads | None) -> Completion:
                found = self._known(address, reads) or self.caller.find(request, prompt.digest, reads)
                if found is None:
                    raise GivenUp
                return found

            for pair in pairs:
                with contextlib.suppress(GivenUp):
                    ask = self._asking(pair, renderer, look)
                    scores[pair.place] = await self.judge.prefer(
                        pair.baseline, pair.candidate, pair.sample, ask
                    )
        return scores

    async def score(self, pair: Pair, renderer: Renderer) -> Score | None:
        """Return a pair's score, stored with the replies; None where a limit ended it before."""
        replies: list[JsonValue] = []
        looks = cached = 0

        async def look(request: Request, address: str, prompt: Prompt, reads: Reads | None) -> Completion:
            nonlocal looks, cached
            looks += 1
            known = self._known(address, reads)
            if known is not None:
                self.caller.usage.cached += 1
                cached += 1
                return known
            answer = await self.caller.ask(request, prompt.digest, address=address, reads=reads)
            reply = answer.completion
            cached += answer.cached
            if answer.cache_key is not None:
                self._replies[address] = reply
                kept = reply.model_dump(mode="json", exclude={"raw", "logprobs"}, exclude_defaults=True)
                replies.append({"address": address, "completion": kept})
                if looks == 1 and await asyncio.to_thread(self._keeps_half, pair, tuple(replies)):
                    replies.clear()
            return reply

        try:
            ask = self._asking(pair, renderer, look)
            score = await self.judge.prefer(pair.baseline, pair.candidate, pair.sample, ask)
        except Unanswered as error:
            score = Score.missing(
                f"the judge gave no answer: {error.failure.message}", kind=error.failure.kind
            )
        except GivenUp:
            return None
        before = self._rows.get(pair.place)
        if before is not None and before.score == score and not looks:
            return score  # there was nothing to ask, then and now
        return await asyncio.to_thread(self._kept, self._row(pair, score, replies, cached))

    def _row(self, pair: Pair, score: Score, replies: Sequence[JsonValue], cached: int = 0) -> PairRow:
        hearing, before = self.hearing, self._rows.get(pair.place)
        content: dict[str, JsonValue] = {
            "judge": hearing.judge,
            "stand_in": hearing.stand_in,
            "replies": list(replies),
            "cached": cached,
        }
        return PairRow(
            hearing.baseline,
            hearing.candidate,
            pair.sample.id,
            pair.repeat,
            hearing.label,
            self.judge.signature,
            score,
            content,
            0 if before is None else before.attempt + 1,
        )

    def _keeps_half(self, pair: Pair, replies: Sequence[JsonValue]) -> bool:
        """Keep the reply to the first order while the second is asked, which may end before it comes.

        False where an earlier try, or another command, kept one.
        """
        half = Score.missing("one of the two orders was asked")
        try:
            self.store.save_pair_scores([self._row(pair, half, replies)], half=True)
        except StoreError:
            return False
        return True

    def _known(self, address: str, reads: Reads | None) -> Completion | None:
        """Return what the judge replied to the same question before, if it can be read."""
        known = self._replies.get(address)
        return known if known is None or reads is None or reads(known) else None

    def _kept(self, row: PairRow) -> Score:
        """Store a score and return it; where another command judged the pair meanwhile, return that one's."""
        try:
            self.store.save_pair_scores([row])
        except StoreError:
            before = self.stored().get((row.sample_id, row.repeat))
            if before is None:
                raise
            return before
        return row.score

    def _asking(self, pair: Pair, renderer: Renderer, look: _Look) -> Ask:
        async def ask(
            prompt: Prompt,
            slots: Mapping[str, JsonValue],
            form: dict[str, JsonValue] | None,
            *,
            model: str = "",
            poll: int = 0,
            reads: Reads | None = None,
        ) -> Completion:
            request = judge_request(renderer, prompt, slots, form, pair.sample.id, pair.repeat, poll)
            return await look(request, self.caller.address(request, prompt.digest), prompt, reads)

        return ask


class _Look(Protocol):
    """Finds the reply to a request, by its content address or by asking."""

    async def __call__(
        self, request: Request, address: str, prompt: Prompt, reads: Reads | None, /
    ) -> Completion: ...


def shuffled(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs in an order by hashes of their groups: the same each time, and nothing to do with them."""

    def lot(sample: Sample) -> bytes:
        name = f"s:{sample.id}" if sample.group is None else f"g:{sample.group}"
        return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()

    return sorted(pairs, key=lambda pair: (lot(pair.sample), *pair.place))


def told_before(store: Store, baseline: str, candidate: str) -> tuple[Hearing, str, Scores] | None:
    """Return what a judge, the latest, said of two runs before, with its signature; None where none did."""
    judges = store.pair_judges(baseline, candidate)
    if not judges:
        return None
    label, signature = judges[0]
    rows = store.pair_scores(baseline, candidate, label, signature)
    content = next(iter(rows.values())).content
    judge = str(content.get("judge", "a judge"))
    hearing = Hearing(label, judge, content.get("stand_in") is True, baseline, candidate)
    return hearing, signature, {place: row.score for place, row in rows.items()}
