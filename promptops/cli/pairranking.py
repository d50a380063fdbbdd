"""`rank --pairwise` and `judge rank`: systems ranked by judgements of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.finite import Finite, FiniteRange
from promptops.cli.judging import judge_command
from promptops.cli.options import json_option, open_project, target_output_to_stderr
from promptops.cli.reporting import Telling, ranking_report_option, telling

if TYPE_CHECKING:
    from promptops.pairs.standings import PairRanking, PairStanding
    from promptops.pairs.tournament import Schedule

_WIDEST = 12
"""So many systems at most have their table of who beat whom on the screen."""

elo_option = click.option(
    "--elo", is_flag=True, help="Show strengths on Elo's scale: 400 points are 10 to 1."
)
anchor_option = click.option(
    "--anchor", metavar="NAME", help="Whose strength is 0 (default: the mean of all systems is)."
)
anchor_elo_option = click.option(
    "--anchor-elo",
    type=Finite(),
    default=1000.0,
    show_default=True,
    help="The anchor's points on Elo's scale.",
)
level_option = click.option(
    "--level",
    type=FiniteRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="Of the intervals; the ranks of all systems hold together.",
)

plot_option = click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Write strengths with their intervals as a picture.",
)


@dataclass(frozen=True)
class Asked:
    """What is to be ranked, and how."""

    runs: tuple[str, ...]
    evalset: str | None
    schedule: Schedule
    judge_model: str | None
    anchor: str | None
    anchor_elo: float
    level: float
    concurrency: int | None


def rank_runs(
    ctx: click.Context,
    asked: Asked,
    limits: tuple[int | None, float | None],
    *,
    dry_run: bool,
    elo: bool,
    plot: Path | None,
    tell: Telling,
    as_json: bool,
) -> None:
    """Rank runs by a judge of pairs, or print what that would take."""
    from promptops.calls.budget import Budget
    from promptops.cli.forecasting import print_forecast
    from promptops.cli.progress import watching

    budget = Budget(*limits)
    with open_project(ctx, dry=dry_run, existing=True) as project, target_output_to_stderr():
        if dry_run:
            forecast = project.forecast_pairs(
                asked.runs,
                evalset=asked.evalset,
                schedule=asked.schedule,
                judge_model=asked.judge_model,
                concurrency=asked.concurrency,
                budget=budget,
            )
        else:
            with watching(quiet=as_json) as watch:
                found = project.rank_by_pairs(
                    asked.runs,
                    evalset=asked.evalset,
                    schedule=asked.schedule,
                    judge_model=asked.judge_model,
                    anchor=asked.anchor,
                    anchor_elo=asked.anchor_elo,
                    level=asked.level,
                    concurrency=asked.concurrency,
                    budget=budget,
                    watch=watch,
                )
    if dry_run:
        print_forecast(forecast, as_json=as_json)
        return
    _tell(found, elo=elo, plot=plot, tell=tell, as_json=as_json)
    ctx.exit(3 if budget.stopped else 0)


@judge_command.command("rank")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--first", metavar="KEY", help="The key of the first system (default: model_a ...).")
@click.option("--second", metavar="KEY", help="The key of the second system (default: model_b ...).")
@click.option("--winner", metavar="KEY", help="The key of who won: a, b, tie, or a system's name.")
@click.option("--group", metavar="KEY", help="The key of the question (default: group, question_id ...).")
@click.option("--judge", metavar="NAME", help="Only rows of this judge.")
@click.option("--baseline", metavar="NAME", help="Whom the models of Arena-Hard's files were compared with.")
@elo_option
@anchor_option
@anchor_elo_option
@level_option
@plot_option
@ranking_report_option
@json_option
@click.pass_context
def judge_rank_command(
    ctx: click.Context,
    file: str,
    first: str | None,
    second: str | None,
    winner: str | None,
    group: str | None,
    judge: str | None,
    baseline: str | None,
    elo: bool,
    anchor: str | None,
    anchor_elo: float,
    level: float,
    plot: Path | None,
    reports: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Rank systems by the judgements of pairs that are recorded in FILE, without a single call.

    Read are JSON lines, JSON lists, CSV, YAML and Parquet in the formats of Chatbot Arena, MT-bench,
    AlpacaEval, Arena-Hard and Kaggle's preferences, or with your own keys. A winner that is none is an error
    with its line; a judge that gave no verdict is counted. Exit code 0 whoever is best, 3 where nothing can
    be ranked.
    """
    tell = telling(reports, github=False, quiet=as_json, verdict=False)
    with open_project(ctx, dry=True) as project:
        found = project.rank_recorded(
            Path(file),
            first=first,
            second=second,
            winner=winner,
            group=group,
            judge=judge,
            baseline=baseline,
            anchor=anchor,
            anchor_elo=anchor_elo,
            level=level,
        )
    _tell(found, elo=elo, plot=plot, tell=tell, as_json=as_json)


def write_picture(picture: str, path: Path) -> None:
    """Write an SVG. Raises UsageError where that can't be."""
    from promptops.errors import UsageError

    try:
        path.write_text(picture, "utf-8")
    except OSError as error:
        raise UsageError(f"{str(path)!r} can't be written: {error.strerror}. Name another file.") from None


def _tell(found: PairRanking, *, elo: bool, plot: Path | None, tell: Telling, as_json: bool) -> None:
    if plot is not None:
        from promptops.plots.strengths import strength_plot

        write_picture(strength_plot(found, elo=elo), plot)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.PairRankDocument(ranking=found))
    else:
        _print(found, elo=elo)
        if plot is not None:
            click.echo(f"\nwrote {plot}")
    if tell.wanted:
        from promptops.analysis.rankreport import pair_ranking_report

        tell.tell(pair_ranking_report(found, elo=elo))


def _print(found: PairRanking, *, elo: bool) -> None:
    """Print who is best, the strengths, and who beat whom."""
    from promptops.analysis.rankreport import rests_on
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    console().print(safe_lines(found.sentence), style="bold")
    for told in rests_on(found):
        console().print(safe_lines(told), soft_wrap=True)
    for warning in found.warnings:
        console().print(f"Note: {safe_lines(warning)}", style="yellow")
    console().print()
    _print_strengths(found, elo=elo)
    if len(found.standings) <= _WIDEST:
        _print_wins(found)
    whose = safe_line(found.zero, 60)
    scale = f"Elo: {whose} is {found.anchor_elo:g}" if elo else f"Strength: logit, {whose} is 0"
    console().print(
        f"\n{scale}. [own]: each system's own {found.level:.0%} interval, questions as clusters.\n"
        f"rank: the ranks that a system can have; those of all hold together with {found.level:.0%}.\n"
        f"{safe_lines(found.method)}."
    )


def _print_strengths(found: PairRanking, *, elo: bool) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import interval, shortened, signed

    table = Table(box=None, pad_edge=False)
    scale = "Elo" if elo else "strength"
    for name in ("", "system", scale, "[own]", "rank", "won", "wins", "ties", "losses"):
        table.add_column(name, justify="left" if name == "system" else "right")
    for place, one in enumerate(found.standings, 1):
        figures = (
            (f"{one.elo:.0f}", _elo_interval(one))
            if elo
            else (signed(one.strength), interval(one.low, one.high, sign=True))
        )
        ranks = str(one.best_rank) if one.best_rank == one.worst_rank else f"{one.best_rank}-{one.worst_rank}"
        table.add_row(
            str(place),
            safe_line(shortened(one.name, 56)),
            *figures,
            ranks,
            f"{one.share:.1%}",
            str(one.wins),
            str(one.ties),
            str(one.losses),
        )
    console().print(table)


def _elo_interval(one: PairStanding) -> str:
    return "-" if one.elo_low is None or one.elo_high is None else f"[{one.elo_low:.0f}, {one.elo_high:.0f}]"


def _print_wins(found: PairRanking) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import shortened

    console().print("\nShare that the row wins against the column", style="bold")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("system")
    for place in range(1, 1 + len(found.standings)):
        table.add_column(str(place), justify="right")
    for place, one in enumerate(found.standings):
        cells = [
            f"{won / played:.0%}" if played else "-"
            for won, played in zip(found.wins[place], found.games[place], strict=True)
        ]
        table.add_row(str(place + 1), safe_line(shortened(one.name, 44)), *cells)
    console().print(table)
