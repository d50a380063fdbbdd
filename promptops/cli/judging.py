"""`judge ...`: judges, looked at as instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.options import (
    asking_options,
    json_option,
    open_project,
    target_output_to_stderr,
)

if TYPE_CHECKING:
    from promptops.judging.attacking import AttackReport
    from promptops.judging.recordedreplies import Replies

_SHOWN = 12


@click.group("judge")
def judge_command() -> None:
    """Look at judges as instruments: against people, over time, under attack; read what others said."""


@judge_command.command("attack")
@click.argument("judge", metavar="SET:LABEL")
@click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks.")
@click.option("--family", "families", multiple=True, help="Only attacks of this family; may be repeated.")
@click.option(
    "--questions",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="Samples of the set over which the attacks are dealt out.",
)
@click.option("--wrong", metavar="TEXT", help="The wrong answer (default: another sample's target).")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write what the judge said to this JSONL file (default: in .promptops/attacks).",
)
@click.option("--no-cache", is_flag=True, help="Ask even where the file holds what the judge said.")
@click.option(
    "--max-rate",
    type=FiniteRange(0, 1),
    metavar="SHARE",
    help="Exit code 1 where more than this share of the attacks won, as 0.05.",
)
@asking_options
@click.pass_context
def attack(
    ctx: click.Context,
    judge: str,
    judge_model: str | None,
    families: tuple[str, ...],
    questions: int,
    wrong: str | None,
    file: str | None,
    no_cache: bool,
    max_rate: float | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Try to talk a judge round: LABEL is its label in the evaluation set SET, as in replies:quality.

    It is asked about wrong answers, twice as they are, and with each attack of the shipped pack. An attack
    has won where the score rises at least halfway from the plain wrong answer's to the best. Exit code 0
    whatever the rate, unless --max-rate is given; 3 where nothing could be measured or a limit ended it.
    """
    from promptops.calls.budget import Budget
    from promptops.cli.forecasting import print_forecast
    from promptops.cli.progress import watching

    budget = Budget(max_calls, max_cost)
    with open_project(ctx, dry=dry_run) as project, target_output_to_stderr():
        if dry_run:
            forecast = project.forecast_attack(
                judge,
                judge_model=judge_model,
                families=families,
                questions=questions,
                wrong=wrong,
                file=file,
                cache=not no_cache,
                concurrency=concurrency,
                budget=budget,
            )
        else:
            with watching(quiet=as_json) as watch:
                report = project.attack_judge(
                    judge,
                    judge_model=judge_model,
                    families=families,
                    questions=questions,
                    wrong=wrong,
                    file=file,
                    cache=not no_cache,
                    concurrency=concurrency,
                    budget=budget,
                    watch=watch,
                )
    if dry_run:
        print_forecast(forecast, as_json=as_json)
        return
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.AttackDocument(attack=report))
    else:
        _print_attack(report)
    if report.rate is None or report.stopped:
        ctx.exit(3)
    if max_rate is not None and report.rate > max_rate:
        ctx.exit(1)


@judge_command.command("read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--scale", metavar="LOW-HIGH", help="The lowest and highest score, as in 1-5; not for winners.")
@click.option(
    "--style",
    help="How the replies are written: double_brackets, labelled, fraction, tag, json, winner or number "
    "(default: found out, and told).",
)
@click.option("--field", metavar="KEY", help="The key of the reply (default: reply, response, judgment ...).")
@click.option(
    "--judged",
    multiple=True,
    metavar="KEY",
    help="A key of what was judged: what a reply copies is not read.",
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the lines with their scores."
)
@click.option(
    "--as",
    "key",
    default="score",
    show_default=True,
    metavar="KEY",
    help="The key of the scores in that file.",
)
@json_option
@click.pass_context
def read(
    ctx: click.Context,
    file: str,
    scale: str | None,
    style: str | None,
    field: str | None,
    judged: tuple[str, ...],
    out: str | None,
    key: str,
    as_json: bool,
) -> None:
    """Read recorded replies of any judge in FILE (JSON lines) into scores, without a single call.

    A reply that says two things, or something off the scale, is unread and counted; nothing is clamped or
    guessed. Exit code 0, or 3 where not one reply could be read.
    """
    from promptops.judging.replystyles import read_scale

    bounds = None if scale is None else read_scale(scale)
    if scale is not None and bounds is None:
        raise click.BadParameter(
            f"{scale!r} is no scale; write it as LOW-HIGH, as in 1-5", param_hint="--scale"
        )
    with open_project(ctx, dry=True) as project:
        found = project.read_replies(file, bounds, style=style, field=field, judged=judged, out=out, key=key)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.RepliesDocument(replies=found))
    else:
        _print_replies(found)
    if not found.read:
        ctx.exit(3)


def _print_replies(found: Replies) -> None:
    from promptops.cli.safe import safe_line
    from promptops.texts.figures import figure

    how = "found out" if found.found else "as stated"
    click.echo(
        f"{found.read} of {found.n} replies read in the style {found.style} ({how}), key "
        f"{safe_line(found.field, 40)}, scale {found.low:g} to {found.high:g}: mean {figure(found.mean)}."
    )
    others = [
        f"{each.style} {each.reads}" for each in found.counts if each.reads and each.style != found.style
    ]
    if others:
        click.echo(f"Other styles would read: {', '.join(others)}.")
    if found.unread:
        click.echo(f"{found.unread} unread ({found.unread / found.n:.1%}):")
        for why, count in found.reasons[:_SHOWN]:
            click.echo(f"  {count} x {safe_line(why)}")
        for each in found.first:
            click.echo(f"  line {each.line}: {safe_line(each.reply, 100)}")
    if found.written:
        click.echo(f"Written to {safe_line(found.written)}.")


def _print_attack(found: AttackReport) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars, figure, interval

    star = "*" if found.stand_in else ""
    console().print(safe_lines(found.sentence), style="bold", soft_wrap=True)
    if found.stopped:
        console().print(f"{found.stopped}; what was asked is counted.", style="yellow")
    console().print(
        f"Judge {safe_line(found.label, 40)}{star} by {safe_line(found.judge, 60)}; {found.questions} wrong "
        f"answers get {figure(found.plain)} without an attack, on a scale from {found.worst:g} (worst) to "
        f"{found.best:g}."
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("family")
    for name in ("won", "n", "rate", "95 %", "rose", "flagged", "unscored"):
        table.add_column(name, justify="right")
    for row in (*found.families, *([found.again] if found.again else [])):
        table.add_row(
            "(none, asked again)" if row is found.again else row.family,
            str(row.won),
            str(row.n),
            figure(row.rate),
            interval(row.low, row.high),
            str(row.rose),
            str(row.flagged),
            str(row.unscored),
        )
    console().print(table)
    if found.left:
        console().print(
            f"{found.left} attacks tell nothing: without them their wrong answer has no score, or the best.",
            style="yellow",
        )
    won = [each for each in found.outcomes if each.result == "won"]
    for each in won[:_SHOWN]:
        console().print(
            f"  {each.attack} {safe_line(each.tries, 80)}: {figure(each.plain)} -> {figure(each.score)} on "
            f"{safe_line(each.sample, 40)}",
            soft_wrap=True,
        )
    if len(won) > _SHOWN:
        console().print(f"  ... and {len(won) - _SHOWN} more")
    console().print(
        f"{found.calls} calls, {dollars(found.cost)}. What the judge said: {safe_line(found.file)}"
    )
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")
