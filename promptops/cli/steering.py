"""`stop`: end a run that another process works on."""

from __future__ import annotations

import click

from promptops.cli.options import open_project


@click.command("stop")
@click.argument("run", default="latest")
@click.pass_context
def stop_command(ctx: click.Context, run: str) -> None:
    """Tell the process that works on RUN to end, as Ctrl-C in its window would.

    What is under way is stored; `promptops resume` goes on.
    """
    with open_project(ctx) as project:
        stopped = project.stop(run)
    click.echo(f"Told run {stopped.id} to end. Go on later: promptops resume {stopped.id}")
