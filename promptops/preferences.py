"""The verbs of preferences: which of two runs a pairwise judge holds to be better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promptops.batched import Batched
from promptops.budget import Budget
from promptops.errors import NotComparable, UsageError
from promptops.evaluation import Evaluation
from promptops.eventloop import wait_for
from promptops.families import kinship
from promptops.instruments import Preference
from promptops.judges.pairwise import Pairwise
from promptops.models import build_metric, is_pairwise, refuse_unlisted_metric
from promptops.pairsummary import Hearing, Pair, summed_up
from promptops.parts import refuse_chosen, whole_digest
from promptops.preference import Bench, Scores, told_before
from promptops.types import MetricSpec, Run


class Preferences(Batched):
    """Two runs before a judge that sees both answers."""

    def prefer(
        self,
        baseline: str,
        candidate: str,
        *,
        judge_model: str | None = None,
        concurrency: int | None = None,
        cache: bool = True,
        budget: Budget | None = None,
    ) -> Preference:
        """Let a pairwise judge say which of two runs is better, in both orders; stored says are reused.

        What it replied is known by its content address, in whatever direction and of whatever runs; what
        could not be read or got no answer is asked again, and without `cache` everything. The judge is the
        set's pairwise metric where it declares one, else the shipped one. Where a `budget` runs out, the
        figures are those of the pairs up to there. Raises UsageError where no judge model is named.
        """
        work = self._evaluation(concurrency, cache=cache, watch=None, budget=budget)
        bench, pairs, answerers = self._bench(work, baseline, candidate, judge_model, anew=not cache)
        scores = wait_for(bench.decide(pairs, work.concurrency))
        found = self._preference(bench.hearing, pairs, scores, answerers)
        usage = work.usage
        return found.model_copy(
            update={
                "stopped": work.budget.stopped or None,
                "calls": usage.calls + usage.failed,
                "cost": None if usage.unpriced else usage.cost,
            }
        )

    def preference(self, baseline: str, candidate: str) -> Preference | None:
        """Return what a pairwise judge said of two runs before, the latest judge; None where none did.

        Nobody is asked.
        """
        if baseline.endswith(".jsonl"):
            return None
        first, second = self.run(baseline), self.run(candidate)
        before = told_before(self.store, first.id, second.id)
        if before is None:
            return None
        return self._preference(before[0], self._pairs(first, second), before[1], (first.model, second.model))

    def preferences(self, limit: int = 10) -> tuple[Preference, ...]:
        """Return what pairwise judges said of any two runs, the latest first. Nobody is asked."""
        found = (self.preference(first, second) for first, second in self.store.pair_runs(limit))
        return tuple(each for each in found if each is not None)

    def _preference(
        self, hearing: Hearing, pairs: Sequence[Pair], scores: Scores, answerers: Sequence[str]
    ) -> Preference:
        found = summed_up(hearing, pairs, scores)
        kin = kinship(hearing.label, [hearing.judge], answerers)
        return found.model_copy(update={"warnings": (*found.warnings, *kin)})

    def _bench(
        self,
        work: Evaluation,
        baseline: str,
        candidate: str,
        judge_model: str | None,
        *,
        anew: bool = False,
    ) -> tuple[Bench, list[Pair], tuple[str, str]]:
        """Check everything that a pairwise judge needs; return also the pairs and who answered."""
        if baseline.endswith(".jsonl"):
            raise UsageError(
                "A pairwise judge needs two runs: a baseline file may be without outputs. Name a run."
            )
        first, second = self.finished_run(baseline), self.finished_run(candidate)
        refuse_chosen(first, second)
        if whole_digest(first) != whole_digest(second):
            raise NotComparable("The runs answer different questions, so their answers can't be compared.")
        spec, folder = self._pairwise(second.evalset)
        judge = build_metric(
            spec, folder=folder, language="", judge_model=judge_model, settings=self.settings
        )
        if not isinstance(judge, Pairwise):
            raise UsageError(f"[metrics.{spec.label}] is no pairwise judge.")
        hearing = Hearing(spec.label, judge.model, judge.stand_in, first.id, second.id)
        bench = Bench(self.store, work.caller(judge.model), judge, hearing, anew)
        return bench, self._pairs(first, second), (first.model, second.model)

    def _pairwise(self, evalset: str) -> tuple[MetricSpec, Path]:
        """Return the set's own pairwise metric, or the shipped one where the set has none or is gone."""
        if evalset in self.evalsets():
            folder = self.evalset_folder(evalset)
            for spec in self.evalset(folder).metrics:
                refuse_unlisted_metric(spec, self.settings)
                if is_pairwise(spec):
                    return spec, folder
        return MetricSpec(label="preference", metric="pairwise"), self.root

    def _pairs(self, first: Run, second: Run) -> list[Pair]:
        samples = {sample.id: sample for sample in self.store.snapshot_samples(second.evalset_digest)}
        before = {
            (result.sample_id, result.repeat): result.completion for result in self.store.results(first.id)
        }
        pairs: list[Pair] = []
        for result in self.store.results(second.id):
            old = before.get((result.sample_id, result.repeat))
            if old is not None and result.completion is not None:
                pairs.append(Pair(samples[result.sample_id], result.repeat, old, result.completion))
        return pairs
