"""The verbs of runs: evaluate, resume, score again, and read what came out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from promptops.budget import Budget
from promptops.cassettes import read_cassette
from promptops.config import Settings
from promptops.errors import FileProblems, Problem, UsageError
from promptops.evaluation import Evaluation
from promptops.exporting import export_results
from promptops.judges import Judge
from promptops.metrics import Metric
from promptops.models import build_metric, is_pairwise, refuse_unlisted_metric, refuse_unlisted_model
from promptops.progress import Watch
from promptops.promptfiles import read_prompt
from promptops.recorded import refuse_other_cassette
from promptops.registry import Registry
from promptops.selection import Selection, failed_in, select
from promptops.sides import Loaded, load_run, metrics_of
from promptops.summary import estimates, own_figures, whole_figures
from promptops.tasks import Follower
from promptops.templates import Renderer
from promptops.tomlfile import read_toml
from promptops.types import (
    Case,
    Estimate,
    EvalSet,
    FailureCount,
    Message,
    MetricSpec,
    Part,
    Prompt,
    Result,
    Run,
    Sample,
)


class Experiments(Registry):
    """Runs of prompts and models on evaluation sets."""

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
        work.open_models([*(model for _, _, model in pairs), *_judge_models(metrics)])
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

    def resume(
        self,
        reference: str,
        *,
        concurrency: int | None = None,
        retry_errors: bool = False,
        everything: bool = False,
        cache: bool = True,
        cassette: str | Path | None = None,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> Run:
        """Finish a run with what it was started with; nothing stored is asked again.

        One that was interrupted before it could stop early may still do so, unless `everything` is wanted.
        A `budget` is what this call may spend, whatever was spent before.
        """
        run = self.run(reference)
        if retry_errors:
            self._refuse_to_retry(run)
        work = self._evaluation(concurrency, cache, watch, cassette, budget)
        samples = self.store.kept_samples(run.evalset_digest)
        follower = None if everything else self._follower(run, samples, self._stored(run, retry_errors))
        wanted = samples if follower is None else follower.order
        refuse_other_cassette(run.id, self.store.run_config(run.id).get("cassette"), work.cassette)
        task = work.task(run, wanted, retry_errors=retry_errors, follower=follower)
        work.refuse_other_servers(run)
        work.carry_out([task])
        return self.run(run.id)

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

    def _stored(self, run: Run, retry_errors: bool) -> Iterator[Result]:
        """Yield what a run has and keeps."""
        done = self.store.finished(run.id, errors_too=not retry_errors)
        yield from (each for each in self.store.results(run.id) if (each.sample_id, each.repeat) in done)

    def _refuse_to_retry(self, run: Run) -> None:
        """Raise UsageError where a verdict stands on a run's errors."""
        if self._in_stages(run.id) and run.status in ("stopped", "finished"):
            raise UsageError(
                f"Run {run.id} was gated in two stages, and its errors count in them: asked again, they "
                "would change what was decided. Start a new run."
            )

    def _in_stages(self, run_id: str) -> bool:
        early = self.store.run_config(run_id).get("early_stop")
        return isinstance(early, dict) and "first" in early

    def _follower(self, run: Run, samples: Sequence[Sample], stored: Iterable[Result]) -> Follower | None:
        """Return who may end a resumed run early; a storey above knows of verdicts."""
        return None

    def rescore(
        self,
        reference: str,
        metrics: Sequence[MetricSpec] = (),
        *,
        judge_model: str | None = None,
        watch: Watch | None = None,
    ) -> Run:
        """Score a stored run's answers anew and keep that as a run of its own; no answer is asked again.

        Without metrics, those of the evaluation set as it is in the files now.
        """
        old = self.finished_run(reference)
        folder = self.root
        specs = list(metrics)
        samples = self.store.kept_samples(old.evalset_digest)
        language = self.store.snapshot_card(old.evalset_digest).language
        if not specs:
            folder = self.evalset_folder(old.evalset)
            current = self.evalset(folder)
            specs = self._run_specs(current)
            language = current.card.language
        built = self._metrics(specs, folder, language, judge_model)
        work = self._evaluation(None, True, watch)
        work.open_models(_judge_models(built))
        found = EvalSet(
            name=old.evalset, card=self.store.snapshot_card(old.evalset_digest), metrics=(), samples=samples
        )
        work.check(found, [], built)
        names = {spec.label: spec.metric for spec in specs}
        draft = work.draft(
            found, old.prompt, old.prompt_ref, old.model, built, names, old.repeats, parent=old.id
        )
        # A verdict that came early stays where it came.
        early = self.store.run_config(old.id).get("early_stop")
        kept: dict[str, Any] = {} if early is None else {"early_stop": early}
        self._refuse_unwatched(found, folder, specs, built)
        draft = draft.model_copy(update={"part": old.part})
        run = self._started(work, found, folder, specs, [draft], **kept)[0]
        work.carry_out([work.task(run, samples)])
        return self.run(run.id)

    def failures(self, reference: str) -> tuple[FailureCount, ...]:
        """Return why samples of a run have no answer, the most frequent reason first."""
        return tuple(self.store.failure_counts(self.run(reference).id))

    def result(self, reference: str, sample_id: str, repeat: int = 0) -> Result | None:
        """Return one stored result with its answer."""
        return self.store.result(self.run(reference).id, sample_id, repeat)

    def export(self, reference: str, path: str | Path, *, texts: bool = True) -> int:
        """Write a run's results to a .parquet, .csv or .jsonl file, one row each; returns how many.

        Raises UsageError for another ending, FileProblems where the file can't be written.
        """
        run = self.run(reference)
        return export_results(self.store, run, metrics_of(run), Path(path), texts=texts)

    def asked(self, reference: str, sample_id: str) -> tuple[Message, ...]:
        """Return the messages that a run sent for one sample, rendered again. Raises TemplateError."""
        run = self.run(reference)
        with Renderer() as renderer:
            inputs = self.store.snapshot_sample(run.evalset_digest, sample_id).inputs
            return renderer.render(run.prompt, inputs)

    def cases_of(
        self, reference: str, *, sample_ids: Sequence[str] | None = None, limit: int = 200, offset: int = 0
    ) -> list[Case]:
        """Return a page of a run's results by sample id, or those of some samples, with their own figures."""
        run = self.run(reference)
        metrics = metrics_of(run)
        found = (
            self.store.result_page(run.id, limit, offset)
            if sample_ids is None
            else self.store.results(run.id, sample_ids=sample_ids)
        )
        return [Case(result=result, figures=own_figures(result, metrics)) for result in found]

    def cut_off(self, reference: str) -> int:
        """Return how many answers were cut off at the limit of tokens; they are scored as they are."""
        return self.store.cut_off(self.run(reference).id)

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

    def check_set(self, reference: str | Path) -> EvalSet:
        """Read a set and the prompts beside it, and make its metrics; raises what an evaluation would raise.

        Nothing is asked. A judge without a model is fine here: that may come with the command.
        """
        folder = self.evalset_folder(reference)
        found = self.evalset(folder)
        # Only in place of a model that nobody named: what the set itself names is checked as it stands.
        settings = self.settings.model_copy(update={"judge_model": self.settings.judge_model or "mock/echo"})
        metrics = self._metrics(self._run_specs(found), folder, found.card.language, None, settings)
        prompts = [
            (read_prompt(path), path.name) for path in sorted((folder / "prompts").glob("*.prompt.yaml"))
        ]
        self._evaluation(None, False, None).check(found, prompts, metrics)
        return found

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


def _judge_models(metrics: Mapping[str, Metric]) -> list[str]:
    return [model for metric in metrics.values() if isinstance(metric, Judge) for model in metric.models]


def _placed(faults: Mapping[str, UsageError], file: Path) -> list[Problem]:
    """Say where in a set's file the metrics stand that can't be made."""
    located = read_toml(file)
    return [
        Problem(str(file), str(error), *located.place(("metrics", label)), f"metrics.{label}")
        for label, error in faults.items()
    ]
