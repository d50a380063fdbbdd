"""What a pairwise judge said of two runs, on a terminal; and what asking it would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import open_project, target_output_to_stderr
from promptops.cli.safe import safe_lines
from promptops.pairs.text import preference_sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptops.instruments import Preference


def print_preference(found: Preference) -> None:
    """Print what a pairwise judge prefers, with its biases beside it."""
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars

    first, *more = preference_sentences(found)
    console().print(f"\n{safe_lines(first)}", soft_wrap=True)
    for told in more:
        console().print(f"  {safe_lines(told)}", soft_wrap=True)
    for warning in found.warnings:
        console().print(f"  Note: {safe_lines(warning)}", style="yellow", soft_wrap=True)
    asked = f"{found.calls} calls, {dollars(found.cost)}" if found.calls else "no call: all was judged before"
    stopped = f" {found.stopped}." if found.stopped else ""
    console().print(f"  {asked}.{stopped}", style="yellow" if stopped else None)


def print_what_it_takes(
    ctx: click.Context,
    baseline: str,
    candidate: str,
    asked: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Print what `compare --pairwise` would take, `asked` as it was; nobody is asked."""
    from promptops.cli.forecasting import print_forecast

    with open_project(ctx, dry=True) as project, target_output_to_stderr():
        forecast = project.forecast_preference(baseline, candidate, **asked)
    print_forecast(forecast, as_json=as_json)
