"""`judge certify`: a judge held against people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptops.cli.judging import judge_command
from promptops.cli.labelling import labels_option
from promptops.cli.options import (
    asking_options,
    open_project,
    target_output_to_stderr,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptops.instruments import Found
    from promptops.judging.certificates import Certificate


@judge_command.command("certify")
@click.argument("judge", metavar="SET:LABEL")
@click.option("-m", "--model", "judge_model", metavar="MODEL", help="The model that the judge asks.")
@labels_option
@click.option(
    "--replace",
    is_flag=True,
    help="Let --labels FILE take the place of a certificate that rests on other ratings.",
)
@click.option("--no-cache", is_flag=True, help="Ask even where it is written down what the judge said.")
@asking_options
@click.pass_context
def certify_command(
    ctx: click.Context,
    judge: str,
    judge_model: str | None,
    labels: str | None,
    replace: bool,
    no_cache: bool,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Hold a judge against people's ratings, and write its certificate.

    A judge of pairs is held against what people prefer, and asked in both orders. The certificate,
    certificates/LABEL.json beside the set, belongs in git. It is bound to the judge's model, prompts,
    parameters and scale, and void once any of them changes. Rules of the gate ask for one by `certified`,
    `min_agreement` or `max_bias`.
    """
    from promptops.calls.budget import Budget
    from promptops.cli.progress import watching

    given: dict[str, Any] = {
        "judge_model": judge_model,
        "labels": labels,
        "replace": replace,
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
        copied = [each.told for each in project.labelling(judge, labels=labels).copies]
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.CertificateDocument(certificate=found))
        return
    _print_certificate(found, copied)


def _print_certificate(found: Certificate, copied: Sequence[str]) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.judging.biaswords import hidden_biases
    from promptops.pairs.text import compared_sentences
    from promptops.texts.figures import figure, signed

    star = "*" if found.stand_in else ""
    what = f"cases, on a scale from {found.low:g} to {found.high:g}" if found.compared is None else "pairs"
    console().print(
        f"{safe_line(found.label, 40)}{star} by {safe_line(found.judge, 60)} against {found.against}: "
        f"{found.ratings} ratings of {found.cases} {what}.",
        style="bold",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("agreement")
    for name in ("judge with person", "person with person", "difference"):
        table.add_column(name, no_wrap=True)
    for row in found.measures:
        cells = [f"{figure(each.value)} {_within(each)}" for each in (row.judge_human, row.human_human)]
        cells.append(f"{signed(row.gap.value)} {_within(row.gap, sign=True)}")
        table.add_row(row.measure + (" (main)" if row.measure == found.main else ""), *cells)
    console().print(table)
    if found.doubt:
        console().print(safe_line(found.doubt, 300), style="yellow", soft_wrap=True)
    if found.agreement.gap.value is not None:
        console().print(
            "Difference: above 0 the judge agrees better with a person than people do with one another.",
            soft_wrap=True,
        )
    off = f"{signed(found.bias.value)} {_within(found.bias, sign=True)}"
    told = f"Bias: the judge's scores less people's {off}, in units of the scale."
    console().print(
        told if found.compared is None else " ".join(compared_sentences(found.compared, found.bias)),
        soft_wrap=True,
    )
    hidden = hidden_biases(found.parts, found.allowed)
    if hidden:
        console().print(hidden, style="yellow", soft_wrap=True)
    if found.classes:
        _print_classes(found)
    _print_missing(found)
    if found.unrated:
        times = "once" if found.unrated == 1 else f"{found.unrated} times"
        console().print(f"People could not tell {times}; that is no rating.", style="yellow")
    if found.people == 1:
        console().print("One person rated, so that nothing tells how well people agree.", style="yellow")
    for told in copied:
        console().print(safe_line(told, 500), style="yellow", soft_wrap=True)
    if found.stand_in:
        console().print("* a rule-based stand-in, not an LLM; it only shows the way.")
    console().print(f"Certificate: certificates/{safe_line(found.label, 40)}.json beside the set; commit it.")


def _print_missing(found: Certificate) -> None:
    """Say what has no score, and what is to be done: a server that is down needs no other prompt."""
    from promptops.cli.tables import console

    unread = found.unscored - found.unanswered
    if unread:
        console().print(
            f"{_cases(unread)} no score of the judge and {'is' if unread == 1 else 'are'} left out. Mend its "
            "prompt, model or scale; if none of that changed, ask it again with --no-cache.",
            style="yellow",
            soft_wrap=True,
        )
    if found.unanswered:
        console().print(
            f"{_cases(found.unanswered)} no answer of the judge: its server could not be reached, or failed. "
            "Run the same again, which asks about these alone.",
            style="yellow",
            soft_wrap=True,
        )


def _cases(count: int) -> str:
    return "1 case has" if count == 1 else f"{count} cases have"


def _print_classes(found: Certificate) -> None:
    from rich.table import Table

    from promptops.cli.tables import console
    from promptops.texts.figures import figure, signed

    table = Table(box=None, pad_edge=False)
    for name in ("value", "right", "found", "missed", "false", "bias"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.classes:
        off = "-" if each.bias is None else f"{signed(each.bias.value)} {_within(each.bias, sign=True)}"
        table.add_row(
            found.called(each.value),
            f"{figure(each.precision.value)} {_within(each.precision)}",
            f"{figure(each.recall.value)} {_within(each.recall)}",
            str(each.missed),
            str(each.false),
            off,
        )
    console().print(table)
    console().print(
        "Right: of the cases where the judge says this value, the share where people say it too. Found: of "
        "those where people say it, the share where the judge does. Missed, false: how many people alone, or "
        "the judge alone, gave this value. Bias: the judge's score less the value, where people say it.",
        soft_wrap=True,
    )


def _within(each: Found, *, sign: bool = False) -> str:
    from promptops.texts.figures import interval

    return interval(each.low, each.high, sign=sign) if each.low is not None else ""
