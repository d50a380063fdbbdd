"""`shift`: how far two collections of texts lie apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.forecasting import print_embedding_forecast
from promptops.cli.options import embedding_budget, embedding_options, json_option, open_project

if TYPE_CHECKING:
    from promptops.distributions.days import DayShift
    from promptops.distributions.shift import FeatureShift, Shift

_SHOWN_FEATURES = 8
_SHOWN_TEXTS = 3
_NAME = 60
"""Characters of a side's name in the heading."""


@click.command("shift")
@click.argument("reference")
@click.argument("current")
@click.option(
    "--what",
    type=click.Choice(["inputs", "outputs"]),
    help="What is compared; else the outputs of runs, the inputs of sets, and what a file has first.",
)
@click.option(
    "--field", help="Which input is compared, of both sides: inputs.article; or the field of a file's text."
)
@click.option("--pair-by", metavar="FIELD", help="Compare rows of two files in pairs with the same FIELD.")
@click.option(
    "--by-day", metavar="FIELD", help="FIELD holds each text's date or time; whole days are shuffled then."
)
@click.option(
    "--trend",
    metavar="FIELD",
    help="FIELD holds the date or time of CURRENT's texts; each of its days is held against REFERENCE.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="A metric, a metadata field or a file's field that joins the panel; more than once.",
)
@embedding_options
@click.option("--alpha", type=FiniteRange(0, 0.5, min_open=True, max_open=True), default=0.05)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of subsamples, halves and permutations.")
@click.option(
    "--check", is_flag=True, help="Exit with 1 on an alarm and with 3 where nothing could be measured."
)
@json_option
@click.pass_context
def shift_command(
    ctx: click.Context,
    /,
    reference: str,
    current: str,
    alpha: float,
    embed: str | None,
    check: bool,
    dry_run: bool,
    no_cache: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how far CURRENT lies from REFERENCE.

    Each is a run (its outputs), an evaluation set (its inputs), a file (JSONL, CSV, Parquet, YAML) or records
    of production (records:7d, records:reply@production/2026-11-01..2026-11-15; their inputs). Two runs
    on the same samples are compared pair by pair. The exit code is 0 whatever is found, but for --check.
    """

    budget = embedding_budget(ctx.params)
    for limit in ("max_calls", "max_cost"):
        del given[limit]
    given["cache"] = not no_cache
    if dry_run and embed is not None:
        with open_project(ctx, dry=True) as project:
            forecast = project.forecast_shift(reference, current, embed=embed, **given)
        print_embedding_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx, existing=True) as project:
        found = project.shift(reference, current, embed=embed, alpha=alpha, budget=budget, **given)
    code = 0
    if check:
        code = 3 if not found.measured else int(found.alarmed)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.ShiftDocument(shift=found, exit_code=code))
    else:
        print_shift(found)
    ctx.exit(code)


def _called(side: str) -> str:
    """Return a side's name in a heading: a window of records with its moments, which is long, in words."""
    from promptops.cli.safe import safe_line
    from promptops.production.references import in_words

    return safe_line(in_words(side) if len(side) > _NAME else side, _NAME)


def print_shift(shift: Shift) -> None:
    """Print how far two collections of texts lie apart, and in what."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.distributions.text import shift_facts

    head = f"Shift from {_called(shift.reference_name)} to {_called(shift.current_name)}"
    if not shift.measured:
        console().print(f"{head}: not measured. {shift.reason}", style="yellow", soft_wrap=True)
        return
    told = "ALARM" if shift.alarmed else "no alarm"
    style = "bold red" if shift.alarmed else "bold"
    console().print(f"{head}: {told}, severity {shift.severity}", style=style, soft_wrap=True)
    console().print("  " + shift_facts(shift), soft_wrap=True)
    for note in shift.notes:
        console().print(f"  Note: {safe_line(note)}", style="yellow", soft_wrap=True)
    changed = sorted(
        (item for item in shift.features if item.adjusted_p < shift.alpha),
        key=lambda item: (-item.separation, item.adjusted_p),
    )
    _print_features(changed[:_SHOWN_FEATURES])
    if shift.current_tokens and shift.alarmed:
        console().print("  more in the second: " + safe_line("  ".join(shift.current_tokens[:8])))
        console().print("  more in the first:  " + safe_line("  ".join(shift.reference_tokens[:8])))
    for title, texts in (("least like the first", shift.foreign), ("most like the first", shift.typical)):
        if texts and shift.alarmed and not shift.paired:
            console().print(f"  Of the second {title}:")
            for text in texts[:_SHOWN_TEXTS]:
                told = safe_line(text.where, 60) or str(text.index + 1)
                console().print(f"    {told}: {safe_line(text.text, 90)}", soft_wrap=True)
    _print_days(shift.days)


def _print_features(features: list[FeatureShift]) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, p_value

    if not features:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("  feature", "first", "second", "told apart", "p after Holm", "JS", "PSI", "p of PSI"):
        table.add_column(name, justify="left" if name == "  feature" else "right")
    for item in features:
        table.add_row(
            "  " + safe_line(item.name, 40),
            *_sides(item),
            f"{item.separation:.2f}",
            p_value(item.adjusted_p),
            f"{item.jensen_shannon:.3f}",
            figure(item.psi),
            "-" if item.psi_p is None else p_value(item.psi_p),
        )
    console().print(table)


def _sides(item: FeatureShift) -> tuple[str, str]:
    """Return both means, or the share on both sides of the name whose share changed most."""
    from promptops.cli.safe import safe_line
    from promptops.distributions.text import feature_sides

    name, first, second = feature_sides(item)
    return f"{safe_line(name, 20)} {first}".lstrip(), second


def _print_days(days: tuple[DayShift, ...]) -> None:
    from rich.table import Table

    from promptops.cli.tables import console
    from promptops.texts.figures import p_value, signed

    if not days:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("  day", "side", "texts", "distance", "by chance below", "p after Holm"):
        table.add_column(name, justify="left" if name in ("  day", "side") else "right")
    for each in days:
        table.add_row(
            f"  {each.day}",
            each.side,
            f"{each.texts:,}",
            signed(each.distance),
            signed(each.high),
            "" if each.adjusted_p is None else p_value(each.adjusted_p),
        )
    console().print(table)
