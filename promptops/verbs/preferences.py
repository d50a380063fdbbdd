"""The verbs of preferences: which of two runs a pairwise judge holds to be better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from promptops.calls.budget import Budget
from promptops.calls.models import build_metric, is_pairwise, refuse_unlisted_metric
from promptops.canonical import digest_of
from promptops.errors import NotComparable, UsageError
from promptops.gate.baselines import accepted, read_baseline, read_header
from promptops.instruments import Preference
from promptops.judges.pairwise import Pairwise
from promptops.judging.changes import pair_marks
from promptops.judging.families import kinship
from promptops.pairs.hearing import hear
from promptops.pairs.preference import Bench, Scores, told_before
from promptops.pairs.rules import PairRule
from promptops.pairs.summary import Hearing, Pair, summed_up
from promptops.runs.evaluation import Evaluation
from promptops.sets.parts import refuse_chosen, whole_digest
from promptops.store.rows import PairRow
from promptops.types import Completion, MetricSpec, Result, Run
from promptops.verbs.batched import Batched


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
        called = self._called(work, baseline, candidate, judge_model, anew=not cache)
        bench, opposed = called.bench, called.opposed
        anchors = self._anchors_first(work, called.spec, called.folder, [(bench, opposed.pairs)])
        scores = hear(work, bench, opposed.pairs)
        found = self._preference(bench.hearing, opposed, scores, bench.judge.signature)
        usage = work.usage
        return found.model_copy(
            update={
                "anchors": anchors,
                "stopped": work.budget.stopped or None,
                "calls": usage.calls + usage.failed,
                "cost": None if usage.unpriced else usage.cost,
            }
        )

    def preference(self, baseline: str, candidate: str) -> Preference | None:
        """Return what a pairwise judge said of two runs before, the latest judge; None where none did.

        `baseline` may be an accepted file with its outputs. Nobody is asked.
        """
        if baseline.endswith(".jsonl") and not read_header(Path(baseline)).outputs:
            return None
        opposed = self._opposed(baseline, candidate, finished=False)
        before = told_before(self.store, opposed.baseline, opposed.second.id)
        if before is None:
            return None
        hearing, signature, scores = before
        return self._preference(hearing, opposed, scores, signature)

    def preferences(self, limit: int = 10) -> tuple[Preference, ...]:
        """Return what pairwise judges said of any two runs, the latest first. Nobody is asked.

        A baseline that is a file goes by the file's name.
        """
        written = (
            (self._named_baseline(first, second), second) for first, second in self.store.pair_runs(limit)
        )
        found = ((first, self.preference(first, second)) for first, second in written if first is not None)
        return tuple(
            each.model_copy(update={"baseline": Path(first).name}) if first.endswith(".jsonl") else each
            for first, each in found
            if each is not None
        )

    def _named_baseline(self, baseline: str, candidate: str) -> str | None:
        """Return how a stored comparison's baseline is named; None for a file that is there no more."""
        if not baseline.startswith(FILE):
            return baseline
        evalset = self.run(candidate).evalset
        files = accepted(self.evalset_folder(evalset)) if evalset in self.evalsets() else []
        return next((str(path) for path in files if mark_of(read_baseline(path)[1]) == baseline), None)

    def _preference(self, hearing: Hearing, opposed: Opposed, scores: Scores, signature: str) -> Preference:
        found = summed_up(hearing, opposed.pairs, scores)
        kin = kinship(hearing.label, [hearing.judge], opposed.answerers)
        marks = self._pair_marks([(hearing, opposed.pairs)], opposed.second, signature)
        return found.model_copy(update={"warnings": (*found.warnings, *kin, *marks)})

    def _pair_marks(
        self, heard: Iterable[tuple[Hearing, Sequence[Pair]]], run: Run, signature: str
    ) -> tuple[str, ...]:
        """Say of each change of a judge how many of its verdicts are from before that."""
        folder, all_heard = self._set_of(run), list(heard)

        def stored() -> list[PairRow]:
            rows: list[PairRow] = []
            for hearing, pairs in all_heard:
                differ = {pair.place for pair in pairs if not pair.same}
                names = hearing.baseline, hearing.candidate, hearing.label
                found = self.store.pair_scores(*names, signature)
                rows += [row for place, row in found.items() if place in differ]
            return rows

        return () if folder is None else pair_marks(folder, all_heard[0][0].label, signature, stored)

    def _anchors_first(
        self,
        work: Evaluation,
        spec: MetricSpec,
        folder: Path,
        asking: Iterable[tuple[Bench, Sequence[Pair]]],
    ) -> str:
        """Judge the anchors of a watched judge where it is about to be asked, and return what that showed.

        A storey above knows of anchors.
        """
        return ""

    def _called(
        self,
        work: Evaluation,
        baseline: str,
        candidate: str,
        judge_model: str | None,
        *,
        anew: bool = False,
    ) -> Called:
        """Call a pairwise judge to two runs; everything that it needs is checked, and nobody asked."""
        opposed = self._opposed(baseline, candidate)
        first, second = opposed.first, opposed.second
        refuse_chosen(first, second)
        if whole_digest(first) != whole_digest(second):
            raise NotComparable("The runs answer different questions, so their answers can't be compared.")
        spec, folder = self._pairwise(second.evalset)
        judge = build_metric(
            spec, folder=folder, language="", judge_model=judge_model, settings=self.settings
        )
        if not isinstance(judge, Pairwise):
            raise UsageError(f"[metrics.{spec.label}] is no pairwise judge.")
        bench = Bench(self.store, work.caller(judge.model), judge, opposed.before(spec.label, judge), anew)
        self._refuse_unwatched_pairs(spec, folder, judge)
        return Called(bench, opposed, spec, folder)

    def _refuse_unwatched_pairs(self, spec: MetricSpec, folder: Path, judge: Pairwise) -> None:
        """Raise UsageError where a judge of pairs is to be watched that has no anchors."""
        if spec.check_anchors:
            self._refuse_unwatched(self.evalset(folder), folder, [spec], {spec.label: judge})

    def _pairwise(self, evalset: str) -> tuple[MetricSpec, Path]:
        """Return the set's own pairwise metric, or the shipped one where the set has none or is gone."""
        if evalset in self.evalsets():
            folder = self.evalset_folder(evalset)
            found = self.evalset(folder)
            ruled = {rule.metric for rule in found.shifts if isinstance(rule, PairRule)}
            # The judge that a rule of the gate is about goes first.
            for spec in sorted(found.metrics, key=lambda spec: spec.label not in ruled):
                refuse_unlisted_metric(spec, self.settings)
                if is_pairwise(spec):
                    return spec, folder
        return MetricSpec(label="preference", metric="pairwise"), self.root

    def _opposed(self, baseline: str, candidate: str, *, finished: bool = True) -> Opposed:
        """Lay a run's answers beside those of another one, or of an accepted file.

        Raises WithoutOutputsError for a file that was accepted so.
        """
        second = (self.finished_run if finished else self.run)(candidate)
        first, known_as, before = self._answers(baseline, finished=finished)
        samples = {sample.id: sample for sample in self.store.snapshot_samples(second.evalset_digest)}
        pairs: list[Pair] = []
        for result in self.store.results(second.id):
            answer = before.get((result.sample_id, result.repeat))
            if answer is not None and result.completion is not None:
                pairs.append(Pair(samples[result.sample_id], result.repeat, answer, result.completion))
        return Opposed(first, second, known_as, pairs)

    def _answers(
        self, baseline: str, *, finished: bool = True
    ) -> tuple[Run, str, dict[tuple[str, int], Completion]]:
        """Return a run or an accepted file, by what stored verdicts know it, and its answers.

        Raises WithoutOutputsError for a file that was accepted so.
        """
        before: Iterable[Result]
        if baseline.endswith(".jsonl"):
            if not read_header(Path(baseline)).outputs:
                raise WithoutOutputsError(
                    f"{Path(baseline).name} was accepted without outputs, so that a judge of pairs has "
                    "nothing to see. Name a run, or accept one with its outputs: promptops accept RUN"
                )
            first, before = read_baseline(Path(baseline))
            known_as = mark_of(before)
        else:
            first = (self.finished_run if finished else self.run)(baseline)
            before, known_as = self.store.results(first.id), first.id
        answers = {
            (each.sample_id, each.repeat): each.completion for each in before if each.completion is not None
        }
        return first, known_as, answers


@dataclass(frozen=True)
class Called:
    """A judge of pairs that is called to two runs."""

    bench: Bench
    opposed: Opposed
    spec: MetricSpec
    folder: Path
    """Of its set, or of the project where the shipped judge is called."""


class WithoutOutputsError(UsageError):
    """A baseline of which nobody kept what it answered."""


FILE = "file:"
"""How stored verdicts begin to name a baseline that is a file."""


def mark_of(results: Sequence[Result]) -> str:
    """Return by what verdicts know a baseline's file: its answers."""
    texts: list[JsonValue] = [
        [each.sample_id, each.repeat, each.completion.text] for each in results if each.completion is not None
    ]
    return f"{FILE}{digest_of(texts)[:32]}"


@dataclass(frozen=True)
class Opposed:
    """A run, or an accepted file, and a run, with each two answers to one sample."""

    first: Run
    second: Run
    baseline: str
    """By what stored verdicts know the first: a run's id, or the mark of a file."""
    pairs: list[Pair]

    @property
    def answerers(self) -> tuple[str, str]:
        """Who answered."""
        return self.first.model, self.second.model

    def before(self, label: str, judge: Pairwise) -> Hearing:
        """Return both before a judge."""
        return Hearing(label, judge.model, judge.stand_in, self.baseline, self.second.id)
