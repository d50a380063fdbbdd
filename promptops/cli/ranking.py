"""`rank`: several runs in one table, who is best by a stated rule or by a judge of pairs, and the cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from promptops.cli.finite import Finite, FiniteRange
from promptops.cli.options import (
    asking_options,
    judge_option,
    open_project,
)
from promptops.cli.pairranking import (
    Asked,
    anchor_elo_option,
    anchor_option,
    elo_option,
    rank_runs,
    write_picture,
)
from promptops.cli.reporting import ranking_report_option, telling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptops.analysis.ranking import By, Ranking, Rule
    from promptops.analysis.standings import MetricRanking
    from promptops.pairs.tournament import Schedule


@click.command("rank")
@click.argument("runs", nargs=-1, metavar="RUN RUN [RUN...]")
@click.option(
    "--evalset", metavar="NAME", help="Instead of runs: the newest of each prompt and model on this set."
)
@click.option(
    "--metric", help="The metric that decides, and the only table (default: all; the first decides)."
)
@click.option("--baseline", metavar="RUN", help="Whom differences are to (default: the first run).")
@click.option(
    "--best",
    "rule",
    type=click.Choice(["quality", "cheapest"]),
    default="quality",
    show_default=True,
    help="First by the metric, or the cheapest within --margin of the best.",
)
@click.option("--margin", type=Finite(), help="The largest loss you accept, in the metric's own unit.")
@click.option(
    "--by",
    type=click.Choice(["cost", "tokens", "seconds"]),
    default="cost",
    show_default=True,
    help="What cheap means, also in the plot.",
)
@click.option(
    "--level",
    type=FiniteRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="Of the intervals; those of all runs hold together.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Write quality against cost, or strengths with --pairwise, as a picture.",
)
@click.option("--pairwise", is_flag=True, help="Rank by a judge that compares each two answers, both orders.")
@click.option(
    "--schedule",
    type=click.Choice(["all", "adaptive"]),
    default="all",
    show_default=True,
    help="All pairs, or only as long as their order is unsure.",
)
@elo_option
@anchor_option
@anchor_elo_option
@ranking_report_option
@judge_option
@asking_options
@click.pass_context
def rank_command(
    ctx: click.Context,
    runs: tuple[str, ...],
    evalset: str | None,
    metric: str | None,
    baseline: str | None,
    rule: Rule,
    margin: float | None,
    by: By,
    level: float,
    plot: Path | None,
    pairwise: bool,
    schedule: Schedule,
    elo: bool,
    anchor: str | None,
    anchor_elo: float,
    reports: tuple[Path, ...],
    judge_model: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Rank runs of one evaluation set: figures, differences and ranks that hold together, costs.

    Runs on other questions or with other metric signatures are refused. Exit code 0 whoever is best.

    With --pairwise a judge says which of each two answers is better, and Bradley and Terry's strengths rank
    the runs. What was judged before is not asked again, an interrupted ranking goes on. Exit code 3 where
    --max-calls or --max-cost ended it, or nothing can be ranked.
    """

    _refuse_others(ctx, _BY_METRIC if pairwise else _BY_PAIRS, pairwise=pairwise)
    tell = telling(reports, github=False, quiet=as_json, verdict=False)
    if pairwise:
        asked = Asked(runs, evalset, schedule, judge_model, anchor, anchor_elo, level, concurrency)
        limits = (max_calls, max_cost)
        rank_runs(ctx, asked, limits, dry_run=dry_run, elo=elo, plot=plot, tell=tell, as_json=as_json)
        return

    with open_project(ctx, existing=True) as project:
        found = project.rank(
            runs,
            evalset=evalset,
            metric=metric,
            baseline=baseline,
            best=rule,
            margin=margin,
            by=by,
            level=level,
        )
    if plot is not None:
        _write_plot(found, plot)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.RankDocument(ranking=found))
    else:
        _print_ranking(found)
        if plot is not None:
            click.echo(f"\nwrote {plot}")
    if tell.wanted:
        from promptops.analysis.rankreport import ranking_report

        tell.tell(ranking_report(found))


_BY_METRIC = ("metric", "baseline", "rule", "margin", "by")
_BY_PAIRS = (
    *("schedule", "elo", "anchor", "anchor_elo", "judge_model"),
    *("dry_run", "max_calls", "max_cost", "concurrency"),
)


def _refuse_others(ctx: click.Context, names: Iterable[str], *, pairwise: bool) -> None:
    """Refuse options that were given and belong to the other way of ranking."""
    flags = {option.name: option.opts[-1] for option in ctx.command.params}
    given = [flags[name] for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        told = "ranks by metrics and not by pairs" if pairwise else "needs --pairwise: nobody is asked here"
        raise click.UsageError(f"{', '.join(given)} {told}.")


def _write_plot(found: Ranking, path: Path) -> None:
    from promptops.plots.cost import cost_plot

    write_picture(cost_plot(found), path)


def _print_ranking(found: Ranking) -> None:
    """Print who is best, then why, then the tables."""
    from promptops.analysis.rankreport import number_of
    from promptops.cli.safe import safe_lines
    from promptops.cli.tables import console

    console().print(safe_lines(found.best.sentence), style="bold")
    console().print(f"Rule: {safe_lines(found.best.rule)}.")
    for warning in found.warnings:
        console().print(f"Note: {safe_lines(warning)}", style="yellow")
    console().print()
    _print_systems(found)
    for table in found.metrics:
        _print_metric(found, table)
    console().print(
        f"\n[own]: each run's own {found.level:.0%} interval. [all hold]: difference to run "
        f"{number_of(found, found.baseline)}; these intervals hold together with {found.level:.0%}.\n"
        "rank: the ranks a run can have, together as well. behind: how far it lies behind the best at most.\n"
        f"From {found.resamples:,} resamples of whole groups of samples, seed {found.seed}."
    )


def _print_systems(found: Ranking) -> None:
    from rich.table import Table

    from promptops.analysis.rankreport import priced
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    table = Table(box=None, pad_edge=False)
    for name, side in (("", "right"), ("run", "left"), ("prompt", "left"), ("model", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for name in ("answers", "cost", "per 1,000", "tokens each", "seconds"):
        table.add_column(name, justify="right")
    for place, one in enumerate(found.systems, 1):
        table.add_row(
            str(place),
            one.run,
            safe_line(one.prompt, 40),
            safe_line(one.model, 32),
            str(one.answers) + (f" ({one.missing} missing)" if one.missing else ""),
            priced(one.cost),
            priced(None if one.cost_per_sample is None else 1000 * one.cost_per_sample),
            "unknown" if one.tokens_per_sample is None else f"{one.tokens_per_sample:,.1f}",
            "unknown" if one.seconds is None else f"{one.seconds:.3g}",
        )
    console().print(table)


def _print_metric(found: Ranking, ranking: MetricRanking) -> None:
    from rich.table import Table

    from promptops.analysis.rankreport import number_of, ranks_of
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval, signed

    better = "" if ranking.higher_is_better else ", lower is better"
    told = f": {ranking.note}" if ranking.note else ""
    console().print(f"\n{safe_line(ranking.label)}{better}, {ranking.n} samples{told}", style="bold")
    table = Table(box=None, pad_edge=False)
    named = found.systems[0]
    who = {named.prompt: "prompt", named.model: "model"}.get(named.label, "prompt and model")
    for name in ("", "run", who, "figure", "[own]", "difference", "[all hold]", "rank", "behind"):
        table.add_column(name, justify="left" if name in {"run", who} else "right")
    systems = {system.run: system for system in found.systems}
    for one in ranking.standings:
        table.add_row(
            number_of(found, one.run),
            one.run,
            safe_line(systems[one.run].label, 40),
            figure(one.figure),
            interval(one.low, one.high),
            "baseline" if one.run == found.baseline else signed(one.difference),
            interval(one.difference_low, one.difference_high, sign=True),
            ranks_of(one),
            "-" if one.behind is None else figure(max(one.behind, 0.0)),
            style="green" if one.run == found.best.run and ranking.label == found.best.metric else "",
        )
    console().print(table)
