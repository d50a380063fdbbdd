"""`accept` and `gate`: the baseline, and the verdict against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from promptops.cli.jsonlog import STDERR, log_option
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
from promptops.cli.reporting import github_option, report_option, telling
from promptops.cli.selecting import changed_option, changed_prompts, unchanged_sentence
from promptops.cli.watched import naming

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.errors import PromptopsError
    from promptops.project import Project
    from promptops.types import Run
    from promptops.verdicts import Verdict

EXIT_CODES = {"PASS": 0, "FAIL": 1, "CANNOT_MEASURE": 3, "INCONCLUSIVE": 4}


@click.command("accept")
@click.argument("run", default="latest")
@click.option("--evalset", help="The set's folder, where it is not one of the project's own sets.")
@click.option("--label", help="Write baseline.LABEL.jsonl instead of baseline.jsonl.")
@click.option("--errors", is_flag=True, help="Accept a run though samples of it have no answer.")
@click.option(
    "--unscored", is_flag=True, help="Accept a run though the gate can measure no change from its scores."
)
@click.option("--no-outputs", is_flag=True, help="Keep scores only; private texts stay out of git.")
@json_option
@click.pass_context
def accept_command(
    ctx: click.Context,
    run: str,
    evalset: str | None,
    label: str | None,
    errors: bool,
    unscored: bool,
    no_outputs: bool,
    as_json: bool,
) -> None:
    """Write RUN as its evaluation set's baseline: a file to be reviewed and committed."""
    from promptops.cli.safe import safe_line

    with open_project(ctx, existing=True) as project:
        chosen = project.run(run)
        path = project.accept(
            run, evalset=evalset, label=label, outputs=not no_outputs, errors=errors, unscored=unscored
        )
        accepted = chosen.id
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.AcceptDocument(run=accepted, file=str(path)))
    else:
        shown = _short(path)
        what = f"{chosen.prompt_ref} on {chosen.model}, {chosen.done} answers"
        click.echo(f"Accepted {accepted} ({safe_line(what)}) as {shown}. Commit it: git add {shown}")


@click.command("gate")
@click.argument("evalset")
@click.option("-p", "--prompt", help="Evaluate this prompt first; else a stored run is judged.")
@click.option("-m", "--model", help="The model for --prompt.")
@click.option(
    "--repeats", type=click.IntRange(1, 1000), default=1, help="Answers for each sample, with --prompt."
)
@click.option("--run", default="latest", show_default=True, help="The stored run to judge.")
@click.option("--baseline", help="A label, a baseline file, or a run (default: the set's baseline.jsonl).")
@click.option(
    "--early-stop",
    is_flag=True,
    help="With --prompt: ask samples in an order drawn before, and no more once the verdict is certain.",
)
@click.option(
    "--first",
    type=click.IntRange(1),
    metavar="N",
    help="With --prompt: ask the first N samples, in an order drawn before, and decide by them if they can. "
    "They spend their share of alpha; the rest is kept for `--inconclusive extend`.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Another number draws another order for --early-stop and --first.",
)
@click.option(
    "--look",
    type=click.IntRange(1),
    help="This is the K-th gate on one question (the first one was --look 1): spend alpha * 6 / (pi K)^2, so "
    "that all of them are wrong as seldom as one.",
)
@click.option(
    "--inconclusive",
    type=click.Choice(["block", "warn", "extend"]),
    default="block",
    show_default=True,
    help="INCONCLUSIVE exits with 4 (block) or 0 (warn). With extend the first part of the samples is asked "
    "(--first, by default half), and the others only where it leaves the verdict open.",
)
@changed_option
@click.option(
    "--no-cache",
    is_flag=True,
    help="Ask even where an answer to the same request is stored; of a stored run, the judge of pairs.",
)
@dry_run_option
@max_calls_option
@max_cost_option
@report_option
@github_option
@cassette_option
@jobs_option
@engine_option
@judge_option
@log_option
@json_option
@click.pass_context
def gate_command(
    ctx: click.Context,
    evalset: str,
    prompt: str | None,
    model: str | None,
    repeats: int,
    run: str,
    baseline: str | None,
    early_stop: bool,
    first: int | None,
    seed: int,
    look: int | None,
    inconclusive: Literal["block", "warn", "extend"],
    changed: str | None,
    no_cache: bool,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    reports: tuple[Path, ...],
    github: bool | None,
    cassette: str | None,
    concurrency: int | None,
    judge_model: str | None,
    log_json: str | None,
    as_json: bool,
) -> None:
    """Decide by the rules of EVALSET whether a run may pass against the accepted baseline.

    Where a rule is about pairs, its judge is asked what is missing, of a stored run too.

    Exit codes: 0 PASS, 1 FAIL, 4 INCONCLUSIVE, 3 CANNOT_MEASURE, 2 wrong use or file.
    """
    from promptops.calls.budget import Budget
    from promptops.cli.progress import logged, tell_stopped
    from promptops.errors import PromptopsError

    budget = Budget(max_calls, max_cost)
    extend = inconclusive == "extend"
    _refuse_mixed(ctx.params)
    tell = telling(reports, github=github, quiet=as_json)
    report = None
    if dry_run:
        _print_forecast(ctx, budget)
        return
    with open_project(ctx, existing=prompt is None) as project:
        if _is_unchanged(project, prompt, changed, as_json=as_json):
            return
        try:
            with logged(project, log_json, quiet=as_json) as (drawn, log), target_output_to_stderr():
                watch = naming(drawn, quiet=as_json or log_json == STDERR)
                if prompt:
                    verdict = project.gate_prompt(
                        evalset,
                        prompt,
                        model,
                        baseline=baseline,
                        repeats=repeats,
                        early_stop=early_stop,
                        first=first,
                        extend=extend,
                        seed=seed,
                        look=look,
                        cache=not no_cache,
                        cassette=cassette,
                        concurrency=concurrency,
                        judge_model=judge_model,
                        budget=budget,
                        watch=watch,
                    )
                elif extend:
                    verdict = project.gate_on(
                        evalset,
                        run=run,
                        baseline=baseline,
                        judge_model=judge_model,
                        concurrency=concurrency,
                        budget=budget,
                        watch=watch,
                    )
                else:
                    verdict = project.gate_run(
                        evalset,
                        run=run,
                        baseline=baseline,
                        look=look,
                        judge_model=judge_model,
                        concurrency=concurrency,
                        cache=not no_cache,
                        budget=budget,
                        watch=watch,
                    )
                code = _exit_code(verdict, inconclusive)
                if log is not None:
                    log.verdict(verdict, code)
            if tell.wanted:
                blocks: Literal["block", "warn"] = "warn" if inconclusive == "warn" else "block"
                report = project.verdict_report(evalset, verdict, inconclusive=blocks)
        except PromptopsError as error:
            if tell.wanted and error.exit_code == EXIT_CODES["CANNOT_MEASURE"]:
                tell.refuse(project, evalset, error)
            _print_refused(error, budget, as_json)
            raise
        judged = project.run(verdict.candidate)
    tell_stopped(budget, [judged])
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.GateDocument(
                verdict=verdict, exit_code=code, outcome=verdict.outcome, stopped=budget.stopped or None
            )
        )
    else:
        _print_verdict(verdict, judged)
    if report is not None:
        tell.tell(report)
    ctx.exit(code)


def _print_refused(error: PromptopsError, budget: Budget, as_json: bool) -> None:
    """Print the object of a gate that could not measure; why goes to stderr as well."""
    from promptops.cli import documents

    if not as_json or error.exit_code != EXIT_CODES["CANNOT_MEASURE"]:
        return
    documents.print_document(
        documents.GateDocument(
            verdict=None,
            exit_code=error.exit_code,
            outcome="CANNOT_MEASURE",
            reasons=(str(error),),
            stopped=budget.stopped or None,
        )
    )


def _print_verdict(verdict: Verdict, judged: Run) -> None:
    from promptops.cli import tables
    from promptops.cli.safe import safe_line

    tables.print_verdict(verdict)
    if verdict.stopping is not None:
        click.echo(f"\n{verdict.stopping.sentence}")
        if verdict.stopping.more:
            click.echo(f"Ask the others: {verdict.stopping.more}")
    against = _short(Path(verdict.baseline)) if verdict.baseline.endswith(".jsonl") else verdict.baseline
    click.echo(f"\nJudged {safe_line(tables.run_name(judged))}")
    click.echo(f"Look at the cases: promptops compare {against} {judged.id}")


def _exit_code(verdict: Verdict, inconclusive: str) -> int:
    return 0 if verdict.outcome == "INCONCLUSIVE" and inconclusive == "warn" else EXIT_CODES[verdict.outcome]


def _print_forecast(ctx: click.Context, budget: Budget) -> None:
    """Print what the gate would take, by the same options."""
    from promptops.cli.forecasting import print_forecast

    given = ctx.params
    both = {name: given[name] for name in ("baseline", "concurrency", "judge_model")}
    more = {name: given[name] for name in ("repeats", "early_stop", "first", "seed", "cassette")}
    asked = {**both, "cache": not given["no_cache"], "budget": budget}
    with open_project(ctx, dry=True) as project, target_output_to_stderr():
        if _is_unchanged(project, given["prompt"], given["changed"], as_json=given["as_json"]):
            return
        if given["prompt"]:
            extend = given["inconclusive"] == "extend"
            forecast = project.forecast_gate(
                given["evalset"], given["prompt"], given["model"], extend=extend, **more, **asked
            )
        else:
            forecast = project.forecast_gate_run(given["evalset"], run=given["run"], **asked)
    print_forecast(forecast, as_json=given["as_json"])


def _refuse_mixed(given: dict[str, Any]) -> None:
    """Raise click.UsageError for options that don't go together."""
    extend, in_stages = given["inconclusive"] == "extend", given["first"] is not None
    if given["prompt"]:
        if given["run"] != "latest":
            raise click.UsageError("--run names a stored run to judge; with --prompt a new one is made.")
        if given["early_stop"] and (in_stages or extend):
            raise click.UsageError(
                "--early-stop asks on by itself until it is certain; --first and extend are another way."
            )
        return
    if given["changed"] is not None:
        raise click.UsageError("--changed goes with --prompt; a stored run is judged as it is.")
    if given["dry_run"] and extend:
        raise click.UsageError("What the other samples take: promptops resume RUN --all --dry-run")
    if given["model"]:
        raise click.UsageError("--model goes with --prompt; a stored run has its model already.")
    if given["no_cache"] and extend:
        raise click.UsageError(
            "--no-cache goes with --prompt; how a run asks was settled when it was started."
        )
    if given["cassette"]:
        raise click.UsageError("--cassette goes with --prompt; a stored run has its answers already.")
    if given["early_stop"] or in_stages or given["repeats"] > 1:
        raise click.UsageError(
            "--early-stop, --first and --repeats go with --prompt; a stored run is asked already."
        )
    if extend and given["look"] is not None:
        raise click.UsageError("--look was settled when the run was started; leave it out.")


def _is_unchanged(project: Project, prompt: str | None, base: str | None, *, as_json: bool) -> bool:
    """Say so where --changed was given and the prompt did not change."""
    if not prompt or base is None:
        return False
    found = changed_prompts(project, (prompt,), base)
    if found.changed:
        return False

    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.GateDocument(verdict=None, exit_code=0, unchanged=found.unchanged[0])
        )
    else:
        click.echo(unchanged_sentence(found))
    return True


def _short(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
