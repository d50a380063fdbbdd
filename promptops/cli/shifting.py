"""`shift`: how far two collections of texts lie apart."""

from __future__ import annotations

import click

from promptops.cli.options import json_option, open_project


@click.command("shift")
@click.argument("reference")
@click.argument("current")
@click.option("--field", help="Which field of a JSONL row holds the text, for example inputs.article.")
@json_option
@click.pass_context
def shift_command(ctx: click.Context, reference: str, current: str, field: str | None, as_json: bool) -> None:
    """Measure how far CURRENT lies from REFERENCE.

    Each is a run (its outputs), an evaluation set (its inputs) or a JSONL file. Two runs on the same
    samples are compared pair by pair. Exit code 0 whatever is found.
    """
    from promptops.cli import documents, tables

    with open_project(ctx) as project:
        found = project.shift(reference, current, field=field)
    if as_json:
        documents.print_document(documents.ShiftDocument(shift=found))
    else:
        tables.print_shift(found)
