"""`plan`: what a set can see, before money is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.planning import Plan, Price


@click.command("plan")
@click.argument("evalset")
@click.option("--runs", nargs=2, metavar="A B", help="Learn from these two runs (default: the newest two).")
@click.option(
    "--sd",
    multiple=True,
    metavar="METRIC=NUMBER",
    help="Without history: the standard deviation of paired differences that you expect.",
)
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="METRIC=NUMBER",
    help="A change that you want to see, in the metric's unit: how many cases does it need?",
)
@click.option("--alpha", type=click.FloatRange(0.0001, 0.4999), default=0.05, show_default=True)
@click.option("--power", type=click.FloatRange(0.5, 0.999), default=0.8, show_default=True)
@click.option("-j", "--jobs", type=click.IntRange(1, 1000), help="Answers at a time, for the time it takes.")
@json_option
@click.pass_context
def plan_command(
    ctx: click.Context,
    evalset: str,
    runs: tuple[str, str] | None,
    sd: tuple[str, ...],
    changes: tuple[str, ...],
    alpha: float,
    power: float,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Say what EVALSET can see: the smallest change, the cases that each margin needs, and the price.

    Nobody is asked and nothing is paid. The figures come from how two stored runs differed.
    """
    from promptops.cli import documents

    with open_project(ctx) as project:
        found = project.plan(
            evalset,
            runs=runs,
            sd=_numbers(sd, "--sd"),
            changes=_numbers(changes, "--change"),
            alpha=alpha,
            power=power,
        )
        concurrency = jobs or project.settings.concurrency
    if as_json:
        documents.print_document(documents.PlanDocument(plan=found))
    else:
        _print(found, concurrency)


def _numbers(written: tuple[str, ...], option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in written:
        label, equals, number = each.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not equals or not 0 < value < float("inf"):
            raise click.UsageError(f"{option} takes METRIC=NUMBER with a number above 0, not {each!r}.")
        found[label] = value
    return found


def _print(plan: Plan, concurrency: int) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.figures import figure

    console().print(f"{plan.evalset}: {plan.samples} samples. Learned from {safe_line(plan.history)}.")
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "slice", "n", "sees", "margin", "passes if equal", "cases for it"):
        table.add_column(name, justify="left" if name in {"metric", "slice"} else "right")
    for reach in plan.reaches:
        table.add_row(
            reach.label,
            safe_line(reach.slice or "all", 40),
            str(reach.n),
            figure(reach.resolves),
            "-" if reach.margin is None else f"{reach.margin:g}",
            "-" if reach.chance is None else f"{reach.chance:.0%}",
            "-" if reach.needed is None else str(reach.needed),
        )
    console().print(table)
    console().print(
        f"sees: the smallest change that is found with {plan.power:.0%} power at alpha {plan.alpha:g}, "
        "one-sided; also the smallest margin that can be asked for.",
        style="dim",
    )
    for sentence in plan.advice:
        console().print(safe_line(sentence, 400))
    if plan.price is not None:
        console().print(f"One evaluation: {_price(plan.price, concurrency)}")


def _price(price: Price, concurrency: int) -> str:
    cost = "cost unknown" if price.cost is None else f"${price.cost:.4f}"
    tokens = (
        "tokens unknown"
        if price.tokens_in is None or price.tokens_out is None
        else f"{price.tokens_in + price.tokens_out:,} tokens"
    )
    time = (
        "time unknown"
        if price.seconds is None
        else f"about {price.seconds / concurrency:.0f} s with {concurrency} at a time"
    )
    return f"{price.answers} answers, {tokens}, {cost}, {time} (as run {price.run} took; judges not counted)"
