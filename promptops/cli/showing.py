"""`runs`, `show` and `plugins`: look at what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.calls.bills import Bill
    from promptops.types import Attempt, Case, Result, Sample


@click.command("runs")
@click.option("--evalset", help="Only runs on this evaluation set.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@json_option
@click.pass_context
def runs_command(ctx: click.Context, evalset: str | None, limit: int, as_json: bool) -> None:
    """List runs, the newest first."""
    from promptops.cli import tables
    from promptops.cli.safe import safe_line
    from promptops.runs.states import go_on

    with open_project(ctx, existing=True) as project:
        found = project.runs(limit=limit, evalset=evalset)
        judged = [run for run in found if run.judged]
        marks = project.judge_marks(judged) if judged else {}
        bills = project.bills(found)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.RunsDocument(runs=tuple(found), marks=marks, bills=bills))
        return
    if not found:
        make = "promptops eval EVALSET --prompt FILE --model PROVIDER/MODEL"
        click.echo(f"There is no run yet. Make one: {make}")
    for run in found:
        step = f": {go_on(run)}" if go_on(run) else ""
        state = "" if run.status == "finished" else f"  {run.standing}{step}"
        errors = f"  {run.errors} errors" if run.errors else ""
        part = f"  part: {run.samples} of {run.part.samples} samples" if run.part else ""
        through = f"{run.done}/{run.samples * run.repeats}{part}{errors}"
        click.echo(f"{safe_line(tables.run_name(run))}  {through}{_paid(bills.get(run.id))}{state}")
        for mark in marks.get(run.id, ()):
            click.echo(f"  {safe_line(mark, 300)}")


@click.command("show")
@click.argument("run")
@click.argument("sample", required=False)
@click.option("--repeat", type=click.IntRange(0), default=0, show_default=True)
@json_option
@click.pass_context
def show_command(ctx: click.Context, run: str, sample: str | None, repeat: int, as_json: bool) -> None:
    """Show the figures of RUN, or the answer and scores of one SAMPLE of it."""
    from promptops.cli import tables
    from promptops.errors import UnknownName

    with open_project(ctx, existing=True) as project:
        found = project.run(run)
        cases: list[Case] = []
        if sample is not None:
            cases = [
                case
                for case in project.cases_of(found.id, sample_ids=[sample])
                if case.result.repeat == repeat
            ]
            if not cases:
                known = [item.id for item in project.samples(found.id)]
                raise UnknownName("sample with a result", sample, known)
        estimates = project.estimates(found.id) if not cases or as_json else ()
        failures = project.failures(found.id)
        judged = found.judged and (not cases or as_json)
        judges = project.judge_facts(found.id) if judged else ()
        notes = project.judge_notes(found.id, facts=judges) if judged else {}
        corrections = project.corrections(found.id) if judged else {}
        cut_off = project.cut_off(found.id)
        if as_json:
            from promptops.cli import documents

            documents.print_document(
                documents.RunDocument(
                    run=found,
                    bill=project.bill(found.id),
                    estimates=estimates,
                    failures=failures,
                    cut_off=cut_off,
                    notes=notes,
                    judges=judges,
                    corrections=corrections,
                    cases=tuple(cases),
                )
            )
        elif cases:
            _print_sample(next(item for item in project.samples(found.id) if item.id == sample), cases[0])
        else:
            tables.print_estimates(found, estimates, failures, cut_off=cut_off)
            click.echo(f"  It took {project.bill(found.id).sentence}.")
            tables.print_notes(notes)
            tables.print_corrections(corrections)


@click.command("plugins")
@click.argument(
    "wing", required=False, type=click.Choice(["metrics", "judges", "providers", "engines", "reports"])
)
@json_option
def plugins_command(wing: str | None, as_json: bool) -> None:
    """List metrics, judges, providers, engines and reports; your own files appear by themselves."""
    from promptops import plugins
    from promptops.cli import documents

    found = [
        documents.Plugin(wing=each, name=name, summary=plugins.summary(each, name))
        for each in ([wing] if wing else plugins.WINGS)
        for name in plugins.names(each)
    ]
    if as_json:
        documents.print_document(documents.PluginsDocument(plugins=tuple(found)))
        return
    wide = max((len(plugin.name) for plugin in found), default=0)
    for each in dict.fromkeys(plugin.wing for plugin in found):
        click.echo(each)
        for plugin in found:
            if plugin.wing == each:
                click.echo(f"  {plugin.name:<{wide}}  {plugin.summary}")


def _paid(bill: Bill | None) -> str:
    """Return what a run in a list took; what is unknown is left out, or is for `show` to add up."""
    from promptops.texts.figures import dollars

    if bill is None:
        return ""
    tokens = f"  {bill.tokens:,} tokens" if bill.tokens else ""
    spent = f"  {dollars(bill.cost)}" if bill.calls or bill.cached else ""
    saved = f" ({dollars(bill.saved)} saved)" if bill.saved else ""
    return f"{tokens}{spent}{saved}"


def _print_sample(sample: Sample, case: Case) -> None:
    from promptops.canonical import canonical_json
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.texts.figures import figure

    for name, value in sample.inputs.items():
        click.echo(
            f"{safe_line(name, 40)}: {safe_lines(value if isinstance(value, str) else canonical_json(value))}"
        )
    for target in sample.references:
        click.echo(f"target: {safe_lines(target)}")
    result = case.result
    if result.failure is not None:
        click.echo(f"\nNo answer ({result.failure.kind}): {safe_lines(result.failure.message)}")
    elif result.completion is not None:
        cached = ", from the cache" if result.cached else ""
        click.echo(
            f"\nanswer ({result.completion.finish_reason}{cached}):\n{safe_lines(result.completion.text)}\n"
        )
    tried = _tries(result)
    if tried:
        click.echo(safe_line(tried, 600))
    for label, score in result.scores.items():
        told = f"unscored: {score.unscored}" if score.unscored else figure(case.figures[label])
        reason = f"  ({score.reason})" if score.reason else ""
        click.echo(f"{label}: {safe_line(told + reason, 400)}")
        if score.unscored and isinstance(score.evidence.get("reply"), str):
            click.echo(f"  the judge replied: {safe_line(str(score.evidence['reply']), 400)}")


def _tries(result: Result) -> str:
    """Return how often an answer was asked for and how each try ended; empty where one was enough."""
    answer, failure = result.completion, result.failure
    tries = answer.attempts if answer is not None else failure.attempts if failure is not None else ()
    if not tries:
        return ""
    told = [
        f"{_how_it_ended(each)} after {each.seconds:.1f} s"
        + (f" (and {each.waited:.1f} s of waiting for room)" if each.waited >= 0.1 else "")
        for each in tries
    ]
    return f"{len(told):,} {'try' if len(told) == 1 else 'tries'}: {', '.join(told)}"


def _how_it_ended(attempt: Attempt) -> str:
    status = "" if attempt.status is None else f" {attempt.status}"
    return "answered" if attempt.failure is None else f"{attempt.failure}{status}"
