"""How the runs are told that a command made, and its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from promptops.cli.madejson import print_runs

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.cli.watched import Watched
    from promptops.project import Project
    from promptops.types import Run

NOT_MEASURED = 3


def exit_code(runs: Sequence[Run], budget: Budget | None, most: float | None) -> int:
    """Return 3 where a script must not take the runs for a finished evaluation, else 0.

    That is where nothing was answered, a limit ended them, or more than the share `most` has no answer.
    """
    from promptops.runs.unanswered import too_many_missing

    if (budget is not None and budget.stopped) or any(run.done == 0 for run in runs):
        return NOT_MEASURED
    return NOT_MEASURED if most is not None and too_many_missing(runs, most) else 0


def print_made(
    project: Project,
    runs: list[Run],
    seen: Watched,
    as_json: bool,
    unchanged: tuple[str, ...] = (),
    budget: Budget | None = None,
    most: float | None = None,
) -> None:
    """Print runs with their figures, what of them has no answer, and what to do next."""
    from promptops.cli.progress import tell_stopped
    from promptops.runs.unanswered import too_many_missing

    if budget is not None:
        tell_stopped(budget, runs)
    if as_json:
        usage = seen.last.usage if seen.last else None
        code = exit_code(runs, budget, most)
        print_runs(
            project, runs, usage, seen.seconds, unchanged, budget.stopped if budget else "", exit_code=code
        )
        return
    from promptops.cli import tables

    for run in runs:
        tables.print_estimates(
            run,
            project.estimates(run.id),
            project.failures(run.id),
            cut_off=project.cut_off(run.id),
            slices=False,
        )
        if run.judged:
            tables.print_notes(project.judge_notes(run.id))
    click.echo("")
    answered = [run for run in runs if run.done]
    if len(answered) > 1:
        click.echo(f"Compare them: promptops compare {answered[0].id} {answered[1].id}")
    elif answered:
        click.echo(f"By slice: promptops show {answered[0].id}")
    for run in runs:
        if run.errors:
            _tell_unanswered(project, run, several=len(runs) > 1)
    if most is not None and (told := too_many_missing(runs, most)):
        click.echo(told, err=True)


def _tell_unanswered(project: Project, run: Run, *, several: bool) -> None:
    """Say last, where it is seen, what has no answer, and how it is asked again."""
    from promptops.cli import tables
    from promptops.runs.unanswered import asking_again, unanswered

    which, failures = f"Run {run.id}: " if several else "", project.failures(run.id)
    tables.print_alarm(f"{which}{unanswered(run, failures)}")
    again = asking_again(failures)
    if run.status == "finished" and again:
        live = " (in another batch; with --live directly)" if project.is_batched(run.id) else ""
        click.echo(f"{again}: promptops resume {run.id} --retry-errors{live}")
