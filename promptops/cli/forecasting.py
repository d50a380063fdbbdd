"""`--dry-run` and `prices`: what calls would cost, before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.calls.embedding import EmbeddingForecast
    from promptops.calls.forecast import Forecast


def print_forecast(forecast: Forecast, *, as_json: bool, of: str = "") -> None:
    """Print what a command would take; `of` is what it is about, where that is no set."""

    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.ForecastDocument(forecast=forecast))
    else:
        _print(forecast, of)


def print_embedding_forecast(forecast: EmbeddingForecast, *, as_json: bool) -> None:
    """Print what it would take to turn texts into points."""
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.EmbeddingForecastDocument(forecast=forecast))
        return
    from promptops.cli.safe import safe_line

    click.echo(safe_line(forecast.sentence, 400))


@click.command("prices")
@click.argument("models", nargs=-1)
@json_option
@click.pass_context
def prices_command(ctx: click.Context, models: tuple[str, ...], as_json: bool) -> None:
    """List known prices in US dollars for a million tokens, or those of MODELS where they are asked now.

    The first row that fits counts: prices.toml beside promptops.toml, then the table that is shipped. The
    provider's own price_in and price_out come before both.
    """
    from rich.table import Table

    from promptops.cli import documents
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    with open_project(ctx, dry=True) as project:
        found = (
            [documents.ModelPrice(model=model, price=project.price(model)) for model in models]
            if models
            else [
                documents.ModelPrice(model=", ".join(price.model), price=price) for price in project.prices()
            ]
        )
    if as_json:
        documents.print_document(documents.PricesDocument(prices=tuple(found)))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("model", "read", "read again", "written", "server", "from", "as of"):
        table.add_column(name, justify="right" if name in {"read", "read again", "written"} else "left")
    for row in found:
        price = row.price
        if price is None:
            table.add_row(safe_line(row.model, 60), "unknown", "unknown", "unknown", "", "", "")
            continue
        again = price.price_in if price.price_cached_in is None else price.price_cached_in
        table.add_row(
            safe_line(row.model, 60),
            *(f"{each:g}" for each in (price.price_in, again, price.price_out)),
            safe_line(price.server or "any", 40),
            safe_line(price.source, 40),
            safe_line(price.as_of, 20),
        )
    console().print(table)


def _print(forecast: Forecast, of: str) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    console().print(
        (of or f"{safe_line(forecast.evalset)}: {forecast.asked}")
        + (f", {forecast.repeats} repeats" if forecast.repeats > 1 else "")
        + ". Nothing was asked, nothing was stored."
    )
    table = Table(box=None, pad_edge=False)
    for name in ("", "model", "calls", "cached", "stored", "read", "written", "cost"):
        table.add_column(name, justify="left" if name in {"", "model"} else "right")
    for part in forecast.parts:
        table.add_row(*(safe_line(each, 50) for each in part.row.values()))
    console().print(table)
    console().print(f"In all: {forecast.sentence} How sure: {forecast.how_sure}.")
    for note in dict.fromkeys(note for part in forecast.parts for note in part.notes):
        console().print(f"- {safe_line(note, 300)}", style="dim")
    for note in forecast.notes:
        console().print(safe_line(note, 300))
