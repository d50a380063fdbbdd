"""The verbs that tell what a command will take, after the same checks; nobody is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from promptops import plugins
from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast, Part, Usual, Wanted, forecast_of, part_of, untimed
from promptops.calls.models import open_model, rebuild_metric
from promptops.calls.prices import ListPrice, price_of_model, read_prices
from promptops.calls.tokenlimit import token_limit
from promptops.engines import Engine
from promptops.judges import Judge, asked_models
from promptops.prompts.templates import Renderer
from promptops.providers import ProviderSettings
from promptops.replay.recorded import refuse_other_cassette
from promptops.runs.calling import Outlook
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.ledger import StoredLedger
from promptops.runs.submissions import HandedIn
from promptops.sets.selection import Selection
from promptops.texts.figures import dollars
from promptops.types import EvalSet, MetricSpec, Run, Sample
from promptops.verbs.replays import Replays

HISTORY = 200
"""Newest runs that are looked through for what calls usually take."""
FIRST_STAGE = "the first stage; the other samples are asked where it leaves the verdict open"
BATCHED = "In a batch: the server answers in its own time, within a day; judges are asked when it has."
CANCELLED = "That is at most: what {} answered before it was cancelled is brought first."
AGAIN = "If its server has forgotten {}, its {} are made, and paid for, once more: only the server knows."


class Forecasts(Replays):
    """What will it take?"""

    def forecast(
        self,
        evalset: str | Path,
        prompts: Sequence[str | Path],
        models: Sequence[str] = (),
        *,
        repeats: int = 1,
        concurrency: int | None = None,
        cache: bool = True,
        cassette: str | Path | None = None,
        judge_model: str | None = None,
        select: Selection | None = None,
        budget: Budget | None = None,
        batch: bool = False,
    ) -> Forecast:
        """Return what `evaluate` with these arguments would take; raises what it raises before a call.

        Nobody is asked and nothing is stored. Figures come from the usage of earlier runs where there are
        any, and say so; what is unknown is None. What a `cassette` holds counts as cached; raises
        NotRecorded with all that it does not hold. With `batch`, what `submit` would take.
        """
        work = self._dry(concurrency, cache, budget, cassette)
        found, drafts = self._prepared(
            work, evalset, self.prompt_files(prompts), models, repeats, judge_model, select
        )
        work.check_recorded(drafts, found.samples)
        parts = [] if batch else self._anchor_parts(work, found, self.evalset_folder(evalset), drafts)
        parts += [part for draft in drafts for part in self._parts(work, draft, found.samples, batch=batch)]
        notes = [BATCHED] if batch else []
        forecast = self._forecast(work, found.name, len(found.samples), repeats, parts, notes, batch=batch)
        forecast = _as_a_part(forecast, drafts[0])
        return untimed(forecast) if batch else forecast

    def forecast_resume(
        self,
        reference: str,
        *,
        concurrency: int | None = None,
        retry_errors: bool = False,
        everything: bool = False,
        cache: bool = True,
        cassette: str | Path | None = None,
        budget: Budget | None = None,
        live: bool = False,
        again: bool = False,
    ) -> Forecast:
        """Return what `resume` with the same arguments would take, as `forecast` does.

        Of a run in batches, what `collect` would: at their prices, and without a call for what is handed in
        by what is written down here; with `live` the rest at the prices of direct calls. With `again` a note
        tells what would be paid for once more if its server has forgotten it: that only the server knows.
        """
        run = self.run(reference)
        if retry_errors:
            self._refuse_to_retry(run)
        work = self._dry(concurrency, cache and self._may_use_cache(run.id), budget, cassette)
        refuse_other_cassette(run.id, self.store.run_config(run.id).get("cassette"), work.cassette)
        samples: Sequence[Sample] = self.store.kept_samples(run.evalset_digest)
        answers = run.parent is None or retry_errors
        asked = [model for judge in _judges(run).values() for model in judge.models]
        for name in [*([run.model] if answers else []), *asked]:
            work.caller(name)
        work.refuse_other_servers(run)
        notes = []
        follower = None if everything else self._follower(run, samples, ())
        if follower is not None:
            part = len(follower.order) < len(samples)
            samples = follower.order
            notes.append(
                f"That is for {FIRST_STAGE}." if part else "That is at most: the run may stop early."
            )
        batch = self.is_batched(run.id) and not live
        known = [each for each in self.batches(run.id) if each.open]
        out = [each for each in known if each.event == "handed_in"]
        # What failed is handed in anew only once no batch is out.
        anew = retry_errors and not out
        parts = self._parts(
            work, run, samples, stored=True, retry_errors=anew, answers=answers, batch=batch, out=out
        )
        notes += [BATCHED] if batch else []
        notes += [CANCELLED.format(each.id) for each in known if each.event == "cancelled"]
        notes += [AGAIN.format(each.id, _how_many(each.requests)) for each in known if again]
        found = self._forecast(work, run.evalset, len(samples), run.repeats, parts, notes, batch=batch)
        found = _as_a_part(found, run)
        return untimed(found) if batch else found

    def forecast_preference(
        self,
        baseline: str,
        candidate: str,
        *,
        judge_model: str | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `prefer` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        called = self._called(work, baseline, candidate, judge_model, anew=not cache)
        bench, pairs = called.bench, called.opposed.pairs
        part = bench.taking(wait_for(bench.counted(pairs)), len(pairs))
        evalset, samples = self.run(candidate).evalset, {pair.sample.id for pair in pairs}
        repeats = len({pair.repeat for pair in pairs}) or 1
        parts = [*self._pair_anchor_parts(work, called.spec, called.folder, bench.judge, part), part]
        return self._forecast(work, evalset, len(samples), repeats, parts)

    def prices(self) -> tuple[ListPrice, ...]:
        """Return the project's prices, then the shipped ones; the first that fits a model counts."""
        return read_prices(self.root)

    def price(self, model: str) -> ListPrice | None:
        """Return what counts for one model where it is asked now; None where its price is unknown."""
        opened = open_model(model, self.settings, self.environment, self.root)
        if opened.free:
            return ListPrice(model=(model,), price_in=0.0, price_out=0.0, source="rules of ours")
        written = self.settings.providers.get(model.partition("/")[0], ProviderSettings())
        return price_of_model(written, model, opened.origin, read_prices(self.root))

    def _dry(
        self, concurrency: int | None, cache: bool, budget: Budget | None, cassette: str | Path | None
    ) -> Evaluation:
        """Return what checks everything, and starts no engine: nobody is asked."""
        plugins.find("engines", self.settings.engine, Engine)  # type: ignore[type-abstract]
        work = self._evaluation(concurrency, cache, None, cassette, budget)
        work.settings = work.settings.model_copy(update={"engine": "local"})
        return work

    def _forecast(
        self,
        work: Evaluation,
        evalset: str,
        samples: int,
        repeats: int,
        parts: Sequence[Part],
        notes: Sequence[str] = (),
        *,
        batch: bool = False,
    ) -> Forecast:
        found = forecast_of(evalset, samples, repeats, work.concurrency, parts, notes)
        more = []
        limit, most = work.budget.max_calls, work.budget.max_cost
        if limit is not None and found.calls > limit:
            more.append(f"--max-calls {limit:,} would end it before.")
        if most is not None and found.cost is not None and found.cost > most:
            more.append(f"--max-cost {most:g} would end it before.")
        # A batch tries nothing again; of its run only judges are asked by calls.
        if any(part.calls and (part.kind == "judge" or not batch) for part in parts):
            more.append(f"Retries{' of judges' if batch else ''} come on top.")
        return found.model_copy(update={"notes": (*found.notes, *more)})

    def _parts(
        self,
        work: Evaluation,
        run: Run,
        samples: Sequence[Sample],
        *,
        stored: bool = False,
        retry_errors: bool = False,
        answers: bool = True,
        batch: bool = False,
        out: Sequence[HandedIn] = (),
    ) -> list[Part]:
        """Return a run's calls by kind: its answers, then each judge's; `out` are batches that have some."""
        judges = _judges(run)
        outlook = Outlook(
            run=run,
            samples=samples,
            caller=(work.batch_caller(run.model)[0] if batch else work.caller(run.model))
            if answers
            else None,
            judges=judges,
            judge_callers=work.judge_callers(judges),
        )
        if stored:
            outlook.ledger = StoredLedger(self.store, run, retry_errors, parents_answers=True)
        known = [each.requests for each in out if each.requests is not None]
        # Of one that was only found in its server's list nobody knows how many it has: the most is taken.
        outlook.handed_in = sum(known) if len(known) == len(out) else len(samples) * run.repeats
        with Renderer() as renderer:
            answered, judged = wait_for(outlook.counted(renderer))
        places = len(samples) * run.repeats
        usual = self._usual_answers(run)
        parts: list[Part] = []
        if outlook.caller is not None:
            wanted = Wanted(
                kind="answers",
                name=run.prompt_ref,
                model=run.model,
                places=places,
                stored=answered.stored,
                cached=answered.cached,
                characters=answered.characters,
                limit=token_limit((run.prompt,), outlook.caller),
            )
            part = part_of(wanted, outlook.caller.model, usual)
            if out:
                many = sum(known) if len(known) == len(out) else len(answered.handed_in)
                theirs = replace(wanted, characters=answered.handed_in)
                priced = part_of(theirs, work.batch_caller(run.model)[0].model, usual)
                cost = priced.cost if priced.calls == many else None
                more = {"handed_in": many, "handed_in_cost": cost}
                part = part.model_copy(update={**more, "notes": (*part.notes, _told_of(out, many, cost))})
            parts.append(part)
        for (label, model), count in judged.items():
            caller = outlook.judge_callers[label, model]
            wanted = Wanted(
                kind="judge",
                name=label,
                model=model,
                places=places,
                stored=count.stored,
                cached=count.cached,
                characters=count.characters + count.unseen,
                limit=token_limit(judges[label].prompts_at(model), caller),
                unseen=len(count.unseen),
                answer=usual.tokens_out,
            )
            part = part_of(wanted, caller.model, self._usual_judgements(run, label))
            parts.append(with_outlook(part, judges[label]))
        return parts

    def _anchor_parts(
        self, work: Evaluation, found: EvalSet, folder: Path, drafts: Sequence[Run]
    ) -> list[Part]:
        """Return what is asked at the start of runs; a storey above knows of anchors."""
        return []

    def _pair_anchor_parts(
        self, work: Evaluation, spec: MetricSpec, folder: Path, judge: Judge, part: Part
    ) -> list[Part]:
        """Return what comes before the calls of a judge of pairs; a storey above knows of anchors."""
        return []

    def _usual_answers(self, run: Run) -> Usual:
        """Return what an answer usually takes: of the same prompt and model, else of the model on the set."""
        runs = [each for each in self.runs(limit=HISTORY) if each.model == run.model and each.done]
        same = [each for each in runs if each.prompt.digest == run.prompt.digest]
        near = [each for each in runs if each.evalset == run.evalset]
        best = [each for each in same if each.evalset == run.evalset] or same or near
        for each in best[:3]:
            taken = self.store.taken(each.id).get("answer")
            if taken is not None:
                return Usual.of(taken, f"run {each.id}", same=bool(same))
        return Usual()

    def _usual_judgements(self, run: Run, label: str) -> Usual:
        """Return what a judge's call usually takes, from runs with the same judge.

        Where several models answer, it is a mean over all: an estimate of tokens, and no cost.
        """
        wanted = {record.label: record for record in run.metrics}[label]
        one = len(asked_models(wanted.options)) == 1
        for each in self.runs(limit=HISTORY):
            same = [record.label for record in each.metrics if record.signature == wanted.signature]
            taken = self.store.taken(each.id).get(f"judge:{same[0]}") if same and each.done else None
            if taken is not None:
                usual = Usual.of(taken, f"run {each.id}", same=one)
                return usual if one else replace(usual, cost=None)
        return Usual()


def _as_a_part(found: Forecast, run: Run) -> Forecast:
    """Return a forecast that tells of how many samples a run asks a part."""
    return found if run.part is None else found.model_copy(update={"of_samples": run.part.samples})


def _told_of(out: Sequence[HandedIn], count: int, cost: float | None) -> str:
    """Say what is handed in already, and what it costs whether it is brought or not."""
    which = ", ".join(f"{each.id} of {each.at[:16].replace('T', ' ')}" for each in out)
    price = "unknown" if cost is None else f"about {dollars(cost)} at the prices of a batch"
    return (
        f"{count:,} requests are handed in already ({which}): no call is made for them. Their cost is "
        f"{price}."
    )


def with_outlook(part: Part, judge: Judge) -> Part:
    """Return a judge's calls with what it says itself of how many they are, where there are any."""
    if not judge.outlook or not part.calls:
        return part
    return part.model_copy(update={"notes": (*part.notes, f"{part.name}: {judge.outlook}")})


def _judges(run: Run) -> dict[str, Judge]:
    built = {record.label: rebuild_metric(record) for record in run.metrics}
    return {label: metric for label, metric in built.items() if isinstance(metric, Judge)}


def _how_many(requests: int | None) -> str:
    return "requests" if requests is None else f"{requests:,} requests"
