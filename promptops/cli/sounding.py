"""`judge noise` and `judge reference`: a judge, asked again about the same answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import (
    asking_options,
    open_project,
    target_output_to_stderr,
)

if TYPE_CHECKING:
    from promptops.instruments import JudgeNoise, ReferenceEffect

Command = TypeVar("Command", bound=Callable[..., Any])


def _asked(command: Command) -> Command:
    """Give a command the options of asking about some answers of a run."""
    options = (
        click.argument("judge", metavar="SET:LABEL"),
        click.option("--run", default="latest", show_default=True, help="The run whose answers are judged."),
        click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks."),
        click.option(
            "-n",
            "--count",
            type=click.IntRange(2, 10_000),
            default=50,
            show_default=True,
            help="At most so many answers, chosen by lot.",
        ),
        click.option("--no-cache", is_flag=True, help="Ask even what was asked and written down before."),
        asking_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


@judge_command.command("noise")
@click.option(
    "--times",
    type=click.IntRange(2, 1000),
    default=5,
    show_default=True,
    help="How often the same is asked about each answer.",
)
@_asked
@click.pass_context
def noise_command(ctx: click.Context, /, **_: object) -> None:
    """Ask a judge several times about the same answers: how much it differs from itself.

    It is asked as it is declared, at its own temperature. What it said is written down and not asked again.
    Exit code 0, or 3 where nothing could be measured or a limit ended it.
    """
    _carry_out(ctx, "noise", times=ctx.params["times"])


@judge_command.command("reference")
@_asked
@click.pass_context
def reference_command(ctx: click.Context, /, **_: object) -> None:
    """Ask a judge about the same answers with the reference and without: how much that moves its scores.

    What it said is written down and not asked again. Exit code 0, or 3 where nothing could be measured or a
    limit ended it.
    """
    _carry_out(ctx, "reference")


def _carry_out(ctx: click.Context, what: str, **more: int) -> None:
    """Ask, or say what that would take, by the options of the command."""
    from promptops.calls.budget import Budget
    from promptops.cli.forecasting import print_forecast
    from promptops.cli.progress import watching

    params, as_json = ctx.params, ctx.params["as_json"]
    judge, run = params["judge"], params["run"]
    given: dict[str, Any] = {
        **{name: params[name] for name in ("judge_model", "count", "concurrency")},
        "cache": not params["no_cache"],
        "budget": Budget(params["max_calls"], params["max_cost"]),
        **more,
    }
    if params["dry_run"]:
        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            foretold = project.forecast_noise if what == "noise" else project.forecast_reference
            forecast = foretold(judge, run, **given)
        print_forecast(forecast, as_json=as_json)
        return
    with (
        open_project(ctx, existing=True) as project,
        target_output_to_stderr(),
        watching(quiet=as_json) as watch,
    ):
        ask = project.measure_noise if what == "noise" else project.reference_effect
        found: JudgeNoise | ReferenceEffect = ask(judge, run, watch=watch, **given)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.SoundingDocument.model_validate({what: found}))
    else:
        _print(found)
    if not found.n or found.stopped:
        ctx.exit(3)


def _print(found: JudgeNoise | ReferenceEffect) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars

    star = "*" if found.stand_in else ""
    console().print(safe_lines(found.sentence), style="bold", soft_wrap=True)
    if found.stopped:
        console().print(f"{found.stopped}; what was asked is counted.", style="yellow")
    unscored = found.unscored if hasattr(found, "unscored") else found.unscored_with + found.unscored_without
    if unscored:
        console().print(f"{unscored} askings gave no score and are left out.", style="yellow")
    console().print(
        f"Judge {safe_line(found.label, 40)}{star} by {safe_line(found.judge, 60)} on answers of run "
        f"{found.run}; {found.calls} calls, {dollars(found.cost)}. Each score: {safe_line(found.file)}",
        soft_wrap=True,
    )
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")
