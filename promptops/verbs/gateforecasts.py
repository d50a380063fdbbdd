"""The verbs that tell what a gate will take, after the same checks; nobody is asked."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast, Part
from promptops.errors import UsageError
from promptops.gate.followers import first_of, first_stage, seed_of
from promptops.gate.readiness import Ready
from promptops.runs.evaluation import Evaluation
from promptops.verbs.forecasts import Forecasts
from promptops.verbs.pairgates import Asking, pair_rules, refuse_unfit, spec_of


class GateForecasts(Forecasts):
    """What will a gate take?"""

    def forecast_gate(
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
        concurrency: int | None = None,
        cache: bool = True,
        cassette: str | Path | None = None,
        judge_model: str | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `gate_prompt` with the same arguments would take, as `forecast` does.

        That is at most, where it may stop early.
        """
        work = self._dry(concurrency, cache, budget, cassette)
        ready = self._ready_gate(
            work, evalset, prompt, model, baseline, repeats, judge_model, early_stop, first, extend
        )
        work.check_recorded([ready.draft], ready.evalset.samples)
        samples, notes = ready.evalset.samples, []
        if early_stop:
            notes.append(
                "That is at most: --early-stop asks no more once it is certain. What it takes on average: "
                f"promptops plan {ready.evalset.name}"
            )
        elif first is not None or extend:
            kept: dict[str, JsonValue] = {
                "seed": seed_of(ready.draft, seed),
                "first": first_of(first, len(samples)),
            }
            samples = first_stage(ready.draft, samples, kept).order
            left = len(ready.evalset.samples) - len(samples)
            then = "are asked where these leave it open" if extend else "can be asked later"
            notes.append(f"That is for the first {len(samples):,} samples; the other {left:,} {then}.")
        parts = self._anchor_parts(work, ready.evalset, ready.folder, [ready.draft])
        parts += self._parts(work, ready.draft, samples)
        if len(samples) == len(ready.evalset.samples):
            parts += self._pair_parts(work, ready, judge_model)
        elif pair_rules(ready.evalset):
            notes.append("The judge of pairs is asked once all samples are; that comes on top.")
        return self._forecast(work, ready.evalset.name, len(samples), repeats, parts, notes)

    def forecast_gate_run(
        self,
        evalset: str | Path,
        *,
        run: str = "latest",
        baseline: str | None = None,
        judge_model: str | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `gate_run` with the same arguments would take, as `forecast` does.

        Raises UsageError where no rule is about pairs: then nobody is asked.
        """
        if not pair_rules(self.evalset(self.evalset_folder(evalset))):
            raise UsageError("--dry-run goes with --prompt; to judge a stored run nobody is asked.")
        work = self._dry(concurrency, cache, budget, None)
        matter = self._to_decide(evalset, run, baseline)
        found, chosen = matter.found, matter.candidate
        if chosen.status != "finished":
            raise UsageError(
                f"Run {chosen.id} is {chosen.standing}, so that its judge of pairs is not asked yet. What "
                f"its other samples take: promptops resume {chosen.id} --dry-run"
            )
        asking = Asking(work, judge_model)
        contest = self._contest(found, matter.folder, chosen, matter.against, asking=asking)
        refuse_unfit(found, matter.folder, contest.label, contest.judge)
        part = self._contest_part(work, contest)
        spec = spec_of(found, contest.label)
        parts = [*self._pair_anchor_parts(work, spec, matter.folder, contest.judge, part), part]
        return self._forecast(work, found.name, chosen.samples, chosen.repeats, parts)

    def _pair_parts(self, work: Evaluation, ready: Ready, judge_model: str | None) -> list[Part]:
        """Return the calls of a judge of pairs about answers that are not there yet."""
        ahead = self._pairs_ahead(work, ready.evalset, ready.folder, ready.against, ready.draft, judge_model)
        if ahead is None:
            return []
        bench, count = ahead
        places = ready.draft.samples * ready.draft.repeats
        part = bench.taking(count, places, self._usual_answers(ready.draft).tokens_out)
        spec = spec_of(ready.evalset, bench.hearing.label)
        return [*self._pair_anchor_parts(work, spec, ready.folder, bench.judge, part), part]
