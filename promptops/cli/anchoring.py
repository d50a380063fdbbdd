"""`judge freeze` and `judge check`: a judge watched over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.judging import judge_command
from promptops.cli.labelling import near
from promptops.cli.options import (
    asking_options,
    open_project,
    target_output_to_stderr,
)

if TYPE_CHECKING:
    from promptops.judging.drifting import AnchorCheck


@judge_command.command("freeze")
@click.argument("judge", metavar="SET:LABEL")
@click.option(
    "--from",
    "runs",
    multiple=True,
    metavar="RUN",
    help="A run whose outputs are frozen (default: the latest); may be repeated. A judge of pairs takes two.",
)
@click.option(
    "--labelled", is_flag=True, help="Freeze the cases that people rated (judge draw, judge label)."
)
@click.option(
    "--renew", is_flag=True, help="Judge the same anchors anew and freeze that: take the judge as it is now."
)
@click.option(
    "--cases", "count", type=click.IntRange(12), default=30, show_default=True, help="Cases to freeze."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks.")
@asking_options
@click.pass_context
def freeze_command(
    ctx: click.Context,
    judge: str,
    runs: tuple[str, ...],
    labelled: bool,
    renew: bool,
    count: int,
    seed: int,
    judge_model: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Freeze outputs with a judge's scores as anchors, by which a change of the judge is found.

    They are drawn at random over the whole scale and judged anew, a call or more each. The file,
    anchors/LABEL/cases.jsonl beside the set, belongs in git; it holds samples and outputs.
    """
    from promptops.calls.budget import Budget
    from promptops.cli.progress import watching

    given: dict[str, Any] = {
        "runs": runs,
        "labelled": labelled,
        "renew": renew,
        "count": count,
        "seed": seed,
        "judge_model": judge_model,
        "concurrency": concurrency,
        "budget": Budget(max_calls, max_cost),
    }
    if dry_run:
        from promptops.cli.forecasting import print_forecast

        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_freeze(judge, **given)
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx) as project, target_output_to_stderr(), watching(quiet=as_json) as watch:
        found = project.freeze_anchors(judge, **given, watch=watch)
        file = near(project.anchors_path(judge))
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.AnchorsDocument(anchors=found, file=str(file)))
        return
    from promptops.cli.safe import safe_line

    scores = [case.score for case in found.cases]
    star = "* (a rule-based stand-in, not an LLM; it only shows the way)" if found.freezing.stand_in else ""
    click.echo(
        f"{len(scores)} anchors of {safe_line(found.freezing.label, 40)} by "
        f"{safe_line(found.freezing.judge, 60)}{star} in {file}, from "
        f"{safe_line(found.freezing.source, 60)}: scores {min(scores):g} to {max(scores):g}, mean "
        f"{sum(scores) / len(scores):.4g}.\n"
        f"Commit it. Judge them again: promptops judge check {judge}"
    )
    if min(scores) == max(scores):
        click.echo(
            "All have one score: how the judge changes elsewhere on its scale can't be seen. Freeze outputs "
            "of a worse prompt beside them: --from RUN --from OTHER"
        )


@judge_command.command("check")
@click.argument("judge", metavar="SET:LABEL")
@click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks.")
@asking_options
@click.pass_context
def check_command(
    ctx: click.Context,
    judge: str,
    judge_model: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Judge a judge's anchors again, never from the cache, and tell whether the judge has changed, and when.

    The reading is added to anchors/LABEL/readings.jsonl beside the set, which belongs in git. A judge that
    stays the same raises an alarm in at most 5 % of all series of 100 checks. Exit codes: 0 no change seen,
    1 it has changed, 3 not measured (over 5 % of the anchors without a score, no answers, a limit).
    """
    from promptops.calls.budget import Budget
    from promptops.cli.progress import watching

    budget = Budget(max_calls, max_cost)
    if dry_run:
        from promptops.cli.forecasting import print_forecast

        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_check(
                judge, judge_model=judge_model, concurrency=concurrency, budget=budget
            )
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx) as project, target_output_to_stderr(), watching(quiet=as_json) as watch:
        found = project.check_judge(
            judge, judge_model=judge_model, concurrency=concurrency, budget=budget, watch=watch
        )
    code = 3 if not found.measured else int(found.drifted)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.AnchorCheckDocument(check=found, exit_code=code))
    else:
        print_check(found)
    ctx.exit(code)


def print_check(found: AnchorCheck) -> None:
    """Print what was found when anchors were judged again."""
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars

    style = "bold yellow" if not found.measured else "bold red" if found.drifted else "bold"
    console().print(safe_lines(found.sentence), style=style, soft_wrap=True)
    for why in found.reasons if found.measured else found.reasons[1:]:
        console().print(f"  no score: {safe_line(why, 200)}", style="yellow")
    lost = f", of which {found.failed} got no answer" if found.failed else ""
    console().print(
        f"{found.calls} calls{lost}, {dollars(found.cost)}. What the judge said: {safe_line(found.replies)}",
        soft_wrap=True,
    )
    if found.measured and not found.new_series and not found.drifted:
        console().print(
            f"A judge that stays the same raises an alarm in at most {found.alpha:.0%} of all series of "
            f"{found.planned} checks.",
            style="dim",
        )
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")
