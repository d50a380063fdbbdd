"""What is seen of a command that makes runs while it goes on: its runs, the line, the log."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.jsonlog import STDERR
from promptops.cli.madejson import print_runs, was_ended
from promptops.errors import PromptopsError

if TYPE_CHECKING:
    from promptops.project import Project
    from promptops.runs.progress import Progress, Watch
    from promptops.types import Run


class Watched:
    """Draws the line, writes the log, and remembers the last progress for the summary."""

    def __init__(self, project: Project, *, quiet: bool, log: str | None) -> None:
        from promptops.cli.progress import logged

        self._started = monotonic()
        self._project, self._as_json = project, quiet
        self._quiet = quiet or log == STDERR
        self._logged = logged(project, log, quiet=quiet)
        self.last: Progress | None = None

    def __enter__(self) -> Watched:
        self._draw, self._log = self._logged.__enter__()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._logged.__exit__(kind, error, trace)
        if self._as_json and self.last is not None and was_ended(error):
            # A script learns which runs there are, how far they came, and what may have been paid for.
            runs = [self._project.run(run.id) for run in self.last.runs]
            code = error.exit_code if isinstance(error, PromptopsError) else 0
            print_runs(self._project, runs, self.last.usage, self.seconds, exit_code=code)

    def begin(self, runs: Sequence[Run]) -> None:
        """Say which runs there are that are handed in rather than asked."""
        if not self._quiet:
            tell_begun(runs)
        if self._log is not None:
            self._log.begin(runs)

    def watch(self, progress: Progress) -> None:
        if self.last is None and not self._quiet:
            tell_begun(progress.runs)
            _tell_remarks(progress.remarks)
        self.last = progress
        if self._draw:
            self._draw(progress)

    @property
    def seconds(self) -> float:
        return monotonic() - self._started


def naming(watch: Watch | None, *, quiet: bool) -> Watch | None:
    """Return a watch that also says which runs there are, before their first call."""
    named: set[str] = set()

    def told(progress: Progress) -> None:
        new = [run for run in progress.runs if run.id not in named]
        named.update(run.id for run in new)
        tell_begun(new)
        if watch is not None:
            watch(progress)

    return watch if quiet else told


def tell_begun(runs: Sequence[Run]) -> None:
    """Say before the first call which runs there are, so that a killed terminal loses none, and of what part.

    All runs of a command ask the same samples.
    """
    from promptops.cli.safe import safe_line

    for run in runs:
        click.echo(safe_line(_told(run), 400), err=True)
    if runs and runs[0].part is not None:
        click.echo(safe_line(runs[0].part.sentence, 400), err=True)


def _told(run: Run) -> str:
    begins = "goes on" if run.done or run.errors else "begins"
    times = f", {run.repeats} times each" if run.repeats > 1 else ""
    return (
        f"Run {run.id} {begins}: {run.prompt_ref} on {run.model}, {run.evalset}, {run.samples:,} "
        f"samples{times}. Should it be cut off: promptops resume {run.id}"
    )


def _tell_remarks(remarks: Sequence[str]) -> None:
    """Say before the first call what was found of the judges."""
    from promptops.cli.safe import safe_line

    for remark in remarks:
        click.echo(safe_line(remark, 600), err=True)
