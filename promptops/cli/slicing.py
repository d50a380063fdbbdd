"""`slices`: in which groups of samples a metric changed, and which slice got worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.analysis.groupchanges import GroupChange
    from promptops.analysis.slicefinder import FoundSlice
    from promptops.analysis.slices import Slices


@click.command("slices")
@click.argument("baseline")
@click.argument("candidate", default="latest")
@click.option("--metric", help="Which metric (default: the first).")
@click.option(
    "--by",
    multiple=True,
    metavar="FIELD",
    help="Group by this metadata field, `tags` or `origin` only; may be given several times.",
)
@click.option("--find", is_flag=True, help="Search all groups and pairs of groups for one that got worse.")
@click.option(
    "--alpha",
    type=FiniteRange(0.0001, 0.4999),
    default=0.05,
    show_default=True,
    help="One-sided error rate.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the search's flips.")
@json_option
@click.pass_context
def slices_command(
    ctx: click.Context,
    baseline: str,
    candidate: str,
    metric: str | None,
    by: tuple[str, ...],
    find: bool,
    alpha: float,
    seed: int,
    as_json: bool,
) -> None:
    """Say in which groups of samples CANDIDATE differs from BASELINE (runs, or a baseline.jsonl).

    Groups are tags, origin and metadata fields. Those that the set's file declares are confirmatory, all
    others exploratory; under 20 pairs a group is listed and not judged. Exit code 0 whatever changed.
    """

    with open_project(ctx, existing=True) as project:
        found = project.slices(baseline, candidate, metric, by=by, find=find, alpha=alpha, seed=seed)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.SlicesDocument(slices=found))
    else:
        _print(found)


def _print(found: Slices) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import interval, signed

    screen = console()
    screen.print(safe_lines(found.sentence), style="bold", soft_wrap=True)
    for note in found.notes:
        screen.print(f"Note: {safe_lines(note)}", style="yellow")
    if found.finding is not None and found.finding.found:
        _print_found(found.finding.found)
        if found.finding.unlisted:
            screen.print(f"... and {found.finding.unlisted} more slices that are worse; --json has no more.")
    table = Table(box=None, pad_edge=False)
    for name in ("group", "n", "change", "[L, U]", "all together", "shrunken", "p", "corrected"):
        table.add_column(name, justify="left" if name == "group" else "right", no_wrap=name != "group")
    whole = found.whole
    table.add_row(
        "all", str(whole.n), signed(whole.difference), interval(whole.low, whole.high, sign=True), *[""] * 4
    )
    for group in found.groups:
        table.add_row(*_cells(group), style=_style(group, found))
    screen.print(table)
    for told in [group for group in found.groups if group.judged and group.note]:
        screen.print(f"{safe_line(told.name, 60)}: {safe_line(told.note)}.", style="yellow")
    _print_worst(found)
    screen.print(
        f"[L, U]: one-sided bounds at alpha = {found.alpha:g} each; all together: the same for all groups at "
        "once; shrunken: pulled to the mean of its kind; p: of a loss; corrected: p by Holm where the set "
        "declares the group (confirmatory), q by Benjamini and Hochberg where it doesn't (exploratory)."
    )


def _print_found(slices: tuple[FoundSlice, ...]) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import interval, p_value, signed

    table = Table(box=None, pad_edge=False)
    for name in ("got worse", "n", "change", "[L, U]", "p", "beside the rest", "p of that", ""):
        table.add_column(name, justify="left" if name in {"got worse", ""} else "right")
    for each in slices:
        same = f"same samples as {', '.join(each.also)}" if each.also else ""
        table.add_row(
            safe_line(each.name, 48),
            str(each.n),
            signed(each.change),
            interval(each.low, each.high, sign=True),
            p_value(each.adjusted_p),
            signed(each.gap),
            "-" if each.gap_p is None else p_value(each.gap_p),
            safe_line(f"explained by {each.within}" if each.within else same, 48),
        )
    console().print(table)
    console().print()


def _cells(group: GroupChange) -> list[str]:
    from promptops.cli.safe import safe_line
    from promptops.texts.figures import interval, p_value, signed

    name, n, change = safe_line(group.name, 34), str(group.n), signed(group.change)
    if not group.judged:
        return [name, n, change, safe_line(group.note, 40), "", "", "", ""]
    letter = "p" if group.standing == "confirmatory" else "q"
    return [
        name,
        n,
        change,
        interval(group.low, group.high, sign=True),
        interval(group.joint_low, group.joint_high, sign=True),
        signed(group.shrunken),
        "-" if group.p_harm is None else p_value(group.p_harm),
        "-" if group.adjusted_p is None else f"{letter} {p_value(group.adjusted_p)}",
    ]


def _style(group: GroupChange, found: Slices) -> str:
    if not group.judged:
        return "dim"
    return "red" if group.adjusted_p is not None and group.adjusted_p < found.alpha else ""


def _print_worst(found: Slices) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import interval, signed

    worst = found.worst
    if worst is None:
        return
    told = f"Worst group: {safe_line(worst.name, 60)} at {signed(worst.change)}"
    if worst.unbiased is not None:
        told += f"; without the luck of being picked about {signed(worst.unbiased)}"
    console().print(
        f"{told}; the truly worst group's change lies in {interval(worst.low, worst.high, sign=True)}."
    )
