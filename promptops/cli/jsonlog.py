"""`--log-json`: what happens in a run as JSON lines, for log collectors; no texts of prompts or answers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from promptops.errors import PromptopsError, StoreError, UsageError

if TYPE_CHECKING:
    from promptops.metrics import Metric
    from promptops.project import Project
    from promptops.runs.progress import Progress
    from promptops.types import Result, Run
    from promptops.verdicts import Verdict

STDERR = "-"

log_option = click.option(
    "--log-json",
    metavar="[FILE]",
    is_flag=False,
    flag_value=STDERR,
    help="Write what happens as JSON lines to FILE (appended), or to stderr in place of the progress line. "
    "No texts of prompts or answers.",
)


class JsonLog:
    """Turns what a watch is told into events."""

    def __init__(self, file: IO[str]) -> None:
        self._file: IO[str] | None = file
        self._progress: Progress | None = None
        self._runs: tuple[Run, ...] = ()
        self._seen = 0
        self._paused = False
        self._metrics: dict[str, dict[str, Metric]] = {}
        self.on_stderr = file is sys.stderr

    def watch(self, progress: Progress) -> None:
        """Write down what is new: runs that begin, a result, a pause or its end."""
        if progress is not self._progress:
            self._progress, self._seen = progress, 0
            if progress.runs:  # a judge of pairs, who comes after them, begins none
                self._started(progress.runs, progress.total)
        if progress.latest is not None and progress.done > self._seen:
            self._seen = progress.done
            self._finished(*progress.latest)
        if progress.paused != self._paused:
            self._paused = progress.paused
            self._write(
                "paused" if progress.paused else "continued", done=progress.done, total=progress.total
            )

    def begin(self, runs: Sequence[Run]) -> None:
        """Write down runs that are handed in as batches: nothing of them is answered now."""
        self._started(runs, sum(run.samples * run.repeats for run in runs))

    def end(self, project: Project, error: BaseException | None) -> None:
        """Write down how the runs stand when the command is over, and that it failed, if it did."""
        progress = self._progress
        for run in self._runs:
            # A database that can't be read any more must not hide why the command ended.
            with suppress(StoreError):
                now = project.run(run.id)
                self._write("run_finished", run=now.id, status=now.status, done=now.done, errors=now.errors)
        if progress is not None:
            usage = progress.usage
            self._write(
                "usage",
                calls=usage.calls,
                cached=usage.cached,
                failed=usage.failed,
                under_way=usage.under_way,
                tokens_in=usage.tokens_in if usage.uncounted == 0 else None,
                tokens_out=usage.tokens_out if usage.uncounted == 0 else None,
                cost=usage.cost if usage.unpriced == 0 else None,
                seconds=round(progress.seconds, 3),
            )
        if isinstance(error, PromptopsError):
            # Not its message: that may quote what a server said.
            self._write("failed", kind=type(error).__name__, exit_code=error.exit_code)

    def verdict(self, verdict: Verdict, exit_code: int) -> None:
        """Write down what the gate decided."""
        self._write("verdict", run=verdict.candidate, outcome=verdict.outcome, exit_code=exit_code)

    def _started(self, runs: Sequence[Run], total: int) -> None:
        self._runs = tuple(runs)
        for run in runs:
            self._write("run_started", run=run.id, **_began(run), total=total)

    def _finished(self, run: Run, result: Result) -> None:
        from promptops.analysis.sides import metrics_of
        from promptops.analysis.summary import own_figures

        if run.id not in self._metrics:
            self._metrics[run.id] = metrics_of(run)
        answer, failure = result.completion, result.failure
        tried = (answer or failure).attempts if answer or failure else ()  # type: ignore[union-attr]
        figures = own_figures(result, self._metrics[run.id])
        self._write(
            "sample_finished",
            run=run.id,
            sample=result.sample_id,
            repeat=result.repeat,
            seconds=answer.seconds if answer else None,
            tokens_in=answer.tokens_in if answer else None,
            tokens_out=answer.tokens_out if answer else None,
            cost=answer.cost if answer else None,
            cached=result.cached,
            finish_reason=answer.finish_reason if answer else None,
            failure=failure.kind if failure else None,
            status=failure.status if failure else None,
            attempts=max(len(tried), 1),
            scores={label: _finite(value) for label, value in figures.items()},
        )

    def _write(self, event: str, **fields: object) -> None:
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._file.write(json.dumps({"time": now, "event": event, **fields}) + "\n")
            self._file.flush()
        except OSError as error:
            # A run is worth more than its log: it goes on, and that is said.
            self._file = None
            if not self.on_stderr:
                why = error.strerror or type(error).__name__
                click.echo(
                    f"--log-json can't be written any more ({why}); the run goes on without.", err=True
                )


@contextmanager
def json_log(where: str | None) -> Iterator[JsonLog | None]:
    """Open the log; None where none is wanted. Raises UsageError where it can't be written."""
    if where is None:
        yield None
    elif where == STDERR:
        yield JsonLog(sys.stderr)
    else:
        try:
            file = Path(where).open("a", encoding="ascii")  # noqa: SIM115 - closed below, once it could be opened
        except OSError as error:
            raise UsageError(f"--log-json: {where!r} can't be written: {error.strerror}.") from None
        try:
            yield JsonLog(file)
        finally:
            # Each line is flushed: what fails here has failed, and was told, before.
            with suppress(OSError):
                file.close()


def _began(run: Run) -> dict[str, object]:
    return {
        "evalset": run.evalset,
        "evalset_digest": run.evalset_digest,
        "prompt": run.prompt_ref,
        "prompt_digest": run.prompt.digest,
        "model": run.model,
        "samples": run.samples,
        "repeats": run.repeats,
        "part_of": run.part.samples if run.part else None,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
