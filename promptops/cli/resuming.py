"""`resume`: finish a run."""

from __future__ import annotations

from typing import Any

import click

from promptops.cli.batching import again_option, collect, live_option, refuse_unbatched, wait_option
from promptops.cli.jsonlog import log_option
from promptops.cli.maderuns import print_made
from promptops.cli.options import (
    cassette_option,
    dry_run_option,
    engine_option,
    jobs_option,
    json_option,
    max_calls_option,
    max_cost_option,
    max_failed_option,
    open_project,
    target_output_to_stderr,
)
from promptops.cli.watched import Watched


@click.command("resume")
@click.argument("run")
@click.option("--retry-errors", is_flag=True, help="Ask again where no answer came; the old error is kept.")
@click.option("--all", "everything", is_flag=True, help="Ask every sample, though the run was to stop early.")
@wait_option
@live_option
@again_option
@cassette_option
@dry_run_option
@max_calls_option
@max_cost_option
@max_failed_option
@jobs_option
@engine_option
@log_option
@json_option
@click.pass_context
def resume_command(
    ctx: click.Context,
    run: str,
    retry_errors: bool,
    everything: bool,
    wait: bool,
    live: bool,
    again: bool,
    cassette: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    max_failed: float | None,
    concurrency: int | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Finish RUN with what it was started with; nothing that is stored is asked again.

    A run that was interrupted before it could stop early (`gate --early-stop`) may still do so; one that
    has stopped asks all other samples. --max-calls and --max-cost limit what this command spends, whatever
    was spent before; exit code 3 where they end it, where nothing was answered, and where more has no answer
    than --max-failed allows.

    Of a run in batches (`eval --batch`) the answers are brought and scored, and what `stop` had cancelled is
    handed in again; exit code 3 while some are still to come, where the server can't be asked now, and where
    it does not know a batch any more.
    """
    from promptops.calls.budget import Budget
    from promptops.runs.states import nothing_to_do

    budget = Budget(max_calls, max_cost)
    if dry_run:
        from promptops.cli.forecasting import print_forecast

        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_resume(
                run,
                concurrency=concurrency,
                retry_errors=retry_errors,
                everything=everything,
                cassette=cassette,
                budget=budget,
                live=live,
                again=again,
            )
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx, existing=True) as project, Watched(project, quiet=as_json, log=log_json) as seen:
        batched = project.is_batched(run)
        refuse_unbatched(run, batched, wait=wait, live=live, again=again)
        found_run = project.run(run)
        nothing = nothing_to_do(found_run, retry_errors=retry_errors)
        if nothing:
            if not as_json:
                click.echo(nothing)
            ctx.exit(print_made(project, [found_run], seen, as_json, most=max_failed))
        if batched and not live:
            options: dict[str, Any] = {"wait": wait, "retry_errors": retry_errors, "again": again}
            options["concurrency"] = concurrency
            found = collect(ctx, project, run, as_json, budget, watch=seen.watch, **options)
            ctx.exit(print_made(project, [found.run], seen, as_json, most=max_failed))
        with target_output_to_stderr():
            done = project.resume(
                run,
                concurrency=concurrency,
                retry_errors=retry_errors,
                everything=everything,
                cassette=cassette,
                budget=budget,
                watch=seen.watch,
                again=again,
            )
        code = print_made(project, [done], seen, as_json, budget=budget, most=max_failed)
    ctx.exit(code)
