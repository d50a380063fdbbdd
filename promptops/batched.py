"""The verbs of runs whose answers a server gives in its own time: hand in, leave, come back, collect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from promptops.batching import RUN, WINDOW, Collected, Desk, answered_by, state_of
from promptops.budget import Budget
from promptops.errors import CallFailed, UsageError
from promptops.evaluation import Evaluation
from promptops.eventloop import wait_for
from promptops.progress import Watch
from promptops.providers import Batch, BatchServer
from promptops.selection import Selection
from promptops.steered import Steered
from promptops.submissions import Collection, Submission
from promptops.tasks import Task
from promptops.templates import Renderer
from promptops.types import Run

POLLS = (10.0, 120.0)
"""Seconds between two looks while waiting: the first ones, and at most."""


class Batched(Steered):
    """Runs in batches."""

    def submit(
        self,
        evalset: str | Path,
        prompts: Sequence[str | Path],
        models: Sequence[str] = (),
        *,
        repeats: int = 1,
        concurrency: int | None = None,
        cache: bool = True,
        judge_model: str | None = None,
        select: Selection | None = None,
    ) -> tuple[Submission, ...]:
        """Hand in what `evaluate` with these arguments would ask, as batches of the models' servers.

        Everything is checked first, as `evaluate` does; what the cache has is not asked. The runs stand as
        `interrupted` until `collect` has brought their answers. Raises UsageError for a model whose server
        has no batches, and CallFailed where it takes none.
        """
        work = self._evaluation(concurrency, cache, None)
        files = self.prompt_files(prompts)
        found, drafts = self._prepared(work, evalset, files, models, repeats, judge_model, select)
        for name in dict.fromkeys(draft.model for draft in drafts):
            work.batch_caller(name)  # raises where it has none
        self.store.save_evalset(found)
        runs = [work.start(draft, batch=True) for draft in drafts]
        handed: list[Submission] = []
        for run in runs:
            self.store.set_status(run.id, "interrupted")
            task = work.task(run, found.samples)
            handed.append(wait_for(self._handed_in(work, task, Collected())))
        return tuple(handed)

    def collect(
        self,
        reference: str,
        *,
        wait: bool = False,
        retry_errors: bool = False,
        concurrency: int | None = None,
        cache: bool = True,
        budget: Budget | None = None,
        watch: Watch | None = None,
        told: Callable[[Collection], None] | None = None,
    ) -> Collection:
        """Bring what is answered of a run in batches, score it, and hand in what was never handed in.

        With `wait`, until nothing is worked on any more; `told` hears of each look. With `retry_errors`, what
        failed is handed in anew once no batch is worked on. Judges are asked at once, as in any run.
        Raises UsageError where the run is none in batches, the server refused a file or can't be asked.
        """
        run = self.run(reference)
        if not self.is_batched(run.id):
            raise UsageError(f"Run {run.id} is not one in batches: promptops resume {run.id}")
        pause = POLLS[0]
        while True:
            found = self._collected(run, retry_errors, concurrency, cache, budget, watch)
            if told is not None:
                told(found)
            if not wait or not found.pending or (budget is not None and budget.stopped):
                return found
            time.sleep(pause)
            pause = min(pause * 1.5, POLLS[1])
            retry_errors = False

    def is_batched(self, reference: str) -> bool:
        """Tell whether a run's answers come from batches."""
        return bool(self.store.run_config(self.run(reference).id).get("batch"))

    def stop(self, reference: str) -> Run:
        """End a run: tell the process that works on it, or cancel its batches.

        Raises UsageError where neither is there, CallFailed where the server can't be asked.
        """
        run = self.run(reference)
        if run.at_work or not self.is_batched(run.id):
            return super().stop(reference)
        work = self._evaluation(None, True, None)
        _, server = work.batch_caller(run.model)
        work.refuse_other_servers(run)
        if not wait_for(self._cancelled(server, run.id)):
            raise UsageError(f"Run {run.id} has no batch that is worked on: promptops resume {run.id}")
        return run

    def _refuse_to_resume(self, run: Run) -> None:
        if not self.is_batched(run.id):
            return
        _, server = self._evaluation(None, True, None).batch_caller(run.model)
        pending = [batch for batch in wait_for(_listed(server, run.id)) if batch.status == "pending"]
        if pending:
            raise UsageError(
                f"Batch {pending[0].id} is still worked on, and would be paid for all the same. Wait for it "
                f"(promptops resume {run.id} --wait), or cancel it first: promptops stop {run.id}"
            )

    def _collected(
        self,
        run: Run,
        retry_errors: bool,
        concurrency: int | None,
        cache: bool,
        budget: Budget | None,
        watch: Watch | None,
    ) -> Collection:
        work = self._evaluation(concurrency, cache, watch, None, budget)
        caller, server = work.batch_caller(run.model)
        samples = self.store.kept_samples(run.evalset_digest)
        # What was handed in anew stands beside the failure that it is to replace.
        task = work.task(run, samples, retry_errors=True)
        work.refuse_other_servers(run)
        found = wait_for(self._looked(work, Desk(run, task, caller, server, self.store)))
        self._note_ended(run, [batch for batch in found.batches if batch.status == "failed"])
        notes = []
        if found.strange:
            notes.append(
                f"{found.strange} lines of the results belong to no request, or to one that had an answer."
            )
        refused = found.refused
        if refused and not retry_errors:
            why = "; ".join(refused[0].errors) or "it does not say why"
            raise UsageError(
                f"The server refused the file of batch {refused[0].id}: {why}. Mend that and hand it in "
                f"again: promptops resume {run.id} --retry-errors"
            )
        if len(found.shelf) or not found.batches:
            work.carry_out([answered_by(task, caller, server, found)])
        if not work.budget.stopped:  # else judges have not seen all of it yet
            self._note_ended(run, [batch for batch in found.batches if batch.status != "pending"])
        submitted = 0
        if not found.complete or (retry_errors and not found.pending):
            again = replace(task, ledger=work.task(run, samples, retry_errors=retry_errors).ledger)
            handed = wait_for(self._handed_in(work, again, found))
            submitted = handed.requests
        if retry_errors and found.pending:
            notes.append("What failed can be handed in anew once no batch is worked on.")
        now = self.run(run.id)
        batches = found.batches if not submitted else wait_for(_listed(server, run.id))
        return Collection(
            run=now,
            batches=tuple(state_of(batch) for batch in batches),
            left=now.samples * now.repeats - now.done - now.errors,
            submitted=submitted,
            notes=tuple(notes),
        )

    def _note_ended(self, run: Run, batches: Sequence[Batch]) -> None:
        """Write down that all that some batches answered is stored."""
        known = {batch.id: batch.event for batch in self.store.batches(run.id)}
        for batch in batches:
            if known.get(batch.id) != "ended":
                self.store.note_batch(run.id, batch.id, "ended")

    async def _cancelled(self, server: BatchServer, run_id: str) -> int:
        """Cancel what is worked on; return how many batches that were."""
        try:
            pending = [batch for batch in await server.listed({RUN: run_id}) if batch.status == "pending"]
            for batch in pending:
                # Written down first: a kill in between leaves one that may be cancelled once more.
                self.store.note_batch(run_id, batch.id, "cancelled")
                await server.cancel(batch.id)
            return len(pending)
        finally:
            await server.close()

    async def _looked(self, work: Evaluation, desk: Desk) -> Collected:
        with work.claiming([desk.run.id]) as owner:
            keeper = asyncio.create_task(work.keep_claimed([desk.run.id], owner))
            try:
                return await desk.collect()
            finally:
                keeper.cancel()
                await desk.server.close()

    async def _handed_in(self, work: Evaluation, task: Task, found: Collected) -> Submission:
        run = task.run
        caller, server = work.batch_caller(run.model)
        with work.claiming([run.id]) as owner, Renderer() as renderer:
            keeper = asyncio.create_task(work.keep_claimed([run.id], owner))
            try:
                made = await Desk(run, task, caller, server, self.store).hand_in(renderer, found)
            except CallFailed as error:
                raise UsageError(
                    f"Run {run.id} could not be handed in to {run.model}: {error} When that is mended: "
                    f"promptops resume {run.id}"
                ) from None
            finally:
                keeper.cancel()
                await server.close()
        return Submission(
            run=run.id,
            model=run.model,
            requests=sum(requests for _, requests in made),
            batches=tuple(batch.id for batch, _ in made),
            window=WINDOW,
        )


async def _listed(server: BatchServer, run_id: str) -> list[Batch]:
    try:
        return await server.listed({RUN: run_id})
    finally:
        await server.close()
