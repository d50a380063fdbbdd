"""The verbs of runs that are there: resume, and read what came out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from promptops.analysis.exporting import export_results
from promptops.analysis.sides import metrics_of
from promptops.analysis.summary import own_figures
from promptops.calls.budget import Budget
from promptops.errors import UsageError
from promptops.prompts.files import read_prompt
from promptops.prompts.templates import Renderer
from promptops.replay.recorded import refuse_other_cassette
from promptops.runs.owner import works
from promptops.runs.progress import Watch
from promptops.runs.tasks import Follower, Task
from promptops.types import (
    Case,
    EvalSet,
    Message,
    Result,
    Run,
    Sample,
)
from promptops.verbs.evaluating import Evaluating


class Experiments(Evaluating):
    """Runs of prompts and models on evaluation sets."""

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
        work.remarks += self._killed(run, task)
        work.carry_out([task])
        return self.run(run.id)

    def _killed(self, run: Run, task: Task) -> tuple[str, ...]:
        """Return what calls may have cost that nobody heard the end of, as a sentence, if there were any."""
        lease = self.store.leases([run.id]).get(run.id)
        if lease is None or works(lease):
            return ()
        at_once = self.store.run_config(run.id).get("concurrency")
        most = min(task.count(), at_once if isinstance(at_once, int) else self.settings.concurrency)
        if not most:
            return ()
        calls = "one call was" if most == 1 else f"up to {most:,} calls were"
        return (f"The process that worked on it was killed: {calls} under way and may have been charged.",)

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
