"""`judge agree`: how well metrics and judges agree with people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.judging.agreeing import MetaEvaluation


@judge_command.command("agree")
@click.argument("results", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--human", multiple=True, metavar="KEY", help="A key of human scores; the mean of several counts."
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="KEY", help="A key of scores (default: all others)."
)
@click.option("--document", default="sample", show_default=True, metavar="KEY", help="What was answered.")
@click.option("--system", default="system", show_default=True, metavar="KEY", help="Who answered.")
@json_option
@click.pass_context
def agree_command(
    ctx: click.Context,
    results: str,
    human: tuple[str, ...],
    metrics: tuple[str, ...],
    document: str,
    system: str,
    as_json: bool,
) -> None:
    """Hold recorded scores in RESULTS against people's: correlations by sample, group and system.

    Each row is one output, with its document, its system, human scores and those of metrics or judges.
    Nothing is asked. Intervals resample documents and keep the systems.
    """
    with open_project(ctx, dry=True) as project:
        found = project.agree(Path(results), human, metrics, document=document, system=system)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.AgreeDocument(agreement=found))
    else:
        _print(found)


def _print(found: MetaEvaluation) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval

    console().print(
        f"{found.outputs} outputs of {found.systems} systems on {found.documents} documents, against "
        f"{safe_line(', '.join(found.human), 80)}.",
        style="bold",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "level"):
        table.add_column(name)
    table.add_column("n", justify="right")
    names = tuple(dict.fromkeys(row.coefficient for row in found.rows))
    for name in names:
        table.add_column(name, justify="right")
        table.add_column("95 %", justify="right")
    table.add_column("left out", justify="right")
    by = {(row.metric, row.level, row.coefficient): row for row in found.rows}
    for metric, level in dict.fromkeys((row.metric, row.level) for row in found.rows):
        rows = [by[metric, level, name] for name in names]
        cells = [
            cell
            for row in rows
            for cell in (
                figure(row.correlation.value),
                interval(row.correlation.low, row.correlation.high),
            )
        ]
        table.add_row(safe_line(metric, 40), level, str(rows[0].correlation.n), *cells, str(rows[0].left_out))
    console().print(table)
    for order in found.orderings:
        console().print(
            f"{safe_line(order.metric, 40)} orders {order.agreed} pairs of systems as people do, "
            f"{order.reversed} the other way, {order.metric_ties} not at all: {figure(order.accuracy.value)} "
            f"{interval(order.accuracy.low, order.accuracy.high)}.",
            soft_wrap=True,
        )
