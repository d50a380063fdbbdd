"""`records delete`: a person's records, one, or all before a day; their bytes are gone afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from promptops.cli.caching import yes_option
from promptops.cli.options import json_option, open_project
from promptops.cli.recordshowing import records_command
from promptops.texts.figures import counted

if TYPE_CHECKING:
    from promptops.production.records import Deletion

rewrite_option = click.option(
    "--rewrite/--no-rewrite",
    default=True,
    show_default=True,
    help="Write the database anew, so that no copy of a deleted text is left in its file; writers wait.",
)


@records_command.command("delete")
@click.option("--subject", metavar="NAME", help="All of this person, and what the person said of others.")
@click.option("--id", "record", metavar="ID", help="One record, by its id or the beginning of it.")
@click.option("--before", metavar="WHEN", help="All before a day, a time, or so long ago (90d).")
@click.option("-p", "--prompt", metavar="REF", help="All of a prompt: reply, reply@3, reply@production.")
@click.option("--dry-run", is_flag=True, help="Only tell how many.")
@rewrite_option
@yes_option
@json_option
@click.pass_context
def delete_command(
    ctx: click.Context,
    subject: str | None,
    record: str | None,
    before: str | None,
    prompt: str | None,
    dry_run: bool,
    rewrite: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete records with all that was said of them; what several options say must all hold.

    It can't be undone. Backups, exports and what other tools copied keep what they have.
    """
    from datetime import UTC, datetime

    from promptops.cli.safe import safe_line
    from promptops.production.periods import chosen_records

    if subject is None and record is None and before is None and prompt is None:
        raise click.UsageError("Say what to delete: --subject, --id, --before, --prompt, or several of them.")
    with open_project(ctx) as project:
        wanted = chosen_records(
            now=datetime.now(UTC),
            subject=subject,
            id=None if record is None else project.deletable_id(record),
            before=before,
            prompt=prompt,
        )
        found = project.delete_records(wanted, dry_run=True)
        if not dry_run:
            _confirm(found, yes)
            found = project.delete_records(wanted, rewrite=rewrite)
    print_deletion(found, as_json=as_json)
    gone = found.records + found.feedback + (found.spooled or 0) + (found.unread or 0)
    if subject is not None and not gone and not as_json:
        more = " that the other options mean" if record or before or prompt else ""
        click.echo(
            f"Nobody named {safe_line(subject, 60)!r} has records{more}. The name must be the one that was "
            "logged, letter by letter: capitals, spaces and accents count."
        )


@records_command.command("prune")
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    help="Keep so many days (default: the settings' retention_days).",
)
@click.option("--dry-run", is_flag=True, help="Only tell how many.")
@click.option(
    "--rewrite",
    is_flag=True,
    help="Write the database anew, so that no copy of a deleted text is left in its file; writers wait.",
)
@json_option
@click.pass_context
def prune_command(ctx: click.Context, days: int | None, dry_run: bool, rewrite: bool, as_json: bool) -> None:
    """Delete records that are older than the settings' `retention_days`; for cron, so nobody is asked."""
    with open_project(ctx) as project:
        found = project.prune_records(days, dry_run=dry_run, rewrite=rewrite)
    print_deletion(found, as_json=as_json)


def print_deletion(found: Deletion, *, as_json: bool) -> None:
    """Print what went, or would go, and what is left of it in the files."""

    if as_json:
        from promptops.cli import recorddocuments
        from promptops.cli.documents import print_document

        print_document(recorddocuments.DeletionDocument(deletion=found))
        return
    would = "would be deleted; nothing was changed"
    if not found.dry_run:
        would = "is deleted" if found.records == 1 else "are deleted"
    feedback = f"{counted(found.feedback, 'piece')} of feedback"
    click.echo(f"{counted(found.records, 'record')}, with {feedback}, {would}.")
    if found.dry_run:
        return
    if found.spooled:
        lie = counted(found.spooled, "line of this person still lies", "lines of this person still lie")
        click.echo(
            f"{lie} in the spool, in files of running processes. What lies there is dropped, not brought in, "
            "once these let go of it, within seconds."
        )
    if found.unread:
        lie = counted(found.unread, "line of this person lies", "lines of this person lie")
        click.echo(
            f"{lie} in the spool in files that end with .unread and can't be read. Delete these files."
        )
    if found.held:
        belong = counted(found.held, "file in the spool belongs", "files in the spool belong")
        click.echo(
            f"{belong} to running processes: what they logged within the "
            "last second comes in later. Run the same again then."
        )
    if not found.rewritten:
        click.echo("The database was not written anew: a copy of a deleted text can be left in its file.")
    if found.busy:
        click.echo(
            "Somebody was reading: deleted texts are left in the database's write-ahead log. Run the same "
            "again once readers are closed."
        )
    elif not found.erased:
        click.echo(
            "The PostgreSQL server's own log and replicas keep deleted rows for as long as it is set up to."
        )


def _confirm(found: Deletion, yes: bool) -> None:
    if yes:
        return
    told = f"{counted(found.records, 'record')} with {counted(found.feedback, 'piece')} of feedback"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{told} would be deleted. Say --yes where nobody can be asked.")
    click.confirm(f"{told} will be deleted for good. Delete them?", abort=True, err=True)
