"""What several commands share: the project, `--json`, and prompts and models as options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promptops.cli.finite import FiniteRange

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
jobs_option = click.option(
    "-j", "--concurrency", type=click.IntRange(1, 4096), help="Calls at a time (default: the settings' 8)."
)
engine_option = click.option(
    "--engine",
    metavar="NAME",
    expose_value=False,
    callback=lambda ctx, _, value: ctx.obj.update(engine=value),
    help="Where models are asked from: local (default), or ray, a cluster; `promptops plugins engines`.",
)
cassette_option = click.option(
    "--cassette",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Answer from this recording (promptops record): no key is needed, nobody is asked.",
)
judge_option = click.option("--judge-model", metavar="MODEL", help="The model that judges ask.")

max_calls_option = click.option(
    "--max-calls",
    type=click.IntRange(0),
    metavar="N",
    help="Make no more than N calls, with retries and judges; the run stops cleanly and can be resumed.",
)
max_cost_option = click.option(
    "--max-cost",
    type=FiniteRange(0, min_open=True),
    metavar="DOLLARS",
    help="Begin no call that could bring the cost above this; needs known prices (promptops prices).",
)
max_failed_option = click.option(
    "--max-failed",
    type=FiniteRange(0, 1),
    metavar="SHARE",
    help="Exit with 3 where more than this share of a run's answers is missing (0.05: one in twenty); "
    "without it only where all are.",
)
dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything and print calls, tokens, cost and minutes; nobody is asked, nothing is stored.",
)


embed_option = click.option(
    "--embed",
    metavar="MODEL",
    help="Compare embeddings by this model: of a /v1/embeddings server (paid), or encoder/all-MiniLM-L6-v2.",
)


def embedding_options(command: Command) -> Command:
    """Give a command that may turn texts into points the model, its limits, and --no-cache."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Ask for points that are kept of earlier, too."),
        click.option(
            "--max-cost",
            type=FiniteRange(0, min_open=True),
            metavar="DOLLARS",
            help="With --embed: begin no call that could bring the cost above this; needs a known price.",
        ),
        click.option(
            "--max-calls",
            type=click.IntRange(0),
            metavar="N",
            help="With --embed: make no more than N calls. Points are kept: the same command goes on.",
        ),
        click.option(
            "--dry-run",
            is_flag=True,
            help="With --embed: print texts, calls, tokens and cost; nobody is asked, nothing is stored.",
        ),
        embed_option,
    ):
        command = option(command)
    return command


def embedding_budget(params: Mapping[str, Any]) -> Budget:
    """Return what may be spent on points. Raises UsageError for limits where nobody is asked."""
    from promptops.calls.budget import Budget

    limits = params["max_calls"], params["max_cost"]
    if params["embed"] is None and (params["dry_run"] or params["no_cache"] or limits != (None, None)):
        raise click.UsageError(
            "--dry-run, --max-calls, --max-cost and --no-cache are about --embed MODEL: nobody else is asked."
        )
    return Budget(*limits)


def asking_options(command: Command) -> Command:
    """Give a command that asks models its limits (dry run, calls, cost, concurrency, engine) and --json."""
    for option in (
        json_option,
        engine_option,
        jobs_option,
        max_cost_option,
        max_calls_option,
        dry_run_option,
    ):
        command = option(command)
    return command


@contextmanager
def target_output_to_stderr() -> Iterator[None]:
    """Keep what a python target prints out of our own output, which may be JSON for a program."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def open_project(ctx: click.Context, *, dry: bool = False, existing: bool = False) -> Iterator[Project]:
    """Open the project of `-C` and `--database`, and close it in the end; `dry` writes nothing anywhere.

    A command about what is there makes no database where there is none, and says so: that may be a mistyped
    path. It is `existing` for all that only read the database, or change what is in it already.
    """
    from promptops.cli.safe import safe_line
    from promptops.config import database_name
    from promptops.errors import PromptopsError
    from promptops.project import Project

    given = ctx.obj
    _tell_misspelt(ctx)
    flags = {"database": given["database"], "engine": given.get("engine")}
    with Project.open(given["folder"], **flags, read_only=dry, missing_ok=dry or existing) as project:
        told = ""
        try:
            yield project
        except PromptopsError as error:
            told = str(error)
            raise
        finally:
            missing = project.looked_in_vain if existing else None
            if missing is not None and str(missing) not in told:
                click.echo(f"There is no database at {safe_line(str(missing), 400)} yet.", err=True)
            elif project.records_read_elsewhere:
                where = safe_line(database_name(project.records_database), 400)
                click.echo(f"Records are in {where}, which [logging] names.", err=True)


def _tell_misspelt(ctx: click.Context) -> None:
    """Say once which variables of the environment look like settings of ours and are none."""
    import os

    from promptops.cli.safe import safe_line
    from promptops.config import unread_variables

    unread = {} if ctx.obj.get("told_misspelt") else unread_variables(os.environ)
    ctx.obj["told_misspelt"] = True
    for name, near in unread.items():
        if near:
            click.echo(safe_line(f"{name} is set, and nothing reads it. Did you mean {near}?", 300), err=True)
