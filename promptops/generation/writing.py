"""A model asked for samples, the drafts sifted, and each that is left checked by a second call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from promptops.calls.brake import GivenUp
from promptops.calls.call import Caller, Unanswered, first_fault
from promptops.calls.usage import Usage
from promptops.distributions.leaks import canaries_in, shown_in
from promptops.distributions.textrows import joined
from promptops.engines import Engine, Item
from promptops.generation import Rejected, Rejection, Unheard
from promptops.generation.duplicates import Known, repeated
from promptops.generation.replies import SHOWN, Check, Draft, Written, read_check, read_written
from promptops.generation.replylog import ReplyLog
from promptops.generation.requests import Asked, Desk
from promptops.generation.seeds import Seed
from promptops.judges import trial_completion
from promptops.runs.calling import Count
from promptops.runs.progress import Progress, Watch
from promptops.texts.redaction import Redactor
from promptops.types import Completion, Prompt, Result, Sample


@dataclass(frozen=True)
class Assignment:
    """What is to be written, and what it is held against."""

    seeds: tuple[Seed, ...]
    samples: Sequence[Sample]
    """All that the set holds."""
    canaries: Mapping[str, str]
    """Of all the project's sets, by name."""
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """The project's registered prompts, whose examples are no new samples."""


@dataclass
class Outcome:
    """What became of every sample that was asked for."""

    drafts: list[tuple[Draft, Check]] = field(default_factory=list)
    """Those that are candidates."""
    rejected: list[Rejected] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    fewer: int = 0
    surplus: int = 0
    left: int = 0
    """Samples that were not asked for, or not checked, because a limit ended it."""


@dataclass
class Writer:
    """Asks a model for the samples of one set, and another one (or the same) whether they are any good."""

    desk: Desk
    writer: Caller
    checker: Caller
    log: ReplyLog
    redactor: Redactor
    usage: Usage
    watch: Watch | None = None
    reused: int = 0
    """Replies that were written down before, or stood in the cache."""

    async def carry_out(self, assignment: Assignment, engine: Engine, concurrency: int) -> Outcome:
        """Ask for everything; a limit leaves what it leaves. Raises Stopped where the server refuses all."""
        outcome, written = Outcome(), dict[int, Written]()
        seeds = assignment.seeds
        progress = Progress(len(seeds) + sum(seed.count for seed in seeds), self.usage)

        async def write(item: tuple[int, Seed]) -> None:
            await self._write(*item, written, outcome)
            self._tell(progress, len(outcome.unheard))

        await _all(engine, write, list(enumerate(assignment.seeds)), concurrency)
        drafts = self._sifted(assignment, written, outcome)
        progress.total = len(seeds) + len(drafts)
        checks: dict[int, Check] = {}

        async def check(item: tuple[int, Draft]) -> None:
            await self._check(*item, checks)
            self._tell(progress, progress.errors)

        await _all(engine, check, list(enumerate(drafts)), concurrency)
        for place, draft in enumerate(drafts):
            found = checks.get(place)
            if found is None:
                outcome.left += 1
            elif found.kind is not None:
                outcome.rejected.append(_rejected(draft, found.kind, found.reason))
            else:
                outcome.drafts.append((draft, found))
        outcome.unheard.sort(key=lambda each: (each.how, each.source))
        return outcome

    def outlook(self, assignment: Assignment) -> tuple[Count, Count]:
        """Return which calls would be made, without making any: those that write, and those that check.

        A check of a draft that is not there yet counts as unseen, with an empty one.
        """
        writing, checking = Count(), Count()
        written: dict[int, Written] = {}
        unknown: list[Seed] = []
        for number, seed in enumerate(assignment.seeds):
            asked = self.desk.writing(number, seed)
            reply = self._looked_up(self.writer, asked, writing)
            if reply is None:
                unknown.append(seed)
                continue
            found = read_written(reply, seed, self.desk.shape, asked.shown)
            written[number] = found if isinstance(found, Written) else Written()
        for place, draft in enumerate(self._sifted(assignment, written, Outcome())):
            self._looked_up(self.checker, self.desk.checking(_check_name(place), draft), checking)
        for seed in unknown:
            empty = Draft(seed, dict.fromkeys(self.desk.shape.written, ""), None)
            characters = _characters(self.desk.checking("check-0", empty))
            checking.unseen.extend([characters] * seed.count)
        return writing, checking

    def _tell(self, progress: Progress, errors: int) -> None:
        """Count a call that has ended, and tell whoever watches."""
        progress.done += 1
        progress.errors = errors
        if self.watch is not None:
            self.watch(progress)

    async def _write(self, number: int, seed: Seed, written: dict[int, Written], outcome: Outcome) -> None:
        asked = self.desk.writing(number, seed)
        if asked.shown.too_long is not None:
            outcome.unheard.append(_unheard(seed, asked.shown.too_long))
            return
        try:
            reply = await self._replied(self.writer, asked)
        except Unanswered as error:
            outcome.unheard.append(_unheard(seed, f"no answer: {error.failure.message}"))
            return
        except GivenUp:
            outcome.left += seed.count
            return
        found = read_written(reply, seed, self.desk.shape, asked.shown)
        if isinstance(found, str):
            outcome.unheard.append(_unheard(seed, found, reply.text))
        else:
            written[number] = found

    def _sifted(
        self, assignment: Assignment, written: Mapping[int, Written], outcome: Outcome
    ) -> list[Draft]:
        """Return drafts that are worth a check, in the order of seeds; note what becomes of the rest."""
        drafts: list[Draft] = []
        for number in sorted(written):
            found, seed = written[number], assignment.seeds[number]
            outcome.fewer += found.fewer
            outcome.surplus += found.surplus
            for why, text in found.unreadable:
                outcome.rejected.append(
                    Rejected(how=seed.how, source=seed.source, kind="unreadable", reason=why, text=text)
                )
            drafts += found.drafts
        shape = self.desk.shape
        present = [
            Known(_text(sample, shape.written), _beside(sample, shape.written), sample.id)
            for sample in assignment.samples
        ]
        news = [
            Known(draft.text, _beside_draft(draft, shape.written, shape.passage_in), "another generated one")
            for draft in drafts
        ]
        whole = [Sample(id=str(place), inputs=dict(draft.inputs)) for place, draft in enumerate(drafts)]
        shown = {each.sample: each.prompt for each in shown_in(whole, assignment.prompts)}
        kept: list[Draft] = []
        for place, (draft, same) in enumerate(zip(drafts, repeated(news, present), strict=True)):
            leaked = _canary(draft, assignment.canaries)
            if leaked is not None:
                told = f"holds the canary of {leaked!r}: the model has seen that set"
                outcome.rejected.append(_rejected(draft, "canary", told))
            elif str(place) in shown:
                told = f"stands in the prompt {shown[str(place)]!r}, whose answers it would give away"
                outcome.rejected.append(_rejected(draft, "in_prompt", told))
            elif same is not None:
                outcome.rejected.append(_rejected(draft, "repeated", f"nearly the same as {same}"))
            else:
                kept.append(draft)
        return kept

    async def _check(self, place: int, draft: Draft, checks: dict[int, Check]) -> None:
        asked = self.desk.checking(_check_name(place), draft)
        if asked.shown.too_long is not None:
            checks[place] = Check("not_checked", asked.shown.too_long)
            return
        try:
            reply = await self._replied(self.checker, asked)
        except Unanswered as error:
            checks[place] = Check("not_checked", f"the checker gave no answer: {error.failure.message}")
        except GivenUp:
            return
        else:
            checks[place] = read_check(reply, draft, asked.shown)

    async def _replied(self, caller: Caller, asked: Asked) -> Completion:
        """Return a reply, from the log where it stands there; secrets are taken out before anything else."""
        address = caller.address(asked.request, asked.prompt.digest)
        known = self.log.find(address)
        if known is not None:
            self.reused += 1
            return known
        answer = await caller.ask(asked.request, asked.prompt.digest, address=address)
        self.reused += answer.cached
        reply = answer.completion.model_copy(update={"text": self.redactor.text(answer.completion.text)})
        self.log.keep(address, reply)
        return reply

    def _looked_up(self, caller: Caller, asked: Asked, count: Count) -> Completion | None:
        if asked.shown.too_long is not None:
            return trial_completion(asked.prompt, None)  # it is never sent, and holds nothing
        known = self.log.find(caller.address(asked.request, asked.prompt.digest))
        if known is not None:
            count.stored += 1
            return known
        known = caller.find(asked.request, asked.prompt.digest)
        if known is None:
            count.characters.append(_characters(asked))
            return None
        count.cached += 1
        return known


async def _all(
    engine: Engine, work: Callable[[Item], Awaitable[None]], items: Sequence[Item], concurrency: int
) -> None:
    try:
        await engine.run(work, items, concurrency)
    except BaseExceptionGroup as group:
        raise first_fault(group) from None


def _check_name(place: int) -> str:
    return f"check-{place}"


def _characters(asked: Asked) -> int:
    return sum(len(message.content) for message in asked.request.messages)


def _unheard(seed: Seed, reason: str, reply: str = "") -> Unheard:
    return Unheard(
        how=seed.how, source=seed.source, wanted=seed.count, reason=reason[:500], reply=reply[:SHOWN]
    )


def _rejected(draft: Draft, kind: Rejection, reason: str) -> Rejected:
    seed = draft.seed
    return Rejected(how=seed.how, source=seed.source, kind=kind, reason=reason[:500], text=draft.text[:SHOWN])


def _canary(draft: Draft, canaries: Mapping[str, str]) -> str | None:
    """Return the set whose canary stands in a draft."""
    whole = Completion(text="\n".join([draft.text, draft.target or ""]))
    found = canaries_in([Result(sample_id="draft", completion=whole)], canaries)
    return found[0].evalset if found else None


def _text(sample: Sample, written: Sequence[str]) -> str:
    return joined({name: sample.inputs[name] for name in written if name in sample.inputs}) or ""


def _beside(sample: Sample, written: Sequence[str]) -> str:
    return joined({name: value for name, value in sample.inputs.items() if name not in written}) or ""


def _beside_draft(draft: Draft, written: Sequence[str], passage_in: str | None) -> str:
    seed = draft.seed
    if seed.passage is not None:
        return "" if passage_in is None else seed.passage.text
    return "" if seed.sample is None else _beside(seed.sample, written)
