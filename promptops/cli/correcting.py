"""`judge correct`: a judge's figures, corrected by people's ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.judging import judge_command
from promptops.cli.labelling import labels_option
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.judging.corrected import JudgeCorrection
    from promptops.verdicts import CorrectedShare, Correction


@judge_command.command("correct")
@click.argument("judge", metavar="SET:LABEL")
@click.option("--run", default="latest", show_default=True, help="The run whose figure is corrected.")
@click.option("--baseline", help="Also the change from a label, a baseline file, or a run.")
@click.option("--slice", "name", metavar="TAG", help="Only samples with this tag.")
@labels_option
@json_option
@click.pass_context
def correct_command(
    ctx: click.Context,
    judge: str,
    run: str,
    baseline: str | None,
    name: str | None,
    labels: str | None,
    as_json: bool,
) -> None:
    """Say how good a run is by people's ratings of a part of it, with the judge's help for the rest.

    By prediction-powered inference (PPI++): right whatever the judge is worth, if the rated samples are a
    random part, as `judge draw` draws them. Nobody is asked. Exit code 0, or 3 where too few are rated.
    """
    with open_project(ctx, dry=True) as project:
        found = project.correct_judge(judge, run, baseline=baseline, labels=labels, slice=name)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.CorrectionDocument(correction=found))
    else:
        _print(found)
    if found.mean.value is None or (found.change is not None and found.change.value is None):
        ctx.exit(3)


def _print(found: JudgeCorrection) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.judging.biaswords import hidden_biases
    from promptops.judging.correctionwords import halving, worth

    star = "*" if found.stand_in else ""
    where = f" on {safe_line(found.mean.slice, 40)}" if found.mean.slice else ""
    people = "1 person" if found.mean.raters == 1 else f"{found.mean.raters} people"
    console().print(
        f"{safe_line(found.label, 40)}{star}{where} in run {found.run}: {people} rated {found.mean.rated:,} "
        f"of {found.mean.samples:,} samples, on a scale from {found.low:g} to {found.high:g}.",
        style="bold",
        soft_wrap=True,
    )
    for note in found.notes:
        console().print(f"Note: {safe_lines(note)}", style="yellow", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for column in ("", "judge alone", "people alone", "corrected (PPI++)", "lambda"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    table.add_row("mean, 95 % interval", *_cells(found.mean))
    if found.change is not None:
        table.add_row("change, [L, U]", *_cells(found.change, sign=True))
    console().print(table)
    for each in (found.mean, found.change):
        if each is not None and each.value is not None:
            what = "Mean" if each is found.mean else "Change"
            console().print(f"{what}: {worth(each)} {halving(each)}", soft_wrap=True)
        elif each is not None:
            console().print(f"Not corrected: {each.why}.", style="yellow", soft_wrap=True)
    hidden = hidden_biases(found.parts, found.allowed)
    if hidden:
        console().print(hidden, style="yellow", soft_wrap=True)
    if found.share is not None:
        console().print(_share(found.share), soft_wrap=True)
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")


def _cells(found: Correction, *, sign: bool = False) -> tuple[str, str, str, str]:
    from promptops.texts.figures import figure, interval, signed

    shown = signed if sign else figure
    rows = (
        (found.judge, found.judge_low, found.judge_high),
        (found.people, found.people_low, found.people_high),
        (found.value, found.low, found.high),
    )
    judge, people, both = (
        shown(value) if low is None else f"{shown(value)} {interval(low, high, sign=sign)}"
        for value, low, high in rows
    )
    return judge, people, both, figure(found.lam)


def _share(found: CorrectedShare) -> str:
    from promptops.texts.figures import figure, interval

    if found.value is None:
        return f"Rogan-Gladen: refused, {found.why}."
    return (
        f"Rogan-Gladen: share of yes {figure(found.value)} {interval(found.low, found.high)} of samples "
        f"without a rating (sensitivity {figure(found.sensitivity)}, specificity "
        f"{figure(found.specificity)}, Youden's J {figure(found.youden)}); it takes these to be the same "
        "everywhere, PPI++ does not."
    )
