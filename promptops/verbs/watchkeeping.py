"""Judges that are watched: their anchors are judged at a run's start, and runs tell what that showed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from promptops.calls.forecast import Part
from promptops.calls.models import rebuild_metric
from promptops.errors import UsageError
from promptops.instruments import JudgeFacts
from promptops.judges import Judge
from promptops.judging.anchors import now
from promptops.judging.changes import Kept, marks
from promptops.judging.watched import trial_of_anchors
from promptops.metrics import Metric
from promptops.pairs.preference import Bench
from promptops.pairs.summary import Pair
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.sameaccount import on_same_account
from promptops.types import EvalSet, MetricSpec, Run
from promptops.verbs.generating import Generating

if TYPE_CHECKING:
    from promptops.judging.drifting import AnchorCheck


class Watchkeeping(Generating):
    """Judges whose sets declare `check_anchors`."""

    def judge_notes(
        self, reference: str, *, facts: Sequence[JudgeFacts] | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return sentences that belong beside the figures of a run's judges, by label.

        What a mean hides, what its anchors showed when the run was begun, and on which side of a change of
        the judge its scores are.
        """
        run = self.run(reference)
        found = super().judge_notes(run.id, facts=facts)
        begun = {label: (str(told["sentence"]),) for label, told in self._begun_with(run).items()}
        for notes in (begun, self._marks(run)):
            for label, told in notes.items():
                found[label] = (*found.get(label, ()), *told)
        return found

    def judge_marks(self, runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
        """Return by run what its judges' changes mean for its scores, as sentences; most runs have none."""
        sets = set(self.evalsets())
        found = {run.id: self._marks(run) for run in runs if run.evalset in sets}
        return {
            run_id: tuple(f"{label}: {told}" for label, all_told in notes.items() for told in all_told)
            for run_id, notes in found.items()
            if notes
        }

    def _marks(self, run: Run) -> dict[str, tuple[str, ...]]:
        folder = self._set_of(run)
        return {} if folder is None else marks(folder, run, Kept(self.store))

    def _begun_with(self, run: Run) -> Mapping[str, Mapping[str, JsonValue]]:
        kept = self.store.run_config(run.id).get("anchors")
        kept = kept if isinstance(kept, dict) else {}
        return {label: told for label, told in kept.items() if isinstance(told, dict)}

    def _refuse_unwatched(
        self, found: EvalSet, folder: Path, specs: Sequence[MetricSpec], metrics: Mapping[str, Metric]
    ) -> None:
        """Raise UsageError where a metric is to be watched that has no anchors, or asks no judge."""
        for spec in specs:
            if not spec.check_anchors:
                continue
            judge = metrics[spec.label]
            if not isinstance(judge, Judge):
                raise UsageError(
                    f"[metrics.{spec.label}] of {found.name!r} asks no model, so that it has no anchors: "
                    "take `check_anchors` away."
                )
            self._anchored(found, folder, judge, spec.label)

    def _started(
        self,
        work: Evaluation,
        found: EvalSet,
        folder: Path,
        specs: Sequence[MetricSpec],
        drafts: Sequence[Run],
        *,
        against: str | None = None,
        **kept: JsonValue,
    ) -> list[Run]:
        """Judge the anchors of watched judges, then write down the runs with what that showed.

        Of a gate, which names its baseline by `against`, a run that a rule forbids is not begun.
        """
        labels = [spec.label for spec in specs if spec.check_anchors]
        if not labels:
            return super()._started(work, found, folder, specs, drafts, against=against, **kept)
        told: dict[str, JsonValue] = {}
        for label in labels:
            told[label] = self._judged_first(work, found, folder, label, drafts[0])
        # Begun only now: a run's date says on which side of a change its scores are.
        drafts = [draft.model_copy(update={"created_at": now()}) for draft in drafts]
        if against is not None:
            self._refuse_void(found, folder, drafts[0], against)
        work.remarks = tuple(str(each["sentence"]) for each in told.values() if isinstance(each, dict))
        return super()._started(work, found, folder, specs, drafts, against=against, **kept, anchors=told)

    def _judged_first(
        self, work: Evaluation, found: EvalSet, folder: Path, label: str, draft: Run
    ) -> dict[str, JsonValue]:
        if work.cassette is not None:
            told = f"The anchors of {label} were not judged, as answers come from a cassette."
            return {"measured": False, "drifted": False, "sentence": told}
        check = self._checked(work, found, folder, _judge(draft, label), label)
        return {
            "date": check.date,
            "measured": check.measured,
            "drifted": check.drifted,
            "sentence": check.sentence,
        }

    def _checked(
        self, work: Evaluation, found: EvalSet, folder: Path, judge: Judge, label: str
    ) -> AnchorCheck:
        watched, anchors = self._anchored(found, folder, judge, label)
        check = self._read(on_same_account(work, use_cache=False), watched, anchors)
        work.usage.held_back = work.limits.told
        return check

    def _anchors_first(
        self,
        work: Evaluation,
        spec: MetricSpec,
        folder: Path,
        asking: Iterable[tuple[Bench, Sequence[Pair]]],
    ) -> str:
        """Judge a watched judge's anchors where it is about to be asked; return what that showed."""
        if not spec.check_anchors:
            return ""
        bench = next((each for each, pairs in asking if wait_for(each.asks(pairs))), None)
        if bench is None:
            return ""
        return self._checked(work, self.evalset(folder), folder, bench.judge, spec.label).sentence

    def _pair_anchor_parts(
        self, work: Evaluation, spec: MetricSpec, folder: Path, judge: Judge, part: Part
    ) -> list[Part]:
        """Return the calls by which anchors are judged before a judge of pairs is asked."""
        if not spec.check_anchors or not part.calls or work.cassette is not None:
            return []
        return self._parts_of_anchors(work, self.evalset(folder), folder, judge, spec.label)

    def _anchor_parts(
        self, work: Evaluation, found: EvalSet, folder: Path, drafts: Sequence[Run]
    ) -> list[Part]:
        """Return the calls by which anchors are judged at a run's start."""
        parts: list[Part] = []
        measured = {record.label for record in drafts[0].metrics}
        for spec in found.metrics:
            # A judge of pairs is no metric of a run: its anchors are judged before it is asked.
            if spec.check_anchors and spec.label in measured and work.cassette is None:
                judge = _judge(drafts[0], spec.label)
                parts += self._parts_of_anchors(work, found, folder, judge, spec.label)
        return parts

    def _parts_of_anchors(
        self, work: Evaluation, found: EvalSet, folder: Path, judge: Judge, label: str
    ) -> list[Part]:
        watched, _ = self._anchored(found, folder, judge, label)
        evalset, trial = trial_of_anchors(watched)
        parts = self._trial_parts(on_same_account(work, use_cache=False), evalset, trial, trial.samples)
        return [part.model_copy(update={"name": f"{label}, anchors"}) for part in parts]


def _judge(draft: Run, label: str) -> Judge:
    """Return the judge that a run uses."""
    built = rebuild_metric(next(record for record in draft.metrics if record.label == label))
    if not isinstance(built, Judge):
        raise UsageError(f"{label!r} asks no model, so that it has no anchors.")
    return built
