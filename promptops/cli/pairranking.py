"""`judge rank`: systems ranked by recorded judgements of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.pairstandings import PairRanking, PairStanding

_WIDEST = 12
"""So many systems at most have their table of who beat whom on the screen."""

elo_option = click.option(
    "--elo", is_flag=True, help="Show strengths on Elo's scale: 400 points are 10 to 1."
)
anchor_option = click.option(
    "--anchor", metavar="NAME", help="Whose strength is 0 (default: the mean of all systems is)."
)
anchor_elo_option = click.option(
    "--anchor-elo", type=float, default=1000.0, show_default=True, help="The anchor's points on Elo's scale."
)
level_option = click.option(
    "--level",
    type=click.FloatRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="Of the intervals; the ranks of all systems hold together.",
)


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
    as_json: bool,
) -> None:
    """Rank systems by the judgements of pairs that are recorded in FILE, without a single call.

    Read are JSON lines, JSON lists, CSV, YAML and Parquet in the formats of Chatbot Arena, MT-bench,
    AlpacaEval, Arena-Hard and Kaggle's preferences, or with your own keys. A winner that is none is an error
    with its line; a judge that gave no verdict is counted. Exit code 0 whoever is best, 3 where nothing can
    be ranked.
    """
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
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.PairRankDocument(ranking=found))
        return
    print_ranking(found, elo=elo)


def print_ranking(found: PairRanking, *, elo: bool) -> None:
    """Print who is best, the strengths, and who beat whom."""
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    console().print(safe_lines(found.sentence), style="bold")
    judges = f" by {safe_line(', '.join(found.judges), 60)}" if found.judges else ""
    ties = f"{found.ties} {'tie' if found.ties == 1 else 'ties'}"
    console().print(
        f"{found.n} judgements of {len(found.standings)} systems{judges}, {ties}, {found.groups} questions; "
        f"format {found.style}, question by {safe_line(found.group or 'row', 40)}.",
        soft_wrap=True,
    )
    for warning in found.warnings:
        console().print(f"Note: {safe_lines(warning)}", style="yellow")
    console().print()
    _print_strengths(found, elo=elo)
    if len(found.standings) <= _WIDEST:
        _print_wins(found)
    whose = "the mean of all" if found.anchor is None else safe_line(found.anchor, 60)
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
    from promptops.figures import interval, signed

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
            safe_line(one.name, 48),
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
        table.add_row(str(place + 1), safe_line(one.name, 40), *cells)
    console().print(table)
