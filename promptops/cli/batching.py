"""`eval --batch` and what `resume` does with such a run: hand in, leave, come back, collect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import target_output_to_stderr

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.project import Project
    from promptops.runs.submissions import Collection, Submission
    from promptops.types import Run

NOT_THERE = 3
"""The exit code while answers are still to come: a script must not take that for a finished evaluation."""

batch_option = click.option(
    "--batch",
    is_flag=True,
    help="Hand all requests in as files and leave: the server answers within a day, often at half price; "
    "`promptops resume RUN` brings the answers.",
)
wait_option = click.option(
    "--wait", is_flag=True, help="Of a run in batches: wait until the server has answered them."
)
live_option = click.option(
    "--live", is_flag=True, help="Of a run in batches: ask what is left directly, not in another batch."
)
again_option = click.option(
    "--again",
    is_flag=True,
    help="Of a run in batches: where the server does not know a batch any more, give it up and have its "
    "samples answered once more (and paid for once more).",
)


def refuse_mixed(given: dict[str, Any]) -> None:
    """Raise click.UsageError for options that don't go with --batch."""
    limits = (given["max_calls"], given["max_cost"]) != (None, None)
    if limits and not given["dry_run"]:
        raise click.UsageError(
            "A batch is handed in whole, so --max-calls and --max-cost can't end it. Look at what it takes "
            "with --dry-run, and choose samples with --limit or --sample."
        )
    if given["cassette"]:
        raise click.UsageError("--cassette answers at once; leave --batch out.")


def refuse_unbatched(run: str, batched: bool, *, wait: bool, live: bool, again: bool) -> None:
    """Raise click.UsageError for what has no meaning for a run, or not together."""
    if (wait or live or again) and not batched:
        raise click.UsageError(
            f"Run {run} is not one in batches: --wait, --live and --again have no meaning for it."
        )
    if wait and live:
        raise click.UsageError("--live asks what is left directly, and --wait waits for a batch: not both.")


def submit(project: Project, as_json: bool, *arguments: Any, **options: Any) -> list[Run]:
    """Hand an evaluation in and say how to come back; return the runs that are finished already."""
    from promptops.cli.safe import safe_line

    with target_output_to_stderr():
        handed = project.submit(*arguments, **options)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.SubmitDocument(submissions=handed))
        return []
    for each in handed:
        click.echo(safe_line(_told(each), 400))
        if each.batches:
            click.echo(f"Come back with: promptops resume {each.run}")
            click.echo(f"Or stay until it is answered: promptops resume {each.run} --wait")
    return [project.run(each.run) for each in handed if not each.batches]


def _told(handed: Submission) -> str:
    if not handed.batches:
        return f"Run {handed.run}: {handed.model} need not be asked, every answer is stored already."
    files = ", ".join(handed.batches)
    return (
        f"Run {handed.run}: {handed.requests:,} requests for {handed.model} handed in, to be answered within "
        f"{handed.window} ({files})."
    )


def collect(
    ctx: click.Context, project: Project, run: str, as_json: bool, budget: Budget, **options: Any
) -> Collection:
    """Collect a run's batches and tell how they stand; exits with code 3 while answers are still to come."""
    from promptops.cli.progress import tell_stopped

    quiet = as_json or not options.get("wait")
    with target_output_to_stderr():
        found = project.collect(run, budget=budget, told=None if quiet else _tell, **options)
    tell_stopped(budget, [found.run])
    if found.left or found.pending:
        if as_json:
            from promptops.cli import documents

            documents.print_document(documents.CollectDocument(collection=found))
        else:
            _tell(found, err=False)
            if not budget.stopped:  # else it is told how to go on
                _tell_next(found)
        ctx.exit(NOT_THERE)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    return found


def _tell(found: Collection, *, err: bool = True) -> None:
    from promptops.cli.safe import safe_line

    run = found.run
    failed = f", {run.errors:,} more have failed" if run.errors else ""
    click.echo(
        f"Run {run.id}: {run.done:,} of {run.samples * run.repeats:,} answers are there{failed}.", err=err
    )
    for batch in found.batches:
        told = f"{batch.answered:,} of {batch.requests:,} answered"
        lost = f", {batch.failed:,} failed" if batch.failed else ""
        click.echo(safe_line(f"  {batch.id}: {batch.told}, {told}{lost}", 300), err=err)
    if found.submitted:
        click.echo(f"Handed in just now: {found.submitted:,} requests.", err=err)
    for note in found.notes:
        click.echo(f"Note: {note}", err=err)


def _tell_next(found: Collection) -> None:
    if found.pending:
        click.echo(f"Come back later, or wait for it: promptops resume {found.run.id} --wait")
    else:
        click.echo(
            f"No batch is out. Hand in what is left: promptops resume {found.run.id} (or with --live ask it "
            "directly)"
        )
