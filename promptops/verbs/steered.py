"""The verbs of runs that other processes work on: start, watch, hold and end them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from promptops.calls.budget import Budget
from promptops.errors import UsageError
from promptops.runs.apart import Begun, begun_apart, evaluate_apart, resume_apart, resumes_apart, said_apart
from promptops.runs.owner import hold_or_release, host_of, interrupt
from promptops.runs.pausing import holds
from promptops.runs.states import go_on, taken
from promptops.sets.selection import Selection
from promptops.types import Run
from promptops.verbs.experiments import Experiments


class Steered(Experiments):
    """Runs at work."""

    def stop(self, reference: str) -> Run:
        """Tell the process that works on a run to end, as Ctrl-C would; what was answered is stored.

        Raises UsageError where no process of this machine works on it.
        """
        run, owner = self._worker(reference)
        if interrupt(owner):
            return run
        raise UsageError(f"Run {run.id} is worked on by another user or on {host_of(owner)}; stop it there.")

    def resume_apart(self, reference: str, *, retry_errors: bool = False) -> Run:
        """Have a process of its own finish a run, and return at once; `said_apart` tells what it said.

        With `retry_errors` it also asks again what has no answer. Raises UsageError where nothing is left to
        ask, or a living process works on it.
        """
        run = self.run(reference)
        if run.status == "finished" and not (retry_errors and run.errors):
            raise UsageError(f"Run {run.id} is finished.")
        if run.at_work:
            raise UsageError(taken(self.root, run.id, self.store.run_owner(run.id)))
        if resumes_apart(self.root, run.id):
            raise UsageError(f"A process of its own is starting to finish run {run.id} already.")
        resume_apart(self.root, self.settings.database, run.id, retry_errors=retry_errors)
        return run

    def resumes_apart(self, reference: str) -> bool:
        """Tell whether a process that was to finish a run is still there, at work on it yet or not."""
        return resumes_apart(self.root, self.run(reference).id)

    def said_apart(self, reference: str) -> str:
        """Return the end of what the process said that was to finish a run; empty where there was none."""
        return said_apart(self.root, self.run(reference).id)

    def paused(self, reference: str) -> bool:
        """Tell whether the process of this machine that works on a run is held, and begins no call."""
        return self.run(reference).status == "paused"

    def pace(self, reference: str) -> float | None:
        """Return how many results a second of a run were stored lately; None where too few were to tell."""
        run, now = self.run(reference), datetime.now(UTC)
        for minutes in (1, 10):
            since = now - timedelta(minutes=minutes)
            count, first = self.store.results_since(run.id, since.isoformat(timespec="microseconds"))
            # Of a run that was begun in this time its first answers are waited for, too.
            begun = datetime.fromisoformat(run.created_at)
            start = begun if begun > since or first is None else datetime.fromisoformat(first)
            if count > 1 and now > start:
                return count / (now - start).total_seconds()
        return None

    def pause(self, reference: str, *, hold: bool = True) -> bool:
        """Have the process that works on a run begin no call, or go on; returns whether it was told so.

        What is under way comes to its end and is stored. Raises UsageError where no process of this machine
        works on it, or it can't be held.
        """
        run, owner = self._worker(reference)
        held = holds(self.root, run.id, owner)
        if held is None:
            raise UsageError(
                f"Run {run.id} is worked on by {host_of(owner)}, by a program that can't be held from here."
            )
        return held is not hold and hold_or_release(owner)

    def _worker(self, reference: str) -> tuple[Run, str]:
        """Return a run and the process that works on it. Raises UsageError where there is none."""
        run = self.run(reference)
        lease = self.store.leases([run.id]).get(run.id)
        if lease is not None and run.at_work:
            return run, lease.owner
        if lease is not None:
            raise UsageError(f"The process that worked on run {run.id} is gone: promptops resume {run.id}")
        more = f" Go on: {go_on(run)}" if go_on(run) else ""
        raise UsageError(f"Run {run.id} is {run.standing}: no process works on it.{more}")

    def evaluate_apart(
        self,
        evalset: str,
        prompts: Sequence[str],
        models: Sequence[str] = (),
        *,
        token: str,
        repeats: int = 1,
        select: Selection | None = None,
        budget: Budget | None = None,
        batch: bool = False,
    ) -> bool:
        """Have a process of its own evaluate, and return at once; False where the token was used before.

        With `batch` it hands in what it would ask, and leaves.

        A token is a word of letters and digits that stands for this one start, so that a click which comes
        twice starts one evaluation. `begun_apart` tells what came of it.
        """
        return evaluate_apart(
            self.root,
            self.settings.database,
            token,
            _arguments(evalset, prompts, models, repeats, select or Selection(), budget or Budget(), batch),
        )

    def begun_apart(self, token: str) -> Begun:
        """Return which runs such a process has begun, whether it has ended, and the end of what it said."""
        return begun_apart(self.root, token)


def _arguments(
    evalset: str,
    prompts: Sequence[str],
    models: Sequence[str],
    repeats: int,
    select: Selection,
    budget: Budget,
    batch: bool,
) -> list[str]:
    """Return the command line of an evaluation; values stand behind `=`: none is taken for a flag."""
    given: list[tuple[str, object]] = [
        *(("prompt", prompt) for prompt in prompts),
        *(("model", model) for model in models),
        ("repeats", repeats),
        *(("slice", name) for name in select.slices),
        ("sample", select.sample),
        ("seed", None if select.sample is None else select.seed),
        ("limit", select.limit),
        ("max-calls", budget.max_calls),
        ("max-cost", budget.max_cost),
    ]
    flags = [f"--{name}={value}" for name, value in given if value is not None]
    return [*flags, *(["--batch"] if batch else []), "--", evalset]
