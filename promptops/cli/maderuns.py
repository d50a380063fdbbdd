"""How the runs are told that a command made, and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.madejson import print_runs

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.cli.watched import Watched
    from promptops.project import Project
    from promptops.types import Run

NOT_MEASURED = 3


def print_made(
    project: Project,
    runs: list[Run],
    seen: Watched,
    as_json: bool,
    unchanged: tuple[str, ...] = (),
    budget: Budget | None = None,
    most: float | None = None,
) -> int:
    """Print runs with their figures, what of them has no answer, and what to do next; return the exit code.

    It is 3 where a script must not take the runs for a finished evaluation: nothing was answered, a judge
    scored no answer, a limit ended them, or more than the share `most` has no answer.
    """
    from promptops.cli.progress import tell_stopped
    from promptops.runs.unanswered import too_many_missing, unscored

    figures = [project.estimates(run.id) for run in runs]
    silent = [told for run, found in zip(runs, figures, strict=True) for told in unscored(run, found)]
    missing = "" if most is None else too_many_missing(runs, most)
    stopped = budget.stopped if budget is not None else ""
    code = NOT_MEASURED if stopped or silent or missing or any(run.done == 0 for run in runs) else 0
    if budget is not None:
        tell_stopped(budget, runs)
    if as_json:
        usage = seen.last.usage if seen.last else None
        print_runs(project, runs, usage, seen.seconds, unchanged, stopped, exit_code=code, figures=figures)
        return code
    from promptops.cli import tables

    for run, found in zip(runs, figures, strict=True):
        tables.print_estimates(
            run,
            found,
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
    for told in (*silent, missing):
        if told:
            click.echo(told, err=True)
    return code


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
