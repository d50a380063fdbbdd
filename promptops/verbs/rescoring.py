"""The verb that scores a stored run anew, and what it will take; no answer is asked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptops.calls.budget import Budget
from promptops.calls.forecast import Forecast
from promptops.metrics import Metric
from promptops.runs.evaluation import Evaluation
from promptops.runs.progress import Watch
from promptops.types import EvalSet, MetricSpec, Run, Sample
from promptops.verbs.evaluating import judge_models
from promptops.verbs.gateforecasts import GateForecasts


@dataclass(frozen=True)
class _Anew:
    """A run to be scored anew, checked; nothing is asked yet."""

    draft: Run
    found: EvalSet
    """The set as the run asked it, with the metrics of now."""
    folder: Path
    specs: Sequence[MetricSpec]
    built: Mapping[str, Metric]
    samples: Sequence[Sample]


class Rescoring(GateForecasts):
    """Runs scored by other metrics, or by other judges."""

    def rescore(
        self,
        reference: str,
        metrics: Sequence[MetricSpec] = (),
        *,
        judge_model: str | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Run:
        """Score a stored run's answers anew and keep that as a run of its own; no answer is asked again.

        Without metrics, those of the evaluation set as it is in the files now. Without `cache` judges are
        asked even where a reply to the same request is stored. Where a `budget` runs out, the run can be
        resumed; scored once more, nothing is paid for twice.
        """
        work = self._evaluation(concurrency, cache, watch, None, budget)
        anew = self._to_score(work, reference, metrics, judge_model)
        # A verdict that came early stays where it came.
        early = self.store.run_config(str(anew.draft.parent)).get("early_stop")
        kept: dict[str, Any] = {} if early is None else {"early_stop": early}
        self._refuse_unwatched(anew.found, anew.folder, anew.specs, anew.built)
        run = self._started(work, anew.found, anew.folder, anew.specs, [anew.draft], **kept)[0]
        work.carry_out([work.task(run, anew.samples)])
        return self.run(run.id)

    def forecast_score(
        self,
        reference: str,
        metrics: Sequence[MetricSpec] = (),
        *,
        judge_model: str | None = None,
        cache: bool = True,
        concurrency: int | None = None,
        budget: Budget | None = None,
    ) -> Forecast:
        """Return what `rescore` with the same arguments would take, as `forecast` does."""
        work = self._dry(concurrency, cache, budget, None)
        anew = self._to_score(work, reference, metrics, judge_model)
        self._refuse_unwatched(anew.found, anew.folder, anew.specs, anew.built)
        parts = self._anchor_parts(work, anew.found, anew.folder, [anew.draft])
        parts += self._parts(work, anew.draft, anew.samples, stored=True, answers=False)
        return self._forecast(work, anew.found.name, len(anew.samples), anew.draft.repeats, parts)

    def _to_score(
        self, work: Evaluation, reference: str, metrics: Sequence[MetricSpec], judge_model: str | None
    ) -> _Anew:
        """Check all that is needed to score a run anew; nothing is asked."""
        old = self.finished_run(reference)
        folder = self.root
        specs = list(metrics)
        samples = self.store.kept_samples(old.evalset_digest)
        card = self.store.snapshot_card(old.evalset_digest)
        language = card.language
        if not specs:
            folder = self.evalset_folder(old.evalset)
            current = self.evalset(folder)
            specs = self._run_specs(current)
            language = current.card.language
        built = self._metrics(specs, folder, language, judge_model)
        work.open_models(judge_models(built))
        found = EvalSet(name=old.evalset, card=card, metrics=(), samples=samples)
        work.check(found, [], built)
        names = {spec.label: spec.metric for spec in specs}
        draft = work.draft(
            found, old.prompt, old.prompt_ref, old.model, built, names, old.repeats, parent=old.id
        ).model_copy(update={"part": old.part})
        return _Anew(draft, found.model_copy(update={"metrics": tuple(specs)}), folder, specs, built, samples)
