"""`noise`: how much of a score is luck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from promptops.cli.finite import Finite, FiniteRange
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.analysis.noise import ChangeNoise, Noise, NoisePart, RunNoise
    from promptops.analysis.spending import Choice

_SHOWN_CASES = 10
_SHOWN_REPEATS = 10


@click.command("noise")
@click.argument("run")
@click.argument("other", required=False)
@click.option("--metric", help="Only this metric (default: all, in detail the first).")
@click.option(
    "--threshold", type=Finite(), help="The score from which on an answer is a success, for pass@k."
)
@click.option(
    "--margin",
    type=FiniteRange(0, min_open=True),
    help="What is to be told apart, in the metric's unit: tells how many cases or repeats that takes.",
)
@click.option(
    "--case-cost",
    type=FiniteRange(0),
    default=0.0,
    show_default=True,
    help="What writing a new case costs, in answers.",
)
@json_option
@click.pass_context
def noise_command(
    ctx: click.Context,
    run: str,
    other: str | None,
    metric: str | None,
    threshold: float | None,
    margin: float | None,
    case_cost: float,
    as_json: bool,
) -> None:
    """Tell how much of RUN's scores, or of the change from RUN to OTHER, is luck.

    Needs runs with repeats (promptops eval ... --repeats 3). Tells where the uncertainty comes from,
    whether to add cases or repeats, and which cases flip. Exit code 0 whatever is found.
    """

    with open_project(ctx, existing=True) as project:
        found = project.noise(
            run, other, metric=metric, threshold=threshold, margin=margin, case_cost=case_cost
        )
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.NoiseDocument(noise=found))
    else:
        _print_noise(found)


def _print_noise(found: Noise) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    console().print(safe_lines(found.sentence), style="bold", soft_wrap=True)
    for warning in found.warnings:
        console().print(f"Note: {safe_lines(warning)}", style="yellow")
    _print_parts(found)
    main = [each for each in found.runs if each.label == found.label]
    change = next((each for each in found.changes if each.label == found.label), None)
    choice = change.choice if change is not None else main[0].choice
    _print_variances(change or main[0])
    if choice is not None:
        _print_options(choice, found.label)
    for each in main:
        if len(main) > 1:
            console().print(f"\nRun {safe_line(each.run or 'of the baseline', 60)}", style="bold")
        _print_passes(each)
        _print_flaky(each, _SHOWN_CASES // len(main))


def _print_parts(found: Noise) -> None:
    """Print one row a metric: its interval for both questions, and where its uncertainty comes from."""
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import interval

    change = bool(found.changes)
    rows: Sequence[RunNoise | ChangeNoise] = found.changes or found.runs
    sources = list(dict.fromkeys(part.source for row in rows for part in row.parts))
    bounds = "[L, U]" if change else "95 %"
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    for name in ("change" if change else "figure", f"{bounds}, any cases", f"{bounds}, these", *sources, "n"):
        table.add_column(name, justify="right")
    for row in rows:
        parts = {part.source: part for part in row.parts}
        table.add_row(
            safe_line(row.label, 40),
            _value(row),
            *(
                "-" if spread is None else interval(spread.low, spread.high, sign=change)
                for spread in (row.population, row.suite)
            ),
            *(_share(parts.get(source)) for source in sources),
            str(row.n),
        )
    console().print(table)
    for note in dict.fromkeys(row.note for row in rows if row.note):
        labels = ", ".join(safe_line(row.label, 40) for row in rows if row.note == note)
        console().print(f"  {labels}: {safe_line(note, 300)}", style="yellow", soft_wrap=True)


def _print_variances(row: RunNoise | ChangeNoise) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval

    if row.parts:
        told = "; ".join(
            f"{part.source} {figure(part.variance)} {interval(part.low, part.high)}" for part in row.parts
        )
        console().print(
            f"Variances in {safe_line(row.label, 40)}, with 95 % intervals: {told}", soft_wrap=True
        )


def _value(row: RunNoise | ChangeNoise) -> str:
    from promptops.analysis.noise import RunNoise
    from promptops.texts.figures import figure, signed

    return figure(row.value) if isinstance(row, RunNoise) else signed(row.difference)


def _share(part: NoisePart | None) -> str:
    return "-" if part is None or part.share is None else f"{part.share:.0%}"


def _print_options(choice: Choice, label: str) -> None:
    """Print cases against repeats for the same number of answers, and what the margin takes."""
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    cost = f", a new case costing {choice.case_cost:g}" if choice.case_cost else ""
    console().print(f"\nThe same money in answers{cost}, for {safe_line(label, 40)}:")
    margin = [] if choice.margin is None else [f"cases for {choice.margin:g}", "their cost"]
    table = Table(box=None, pad_edge=False)
    for name in ("repeats", "cases", "standard error", *margin):
        table.add_column(name, justify="right")
    for option in choice.options:
        needs = [f"{option.needed:,}", f"{option.cost:,.0f}"] if option.needed and option.cost else []
        table.add_row(str(option.repeats), str(option.cases), figure(option.se), *needs)
    console().print(table)


def _print_passes(found: RunNoise) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval

    if found.repeats < 2:
        return
    if not found.passes:
        label = safe_line(found.label, 40)
        console().print(f"\nNo pass@k: {label} isn't 0 or 1; say what a success is with --threshold.")
        return
    said = "a score of 1" if found.threshold is None else f"a score of {found.threshold:g} or better"
    console().print(f"\nSuccess is {said}:")
    table = Table(box=None, pad_edge=False)
    for name in ("k", "pass@k (one of k)", "95 %", "pass^k (all of k)", "95 %", "n"):
        table.add_column(name, justify="right")
    for each in found.passes:
        table.add_row(
            str(each.k),
            figure(each.at),
            interval(each.at_low, each.at_high),
            figure(each.all),
            interval(each.all_low, each.all_high),
            str(each.n),
        )
    console().print(table)


def _print_flaky(found: RunNoise, most: int) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval

    flaky = found.flaky
    if flaky.share is None:
        return
    kinds = [
        f"{count} {told}"
        for count, told in (
            (flaky.model, "by the model"),
            (flaky.judge, "by the judge"),
            (flaky.measure, "by what was measured"),
            (flaky.missing, "without an answer at times"),
        )
        if count
    ]
    console().print(
        f"\n{len(flaky.cases)} of {flaky.n} cases flip in {safe_line(found.label, 40)} "
        f"within {found.repeats} repeats, {figure(flaky.share)} {interval(flaky.low, flaky.high)}"
        + (f": {', '.join(kinds)}." if kinds else ".")
    )
    for case in flaky.cases[:most]:
        figures = " ".join(figure(value) for value in case.figures[:_SHOWN_REPEATS])
        more = " ..." if len(case.figures) > _SHOWN_REPEATS else ""
        answers = "" if case.answers is None else f"  ({case.answers} different answers)"
        console().print(
            f"  {safe_line(case.sample_id, 60)}: {case.kind}  {figures}{more}{answers}", soft_wrap=True
        )
    if len(flaky.cases) > most:
        console().print(f"  and {len(flaky.cases) - most} more (--json lists all)")
