"""The verb that makes runs, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.analysis.sides import Loaded, load_run, metrics_of
from promptops.analysis.summary import estimates, whole_figures
from promptops.calls.budget import Budget
from promptops.calls.models import build_metric, is_pairwise, refuse_unlisted_metric, refuse_unlisted_model
from promptops.config import Settings
from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.tomlfile import read_toml
from promptops.judges import Judge
from promptops.metrics import Metric
from promptops.replay.cassettes import read_cassette
from promptops.runs.evaluation import Evaluation
from promptops.runs.progress import Watch
from promptops.sets.selection import Selection, failed_in, select
from promptops.types import (
    Estimate,
    EvalSet,
    FailureCount,
    MetricSpec,
    Part,
    Prompt,
    Run,
)
from promptops.verbs.registry import Registry


class Evaluating(Registry):
    """Runs of prompts and models on evaluation sets, begun."""

    def evaluate(
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
        watch: Watch | None = None,
    ) -> list[Run]:
        """Evaluate every prompt with every model on one set; returns the finished runs in that order.

        A folder among the prompts means all prompt files in it. With `select` only a part of the set is
        asked, and the runs say so. All files, templates, models and metrics are checked before the first
        call. Where a `budget` runs out, it tells why (`budget.stopped`), and runs that are not whole have the
        status `interrupted`. Raises FileProblems, UsageError, and RunInterrupted when a signal stops it. With
        a `cassette` answers come from that file, no key is needed and nobody is asked; raises NotRecorded
        with all that it does not hold.
        """
        work = self._evaluation(concurrency, cache, watch, cassette, budget)
        files = self.prompt_files(prompts)
        found, drafts = self._prepared(work, evalset, files, models, repeats, judge_model, select)
        work.check_recorded(drafts, found.samples)
        work.refuse_idle(drafts, found.samples)
        self.store.save_evalset(found)
        runs = self._started(work, found, self.evalset_folder(evalset), self._run_specs(found), drafts)
        work.carry_out([work.task(run, found.samples) for run in runs])
        return [self.run(run.id) for run in runs]

    def _prepared(
        self,
        work: Evaluation,
        evalset: str | Path,
        prompts: Sequence[str | Path],
        models: Sequence[str],
        repeats: int,
        judge_model: str | None,
        wanted: Selection | None = None,
    ) -> tuple[EvalSet, list[Run]]:
        """Check everything that an evaluation needs; return the set and the runs, none of them stored yet."""
        folder = self.evalset_folder(evalset)
        found, part = self._selected(self.evalset(folder), wanted)
        chosen = [self.prompt(reference) for reference in prompts]
        if not chosen:
            raise UsageError("Name at least one prompt.")
        pairs = [
            (prompt, reference, model)
            for prompt, reference in chosen
            for model in (models or [self._model_for(prompt, reference)])
        ]
        specs = self._run_specs(found)
        metrics = self._metrics(specs, folder, found.card.language, judge_model)
        work.open_models([*(model for _, _, model in pairs), *judge_models(metrics)])
        for prompt, reference, model in pairs:
            work.refuse_parameters(prompt, reference, model)
        work.check(found, chosen, metrics)
        self._refuse_unwatched(found, folder, specs, metrics)
        names = {spec.label: spec.metric for spec in specs}
        drafts = [
            work.draft(found, prompt, ref, model, metrics, names, repeats) for prompt, ref, model in pairs
        ]
        return found, [draft.model_copy(update={"part": part}) for draft in drafts]

    def _selected(self, found: EvalSet, wanted: Selection | None) -> tuple[EvalSet, Part | None]:
        """Return the part of a set that is wanted; the set itself and None where that is all of it."""
        if wanted is None or not wanted.wanted:
            return found, None
        if wanted.failed_from is None:
            return select(found, wanted)
        run = self.run(wanted.failed_from)
        if run.evalset != found.name:
            raise UsageError(f"Run {run.id} is one of {run.evalset!r}, so it says nothing of {found.name!r}.")
        if not run.metrics:
            raise UsageError(f"Run {run.id} has no metric, so nobody knows what failed in it.")
        first = next((spec.label for spec in found.metrics if not is_pairwise(spec)), "")
        record = next((each for each in run.metrics if each.label == first), run.metrics[0])
        failed = failed_in(run.id, self.store.results(run.id), record, metrics_of(run)[record.label])
        return select(found, wanted, failed)

    def _refuse_unwatched(
        self, found: EvalSet, folder: Path, specs: Sequence[MetricSpec], metrics: Mapping[str, Metric]
    ) -> None:
        """Raise UsageError where a judge can't be watched; a storey above knows of anchors."""

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
        """Write down new runs; a storey above judges the anchors of watched judges first."""
        return [work.start(draft, **kept) for draft in drafts]

    def model_of(self, reference: str | Path) -> str:
        """Return the model that a prompt is asked with where none is named. Raises UsageError without one."""
        return self._model_for(*self.prompt(reference))

    def _model_for(self, prompt: Prompt, reference: str) -> str:
        if prompt.model:
            refuse_unlisted_model(prompt.model, self.settings, f"The prompt {reference!r}")
        model = prompt.model or self.settings.model
        if not model:
            raise UsageError(
                f"The prompt {reference!r} names no model. Give --model provider/model, write `model:` into "
                "the prompt file, or set `model` in promptops.toml."
            )
        return model

    def _run_specs(self, evalset: EvalSet) -> list[MetricSpec]:
        """Return what a run measures: what compares two outputs is a step of a Comparison."""
        for spec in evalset.metrics:
            refuse_unlisted_metric(spec, self.settings)
        return [spec for spec in evalset.metrics if not is_pairwise(spec)]

    def _metrics(
        self,
        specs: Sequence[MetricSpec],
        folder: Path,
        language: str,
        judge_model: str | None,
        settings: Settings | None = None,
    ) -> dict[str, Metric]:
        """Make metrics; all that can't be made are told at once, by their place in the set's file."""
        built: dict[str, Metric] = {}
        faults: dict[str, UsageError] = {}
        for spec in specs:
            try:
                built[spec.label] = build_metric(
                    spec,
                    folder=folder,
                    language=language,
                    judge_model=judge_model,
                    settings=settings or self.settings,
                )
            except UsageError as error:
                faults[spec.label] = error
        file = folder / "evalset.toml"
        if faults and file.is_file():
            raise FileProblems(_placed(faults, file))
        if faults:
            raise next(iter(faults.values()))
        return built

    def _evaluation(
        self,
        concurrency: int | None,
        cache: bool,
        watch: Watch | None,
        cassette: str | Path | None = None,
        budget: Budget | None = None,
    ) -> Evaluation:
        return Evaluation(
            store=self.store,
            settings=self.settings,
            environment=self.environment,
            root=self.root,
            actor=self.actor,
            concurrency=concurrency or self.settings.concurrency,
            use_cache=cache,
            cassette=None if cassette is None else read_cassette(Path(cassette)),
            watch=watch,
            budget=budget or Budget(),
        )

    def figures(self, reference: str) -> dict[str, float | None]:
        """Return a run's figures on the whole set, without intervals: cheap enough for lists."""
        loaded = self._scored(reference)
        return whole_figures(loaded.side.table, loaded.metrics)

    def estimates(self, reference: str, *, slices: bool = True) -> tuple[Estimate, ...]:
        """Return a run's figures with intervals: on the whole set, by origin of mixed sets, and by tag."""
        loaded = self._scored(reference)
        table = loaded.side.table
        return estimates(table, loaded.metrics, table.slices if slices else table.origins)

    def _scored(self, reference: str) -> Loaded:
        """Read a run's scores, and of its samples no more than figures need."""
        run = self.run(reference)
        return load_run(self.store, run, self.store.kept_samples(run.evalset_digest))

    def failures(self, reference: str) -> tuple[FailureCount, ...]:
        """Return why samples of a run have no answer, the most frequent reason first."""
        return tuple(self.store.failure_counts(self.run(reference).id))

    def cut_off(self, reference: str) -> int:
        """Return how many answers were cut off at the limit of tokens; they are scored as they are."""
        return self.store.cut_off(self.run(reference).id)


def judge_models(metrics: Mapping[str, Metric]) -> list[str]:
    """Return the models that judges ask."""
    return [model for metric in metrics.values() if isinstance(metric, Judge) for model in metric.models]


def _placed(faults: Mapping[str, UsageError], file: Path) -> list[Problem]:
    """Say where in a set's file the metrics stand that can't be made."""
    located = read_toml(file)
    return [
        Problem(str(file), str(error), *located.place(("metrics", label)), f"metrics.{label}")
        for label, error in faults.items()
    ]
