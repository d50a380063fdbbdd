"""`compare`: two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.options import (
    dry_run_option,
    jobs_option,
    json_option,
    judge_option,
    max_calls_option,
    max_cost_option,
    open_project,
)
from promptops.cli.reporting import report_option, telling


@click.command("compare")
@click.argument("baseline")
@click.argument("candidate", default="latest")
@click.option("--metric", help="Whose changes the cases are sorted by (default: the first metric).")
@click.option(
    "--cases",
    "count",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="How many cases to show.",
)
@click.option("--slices/--no-slices", default=True, help="Figures for each tag too.")
@click.option(
    "--alpha",
    type=FiniteRange(0.0001, 0.4999),
    default=0.05,
    show_default=True,
    help="One-sided error rate.",
)
@click.option("--pairwise", is_flag=True, help="Let a judge say which answer is better, in both orders.")
@click.option("--no-cache", is_flag=True, help="Ask the judge also about pairs that have a verdict already.")
@report_option
@judge_option
@dry_run_option
@max_calls_option
@max_cost_option
@jobs_option
@json_option
@click.pass_context
def compare_command(
    ctx: click.Context,
    baseline: str,
    candidate: str,
    metric: str | None,
    count: int,
    slices: bool,
    alpha: float,
    pairwise: bool,
    no_cache: bool,
    reports: tuple[Path, ...],
    judge_model: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Compare CANDIDATE with BASELINE (runs, or a baseline.jsonl), paired by sample.

    Runs on other questions or with other metric signatures are refused. Exit code 0 whatever changed. With
    --pairwise a judge is asked, at most as --max-calls and --max-cost allow (exit code 3 where they end it
    or the judge does not answer); what was judged before is not asked again, whichever way round, but for
    what could not be read. --no-cache asks about all of it anew.
    """
    from promptops.calls.budget import Budget
    from promptops.cli import preferring, tables
    from promptops.cli.safe import safe_lines
    from promptops.judging.text import judge_lines

    budget = Budget(max_calls, max_cost)
    if not pairwise and (dry_run or no_cache or budget.limited):
        raise click.UsageError(
            "Only a judge is asked here: --dry-run, --no-cache and limits need --pairwise."
        )
    asked: dict[str, Any] = {
        "judge_model": judge_model,
        "concurrency": concurrency,
        "cache": not no_cache,
        "budget": budget,
    }
    if dry_run:
        preferring.print_what_it_takes(ctx, baseline, candidate, asked, as_json)
        return
    tell = telling(reports, github=False, quiet=as_json, verdict=False)
    with open_project(ctx, existing=True) as project:
        comparison = project.compare(baseline, candidate, metric=metric, slices=slices, alpha=alpha)
        chosen = metric or comparison.deltas[0].label
        cases = project.cases(baseline, candidate, chosen, limit=count)
        second = project.run(candidate)
        corrections = project.corrections(second.id, baseline, alpha=alpha)
        preference = None
        if pairwise:
            preference = project.prefer(baseline, candidate, **asked)
        unmeasured = preference is not None and preference.unmeasured is not None
        report = None
        if tell.wanted:
            report = project.comparison_report(comparison, metric=chosen, preference=preference)
        first = None if baseline.endswith(".jsonl") else project.run(baseline)
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.CompareDocument(
                baseline=first,
                candidate=second,
                comparison=comparison,
                cases=tuple(cases),
                preference=preference,
                corrections=corrections,
            )
        )
        if report is not None:
            tell.tell(report)
        ctx.exit(3 if budget.stopped or unmeasured else 0)
    tables.print_sentence(comparison.sentence)
    tables.print_comparison(
        comparison, tables.run_name(first) if first else baseline, tables.run_name(second)
    )
    tables.print_corrections(corrections, change=True)
    for line in judge_lines(comparison.judges):
        click.echo(safe_lines(line))
    if preference is not None:
        preferring.print_preference(preference)
    for case in cases:
        tables.print_case(case, chosen)
    if report is not None:
        click.echo()
        tell.tell(report)
    ctx.exit(3 if budget.stopped or unmeasured else 0)
