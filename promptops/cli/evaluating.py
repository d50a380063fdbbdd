"""`eval`, `resume` and `score`: make runs."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.batching import (
    again_option,
    batch_option,
    collect,
    live_option,
    refuse_mixed,
    refuse_unbatched,
    submit,
    wait_option,
)
from promptops.cli.jsonlog import STDERR, log_option
from promptops.cli.madejson import print_runs, was_ended
from promptops.cli.options import (
    cassette_option,
    dry_run_option,
    engine_option,
    jobs_option,
    json_option,
    judge_option,
    max_calls_option,
    max_cost_option,
    open_project,
    target_output_to_stderr,
)
from promptops.cli.selecting import changed_option, changed_prompts, selection_options, unchanged_sentence

if TYPE_CHECKING:
    from promptops.budget import Budget
    from promptops.gitbase import Changed
    from promptops.progress import Progress
    from promptops.project import Project
    from promptops.selection import Selection
    from promptops.types import Run


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
    concurrency: int | None,
    judge_model: str | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Evaluate every PROMPT with every MODEL on EVALSET (a name, or its folder).

    Everything is checked before the first call. Exit code 0 whatever the figures; `promptops gate`
    decides. Options that choose samples (-k, --slice, --failed-from, then --sample, then --limit) hold
    together; such a run is marked as a part of the set, and neither gate nor accept takes it for the whole.
    Exit code 3 where nothing was answered, or a limit (--max-calls, --max-cost) ended it.
    """
    from promptops.budget import Budget

    budget = Budget(max_calls, max_cost)
    if batch:
        refuse_mixed(ctx.params)
    if dry_run:
        _print_forecast(ctx, select, budget)
        return
    with open_project(ctx) as project, _Watched(project, quiet=as_json, log=log_json) as seen:
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
                begun=None if as_json else _tell_part,
            )
            if whole:
                _print_runs(project, whole, seen, as_json)
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
        _print_runs(project, runs, seen, as_json, unchanged, budget)
    if budget.stopped or any(run.done == 0 for run in runs):
        # No answer at all is no figure and no verdict: a script must not take it for a finished evaluation.
        ctx.exit(3)


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
    concurrency: int | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Finish RUN with what it was started with; nothing that is stored is asked again.

    A run that was interrupted before it could stop early (`gate --early-stop`) may still do so; one that
    has stopped asks all other samples. --max-calls and --max-cost limit what this command spends, whatever
    was spent before; exit code 3 where they end it.

    Of a run in batches (`eval --batch`) the answers are brought and scored, and what `stop` had cancelled is
    handed in again; exit code 3 while some are still to come, where the server can't be asked now, and where
    it does not know a batch any more.
    """
    from promptops.budget import Budget

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
    with open_project(ctx) as project, _Watched(project, quiet=as_json, log=log_json) as seen:
        batched = project.is_batched(run)
        refuse_unbatched(run, batched, wait=wait, live=live, again=again)
        if batched and not live:
            options: dict[str, Any] = {"wait": wait, "retry_errors": retry_errors, "again": again}
            options["concurrency"] = concurrency
            found = collect(ctx, project, run, as_json, budget, watch=seen.watch, **options)
            _print_runs(project, [found.run], seen, as_json)
            ctx.exit(3 if found.run.done == 0 else 0)
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
        _print_runs(project, [done], seen, as_json, budget=budget)
    if budget.stopped or done.done == 0:
        ctx.exit(3)


@click.command("score")
@click.argument("run")
@click.option(
    "--metric", "metrics", multiple=True, help="A metric by name; default: the set's metrics as they are now."
)
@judge_option
@engine_option
@log_option
@json_option
@click.pass_context
def score_command(
    ctx: click.Context,
    run: str,
    metrics: tuple[str, ...],
    judge_model: str | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Score the stored answers of RUN anew. They are kept as a run of their own; no answer is asked again."""
    from promptops.types import MetricSpec

    with open_project(ctx) as project, _Watched(project, quiet=as_json, log=log_json) as seen:
        specs = [MetricSpec(label=name.rpartition(":")[2], metric=name) for name in metrics]
        done = project.rescore(run, specs, judge_model=judge_model, watch=seen.watch)
        _print_runs(project, [done], seen, as_json)


class _Watched:
    """Draws the line, writes the log, and remembers the last progress for the summary."""

    def __init__(self, project: Project, *, quiet: bool, log: str | None) -> None:
        from promptops.cli.progress import logged

        self._started = monotonic()
        self._project, self._as_json = project, quiet
        self._quiet = quiet or log == STDERR
        self._logged = logged(project, log, quiet=quiet)
        self.last: Progress | None = None

    def __enter__(self) -> _Watched:
        self._draw, _ = self._logged.__enter__()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._logged.__exit__(kind, error, trace)
        if self._as_json and self.last is not None and was_ended(error):
            # A script learns which runs there are, how far they came, and what may have been paid for.
            runs = [self._project.run(run.id) for run in self.last.runs]
            print_runs(self._project, runs, self.last.usage, self.seconds)

    def watch(self, progress: Progress) -> None:
        if self.last is None and not self._quiet:
            _tell_part(progress.runs)
            _tell_remarks(progress.remarks)
        self.last = progress
        if self._draw:
            self._draw(progress)

    @property
    def seconds(self) -> float:
        return monotonic() - self._started


def _tell_part(runs: Sequence[Run]) -> None:
    """Say before the first call that not all samples are asked; all runs of a command ask the same."""
    from promptops.cli.safe import safe_line

    if runs and runs[0].part is not None:
        click.echo(safe_line(runs[0].part.sentence, 400), err=True)


def _tell_remarks(remarks: Sequence[str]) -> None:
    """Say before the first call what was found of the judges."""
    from promptops.cli.safe import safe_line

    for remark in remarks:
        click.echo(safe_line(remark, 600), err=True)


def _print_forecast(ctx: click.Context, select: Selection, budget: Budget) -> None:
    """Print what the evaluation would take, by the same options."""
    from promptops.cli.forecasting import print_forecast

    given = ctx.params
    prompts: tuple[str, ...] = given["prompts"]
    same = ("repeats", "concurrency", "judge_model", "cassette", "batch")
    with open_project(ctx, dry=True) as project, target_output_to_stderr():
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
    from promptops.cli import documents

    if as_json:
        documents.print_document(
            documents.EvalDocument(
                runs=(),
                calls=0,
                cached=0,
                tokens_in=0,
                tokens_out=0,
                cost=0.0,
                seconds=0.0,
                unchanged=found.unchanged,
            )
        )
    else:
        click.echo(unchanged_sentence(found))


def _print_runs(
    project: Project,
    runs: list[Run],
    seen: _Watched,
    as_json: bool,
    unchanged: tuple[str, ...] = (),
    budget: Budget | None = None,
) -> None:
    from promptops.cli.progress import tell_stopped

    if budget is not None:
        tell_stopped(budget, runs)

    if as_json:
        usage = seen.last.usage if seen.last else None
        print_runs(project, runs, usage, seen.seconds, unchanged, budget.stopped if budget else "")
        return
    from promptops.cli import tables

    for run in runs:
        tables.print_estimates(
            run,
            project.estimates(run.id),
            project.failures(run.id),
            cut_off=project.cut_off(run.id),
            slices=False,
        )
        tables.print_notes(project.judge_notes(run.id))
    click.echo("")
    answered = [run for run in runs if run.done > run.errors]
    if len(answered) > 1:
        click.echo(f"Compare them: promptops compare {answered[0].id} {answered[1].id}")
    elif answered:
        click.echo(f"By slice: promptops show {answered[0].id}")
    for run in runs:
        if run.errors and run.status == "finished":
            click.echo(f"Ask again what has no answer: promptops resume {run.id} --retry-errors")
