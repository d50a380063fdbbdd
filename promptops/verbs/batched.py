"""The verbs of runs whose answers a server gives in its own time: hand in, leave, come back, collect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from promptops.calls.budget import Budget
from promptops.errors import CallFailed, NotReached, NotYet, PromptopsError, UsageError
from promptops.prompts.templates import Renderer
from promptops.providers import Batch, BatchServer
from promptops.runs.batching import (
    WINDOW,
    Collected,
    Desk,
    answered_by,
    looked_up,
    missing_of,
    patiently,
    state_of,
)
from promptops.runs.evaluation import Evaluation
from promptops.runs.eventloop import wait_for
from promptops.runs.progress import Watch
from promptops.runs.submissions import Collection, HandedIn, Submission
from promptops.runs.tasks import Task
from promptops.sets.selection import Selection
from promptops.texts.figures import counted
from promptops.types import EvalSet, Run, Sample
from promptops.verbs.steered import Steered

POLLS = (10.0, 120.0)
"""Seconds between two looks while waiting: the first ones, and at most."""
LISTED = 200
"""The newest runs of a set, among which one that waits for the same answers is looked for."""


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
        begun: Callable[[Sequence[Run]], None] | None = None,
    ) -> tuple[Submission, ...]:
        """Hand in what `evaluate` with these arguments would ask, as batches of the models' servers.

        Everything is checked first, as `evaluate` does; `begun` hears of the runs before anything is handed
        in. What the cache has is not asked: a run of which it has all is finished at once. Others stand as
        `waiting` until `collect` has brought their answers. Raises UsageError for a model whose server has no
        batches or takes none and, with `cache`, where a run waits for the same answers already; NotReached
        where the server can't be asked now.
        """
        work = self._evaluation(concurrency, cache, None)
        files = self.prompt_files(prompts)
        found, drafts = self._prepared(work, evalset, files, models, repeats, judge_model, select)
        for name in dict.fromkeys(draft.model for draft in drafts):
            work.batch_caller(name)  # raises where it has none
        if cache:
            self._refuse_what_waits(found, drafts)
        self.store.save_evalset(found)
        runs = [work.start(draft, batch=True) for draft in drafts]
        if begun is not None:
            begun(runs)
        handed: list[Submission] = []
        for run in runs:
            self.store.set_status(run.id, "interrupted")
            made = wait_for(self._handed_in(work, work.task(run, found.samples), Collected()))
            handed.append(
                Submission(
                    run=run.id,
                    model=run.model,
                    requests=sum(requests for _, requests in made),
                    batches=tuple(batch.id for batch, _ in made),
                    window=WINDOW,
                )
            )
        whole = [run for run, each in zip(runs, handed, strict=True) if not each.batches]
        if whole:
            self._answered_by_cache(work, whole, found.samples)
        return tuple(handed)

    def _refuse_what_waits(self, found: EvalSet, drafts: Sequence[Run]) -> None:
        wanted = {(draft.prompt.digest, draft.model) for draft in drafts}
        for run in self.runs(limit=LISTED, evalset=found.name):
            same = run.evalset_digest == found.digest and (run.prompt.digest, run.model) in wanted
            if same and run.waiting_since is not None:
                raise UsageError(
                    f"Run {run.id} waits for a batch of the same prompt, model and samples (handed in "
                    f"{run.waiting_since[:16].replace('T', ' ')}). To bring its answers: promptops resume "
                    f"{run.id}. To pay for others all the same: --no-cache."
                )

    def _answered_by_cache(self, work: Evaluation, runs: Sequence[Run], samples: Sequence[Sample]) -> None:
        tasks = []
        for run in runs:
            caller, server = work.batch_caller(run.model)
            tasks.append(answered_by(work.task(run, samples), caller, server, Collected()))
        work.carry_out(tasks)

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
        again: bool = False,
        told: Callable[[Collection], None] | None = None,
    ) -> Collection:
        """Bring what is answered of a run in batches, score it, and hand in what was never handed in.

        With `wait`, until nothing is worked on any more; `told` hears of each look. With `retry_errors`, what
        failed is handed in anew once no batch is worked on; what a batch never came to that `stop` cancelled
        before is handed in anew in any case. Judges are asked at once, as in any run.
        Raises UsageError where the run is none in batches or the server refused a file, NotReached where it
        can't be asked now, and BatchMissing where it does not know a batch any more, unless that is to be
        handed in `again`.
        """
        run = self.run(reference)
        if not self.is_batched(run.id):
            raise UsageError(f"Run {run.id} is not one in batches: promptops resume {run.id}")
        pause = POLLS[0]
        # One that is cancelled while we wait was cancelled to end it all.
        cancelled = frozenset(batch.id for batch in self.batches(run.id) if batch.cancelled)
        command = f"promptops resume {run.id}{' --wait' if wait else ''}"
        while True:
            found = self._collected(
                run, retry_errors, concurrency, cache, budget, watch, again, cancelled, command
            )
            if told is not None:
                told(found)
            if not wait or not found.pending or (budget is not None and budget.stopped):
                return found
            time.sleep(pause)
            pause = min(pause * 1.5, POLLS[1])
            retry_errors = again = False

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
        again: bool = False,
    ) -> Run:
        """Finish a run with what it was started with; nothing stored is asked again.

        Of one in batches what is answered is brought first, then the rest is asked directly; raises
        UsageError while a batch is worked on, NotYet while one is being cancelled, and else what `collect`
        raises; with `again` a batch that its server does not know any more is given up.
        """
        run = self.run(reference)
        if self.is_batched(run.id):
            command = f"promptops resume {run.id} --live"
            found = self._collected(run, False, concurrency, cache, budget, watch, again, None, command)
            pending = [batch.id for batch in found.batches if batch.status == "pending"]
            if pending:
                raise self._still_out(run, pending)
            if budget is not None and budget.stopped:
                return found.run
        return super().resume(
            run.id,
            concurrency=concurrency,
            retry_errors=retry_errors,
            everything=everything,
            cache=cache and self._may_use_cache(run.id),
            cassette=cassette,
            budget=budget,
            watch=watch,
        )

    def _still_out(self, run: Run, pending: Sequence[str]) -> PromptopsError:
        """Return why nothing can be asked directly while some batches are out, and what to do."""
        cancelled = {batch.id for batch in self.batches(run.id) if batch.event == "cancelled"}
        out = [name for name in pending if name not in cancelled]
        if not out:
            return NotYet(
                f"Batch {pending[0]} is being cancelled, and its server has not ended it yet. What it "
                "answers until then is paid for and will be brought. Wait a little, then: promptops resume "
                f"{run.id} --live"
            )
        return UsageError(
            f"Batch {out[0]} is still worked on, and would be paid for all the same. Wait for it "
            f"(promptops resume {run.id} --wait), or cancel it first: promptops stop {run.id}"
        )

    def batches(self, reference: str) -> tuple[HandedIn, ...]:
        """Return what of a run was handed in, as it is written down here; no server is asked."""
        return self.store.batches(self.run(reference).id)

    def is_batched(self, reference: str) -> bool:
        """Tell whether a run's answers come from batches."""
        return bool(self.store.run_config(self.run(reference).id).get("batch"))

    def _may_use_cache(self, run_id: str) -> bool:
        """Tell whether a run may take what others stored: not where it was to ask anew when it began."""
        return self.store.run_config(run_id).get("cache") is not False

    def stop(self, reference: str) -> Run:
        """End a run: tell the process that works on it, or cancel its batches.

        Raises UsageError where neither is there, NotReached where the server can't be asked now.
        """
        run = self.run(reference)
        if run.at_work or not self.is_batched(run.id):
            return super().stop(reference)
        work = self._evaluation(None, True, None)
        _, server = work.batch_caller(run.model)
        work.refuse_other_servers(run)
        with _told(run, "its batches could not be cancelled", f"promptops stop {run.id}"):
            cancelled = wait_for(self._cancelled(server, run))
        if not cancelled:
            raise UsageError(f"Run {run.id} has no batch that is worked on: promptops resume {run.id}")
        return self.run(run.id)

    def _collected(
        self,
        run: Run,
        retry_errors: bool,
        concurrency: int | None,
        cache: bool,
        budget: Budget | None,
        watch: Watch | None,
        again: bool,
        cancelled: frozenset[str] | None,
        command: str,
    ) -> Collection:
        """Bring what is there and, unless `cancelled` is None, hand in what is not on its way."""
        work = self._evaluation(concurrency, cache and self._may_use_cache(run.id), watch, None, budget)
        caller, server = work.batch_caller(run.model)
        samples = self.store.kept_samples(run.evalset_digest)
        # What was handed in anew stands beside the failure that it is to replace.
        task = work.task(run, samples, retry_errors=True)
        work.refuse_other_servers(run)
        with _told(run, "its answers could not be brought", command):
            found = wait_for(self._looked(work, Desk(run, task, caller, server, self.store), again))
        self._note_ended(run, [batch for batch in found.batches if batch.status == "failed"])
        notes = []
        if found.strange:
            notes.append(
                f"Of the results {counted(found.strange, 'line')} answered no request, or one that had an "
                "answer."
            )
        refused = found.refused
        if refused and not retry_errors and cancelled is not None:
            why = "; ".join(refused[0].errors) or "it does not say why"
            raise UsageError(
                f"The server refused the file of batch {refused[0].id}: {why}. Mend that and hand it in "
                f"again: promptops resume {run.id} --retry-errors"
            )
        if len(found.shelf) or not found.batches:
            work.carry_out([answered_by(task, caller, server, found)])
        if not work.budget.stopped:  # else judges have not seen all of it yet
            self._note_ended(run, [batch for batch in found.batches if batch.status != "pending"])
        made: list[tuple[Batch, int]] = []
        if cancelled is not None and self._is_to_hand_in(run, found, retry_errors, cancelled):
            left = replace(task, ledger=work.task(run, samples, retry_errors=retry_errors).ledger)
            made = wait_for(self._handed_in(work, left, found))
        if retry_errors and found.pending:
            notes.append("What failed can be handed in anew once no batch is worked on.")
        now = self.run(run.id)
        return Collection(
            run=now,
            batches=tuple(state_of(batch) for batch in (*found.batches, *(batch for batch, _ in made))),
            left=now.samples * now.repeats - now.done - now.errors,
            submitted=sum(requests for _, requests in made),
            notes=tuple(notes),
        )

    def _is_to_hand_in(
        self, run: Run, found: Collected, retry_errors: bool, cancelled: frozenset[str]
    ) -> bool:
        """Tell whether something may be left that is in no batch; `Desk.hand_in` finds out what."""
        if not found.complete or (retry_errors and not found.pending):
            return True
        now = self.store.run(run.id)
        return now.done + now.errors < now.samples * now.repeats and any(
            batch.id in cancelled or batch.event == "given_up" for batch in self.store.batches(run.id)
        )

    def _note_ended(self, run: Run, batches: Sequence[Batch]) -> None:
        """Write down that all that some batches answered is stored."""
        known = {batch.id: batch.event for batch in self.store.batches(run.id)}
        for batch in batches:
            if known.get(batch.id) != "ended":
                self.store.note_batch(run.id, batch.id, "ended")

    async def _cancelled(self, server: BatchServer, run: Run) -> int:
        """Cancel what is worked on; return how many batches that were."""
        try:
            batches, missing = await looked_up(server, self.store, run.id)
            pending = [batch for batch in batches if batch.status == "pending"]
            if missing and not pending:
                raise missing_of(run, missing)
            for batch in pending:
                # Written down first: what is cancelled and was killed before it was told is no failure.
                self.store.note_batch(run.id, batch.id, "cancelled")
                try:
                    await patiently(partial(server.cancel, batch.id))
                except CallFailed:
                    self.store.note_batch(run.id, batch.id, "handed_in")
                    raise
            return len(pending)
        finally:
            await server.close()

    async def _looked(self, work: Evaluation, desk: Desk, again: bool) -> Collected:
        with work.holding.claiming([desk.run.id]):
            keeper = asyncio.create_task(work.holding.keep())
            try:
                return await desk.collect(again=again)
            finally:
                keeper.cancel()
                await desk.server.close()

    async def _handed_in(self, work: Evaluation, task: Task, found: Collected) -> list[tuple[Batch, int]]:
        run = task.run
        caller, server = work.batch_caller(run.model)
        told = _told(run, f"it could not be handed in to {run.model}", f"promptops resume {run.id}")
        with told, work.holding.claiming([run.id]), Renderer() as renderer:
            keeper = asyncio.create_task(work.holding.keep())
            try:
                return await Desk(run, task, caller, server, self.store).hand_in(renderer, found)
            finally:
                keeper.cancel()
                await server.close()


@contextmanager
def _told(run: Run, what: str, command: str) -> Iterator[None]:
    """Say of a server that can't be asked, or refuses, that nothing is lost and how to go on."""
    try:
        yield
    except CallFailed as error:
        why = f"Run {run.id}: {what}: {str(error).rstrip('.')}. Nothing is lost."
        if error.retryable:
            raise NotReached(f"{why} Try again later: {command}") from None
        raise UsageError(f"{why} When that is mended: {command}") from None
