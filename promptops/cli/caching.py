"""`cache`: stored answers that are used again for the same request."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.replay.proofs import CacheModel, Forgotten

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Age(click.ParamType[timedelta]):
    """A number with h, d or w: 12h, 30d, 8w."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time that is meant."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([hdw])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no age. Write hours, days or weeks: 12h, 30d, 8w.", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


yes_option = click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")


@click.group("cache")
def cache_command() -> None:
    """Count stored answers that are used again for the same request, and points of texts, and forget them.

    To forget destroys nothing: runs keep their answers and scores, can be read, replayed and verified. Only
    the next evaluation asks again.
    """


@cache_command.command("stats")
@json_option
@click.pass_context
def stats_command(ctx: click.Context, as_json: bool) -> None:
    """Tell how many answers would be used again, by model. Reads every stored call once.

    Also how many points of texts (of `--embed`): they lie in .promptops/points, 500 MB at most.
    """
    with open_project(ctx, existing=True) as project:
        models, points = project.cache_stats(), project.points_stats()
    entries, size, hits = (
        sum(getattr(each, name) for each in models) for name in ("entries", "bytes", "hits")
    )
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.CacheStatsDocument(
                models=tuple(models), entries=entries, bytes=size, hits=hits, points=tuple(points)
            )
        )
        return
    click.echo(f"{entries} answers would be used again, {_size(size)}; {hits} calls were saved so far")
    _print_models(models, "answers")
    if points:
        kept, size, hits = (
            sum(getattr(each, name) for each in points) for name in ("entries", "bytes", "hits")
        )
        click.echo(f"{kept} points of texts (--embed) are kept, {_size(size)}; {hits} were used again so far")
        _print_models(points, "points")


def _print_models(models: list[CacheModel], what: str) -> None:
    from promptops.cli.safe import safe_line

    for each in models:
        dates = f"{each.oldest[:10]} to {each.newest[:10]}" if each.oldest and each.newest else "-"
        click.echo(
            f"  {safe_line(each.model, 60):<32} {each.entries:>8} {what:<7} {_size(each.bytes):>10} "
            f"{each.hits:>8} saved  {dates}"
        )


@cache_command.command("prune")
@click.option(
    "--older-than",
    type=Age(),
    metavar="AGE",
    help="Only what was neither asked nor used since: 12h, 30d, 8w.",
)
@click.option("-m", "--model", help="Only answers, or points, of this model.")
@click.option("--dry-run", is_flag=True, help="Only tell how many.")
@yes_option
@json_option
@click.pass_context
def prune_command(
    ctx: click.Context,
    older_than: timedelta | None,
    model: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget some answers and points of texts: by age, by model, or both."""
    if older_than is None and model is None:
        raise click.UsageError(
            "Say what to forget: --older-than AGE, --model MODEL, or both (all: cache clear)."
        )
    _forget(ctx, older_than, model, dry_run, yes, as_json)


@cache_command.command("clear")
@click.option("--dry-run", is_flag=True, help="Only tell how many.")
@yes_option
@json_option
@click.pass_context
def clear_command(ctx: click.Context, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget all answers and points of texts: the next evaluation asks anew."""
    _forget(ctx, None, None, dry_run, yes, as_json)


def _forget(
    ctx: click.Context,
    older_than: timedelta | None,
    model: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:

    with open_project(ctx, existing=True) as project:
        found = project.forget_cached(older_than=older_than, model=model, dry_run=True)
        if not dry_run and (found.answers or found.points):
            _confirm(_told(found), yes)
            found = project.forget_cached(older_than=older_than, model=model)
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.CacheForgottenDocument(answers=found.answers, points=found.points, dry_run=dry_run)
        )
    elif dry_run:
        click.echo(f"{_told(found)} would be forgotten; nothing was changed.")
    else:
        click.echo(f"{_told(found)} are forgotten: what they answer is asked anew. Runs keep their answers.")


def _told(found: Forgotten) -> str:
    points = f" and {found.points} points of texts" if found.points else ""
    return f"{found.answers} stored answers{points}"


def _confirm(what: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what} would be forgotten. Say --yes where nobody can be asked.")
    click.confirm(f"{what} will be paid for again where they are needed. Forget them?", abort=True, err=True)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
