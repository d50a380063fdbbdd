"""`eval` and `score`: make runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.batching import batch_option, refuse_mixed, submit
from promptops.cli.jsonlog import log_option
from promptops.cli.madejson import print_nothing
from promptops.cli.maderuns import print_made
from promptops.cli.options import (
    cassette_option,
    dry_run_option,
    engine_option,
    jobs_option,
    json_option,
    judge_option,
    max_calls_option,
    max_cost_option,
    max_failed_option,
    open_project,
    target_output_to_stderr,
)
from promptops.cli.selecting import (
    changed_option,
    changed_prompts,
    nothing_is_fine,
    selection_options,
    unchanged_sentence,
)
from promptops.cli.watched import Watched

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.files.gitbase import Changed
    from promptops.sets.selection import Selection


@click.command("eval")
@click.argument("evalset")
@click.option(
    "-p",
    "--prompt",
    "prompts",
    multiple=True,
    required=True,
    help="Prompt reference, file, or folder of prompt files (prompts/); may be repeated.",
)
@click.option("-m", "--model", "models", multiple=True, help="provider/model; may be repeated.")
@click.option(
    "--repeats", type=click.IntRange(1, 1000), default=1, show_default=True, help="Answers for each sample."
)
@selection_options
@changed_option
@click.option("--no-cache", is_flag=True, help="Ask even where an answer to the same request is stored.")
@cassette_option
@batch_option
@dry_run_option
@max_calls_option
@max_cost_option
@max_failed_option
@jobs_option
@engine_option
@judge_option
@log_option
@json_option
@click.pass_context
def eval_command(
    ctx: click.Context,
    evalset: str,
    prompts: tuple[str, ...],
    models: tuple[str, ...],
    repeats: int,
    select: Selection,
    changed: str | None,
    no_cache: bool,
    cassette: str | None,
    batch: bool,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    max_failed: float | None,
    concurrency: int | None,
    judge_model: str | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Evaluate every PROMPT with every MODEL on EVALSET (a name, or its folder).

    Everything is checked before the first call. Exit code 0 whatever the figures; `promptops gate`
    decides. Options that choose samples (-k, --slice, --failed-from, then --sample, then --limit) hold
    together; such a run is marked as a part of the set, and neither gate nor accept takes it for the whole.
    Exit code 3 where nothing was answered, a judge scored no answer, more failed than --max-failed
    allows, or a limit (--max-calls, --max-cost) ended it.
    """
    from promptops.calls.budget import Budget

    budget = Budget(max_calls, max_cost)
    if batch:
        refuse_mixed(ctx.params)
    if dry_run:
        _print_forecast(ctx, select, budget)
        return
    with (
        open_project(ctx) as project,
        Watched(project, quiet=as_json, log=log_json) as seen,
        nothing_is_fine(ctx, as_json=as_json),
    ):
        unchanged: tuple[str, ...] = ()
        if changed is not None:
            found = changed_prompts(project, prompts, changed)
            prompts, unchanged = found.changed, found.unchanged
            if not prompts:
                _print_unchanged(found, as_json)
                return
        if batch:
            whole = submit(
                project,
                as_json,
                evalset,
                prompts,
                models,
                repeats=repeats,
                cache=not no_cache,
                judge_model=judge_model,
                select=select,
                begun=seen.begin,
            )
            if whole:
                print_made(project, whole, seen, as_json)
            return
        with target_output_to_stderr():
            runs = project.evaluate(
                evalset,
                prompts,
                models,
                repeats=repeats,
                concurrency=concurrency,
                cache=not no_cache,
                cassette=cassette,
                judge_model=judge_model,
                select=select,
                budget=budget,
                watch=seen.watch,
            )
        code = print_made(project, runs, seen, as_json, unchanged, budget, max_failed)
    ctx.exit(code)


@click.command("score")
@click.argument("run")
@click.option(
    "--metric", "metrics", multiple=True, help="A metric by name; default: the set's metrics as they are now."
)
@click.option("--no-cache", is_flag=True, help="Ask judges even where a reply to the same request is stored.")
@dry_run_option
@max_calls_option
@max_cost_option
@jobs_option
@judge_option
@engine_option
@log_option
@json_option
@click.pass_context
def score_command(
    ctx: click.Context,
    run: str,
    metrics: tuple[str, ...],
    no_cache: bool,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    judge_model: str | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Score the stored answers of RUN anew. They are kept as a run of their own; no answer is asked again.

    Judges are asked only for what is not stored. Exit code 3 where a limit (--max-calls, --max-cost) ended
    it: `promptops resume` finishes that run.
    """
    from promptops.calls.budget import Budget
    from promptops.types import MetricSpec

    budget = Budget(max_calls, max_cost)
    specs = [MetricSpec(label=name.rpartition(":")[2], metric=name) for name in metrics]
    given: dict[str, Any] = {
        "judge_model": judge_model,
        "cache": not no_cache,
        "concurrency": concurrency,
        "budget": budget,
    }
    if dry_run:
        from promptops.cli.forecasting import print_forecast

        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_score(run, specs, **given)
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx, existing=True) as project, Watched(project, quiet=as_json, log=log_json) as seen:
        with target_output_to_stderr():
            done = project.rescore(run, specs, **given, watch=seen.watch)
        code = print_made(project, [done], seen, as_json, budget=budget)
    ctx.exit(code)


def _print_forecast(ctx: click.Context, select: Selection, budget: Budget) -> None:
    """Print what the evaluation would take, by the same options."""
    from promptops.cli.forecasting import print_forecast

    given = ctx.params
    prompts: tuple[str, ...] = given["prompts"]
    same = ("repeats", "concurrency", "judge_model", "cassette", "batch")
    fine = nothing_is_fine(ctx, as_json=given["as_json"])
    with open_project(ctx, dry=True) as project, fine, target_output_to_stderr():
        if given["changed"] is not None:
            found = changed_prompts(project, prompts, given["changed"])
            prompts = found.changed
            if not prompts:
                _print_unchanged(found, given["as_json"])
                return
        forecast = project.forecast(
            given["evalset"],
            prompts,
            given["models"],
            cache=not given["no_cache"],
            select=select,
            budget=budget,
            **{name: given[name] for name in same},
        )
    print_forecast(forecast, as_json=given["as_json"])


def _print_unchanged(found: Changed, as_json: bool) -> None:
    if as_json:
        print_nothing(unchanged=found.unchanged)
    else:
        click.echo(unchanged_sentence(found))
