"""The verbs by which a judge is watched: freeze anchors, judge them again, read what that showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.calls.call import Stopped
from promptops.calls.forecast import Forecast
from promptops.calls.models import remade_metric
from promptops.errors import NotMeasured, UsageError
from promptops.judges import Judge
from promptops.judging.anchors import (
    Anchor,
    Anchors,
    Freezing,
    Reading,
    anchors_file,
    append_reading,
    now,
    read_anchors,
    read_readings,
    readings_file,
    spread,
    write_anchors,
)
from promptops.judging.watched import Cases, Watchable, Watched, is_storable, trial_of_anchors
from promptops.pairs.anchors import facing_cases
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.types import EvalSet, Run, Sample
from promptops.verbs.certification import Certification
from promptops.verbs.judging import make_ready

if TYPE_CHECKING:
    from promptops.instruments import Drift
    from promptops.judging.drifting import AnchorCheck

FROZEN = 30
"""Cases that are frozen unless said otherwise."""


class Anchoring(Certification):
    """Judges over time."""

    def freeze_anchors(
        self,
        judge: str,
        *,
        runs: Sequence[str] = (),
        labelled: bool = False,
        renew: bool = False,
        count: int = FROZEN,
        seed: int = 0,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Anchors:
        """Freeze anchors of a judge, `SET:LABEL`: judge cases, and write them with their scores.

        They are drawn over the whole scale from runs' outputs (default: the latest's), or are the cases that
        people rated (`labelled`), or those that were frozen before (`renew`: take the judge as it is now).
        Each is judged now, never from the cache. Raises UsageError before a call; NotMeasured where too many
        have no score; Stopped.
        """
        watched, source = self._to_freeze(judge, judge_model, runs, labelled, renew, count, seed)
        date = now()
        work = self._evaluation(concurrency, False, watch, None, budget)
        said, _ = self._asked_about(work, watched, date)
        cases = [
            Anchor(sample=case.sample, output=case.output, other=case.other, score=score)
            for case in watched.cases
            if (score := said[case.id][0]) is not None
        ]
        _refuse_unread(said)
        record = watched.judge.record(watched.label, watched.label)
        anchors = Anchors(
            freezing=Freezing(
                evalset=watched.found.name,
                label=watched.label,
                judge=" + ".join(watched.judge.models),
                signature=watched.judge.signature,
                frozen_at=date,
                source=source,
                seed=seed,
                low=record.low,
                high=record.high,
                stand_in=watched.judge.stand_in,
            ),
            cases=tuple(cases),
        )
        _refuse_few(anchors.clusters, "have a score")
        write_anchors(anchors_file(watched.folder, watched.label), anchors)
        return anchors

    def check_judge(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> AnchorCheck:
        """Judge a judge's anchors again, never from the cache, and tell whether it has changed.

        The reading is added to the history beside the set, unless more than 5 % of the anchors have no score.
        Raises UsageError where there are no anchors, FileProblems for broken files, Stopped where the server
        refuses every call or the budget ends it: then nothing is kept.
        """
        watched, anchors = self._to_check(judge, judge_model)
        return self._read(self._evaluation(concurrency, False, watch, None, budget), watched, anchors)

    def forecast_freeze(
        self,
        judge: str,
        *,
        runs: Sequence[str] = (),
        labelled: bool = False,
        renew: bool = False,
        count: int = FROZEN,
        seed: int = 0,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `freeze_anchors` with the same arguments would take, as `forecast` does."""
        watched, _ = self._to_freeze(judge, judge_model, runs, labelled, renew, count, seed)
        return self._forecast_watched(self._dry(concurrency, False, budget, None), watched)

    def forecast_check(
        self,
        judge: str,
        *,
        judge_model: str | None = None,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `check_judge` with the same arguments would take, as `forecast` does."""
        watched, _ = self._to_check(judge, judge_model)
        return self._forecast_watched(self._dry(concurrency, False, budget, None), watched)

    def anchors(self, judge: str) -> Anchors | None:
        """Return a judge's anchors as they were frozen; None where there are none."""
        path = self.anchors_path(judge)
        return read_anchors(path) if path.is_file() else None

    def anchors_path(self, judge: str) -> Path:
        """Return the file of a judge's anchors, whether it is there or not."""
        return anchors_file(*self._place_of(judge))

    def readings(self, judge: str) -> tuple[Reading, ...]:
        """Return what a judge said of its anchors each time, the oldest first."""
        anchors = self.anchors(judge)
        return () if anchors is None else read_readings(readings_file(*self._place_of(judge)), anchors)

    def drift(self, judge: str) -> Drift | None:
        """Return each reading of a judge's anchors against the frozen scores; None where there are none.

        Of the judge as it is now; readings by another are counted.
        """
        from promptops.judging.drifting import drift_of

        anchors = self.anchors(judge)
        if anchors is None:
            return None
        _, _, built, label = self._certified(judge, None)
        record = built.record(label, label)
        return drift_of(anchors, self.readings(judge), built.signature, (record.low, record.high))

    def _read(self, work: Evaluation, watched: Watched, anchors: Anchors) -> AnchorCheck:
        """Judge anchors, keep the reading, and tell what it shows with those before."""
        from promptops.judging.drifting import found_in

        history = readings_file(watched.folder, watched.label)
        readings = read_readings(history, anchors)
        date = now()
        usage = work.usage
        before, lost, paid, unpriced = usage.calls, usage.failed, usage.cost, usage.unpriced
        said, replies = self._asked_about(work, watched, date)
        fresh = Reading(
            date=date,
            anchors=anchors.digest,
            signature=watched.judge.signature,
            judge=" + ".join(watched.judge.models),
            scores={key: score for key, (score, _) in said.items()},
        )
        record = watched.judge.record(watched.label, watched.label)
        reading, check = found_in(
            anchors, readings, fresh, (record.low, record.high), [why for _, why in said.values() if why]
        )
        if check.measured:
            append_reading(history, reading)
        return check.model_copy(
            update={
                "evalset": watched.found.name,
                "calls": usage.calls + usage.failed - before - lost,
                "failed": usage.failed - lost,
                "cost": usage.cost - paid if usage.unpriced == unpriced else None,
                "replies": str(replies),
                "stand_in": watched.judge.stand_in,
            }
        )

    def _asked_about(
        self, work: Evaluation, watched: Watched, date: str
    ) -> tuple[Mapping[str, tuple[float | None, str]], Path]:
        """Ask a judge about cases. Return each one's score, or why there is none, and the file of replies."""
        from promptops.judging.trials import Notebook, carry_out

        limit = work.budget.max_calls
        if limit is not None and limit - work.budget.calls < len(watched.cases):
            raise Stopped(
                f"--max-calls {limit} is not enough: {len(watched.cases)} anchors are judged, each by a call "
                "or more, and a part of them is no reading. Nobody was asked."
            )
        work.open_models(watched.judge.models)
        evalset, trial = trial_of_anchors(watched)
        work.check(evalset, [], {watched.label: watched.judge})
        place = f"{watched.found.name}.{watched.label}.{date[:23].replace(':', '')}.jsonl"
        path = self.root / ".promptops" / "anchors" / place
        make_ready(path, ignored=True)
        notebook = Notebook(trial, path)
        wait_for(carry_out(work, trial, self._trial_run(work, evalset, trial), notebook))
        if len(notebook.said) < len(trial.places):
            raise Stopped(
                f"{work.budget.stopped or 'The judge was stopped'}: it was asked about {len(notebook.said)} "
                f"of {len(trial.places)} anchors. A part of them is no reading, so nothing was kept; give it "
                "more room."
            )
        judge = watched.judge
        found = {
            key: (judge.value(said.score), said.score.unscored or "") for key, said in notebook.said.items()
        }
        return found, path

    def _to_check(self, judge: str, judge_model: str | None) -> tuple[Watched, Anchors]:
        found, folder, built, label = self._certified(judge, judge_model)
        return self._anchored(found, folder, built, label)

    def _anchored(self, found: EvalSet, folder: Path, built: Judge, label: str) -> tuple[Watched, Anchors]:
        """Return a judge with its anchors. Raises UsageError where there are none, or too few of them."""
        path = anchors_file(folder, label)
        if not path.is_file():
            source = "--from OLD --from NEW" if built.pairs else "--from RUN"
            raise UsageError(
                f"{found.name}:{label} has no anchors. Freeze some: promptops judge freeze "
                f"{found.name}:{label} {source}"
            )
        anchors = read_anchors(path)
        _refuse_few(anchors.clusters, f"stand in {str(path)!r}")
        cases = [Watchable(case.sample, case.output, case.other) for case in anchors.cases]
        if any((case.other is None) == built.pairs for case in cases):
            what = "compares two outputs, and they hold one each" if built.pairs else "judges single outputs"
            raise UsageError(f"The anchors in {str(path)!r} are another judge's: {label} {what}.")
        return Watched(found, folder, built, label, cases), anchors

    def _to_freeze(
        self,
        judge: str,
        judge_model: str | None,
        runs: Sequence[str],
        labelled: bool,
        renew: bool,
        count: int,
        seed: int,
    ) -> tuple[Watched, str]:
        """Return the cases to be frozen and where they are from. Raises UsageError."""
        if sum((bool(runs), labelled, renew)) > 1:
            raise UsageError("Anchors come from runs, from labels, or are renewed: name one of the three.")
        found, folder, built, label = self._certified(judge, judge_model)
        path = anchors_file(folder, label)
        if renew:
            before = self._anchored(found, folder, built, label)[0]
            return before, "the anchors before"
        if path.exists():
            raise UsageError(
                f"{judge} has anchors already. Judge the same ones anew: promptops judge freeze {judge} "
                f"--renew. To draw others, take {str(path)!r} away first."
            )
        if built.pairs:
            cases, source = self._pairs_to_freeze(built, label, runs, labelled, count, seed)
            return Watched(found, folder, built, label, cases), source
        if labelled:
            held = self.labelling(judge)
            scored = [
                (held.samples[case.sample], case.output, sum(case.ratings.values()) / len(case.ratings))
                for case in held.cases
                if case.ratings
            ]
            source = "the labels of people"
        else:
            chosen = [self.run(reference) for reference in runs or ("latest",)]
            scored = [each for run in chosen for each in self._scored_outputs(run, found, label)]
            source = ", ".join(f"run {run.id}" for run in chosen)
        kept = [each for each in scored if is_storable(each[1])]
        cases = [Watchable(*case) for case in spread(kept, count, seed)]
        if len(cases) < count and not labelled:
            raise UsageError(
                f"There are outputs with a score to {len(cases)} samples, and {count} were to be frozen, one "
                f"of each. Freeze fewer: --cases {len(cases)}"
            )
        _refuse_few([case.sample.group or f"\0{case.sample.id}" for case in cases], "can be drawn")
        return Watched(found, folder, built, label, cases), source

    def _pairs_to_freeze(
        self, judge: Judge, label: str, runs: Sequence[str], labelled: bool, count: int, seed: int
    ) -> tuple[Cases, str]:
        """Return samples with two runs' outputs, over the whole scale where their verdicts are stored."""
        if labelled or len(runs) != 2:
            raise UsageError(
                f"{label!r} compares two outputs, so that its anchors are those of two runs: --from OLD "
                "--from NEW"
            )
        opposed = self._opposed(*runs)
        rows = self.store.pair_scores(opposed.baseline, opposed.second.id, label, judge.signature)
        cases = facing_cases(opposed, {place: row.score for place, row in rows.items()}, count, seed)
        if len(cases) < count:
            raise UsageError(
                f"The two runs answered {len(cases)} samples differently, and {count} were to be frozen, one "
                f"of each. Freeze fewer: --cases {len(cases)}"
            )
        _refuse_few([case.sample.group or f"\0{case.sample.id}" for case in cases], "can be drawn")
        return cases, f"runs {opposed.baseline} and {opposed.second.id}"

    def _scored_outputs(self, run: Run, found: EvalSet, label: str) -> list[tuple[Sample, str, float]]:
        """Return what a run's judge gave a score, with it."""
        metrics = {record.label for record in run.metrics}
        if run.evalset != found.name or label not in metrics:
            what = (
                f"is one of {run.evalset!r}" if run.evalset != found.name else f"has no scores of {label!r}"
            )
            raise UsageError(
                f"Run {run.id} {what}. Name another by --from: promptops runs --evalset {found.name}"
            )
        samples = {sample.id: sample for sample in self.store.snapshot_samples(run.evalset_digest)}
        scorer = remade_metric(next(each for each in run.metrics if each.label == label))
        scored = []
        for result in self.store.results(run.id):
            score = result.scores.get(label)
            value = None if score is None else scorer.value(score)
            if result.completion is not None and value is not None:
                scored.append((samples[result.sample_id], result.completion.text, value))
        return scored

    def _forecast_watched(self, work: Evaluation, watched: Watched) -> Forecast:
        work.open_models(watched.judge.models)
        evalset, trial = trial_of_anchors(watched)
        work.check(evalset, [], {watched.label: watched.judge})
        return self._forecast_trial(work, evalset, trial, trial.samples)

    def _place_of(self, judge: str) -> tuple[Path, str]:
        name, _, label = judge.rpartition(":")
        return self.evalset_folder(name), label


def _refuse_few(clusters: Sequence[str], where: str) -> None:
    from promptops.stats.drift import anchors_needed

    independent, needed = len(set(clusters)), anchors_needed()
    if independent < needed:
        raise UsageError(
            f"{independent} independent cases {where}, and fewer than {needed} can never raise an alarm. "
            "Freeze more."
        )


def _refuse_unread(said: Mapping[str, tuple[float | None, str]]) -> None:
    from promptops.judging.drifting import MOST_UNREAD

    reasons = [why for score, why in said.values() if score is None]
    if len(reasons) > MOST_UNREAD * len(said):
        raise NotMeasured(
            f"{len(reasons)} of {len(said)} cases got no score, so nothing was frozen. The first: "
            f"{reasons[0]}"
        )
