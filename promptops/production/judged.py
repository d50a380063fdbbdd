"""The verb that asks a judge about a sample of production's answers, and keeps what it said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast
from promptops.errors import UsageError
from promptops.judges import Judge
from promptops.judging.soundings import Heard, Listener, Sounding, sound
from promptops.judging.state import state_of
from promptops.production.checks import as_completion, as_sample
from promptops.production.monitor import JudgedRecords
from promptops.production.monitored import SINCE
from promptops.production.periods import chosen_records, spelled
from promptops.production.records import Record, RecordFilter, RecordScore
from promptops.production.relying import Relying
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.types import Card, EvalSet, Run

if TYPE_CHECKING:
    from promptops.store import Store

SAMPLE = 50
"""Answers that a judge is asked about, unless said otherwise."""


@dataclass
class RecordListener(Listener):
    """Keeps what a judge said as scores of records."""

    store: Store

    def keep(self, heard: Sequence[Heard]) -> None:
        """Store scores by the judge's label and signature."""
        at = spelled(datetime.now(UTC))
        self.store.add_record_scores(
            [
                RecordScore(
                    record=each.sample,
                    label=each.way,
                    signature=each.signature,
                    value=each.value,
                    unscored=None if each.value is not None else each.unscored or "no score",
                    at=at,
                )
                for each in heard
            ]
        )


@dataclass(frozen=True)
class _Asking:
    """A judge and the answers that it is to be asked about."""

    evalset: EvalSet
    label: str
    judge: Judge
    listener: RecordListener
    draft: Run
    answers: int
    """Of which the sample was drawn."""
    trust: str
    """How the judge's certificate stands."""
    why: str


class Judged(Relying):
    """Production, judged."""

    def judge_records(
        self,
        judge: str,
        prompt: str | None = None,
        *,
        since: str = SINCE,
        until: str | None = None,
        model: str | None = None,
        sample: int = SAMPLE,
        seed: int = 0,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
        now: datetime | None = None,
    ) -> JudgedRecords:
        """Ask a judge, `SET:LABEL`, about a random sample of answers, and keep its scores.

        Drawn by hashes of the records' ids: the same sample each time, and a larger one holds the smaller.
        What the judge said is not asked again. Raises UsageError and UnknownName before the first call.
        """
        work = self._evaluation(concurrency, True, watch, None, budget)
        wanted = self._answered(prompt, since, until, model, now)
        asking = self._asking(work, judge, wanted, sample, seed, judge_model)
        heard = asking.listener.heard
        known = len(heard)
        wait_for(sound(work, asking.draft, asking.listener))
        usage = work.usage
        return JudgedRecords(
            evalset=asking.evalset.name,
            label=asking.label,
            judge=" + ".join(asking.judge.models),
            signature=asking.judge.signature,
            certificate=asking.trust,
            why=asking.why,
            stand_in=asking.judge.stand_in,
            answers=asking.answers,
            sample=len(asking.listener.sounding.cases),
            known=known,
            scored=sum(each.value is not None for each in heard.values()),
            unscored=sum(each.value is None for each in heard.values()),
            calls=usage.calls + usage.failed,
            cost=None if usage.unpriced else usage.cost,
            stopped=work.budget.stopped or None,
        )

    def forecast_judge_records(
        self,
        judge: str,
        prompt: str | None = None,
        *,
        since: str = SINCE,
        until: str | None = None,
        model: str | None = None,
        sample: int = SAMPLE,
        seed: int = 0,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        now: datetime | None = None,
    ) -> Forecast:
        """Return what `judge_records` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, True, budget, None)
        wanted = self._answered(prompt, since, until, model, now)
        asking = self._asking(work, judge, wanted, sample, seed, judge_model)
        return self._forecast_heard(work, asking.draft, asking.listener)

    def _answered(
        self, prompt: str | None, since: str, until: str | None, model: str | None, now: datetime | None
    ) -> RecordFilter:
        moment = now or datetime.now(UTC)
        return self.with_known_prompt(
            chosen_records(now=moment, prompt=prompt, since=since, until=until, model=model, failed=False)
        )

    def _asking(
        self,
        work: Evaluation,
        judge: str,
        wanted: RecordFilter,
        sample: int,
        seed: int,
        judge_model: str | None,
    ) -> _Asking:
        """Check everything and draw the sample; nothing is asked."""
        name, _, label = judge.rpartition(":")
        if not name:
            raise UsageError(
                f"{judge!r} is no judge of an evaluation set. Write it as SET:LABEL, as in replies:quality."
            )
        if sample < 1:
            raise UsageError(f"A judge is asked about 1 answer or more, not {sample}.")
        folder = self.evalset_folder(name)
        evalset = self.evalset(folder)
        built = self._judge_of(evalset, label, folder, judge_model)
        if built.pairs or not built.shows_candidate:
            raise UsageError(f"{label!r} is a {type(built).__name__}, which grades no single answer.")
        chosen, answers = self._drawn(built, judge, wanted, sample, seed)
        cases = {each.id: (as_sample(each), as_completion(each).text) for each in chosen}
        sounding = Sounding("production", {label: built}, cases)
        (spec,) = (each for each in evalset.metrics if each.label == label)
        state = state_of(evalset, folder, spec, built)
        work.open_models(built.models)
        return _Asking(
            evalset,
            label,
            built,
            RecordListener(sounding, self._heard(sounding, built, label), self.record_store),
            self._asking_run(work, evalset, sounding, built, label, evalset.card),
            answers,
            state.state,
            state.why,
        )

    def _drawn(
        self, judge: Judge, name: str, wanted: RecordFilter, sample: int, seed: int
    ) -> tuple[list[Record], int]:
        """Return the first answers in the order of their hashes that the judge can be asked about."""
        ids = [each.id for each in self.record_store.record_figures(wanted)]
        found: list[Record] = []
        reason = "there is no answer in this time"
        for record_id in sorted(ids, key=lambda each: _lot(seed, each)):
            record = self.record_store.record(record_id)
            if record.output is None:
                continue
            asked, completion = as_sample(record), as_completion(record)
            unfit = judge.check(asked) or judge.not_asked(completion, asked)
            if unfit is None:
                found.append(record)
                if len(found) == sample:
                    break
            else:
                reason = f"an answer in production {unfit}"
        if not found:
            raise UsageError(f"{name!r} can be asked about no answer: {reason}.")
        return found, len(ids)

    def _heard(self, sounding: Sounding, judge: Judge, label: str) -> dict[tuple[str, str, int], Heard]:
        """Return what this judge said of these records before."""
        found: dict[tuple[str, str, int], Heard] = {}
        for name in sounding.cases:
            for score in self.record_store.record_scores(RecordFilter(id=name), label):
                if score.signature == judge.signature:
                    place = (label, name, 0)
                    found[place] = Heard(
                        key=sounding.key(place),
                        signature=judge.signature,
                        run=sounding.run,
                        sample=name,
                        way=label,
                        repeat=0,
                        value=score.value,
                        unscored=score.unscored or "",
                    )
        return found

    @staticmethod
    def _asking_run(
        work: Evaluation, evalset: EvalSet, sounding: Sounding, judge: Judge, label: str, card: Card
    ) -> Run:
        """Return the draft of a run that stands for the asking; it is never stored."""
        shown = EvalSet(name=evalset.name, card=card, metrics=(), samples=sounding.samples)
        work.check(shown, [], sounding.ways)
        return work.draft(shown, judge.prompt, "", judge.models[0], sounding.ways, {label: label}, 1)


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()
