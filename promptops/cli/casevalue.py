"""`evalset value`: what a set's samples are worth, and the best few of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.sets.subset import Subset
    from promptops.sets.value import CaseValue, SetValue


@click.command("value")
@click.argument("evalset")
@click.option(
    "--runs",
    metavar="RUN",
    multiple=True,
    help="A run of a version, more than once (default: the newest run of each prompt and model).",
)
@click.option("--metric", help="The metric that counts (default: the first that all runs have).")
@click.option("--subset", type=click.IntRange(1), metavar="K", help="Choose the best K samples as well.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another number draws another subset.")
@click.option(
    "--write",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the subset as a list of ids with weights, for `eval --ids FILE`.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=10, show_default=True, help="So many samples of each kind."
)
@json_option
@click.pass_context
def value_command(
    ctx: click.Context,
    evalset: str,
    runs: tuple[str, ...],
    metric: str | None,
    subset: int | None,
    seed: int,
    write: Path | None,
    limit: int,
    as_json: bool,
) -> None:
    """Tell what the samples of EVALSET are worth, by stored runs of at least three versions.

    Which tell versions apart, always pass, always fail, or say the same as another; what it would cost to
    take them out; and with --subset the best K with the error of their figures. Nobody is asked.
    """
    if write is not None and subset is None:
        raise click.UsageError("--write goes with --subset K.")
    with open_project(ctx, existing=True) as project:
        found = project.case_values(evalset, runs, metric=metric, subset=subset, seed=seed)
    if write is not None and found.subset is not None:
        from promptops.files.idfile import write_ids

        members = found.subset.members
        write_ids(write, [each.id for each in members], [each.weight for each in members])
    if as_json:
        from promptops.cli.documents import print_document
        from promptops.cli.setdocuments import EvalsetValueDocument

        print_document(EvalsetValueDocument(value=found, file=None if write is None else str(write)))
        return
    _print(found, limit)
    if found.subset is not None:
        _print_subset(found.subset, found.evalset, write)


def _print(found: SetValue, limit: int) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console, print_sentence
    from promptops.texts.figures import figure

    print_sentence(found.sentence)
    for note in found.notes:
        console().print(f"Note: {safe_lines(note)}", style="yellow", soft_wrap=True)
    for version in found.versions:
        name = safe_line(f"{version.prompt_ref} on {version.model}", 80)
        console().print(f"  {version.run}  {figure(version.figure)}  {name}", soft_wrap=True)
    if found.alpha is not None:
        console().print(f"Cronbach's alpha {found.alpha:.2f}: how reliably the samples order these versions.")
    telling = sorted((case for case in found.cases if case.kind == "tells"), key=_worth, reverse=True)
    _table(f"Tell most ({len(telling):,} tell versions apart)", telling[:limit])
    against = [case for case in found.cases if case.id in set(found.against)]
    _table("Better versions do worse on", sorted(against, key=lambda case: case.rest or 0.0)[:limit])
    _print_twins(found, limit)
    for removal in found.removals:
        count = f"{len(removal.ids):,} {removal.what}"
        error = "" if removal.error is None else f", with {removal.error:.2f} times their standard error"
        console().print(
            f"\n{count}. Without them figures move by up to {figure(removal.figure)}, differences between "
            f"versions by up to {figure(removal.difference)}{error}.",
            style="bold",
            soft_wrap=True,
        )
        console().print(f"  {safe_lines(removal.guards)}", soft_wrap=True)
        console().print(f"  {_named(removal.ids, limit)}", soft_wrap=True)


def _worth(case: CaseValue) -> float:
    return case.spread if case.signal is None else case.signal


def _table(title: str, cases: list[CaseValue]) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    if not cases:
        return
    console().print(f"\n{title}:", style="bold")
    table = Table(box=None, pad_edge=False)
    table.add_column("sample")
    for name in ("mean", "spread", "noise", "without noise", "with the rest", "upper - lower"):
        table.add_column(name, justify="right")
    for case in cases:
        values = (case.mean, case.spread, case.noise, case.signal)
        related = ["-" if each is None else f"{each:+.2f}" for each in (case.rest, case.index)]
        table.add_row(safe_line(case.id, 60), *map(figure, values), *related)
    console().print(table)


def _print_twins(found: SetValue, limit: int) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    if not found.redundant:
        return
    console().print(f"\nSay the same twice ({len(found.redundant):,}):", style="bold")
    for pair in found.redundant[:limit]:
        scores = (
            "both scored the same throughout"
            if pair.correlation is None
            else f"scores r = {pair.correlation:.2f}"
        )
        told = f"{pair.other} like {pair.kept}  (text {pair.alike:.2f}, {scores})"
        console().print(f"  {safe_line(told, 200)}", soft_wrap=True)
    if len(found.redundant) > limit:
        console().print(f"  and {len(found.redundant) - limit:,} more (--json lists all)")


def _named(ids: tuple[str, ...], limit: int) -> str:
    from promptops.cli.safe import safe_line

    more = f" and {len(ids) - limit:,} more" if len(ids) > limit else ""
    return ", ".join(safe_line(each, 60) for each in ids[:limit]) + more


def _print_subset(found: Subset, evalset: str, write: Path | None) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    console().print(f"\n{safe_lines(found.sentence)}", style="bold", soft_wrap=True)
    if write is None:
        console().print("  Write the list: --write FILE")
        return
    name = safe_line(str(write), 200)
    console().print(
        f"  {found.size} ids are in {name}: promptops eval {evalset} --prompt FILE --ids {name}",
        soft_wrap=True,
    )
