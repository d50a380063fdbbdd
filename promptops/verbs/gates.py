"""The verbs of gates: evaluate a prompt against the accepted baseline, and decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.sides import Loaded, load_accepted, load_baseline, load_run
from promptops.analysis.summary import Side, tally
from promptops.calls.budget import Budget
from promptops.calls.models import rebuild_metric
from promptops.errors import UsageError
from promptops.gate.followers import (
    at_look,
    first_of,
    first_stage,
    relative_to,
    seed_of,
    settled,
    stopper_of,
    told_how_to_go_on,
)
from promptops.gate.ratings import Rated
from promptops.gate.readiness import Ready, refuse_unmeasured
from promptops.gate.stopper import InOrder
from promptops.runs.endings import cut_short
from promptops.runs.evaluation import Evaluation
from promptops.runs.progress import Watch
from promptops.runs.sameaccount import on_same_account
from promptops.runs.tasks import Follower
from promptops.types import EvalSet, Result, Run, Sample
from promptops.verbs.decisions import Decisions
from promptops.verbs.pairgates import Asking, pair_rules, refuse_unasked
from promptops.verdicts import Verdict


class Gates(Decisions):
    """May this version pass?"""

    def gate_prompt(
        self,
        evalset: str | Path,
        prompt: str | Path,
        model: str | None = None,
        *,
        baseline: str | None = None,
        repeats: int = 1,
        early_stop: bool = False,
        first: int | None = None,
        extend: bool = False,
        seed: int = 0,
        look: int | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        cassette: str | Path | None = None,
        judge_model: str | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Verdict:
        """Evaluate a prompt on a set and decide by its rules; whatever can be refused is, before a call.

        With `early_stop` samples are asked in an order that is drawn from the set, the prompt, the model and
        `seed`, until the verdict is certain. With `first` the first so many in that order are asked, and
        decide if they can; with `extend` all others too where they can't (`first` is then half of them by
        default).
        `look` says how often the same was gated by now: see `gate`. Where a `budget` runs out, a run with
        `early_stop` is decided by its first samples; any other one CANNOT_MEASURE until `resume` has finished
        it, as the samples that were answered by then are no fair part of the set. Raises what `evaluate` and
        `gate` raise.
        """
        work = self._evaluation(concurrency, cache, watch, cassette, budget)
        ready = self._ready_gate(
            work, evalset, prompt, model, baseline, repeats, judge_model, early_stop, first, extend
        )
        found, draft, against, pairing = ready.evalset, ready.draft, ready.against, ready.pairing
        asking = self._asking_pairs(work, found, judge_model)
        self.store.save_evalset(found)
        if not early_stop and first is None and not extend:
            work.check_recorded([draft], found.samples)
            run = self._begun(work, ready)
            work.carry_out([work.task(run, found.samples)])
            run = self.run(run.id)
            if run.status != "finished":
                return cut_short(run, against, look)
            return self._decided(evalset, run=run.id, baseline=against, look=look, asking=asking)
        chosen = seed_of(draft, seed)
        kept: dict[str, JsonValue] = {
            "seed": chosen,
            "baseline": relative_to(against, self.root),
            "look": look,
        }
        follower: InOrder
        if early_stop:
            follower = stopper_of(pairing, at_look(found, look), chosen)
        else:
            kept |= {"first": first_of(first, len(found.samples)), "settled": settled(found, against)}
            follower = first_stage(draft, found.samples, kept)
        run = self._begun(work, ready, early_stop=kept)
        with told_how_to_go_on(run, extend=extend):
            work.carry_out([work.task(run, follower.order, follower=follower)])
            verdict = self._decided(evalset, run=run.id, baseline=against, asking=asking)
            if not extend or verdict.stopping is None or not verdict.stopping.left_open:
                return verdict
            self.resume(
                run.id, concurrency=concurrency, cache=cache, cassette=cassette, budget=budget, watch=watch
            )
            return self._decided(evalset, run=run.id, baseline=against, asking=asking)

    def _begun(self, work: Evaluation, ready: Ready, **kept: JsonValue) -> Run:
        """Write down the run of a gate."""
        found, drafts, against = ready.evalset, [ready.draft], ready.against
        specs = self._run_specs(found)
        return self._started(work, found, ready.folder, specs, drafts, against=against, **kept)[0]

    def _ready_gate(
        self,
        work: Evaluation,
        evalset: str | Path,
        prompt: str | Path,
        model: str | None,
        baseline: str | None,
        repeats: int,
        judge_model: str | None,
        early_stop: bool,
        first: int | None,
        extend: bool,
    ) -> Ready:
        """Check everything that a gate on a prompt needs; nothing is stored and nobody asked."""
        if early_stop and (first is not None or extend):
            raise UsageError("An early stop asks on by itself until it is certain; it has no first stage.")
        self.check_gate(evalset, baseline=baseline)
        if early_stop and self.evalset(self.evalset_folder(evalset)).shifts:
            raise UsageError("A rule on a shift or on pairs looks at all outputs: leave --early-stop out.")
        models = [model] if model else []
        found, (draft,) = self._prepared(work, evalset, [prompt], models, repeats, judge_model)
        folder = self.evalset_folder(evalset)
        against = self._against(folder, baseline)
        watched = [spec.label for spec in found.metrics if spec.check_anchors]
        self._refuse_void(found, folder, draft, against, watched)
        self._refuse_pairless(work, found, folder, against, judge_model)
        rated = Rated(folder, found, relative_to(against, self.root))
        if rated.rules:
            rated.refuse(self._accepted(against, found.samples), draft, str(prompt))
        pairing = self._unanswered(draft, tuple(found.samples), against)
        refuse_unmeasured(found, pairing, against)
        if first is not None or extend:
            first_of(first, len(found.samples))
        return Ready(found, folder, draft, against, pairing)

    def gate_on(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Verdict:
        """Decide a run that was gated in stages; where its first stage left that open, ask the others first.

        One that was interrupted goes on. Raises UsageError for a run that was not started in stages: what a
        second look may spend must be settled before the first.
        """
        chosen = self.run(run if run != "latest" else self._newest_whole(self.evalset(evalset).name))
        if "first" not in (self._early(chosen.id) or {}):
            raise UsageError(
                f"Run {chosen.id} was not started in two stages, so nothing of its alpha was kept for more "
                f"samples. Start the next one so: promptops gate {chosen.evalset} --prompt PROMPT --first "
                f"{max(chosen.samples // 2, 1)}"
            )
        found = self.evalset(self.evalset_folder(evalset))
        asking = self._asking_pairs(
            self._evaluation(concurrency, cache=True, watch=watch, budget=budget), found, judge_model
        )
        if asking is None:
            refuse_unasked(judge_model)
        with told_how_to_go_on(chosen, extend=True):
            if chosen.status not in ("stopped", "finished"):
                self.resume(chosen.id, concurrency=concurrency, budget=budget, watch=watch)
            verdict = self._decided(evalset, run=chosen.id, baseline=baseline, asking=asking)
            if verdict.stopping is None or not verdict.stopping.left_open:
                return verdict
            self.resume(chosen.id, concurrency=concurrency, budget=budget, watch=watch)
            return self._decided(evalset, run=chosen.id, baseline=baseline, asking=asking)

    def gate_run(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        look: int | None = None,
        judge_model: str | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Verdict:
        """Decide a stored run as `gate` does; a judge of pairs is first asked what is missing of them.

        What was judged before is not asked again, but without `cache`. Raises UsageError where a model or a
        limit is named and no rule asks a judge.
        """
        found = self.evalset(self.evalset_folder(evalset))
        work = self._evaluation(concurrency, cache, watch, budget=budget)
        asking = self._asking_pairs(work, found, judge_model)
        if asking is None:
            refuse_unasked(judge_model, cache=cache, limited=work.budget.limited)
        return self._decided(evalset, run=run, baseline=baseline, look=look, asking=asking)

    def _asking_pairs(self, work: Evaluation, found: EvalSet, judge_model: str | None) -> Asking | None:
        """Return what a judge of pairs is asked with; None where no rule is about pairs."""
        if not pair_rules(found):
            return None
        return Asking(on_same_account(work, watch=work.watch), judge_model)

    def _follower(self, run: Run, samples: Sequence[Sample], stored: Iterable[Result]) -> Follower | None:
        """Return who watches the rest of a run that may stop early; None where all of it is wanted."""
        early = self._early(run.id)
        if early is None or run.status == "stopped":
            return None
        if "first" in early:
            stage = first_stage(run, samples, early)
            for result in stored:
                stage.add(result)
            return stage
        look = early.get("look")
        evalset = self.evalset(self.evalset_folder(run.evalset))
        evalset = at_look(evalset, look if isinstance(look, int) else None)
        pairing = self._unanswered(run, samples, self._begun_against(run, early))
        stopper = stopper_of(pairing, evalset, str(early["seed"]))
        for result in stored:
            stopper.add(result)
        return stopper

    def _unanswered(self, run: Run, samples: Sequence[Sample], against: str) -> Pairing:
        """Pair a run that has not asked anything yet with its baseline; raises NotComparable at no cost."""
        metrics = {record.label: rebuild_metric(record) for record in run.metrics}
        if against.endswith(".jsonl"):
            first = load_baseline(Path(against), samples, metrics, run)
        else:
            first = load_run(self.store, self.finished_run(against), tuple(samples))
        return pair(first.side, Side(run, tally(samples, [], run.metrics)), metrics)

    def _accepted(self, against: str, samples: Sequence[Sample]) -> Loaded:
        """Read a baseline by itself."""
        if against.endswith(".jsonl"):
            return load_accepted(Path(against), samples)
        return load_run(self.store, self.finished_run(against))
