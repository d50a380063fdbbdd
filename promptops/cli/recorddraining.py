"""`records drain`: what processes that died left in the spool goes into the database."""

from __future__ import annotations

import click

from promptops.cli.options import json_option, open_project
from promptops.cli.recordshowing import records_command
from promptops.texts.figures import counted


@records_command.command("drain")
@json_option
@click.pass_context
def drain_command(ctx: click.Context, as_json: bool) -> None:
    """Move into the database what waits in files: of processes that died, or as it was down.

    Running processes do it by themselves, so that nothing has to call this. Twice does no harm.
    """
    with open_project(ctx) as project:
        done = project.drain_spool()
    if as_json:
        from promptops.cli.documents import print_document
        from promptops.cli.recorddocuments import DrainDocument

        print_document(DrainDocument(**done._asdict()))
        return
    told = f"{counted(done.records, 'record')} and {counted(done.feedback, 'piece')} of feedback"
    are = "is" if done.records + done.feedback == 1 else "are"
    click.echo(f"{told} {are} new in the database.")
    if done.deleted:
        click.echo(
            counted(done.deleted, "was not taken: it is", "were not taken: they are")
            + " of people whose records were deleted meanwhile."
        )
    if done.unread:
        torn = f", {done.torn:,} of them cut off when a process died" if done.torn else ""
        kept = "it is kept" if done.unread == 1 else "they are kept"
        click.echo(
            f"{counted(done.unread, 'line')} could not be read{torn}; {kept} in the spool, in files that "
            "end with .unread."
        )
    if done.left:
        files = counted(done.left, "file belongs", "files belong")
        click.echo(f"{files} to running processes, which bring in what is there themselves.")
