"""`stop` and `pause`: end or hold a run that another process works on."""

from __future__ import annotations

import click

from promptops.cli.options import open_project
from promptops.cli.safe import safe_line


@click.command("stop")
@click.argument("run", default="latest")
@click.pass_context
def stop_command(ctx: click.Context, run: str) -> None:
    """Tell the process that works on RUN to end, as Ctrl-C in its window would.

    What was answered is stored; `promptops resume` goes on. Calls under way are closed at once: their
    answers are lost, and a server may charge for them all the same. To lose none, hold the run first
    (`promptops pause RUN`) and stop it once they have ended.

    Of a run whose batches are out, they are cancelled at their server.
    """
    with open_project(ctx, existing=True) as project:
        stopped = project.stop(run)
        cancelled = [batch.id for batch in project.batches(stopped.id) if batch.event == "cancelled"]
    if cancelled and not stopped.at_work:
        click.echo(
            f"Run {stopped.id}: told the server to cancel {safe_line(', '.join(cancelled), 200)}. "
            f"`promptops resume {stopped.id}` brings what was answered by then, and hands the rest in again; "
            "with --live it asks the rest directly."
        )
    else:
        click.echo(f"Told run {stopped.id} to end. Go on later: promptops resume {stopped.id}")


@click.command("pause")
@click.argument("run", default="latest")
@click.option("--go-on", is_flag=True, help="Let a run that is held go on.")
@click.pass_context
def pause_command(ctx: click.Context, run: str, go_on: bool) -> None:
    """Have the process that works on RUN begin no further call until it is told to go on.

    What is under way is answered and stored. The same does the signal USR1 to that process.
    """
    with open_project(ctx, existing=True) as project:
        found = project.run(run)
        changed = project.pause(found.id, hold=not go_on)
    how = (
        ("goes on" if go_on else "is held") if changed else ("was not held" if go_on else "was held already")
    )
    click.echo(f"Run {found.id} {how}." + ("" if go_on else f" Go on: promptops pause {found.id} --go-on"))
