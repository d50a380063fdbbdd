"""`cache`: stored answers that are used again for the same request."""

from __future__ import annotations

import re
import sys
from datetime import timedelta

import click

from promptops.cli.options import json_option, open_project

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
    """Count stored answers that are used again for the same request, and forget them.

    To forget destroys nothing: runs keep their answers and scores, can be read, replayed and verified. Only
    the next evaluation asks again.
    """


@cache_command.command("stats")
@json_option
@click.pass_context
def stats_command(ctx: click.Context, as_json: bool) -> None:
    """Tell how many answers would be used again, by model. Reads every stored call once."""
    from promptops.cli.safe import safe_line

    with open_project(ctx) as project:
        models = project.cache_stats()
    entries, size, hits = (
        sum(getattr(each, name) for each in models) for name in ("entries", "bytes", "hits")
    )
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.CacheStatsDocument(models=tuple(models), entries=entries, bytes=size, hits=hits)
        )
        return
    click.echo(f"{entries} answers would be used again, {_size(size)}; {hits} calls were saved so far")
    for each in models:
        dates = f"{each.oldest[:10]} to {each.newest[:10]}" if each.oldest and each.newest else "-"
        click.echo(
            f"  {safe_line(each.model, 60):<32} {each.entries:>8} answers {_size(each.bytes):>10} "
            f"{each.hits:>8} saved  {dates}"
        )


@cache_command.command("prune")
@click.option(
    "--older-than",
    type=Age(),
    metavar="AGE",
    help="Only what was neither asked nor used since: 12h, 30d, 8w.",
)
@click.option("-m", "--model", help="Only answers of this model.")
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
    """Forget some answers: by age, by model, or both."""
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
    """Forget all answers: the next evaluation asks anew."""
    _forget(ctx, None, None, dry_run, yes, as_json)


def _forget(
    ctx: click.Context,
    older_than: timedelta | None,
    model: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:

    with open_project(ctx) as project:
        count = project.forget_answers(older_than=older_than, model=model, dry_run=True)
        if not dry_run and count:
            _confirm(count, yes)
            count = project.forget_answers(older_than=older_than, model=model)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.CacheForgottenDocument(answers=count, dry_run=dry_run))
    elif dry_run:
        click.echo(f"{count} stored answers would be forgotten; nothing was changed.")
    else:
        click.echo(f"{count} stored answers are forgotten: what they answer is asked anew. Runs keep them.")


def _confirm(count: int, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{count} stored answers would be forgotten. Say --yes where nobody can be asked."
        )
    click.confirm(
        f"{count} stored answers will be paid for again where they are needed. Forget them?",
        abort=True,
        err=True,
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
