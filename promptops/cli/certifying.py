"""`judge draw`, `label`, `certify`: a judge held against people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import (
    asking_options,
    open_project,
    target_output_to_stderr,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptops.certificates import Certificate
    from promptops.instruments import Found
    from promptops.labelled import Labelling
    from promptops.labels import Case

labels_option = click.option(
    "--labels",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The file of labels (default: labels/LABEL.jsonl beside the set).",
)


@judge_command.command("draw")
@click.argument("judge", metavar="SET:LABEL")
@click.option(
    "--run",
    "runs",
    multiple=True,
    default=("latest",),
    show_default=True,
    help="A run whose outputs are rated, or a baseline.jsonl; may be repeated: of two the same samples are "
    "drawn, so that `judge correct` can tell people's difference.",
)
@click.option("-n", "count", type=click.IntRange(1), default=60, show_default=True, help="Samples in all.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--second",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="The share of the samples that two people rate.",
)
@labels_option
@click.pass_context
def draw_command(
    ctx: click.Context,
    judge: str,
    runs: tuple[str, ...],
    count: int,
    seed: int,
    second: float,
    labels: str | None,
) -> None:
    """Draw samples at random, for people to rate each run's output to them, whatever the judge said.

    They are written to labels/LABEL.jsonl beside the set, which belongs in git, in an order that tells no
    run. Cases that are rated already stay; drawing again adds to them.
    """
    with open_project(ctx) as project:
        held = project.draw_cases(judge, runs, count=count, seed=seed, second=second, labels=labels)
    twice = sum(case.twice for case in held.cases)
    click.echo(
        f"{len(held.cases)} cases of {len({case.sample for case in held.cases})} samples in "
        f"{near(held.path)}, {twice} of them for two people, on a scale from "
        f"{held.low:g} to {held.high:g}.\nRate them: promptops judge label {judge} --rater NAME "
        "(or --sheet FILE.csv)"
    )


@judge_command.command("label")
@click.argument("judge", metavar="SET:LABEL")
@click.option("--rater", required=True, metavar="NAME", help="Who rates.")
@click.option("--sheet", type=click.Path(dir_okay=False), metavar="FILE", help="Write what is left as CSV.")
@click.option(
    "--from",
    "filled",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Take in such a file.",
)
@labels_option
@click.pass_context
def label_command(
    ctx: click.Context, judge: str, rater: str, sheet: str | None, filled: str | None, labels: str | None
) -> None:
    """Rate the cases that were drawn: one after the other here, or in a CSV file.

    Neither the prompt, the model, the judge's score nor another person's rating is shown. Each rating is
    written down at once; come back whenever you like.
    """
    if sheet is not None and filled is not None:
        raise click.UsageError("Write a sheet or take one in: --sheet and --from don't go together.")
    with open_project(ctx, dry=True) as project:
        if sheet is not None:
            count = project.write_sheet(judge, rater, sheet, labels=labels)
            click.echo(
                f"{count} cases in {sheet}. Fill in the column rating, then: promptops judge label {judge} "
                f"--rater {rater} --from {sheet}"
            )
            return
        if filled is not None:
            count = project.read_sheet(judge, rater, filled, labels=labels)
            held = project.labelling(judge, labels=labels)
            click.echo(f"{count} ratings of {rater} written to {near(held.path)}.")
        else:
            held = project.labelling(judge, labels=labels)
            for case, said in _asked(held, rater):
                if isinstance(said, str):
                    project.leave_cases(judge, rater, {case.id: said}, labels=labels)
                else:
                    project.rate_cases(judge, rater, {case.id: said}, labels=labels)
            held = project.labelling(judge, labels=labels)
    from promptops.labels import left_for

    rated = sum(bool(case.ratings) for case in held.cases)
    click.echo(
        f"{rated} of {len(held.cases)} cases are rated; {len(left_for(held.cases, rater))} are left for "
        f"{rater}. Hold the judge against them: promptops judge certify {judge}"
    )


def _asked(held: Labelling, rater: str) -> Iterator[tuple[Case, float | str]]:
    """Show one case after the other; yield each with its rating, or why there is none."""
    from promptops.cli.safe import safe_lines
    from promptops.labels import check_rater, left_for, told

    wanted = left_for(held.cases, check_rater(rater))
    if wanted:
        click.echo(f"Look for this: {safe_lines(held.question)}")
    for number, case in enumerate(wanted, start=1):
        sample = held.samples[case.sample]
        shown = {**sample.inputs, **held.judge.material(sample)}
        click.echo(f"\n--- {number} of {len(wanted)} ---\n{safe_lines(told(shown))}")
        if sample.target:
            click.echo("Expected: " + safe_lines(" | ".join(map(str, sample.target))))
        click.echo(f"Answer:\n{safe_lines(case.output)}\n")
        said = _rating(held)
        if said is None:
            return
        if said != _PASSED:
            yield case, said


_PASSED = ""


def _rating(held: Labelling) -> float | str | None:
    """Return what is typed: a rating, why there is none, nothing to pass over, None to stop."""
    from promptops.cli.safe import safe_line

    words = "".join(f", {each.value:g} {safe_line(each.word, 40)}" for each in held.judge.rungs if each.word)
    while True:
        asked = f"Rating {held.low:g} to {held.high:g}{words} (c: can't tell, s: pass over, q: stop)"
        said = click.prompt(asked, type=str).strip()
        if said.lower() == "c":
            return str(click.prompt("Why is there no telling", type=str)).strip() or "no reason given"
        if said.lower() in {"s", "q"}:
            return _PASSED if said.lower() == "s" else None
        try:
            value = float(said.replace(",", "."))
        except ValueError:
            value = float("inf")
        if held.low <= value <= held.high:
            return value
        click.echo(f"{said[:40]!r} is not on the scale.")


@judge_command.command("certify")
@click.argument("judge", metavar="SET:LABEL")
@click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks.")
@labels_option
@click.option("--no-cache", is_flag=True, help="Ask even where it is written down what the judge said.")
@asking_options
@click.pass_context
def certify_command(
    ctx: click.Context,
    judge: str,
    judge_model: str | None,
    labels: str | None,
    no_cache: bool,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Hold a judge against people's ratings, and write its certificate.

    The certificate, certificates/LABEL.json beside the set, belongs in git. It is bound to the judge's model,
    prompts, parameters and scale, and void once any of them changes. Rules of the gate ask for one by
    `certified`, `min_agreement` or `max_bias`.
    """
    from promptops.budget import Budget
    from promptops.cli.progress import watching

    given: dict[str, Any] = {
        "judge_model": judge_model,
        "labels": labels,
        "cache": not no_cache,
        "concurrency": concurrency,
        "budget": Budget(max_calls, max_cost),
    }
    if dry_run:
        from promptops.cli.forecasting import print_forecast

        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_certify(judge, **given)
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx) as project, target_output_to_stderr(), watching(quiet=as_json) as watch:
        found = project.certify_judge(judge, **given, watch=watch)
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.CertificateDocument(certificate=found))
        return
    _print_certificate(found)


def _print_certificate(found: Certificate) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.figures import figure

    star = "*" if found.stand_in else ""
    console().print(
        f"{safe_line(found.label, 40)}{star} by {safe_line(found.judge, 60)} against {found.raters} "
        f"{'person' if found.raters == 1 else 'people'}: {found.ratings} ratings of {found.cases} cases, on "
        f"a scale from {found.low:g} to {found.high:g}.",
        style="bold",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("agreement")
    for name in ("judge with person", "person with person", "judge better by"):
        table.add_column(name, no_wrap=True)
    for row in found.measures:
        cells = [
            f"{figure(each.value)} {_within(each)}" for each in (row.judge_human, row.human_human, row.gap)
        ]
        table.add_row(row.measure + (" (main)" if row.measure == found.main else ""), *cells)
    console().print(table)
    console().print(
        f"Bias: the judge's scores less people's {figure(found.bias.value)} {_within(found.bias)}, in units "
        "of the scale.",
        soft_wrap=True,
    )
    for each in found.classes:
        console().print(
            f"  {each.value:g}: right {figure(each.precision.value)} {_within(each.precision)}, found "
            f"{figure(each.recall.value)} {_within(each.recall)}, missed {each.missed}, false {each.false}",
            soft_wrap=True,
        )
    if found.unscored:
        console().print(
            f"{found.unscored} cases have no score of the judge and are left out.", style="yellow"
        )
    if found.unrated:
        times = "once" if found.unrated == 1 else f"{found.unrated} times"
        console().print(f"People could not tell {times}; that is no rating.", style="yellow")
    if found.raters == 1:
        console().print("One person rated, so that nothing tells how well people agree.", style="yellow")
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")
    console().print(f"Certificate: certificates/{safe_line(found.label, 40)}.json beside the set; commit it.")


def near(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _within(each: Found) -> str:
    from promptops.figures import interval

    return "" if each.low is None else f"[{interval(each.low, each.high).strip('[]')}]"
