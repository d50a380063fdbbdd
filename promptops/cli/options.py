"""What several commands share: the project, `--json`, and prompts and models as options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
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
    type=click.FloatRange(0, min_open=True),
    metavar="DOLLARS",
    help="Begin no call that could bring the cost above this; needs known prices (promptops prices).",
)
max_failed_option = click.option(
    "--max-failed",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit with 3 where more than this share of a run's answers is missing (0.05: one in twenty); "
    "without it only where all are.",
)
dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything and print calls, tokens, cost and minutes; nobody is asked, nothing is stored.",
)


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

    A command about an `existing` run makes no database where there is none: that is a mistyped path.
    """
    from promptops.project import Project

    given = ctx.obj
    flags = {"database": given["database"], "engine": given.get("engine")}
    with Project.open(given["folder"], **flags, read_only=dry, missing_ok=dry or existing) as project:
        yield project
