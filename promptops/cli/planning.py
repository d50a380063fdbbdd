"""`plan`: what a set can see, before money is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.gate.planning import Plan
    from promptops.gate.reach import Reach


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
@click.option("--alpha", type=FiniteRange(0.0001, 0.4999), default=0.05, show_default=True)
@click.option("--power", type=FiniteRange(0.5, 0.999), default=0.8, show_default=True)
@click.option("-j", "--jobs", type=click.IntRange(1, 1000), help="Answers at a time, for the time it takes.")
@click.option(
    "--case-cost",
    type=FiniteRange(0),
    default=0.0,
    show_default=True,
    help="What writing a new sample costs, in answers: for the best number of repeats.",
)
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
    case_cost: float,
    as_json: bool,
) -> None:
    """Say what EVALSET can see: the smallest change, the cases that each margin needs, and the price.

    Nobody is asked and nothing is paid. The figures come from how two stored runs differed.
    """

    with open_project(ctx, existing=True) as project:
        found = project.plan(
            evalset,
            runs=runs,
            sd=_numbers(sd, "--sd"),
            changes=_numbers(changes, "--change"),
            alpha=alpha,
            power=power,
            case_cost=case_cost,
            concurrency=jobs,
        )
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.PlanDocument(plan=found))
    else:
        _print(found)


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


def _print(plan: Plan) -> None:
    from rich.table import Table

    from promptops.calls.pricing import price_sentence
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    console().print(f"{plan.evalset}: {plan.samples} samples. Learned from {safe_line(plan.history)}.")
    table = Table(box=None, pad_edge=False)
    early = any(reach.early for reach in plan.reaches)
    names = ("metric", "slice", "n", "sees", "margin", "passes if equal", "cases for it")
    for name in (*names, *(["early stop"] if early else [])):
        table.add_column(name, justify="left" if name in {"metric", "slice"} else "right")
    for reach in plan.reaches:
        table.add_row(
            reach.label,
            safe_line(reach.slice or "all", 40),
            str(reach.n),
            figure(reach.resolves),
            "-" if reach.margin is None else f"{reach.margin:g}",
            "-" if reach.chance is None else f"{reach.chance:.0%}",
            _needed(reach),
            *([_early(reach)] if early else []),
        )
    console().print(table)
    console().print(
        f"sees: the smallest change that is found with {plan.power:.0%} power at alpha {plan.alpha:g}, "
        "one-sided; also the smallest margin that can be asked for. cases for it: counted with the spread at "
        "its 80 % upper bound, so a little more than `sees` alone would say.",
        style="dim",
    )
    if early:
        console().print(
            "early stop: samples that --early-stop takes on average at a loss of two margins / where nothing "
            "changed.",
            style="dim",
        )
    for sentence in plan.advice:
        console().print(safe_line(sentence, 500))
    if plan.price is not None:
        console().print(f"One evaluation: {price_sentence(plan.price, plan.concurrency)}")


def _needed(reach: Reach) -> str:
    if reach.needed_repeats is not None:
        return f"{reach.needed_repeats} repeats"
    return "-" if reach.needed is None else str(reach.needed)


def _early(reach: Reach) -> str:
    if reach.early is None:
        return "-"
    return " / ".join(
        "-" if each is None else f"{each:.0f}" for each in (reach.early.worse, reach.early.equal)
    )
