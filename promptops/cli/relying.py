"""`reliability`: which metric to trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.production.reliability import Reliability, SystemReliability

_STYLES = {"trust": "bold green", "weak": "yellow", "reversed": "bold red", "no relation": "red"}


@click.command("reliability")
@click.argument("evalset", metavar="SET")
@click.option(
    "--prompt", metavar="NAME", help="Only records of this prompt: reply, reply@3 or reply@production."
)
@click.option(
    "--since", default="90d", show_default=True, metavar="WHEN", help="From then on: 90d, 4w, 2026-11-01."
)
@click.option("--until", metavar="WHEN", help="Up to then, that day with it.")
@click.option("-m", "--model", metavar="MODEL", help="Only records of this model.")
@click.option(
    "--run", "runs", multiple=True, metavar="RUN", help="A run of a version in production; else the newest."
)
@click.option(
    "--plot", type=click.Path(dir_okay=False), metavar="FILE", help="Draw the table as an SVG file."
)
@json_option
@click.pass_context
def reliability_command(
    ctx: click.Context,
    evalset: str,
    prompt: str | None,
    since: str,
    until: str | None,
    model: str | None,
    runs: tuple[str, ...],
    plot: str | None,
    as_json: bool,
) -> None:
    """Say how well the metrics of SET tell what users liked, so that one knows which to trust.

    Answers with feedback are scored by the metrics that need no target and no model; of judges the scores
    count that `monitor --judge` kept. Exit code 0, or 3 where feedback is too little for every metric.
    """
    with open_project(ctx, existing=True) as project:
        found = project.reliability(evalset, prompt=prompt, since=since, until=until, model=model, runs=runs)
    if plot is not None:
        from promptops.cli.pairranking import write_picture
        from promptops.plots.reliability import reliability_plot

        write_picture(reliability_plot(found), Path(plot))
    if as_json:
        from promptops.cli import productiondocuments as documents
        from promptops.cli.documents import print_document

        print_document(documents.ReliabilityDocument(reliability=found))
    else:
        print_reliability(found)
    if all(each.trust == "too few" for each in found.metrics):
        ctx.exit(3)


def print_reliability(found: Reliability) -> None:
    """Print each metric against feedback, the most telling first, then how versions are ordered."""
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import counted, figure, interval

    of = f" of {safe_line(found.prompt, 60)}" if found.prompt else ""
    console().print(
        f"{safe_line(found.evalset, 60)} against what users said: {counted(found.records, 'record')}{of}, "
        f"{found.good:,} liked",
        style="bold",
        soft_wrap=True,
    )
    for note in found.notes:
        console().print(f"  Note: {safe_line(note, 300)}", style="yellow", soft_wrap=True)
    if found.metrics:
        table = Table(box=None, pad_edge=False)
        for name in (
            "metric",
            "verdict",
            "AUC",
            "interval",
            "Spearman",
            "95 %",
            "Kendall",
            "gap",
            "chance",
            "n",
        ):
            table.add_column(name, justify="left" if name in ("metric", "verdict") else "right")
        for each in found.metrics:
            table.add_row(
                safe_line(each.label, 40),
                each.trust,
                figure(each.auc.value),
                interval(each.auc.low, each.auc.high),
                figure(each.spearman.value),
                interval(each.spearman.low, each.spearman.high),
                figure(each.kendall.value),
                figure(each.calibration_gap),
                figure(each.gap_by_chance),
                f"{each.n:,}",
                style=_STYLES.get(each.trust, ""),
            )
        console().print(table)
        console().print(
            "AUC: how often a liked answer scores better than one that was not (.5 is chance; the intervals "
            "hold together).\nGap: mean distance of score and share liked; beside it what chance makes.",
            soft_wrap=True,
        )
    for system in found.systems:
        _print_system(system)


def _print_system(system: SystemReliability) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    pairs = len(system.points) * (len(system.points) - 1) // 2
    told = f"; Spearman {figure(system.spearman)}" if system.spearman is not None else ""
    shown = ", ".join(
        f"{safe_line(point.version, 40)} {figure(point.offline)} / {point.good:.1%} of {point.n:,}"
        for point in system.points
    )
    console().print(f"\n{safe_line(system.label, 40)}, versions offline / liked: {shown}", soft_wrap=True)
    console().print(
        f"  orders {system.agreed} of {pairs} pairs of versions as their users do, {system.reversed} the "
        f"other way round{told}",
        soft_wrap=True,
    )
