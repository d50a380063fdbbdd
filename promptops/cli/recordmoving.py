"""`records import` and `records export`: logs of anybody's in, tables for other tools out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import json_option, open_project
from promptops.cli.recordshowing import records_command, wanted_records, which_options

if TYPE_CHECKING:
    from promptops.production.importing import Format, Imported

_TOLD = 20
"""Faults and columns that a terminal shows; --json has more."""
_FEW = 5


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
@click.option(
    "--skip-faulty",
    is_flag=True,
    help="Leave out rows and spans that can't be read, and tell which, instead of stopping.",
)
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

    Nothing is added where a row or span is faulty, unless --skip-faulty is given.
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
        from promptops.texts.figures import counted

        click.echo(f"Wrote {counted(count, 'record')} to {file}")


def _print(found: Imported) -> None:
    from promptops.cli.safe import safe_line
    from promptops.files.located import MAX_PROBLEMS as MOST_FAULTS
    from promptops.texts.figures import counted

    would = "would be" if found.dry_run else "is" if found.added == 1 else "are"
    click.echo(
        f"{safe_line(found.file, 60)}: {counted(found.rows, 'record')}, of which {found.added:,} {would} new."
    )
    _print_differing(found)
    if found.first and found.last:
        click.echo(f"  from {found.first[:16].replace('T', ' ')} to {found.last[:16].replace('T', ' ')} UTC")
    if found.ahead:
        click.echo(
            f"  {found.ahead:,} of them with a time more than a day from now: "
            "such records stand first in every list and are never pruned."
            + (" Is it the right column? See --map at=COLUMN." if found.format == "rows" else "")
        )
    for count, one, many in (
        (found.feedback, "piece of feedback", "pieces of feedback"),
        (found.scores, "score", "scores"),
    ):
        if count:
            click.echo(f"  with {counted(count, one, many)}")
    if found.left_out:
        _print_left_out(found)
    if found.absent:
        told = ", ".join(f"{theirs} ({ours})" for ours, theirs in found.absent.items())
        click.echo(f"  no row has what --map names: {safe_line(told, 300)}")
    if found.faulty:
        what = "span or line" if found.format == "otel" else "row"
        many = "spans or lines" if found.format == "otel" else "rows"
        click.echo(f"Skipped, as they can't be read: {counted(found.faulty, what, many)}:", err=True)
        for fault in found.faults[:_TOLD]:
            click.echo(f"  {safe_line(fault, 300)}", err=True)
        more = len(found.faults) - _TOLD
        if more > 0:
            faults = counted(more, "more fault") if found.faulty < MOST_FAULTS else "more of them"
            click.echo(f"  ... and {faults}; --json has the first {MOST_FAULTS:,}", err=True)
    if found.dry_run:
        click.echo("Nothing was stored.")


def _print_differing(found: Imported) -> None:
    """Say which rows were not taken in as another record has their id, and what to do."""
    from promptops.cli.safe import safe_line
    from promptops.texts.figures import counted

    if not found.others:
        return
    ids = "another is stored under its id" if found.others == 1 else "others are stored under their ids"
    click.echo(f"Not taken in: {counted(found.others, 'record')}, as {ids}:", err=True)
    for each in found.differing[:_FEW]:
        told = f"{each.where}: id {each.id}: another {', '.join(each.fields)}"
        click.echo(f"  {safe_line(told, 300)}", err=True)
    if found.others > _FEW:
        click.echo(f"  ... and {found.others - _FEW:,} more", err=True)
    click.echo(
        "What is stored stays as it is. Other calls need ids of their own, such as the service's name before "
        "the number. Where the file is right, delete what is stored and import it again: promptops records "
        "delete --id ID",
        err=True,
    )


def _print_left_out(found: Imported) -> None:
    from promptops.cli.safe import safe_line
    from promptops.production.columnmap import mapping

    told = [f"{safe_line(name, 60)} ({count:,})" for name, count in found.left_out.items()]
    more = f" and {len(told) - _TOLD:,} more" if len(told) > _TOLD else ""
    rows = found.format == "rows"
    click.echo(f"  {'columns not used' if rows else 'left out'}: {', '.join(told[:_TOLD])}{more}")
    if rows:
        near = mapping(found.left_out) or "--map metadata.region=region"
        click.echo(f"  A column is taken in by --map OURS=COLUMN, for example {near}.")
