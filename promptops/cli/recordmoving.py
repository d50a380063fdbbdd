"""`records import` and `records export`: logs of anybody's in, tables for other tools out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import json_option, open_project
from promptops.cli.recordshowing import records_command, wanted_records, which_options

if TYPE_CHECKING:
    from promptops.production.importing import Format, Imported


@records_command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "jsonl", "otel"]),
    default="auto",
    show_default=True,
    help="Rows (JSON lines, JSON, CSV, Parquet, YAML), or spans of OpenTelemetry as JSON.",
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Which of the file's columns is which field: output=answer,inputs.text=question; more than once.",
)
@click.option("-p", "--prompt", metavar="REF", help="The prompt of rows that name none: reply, reply@3.")
@click.option("--tag", "tags", multiple=True, help="Give all these records a tag; more than once.")
@click.option(
    "--keep-people", is_flag=True, help="Keep e-mail addresses, telephone, card and account numbers."
)
@click.option("--skip-faulty", is_flag=True, help="Leave out rows that can't be read instead of stopping.")
@click.option("--dry-run", is_flag=True, help="Only tell what would come.")
@json_option
@click.pass_context
def import_command(
    ctx: click.Context,
    file: Path,
    form: Format,
    columns: tuple[str, ...],
    prompt: str | None,
    tags: tuple[str, ...],
    keep_people: bool,
    skip_faulty: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the records of a log. What is there already is left as it is: a file may be read again.

    Nothing is added where a row is faulty, unless --skip-faulty is given.
    """
    from promptops.cli import recorddocuments
    from promptops.cli.documents import print_document

    with open_project(ctx, dry=dry_run) as project:
        found = project.import_records(
            file,
            form=form,
            columns=columns,
            prompt=prompt,
            tags=tags,
            keep_people=keep_people,
            skip_faulty=skip_faulty,
            dry_run=dry_run,
        )
    if as_json:
        print_document(recorddocuments.ImportDocument(imported=found))
    else:
        _print(found)


@records_command.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@which_options
@click.option(
    "--no-texts", is_flag=True, help="Figures only: no inputs, outputs, metadata, comments or edits."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
@click.pass_context
def export_command(
    ctx: click.Context, /, file: Path, no_texts: bool, force: bool, as_json: bool, **given: Any
) -> None:
    """Write records to FILE, the oldest first: .jsonl, .parquet (both can be imported again) or .csv."""
    from promptops.cli import recorddocuments
    from promptops.cli.documents import print_document

    wanted = wanted_records(given)
    with open_project(ctx, existing=True) as project:
        count = project.export_records(file, wanted, texts=not no_texts, overwrite=force)
    if as_json:
        print_document(recorddocuments.ExportedDocument(file=str(file), records=count))
    else:
        click.echo(f"Wrote {count:,} records to {file}")


def _print(found: Imported) -> None:
    from promptops.cli.safe import safe_line

    would = "would be new" if found.dry_run else "are new"
    click.echo(f"{safe_line(found.file, 60)}: {found.rows:,} records, of which {found.added:,} {would}.")
    if found.others:
        told = ", ".join(found.other_ids) + (" ..." if found.others > len(found.other_ids) else "")
        click.echo(
            f"Not taken in: {found.others:,} of them, whose ids other records bear already, with another "
            f"time, prompt, inputs or output: {safe_line(told, 200)}. Give them ids of their own, such as "
            "the service's name before the number.",
            err=True,
        )
    if found.first and found.last:
        click.echo(f"  from {found.first[:16].replace('T', ' ')} to {found.last[:16].replace('T', ' ')} UTC")
    if found.ahead:
        click.echo(
            f"  {found.ahead:,} of them begin more than a day from now: they stand first in every list and "
            "are never pruned. Is it the right column? See --map at=COLUMN."
        )
    for count, name in ((found.feedback, "pieces of feedback"), (found.scores, "scores")):
        if count:
            click.echo(f"  with {count:,} {name}")
    if found.left_out:
        told = ", ".join(f"{name} ({count:,})" for name, count in found.left_out.items())
        rows = found.format == "rows"
        click.echo(f"  {'columns not used' if rows else 'left out'}: {safe_line(told, 300)}")
        if rows:
            click.echo("  A column is taken in by --map OURS=COLUMN, for example metadata.region=region.")
    if found.absent:
        told = ", ".join(f"{theirs} ({ours})" for ours, theirs in found.absent.items())
        click.echo(f"  no row has what --map names: {safe_line(told, 300)}")
    if found.faulty:
        click.echo(f"  {found.faulty:,} rows were skipped; the first faults:")
    for fault in found.faults[:5]:
        click.echo(f"    {safe_line(fault, 300)}")
    if found.dry_run:
        click.echo("Nothing was stored.")
