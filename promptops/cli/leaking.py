"""`leaks`: cases that are nearly the same, that stand in prompts, or that a model has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.distributions.leaks import Leaks

_SHOWN = 10


@click.command("leaks")
@click.argument("evalset")
@click.option("--split", metavar="FIELD", help="Also: pairs whose metadata FIELD (or `origin`) differs.")
@click.option(
    "--against", metavar="OTHER", help="Also: pairs with another set, records:7d, a run's inputs or a file."
)
@click.option(
    "-p", "--prompt", "prompts", multiple=True, help="Also: cases that stand in this prompt; more than once."
)
@click.option("--run", help="Also: outputs of this run that hold the canary of one of the project's sets.")
@click.option(
    "--threshold",
    type=FiniteRange(0.3, 1),
    default=0.8,
    show_default=True,
    help="The share of common runs of letters from which on texts are nearly the same.",
)
@click.option("--check", is_flag=True, help="Exit with 1 where anything is found.")
@json_option
@click.pass_context
def leaks_command(
    ctx: click.Context,
    evalset: str,
    split: str | None,
    against: str | None,
    prompts: tuple[str, ...],
    run: str | None,
    threshold: float,
    check: bool,
    as_json: bool,
) -> None:
    """Find what makes EVALSET look better than it is: cases that are nearly the same, or were seen before.

    Exit code 0 whatever is found, but for --check.
    """

    with open_project(ctx, existing=True) as project:
        found = project.leaks(
            evalset, split=split, against=against, prompts=prompts, run=run, threshold=threshold
        )
    code = int(check and found.any)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.LeaksDocument(leaks=found, exit_code=code))
    else:
        _print(found, split, against, prompts, run)
    ctx.exit(code)


def _print(
    found: Leaks, split: str | None, against: str | None, prompts: tuple[str, ...], run: str | None
) -> None:
    _section(
        "Pairs inside the set that are nearly the same",
        [f"{pair.alike:.2f}  {pair.first}  {pair.second}" for pair in found.inside],
    )
    if split or against:
        _section(
            f"Pairs across {' and '.join(each for each in (split, against) if each)}",
            [f"{pair.alike:.2f}  {pair.first}  {pair.second}" for pair in found.across],
        )
    if prompts:
        _section(
            "Cases that stand in a prompt",
            [f"{each.share:.2f}  {each.sample}  {each.prompt}" for each in found.shown],
        )
    if run:
        _section(
            "Outputs with a canary, whose set the model has seen",
            [f"{each.evalset}  {each.sample} (repeat {each.repeat})" for each in found.canaries],
        )


def _section(title: str, rows: list[str]) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    console().print(f"{safe_line(title, 100)}: {len(rows):,}", style="bold yellow" if rows else "")
    for row in rows[:_SHOWN]:
        console().print(f"  {safe_line(row, 150)}", soft_wrap=True)
    if len(rows) > _SHOWN:
        console().print(f"  and {len(rows) - _SHOWN:,} more (--json lists all)")
