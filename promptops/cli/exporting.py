"""`export`: a run's results as a table for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cli.options import open_project


@click.command("export")
@click.argument("run", default="latest")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file; its ending says how: .parquet, .csv or .jsonl.",
)
@click.option(
    "--no-texts", is_flag=True, help="Figures only: no inputs, targets, outputs or judges' reasons."
)
@click.pass_context
def export_command(ctx: click.Context, run: str, output: Path, no_texts: bool) -> None:
    """Write RUN's results, one row each, for a notebook, a spreadsheet or a database.

    Rows are streamed: a million take no more memory than a thousand.
    """
    with open_project(ctx, existing=True) as project:
        count = project.export(run, output, texts=not no_texts)
    click.echo(f"Wrote {count:,} results to {output}")
