"""`monitor`: production over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from promptops.cli.options import asking_options, judge_option, open_project, target_output_to_stderr
from promptops.production.measuretext import figure_text
from promptops.production.monitor import By

if TYPE_CHECKING:
    from promptops.instruments import Found
    from promptops.production.alerts import AlertCheck
    from promptops.production.monitor import Deploy, Figures, JudgedRecords, Monitor

_SHOWN_ROWS = 60


@click.command("monitor")
@click.option(
    "--prompt", metavar="NAME", help="Only records of this prompt: reply, reply@3 or reply@production."
)
@click.option(
    "--since", default="28d", show_default=True, metavar="WHEN", help="From then on: 7d, 12h, 2026-11-01."
)
@click.option("--until", metavar="WHEN", help="Up to then, that day with it.")
@click.option(
    "--by", type=click.Choice(get_args(By)), default="day", show_default=True, help="What has a row."
)
@click.option("-m", "--model", metavar="MODEL", help="Only records of this model.")
@click.option(
    "--metric",
    "checks",
    multiple=True,
    metavar="NAME",
    help="A metric without a target, such as json_valid, beside the settings' own; more than once.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Look at the alerts of the settings instead, and tell what changed: exit code 1 where one rings.",
)
@click.option("--no-tell", is_flag=True, help="With --check: tell nobody, and keep nothing of it.")
@click.option(
    "--judge",
    metavar="SET:LABEL",
    help="Ask this judge of a set about a random sample of the answers first, and keep its scores.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="With --judge: so many answers, drawn by hashes; what was asked before is not asked again.",
)
@judge_option
@asking_options
@click.pass_context
def monitor_command(
    ctx: click.Context,
    prompt: str | None,
    since: str,
    until: str | None,
    by: By,
    model: str | None,
    checks: tuple[str, ...],
    check: bool,
    no_tell: bool,
    judge: str | None,
    sample: int,
    judge_model: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Show production over time: errors, refusals, latency, cost, feedback and checks of answers.

    Intervals hold at every look, so that looking each morning is no harm. What is unknown is never zero.
    Exit code 0; with --check 1 where a rule rings, and 3 where nothing could be measured, or one not be told;
    with --judge 3 where a limit ended it.
    """
    if judge is None and (dry_run or max_calls is not None or max_cost is not None):
        raise click.UsageError(
            "--dry-run, --max-calls and --max-cost are about --judge: nobody else is asked."
        )
    if check:
        _check(ctx, tell=not no_tell, as_json=as_json)
        return
    judged = None
    with open_project(ctx, dry=dry_run, existing=True) as project:
        if judge is not None:
            from promptops.calls.budget import Budget

            given: dict[str, Any] = {
                **{"since": since, "until": until, "model": model, "sample": sample},
                **{"judge_model": judge_model, "concurrency": concurrency},
                "budget": Budget(max_calls, max_cost),
            }
            if dry_run:
                from promptops.cli.forecasting import print_forecast

                with target_output_to_stderr():
                    forecast = project.forecast_judge_records(judge, prompt, **given)
                print_forecast(forecast, as_json=as_json)
                return
            from promptops.cli.progress import watching

            with target_output_to_stderr(), watching(quiet=as_json) as watch:
                judged = project.judge_records(judge, prompt, watch=watch, **given)
        found = project.monitor(prompt, since=since, until=until, by=by, model=model, checks=checks)
    if as_json:
        from promptops.cli import productiondocuments as documents
        from promptops.cli.documents import print_document

        print_document(documents.MonitorDocument(monitor=found, judged=judged))
    else:
        if judged is not None:
            _print_judged(judged)
        print_monitor(found)
    if judged is not None and judged.stopped:
        ctx.exit(3)


def _print_judged(found: JudgedRecords) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import counted, dollars

    star = "*" if found.stand_in else ""
    console().print(
        f"Judge {safe_line(found.label, 40)}{star} of {safe_line(found.evalset, 40)} by "
        f"{safe_line(found.judge, 60)}: {found.scored:,} of {counted(found.sample, 'answer')} scored "
        f"({found.known:,} known from before), drawn from {found.answers:,}; "
        f"{counted(found.calls, 'call')}, {dollars(found.cost)}",
        soft_wrap=True,
    )
    if found.unscored:
        told = counted(found.unscored, "has no score and is left out", "have no score and are left out")
        console().print(f"  {told}.", style="yellow")
    if found.stopped:
        console().print(f"  {safe_line(found.stopped)}; what was asked is kept.", style="yellow")
    if found.certificate != "valid":
        judge = f"certify {safe_line(found.evalset, 40)}:{safe_line(found.label, 40)}"
        # Certifying again what is too weak changes nothing; the list has its next step.
        then = "list" if found.certificate == "weak" else judge
        console().print(
            f"  Not certified ({found.certificate}): {safe_line(found.why)} Its scores may say little: "
            f"promptops judge {then}",
            style="yellow",
            soft_wrap=True,
        )
    if found.stand_in:
        console().print("  * a rule-based stand-in, not an LLM; it only shows the way.")
    console().print()


def _check(ctx: click.Context, *, tell: bool, as_json: bool) -> None:
    with open_project(ctx) as project:
        found = project.check_alerts(tell=tell)
    if as_json:
        from promptops.cli import productiondocuments as documents
        from promptops.cli.documents import print_document

        print_document(documents.AlertDocument(check=found, exit_code=found.exit_code))
    else:
        _print_check(found)
    ctx.exit(found.exit_code)


_STYLES = {"firing": "bold red", "quiet": "green", None: "yellow"}


def _print_check(found: AlertCheck) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    for each in found.alerts:
        state = (each.state or "not measured").upper()
        since = f" since {_moment(each.since)}" if each.since and not each.changed else ""
        told = " Told." if each.delivered else ""
        console().print(
            f"{state:<13}{safe_line(each.rule, 40)}{since}: {safe_line(each.sentence)}{told}",
            style=_STYLES[each.state],
            soft_wrap=True,
        )
        if each.fault:
            console().print(f"  Not told: {safe_lines(each.fault)}", style="bold red", soft_wrap=True)


def print_monitor(found: Monitor) -> None:
    """Print figures with their intervals, then a row for each day or version, then what changed."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import counted

    whole = found.whole
    of = f" of {safe_line(found.prompt, 60)}" if found.prompt else ""
    kept = (
        ""
        if whole.records == round(whole.calls)
        else f", which stand for {counted(round(whole.calls), 'call')}"
    )
    head = (
        f"{counted(whole.records, 'record')}{of}{kept}, {_moment(found.since)} to {_moment(found.until)} UTC"
    )
    console().print(head, style="bold", soft_wrap=True)
    console().print("  " + _cost_line(whole), soft_wrap=True)
    for note in found.notes:
        console().print(f"  Note: {safe_line(note)}", style="yellow", soft_wrap=True)
    console().print()
    _print_whole(found)
    console().print()
    _print_rows(found)
    _print_changes(found)
    _print_far_days(found)
    _print_deploys(found.deploys)


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")


def _cost_line(whole: Figures) -> str:
    from promptops.texts.figures import costs_text

    cost = costs_text(whole.costs.total, whole.costs.each, whole.costs.known)
    told = "" if not whole.told else f"; feedback on {whole.told:.1%} of the records"
    return cost + told


def _print_whole(found: Monitor) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    table = Table(box=None, pad_edge=False)
    for name in ("measure", "figure", "95 %, at every look", "n"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for name, each in found.whole.measures.items():
        unscored = found.whole.unscored.get(name)
        table.add_row(
            safe_line(name, 40),
            figure_text(name, each.value),
            _interval(name, each),
            f"{each.n:,}" + (f"  ({unscored:,} unscored)" if unscored else ""),
        )
        if name == "errors":
            for kind, share in found.whole.errors.items():
                table.add_row(f"  {safe_line(kind, 38)}", figure_text("errors", share), "", "")
    console().print(table)


def _interval(name: str, each: Found) -> str:
    if each.low is None and each.high is None:
        return "-"
    high = "open" if each.high is None else figure_text(name, each.high)
    return f"[{figure_text(name, each.low)}, {high}]"


def _print_rows(found: Monitor) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars

    names = list(found.whole.measures)
    table = Table(box=None, pad_edge=False)
    table.add_column(found.by)
    for name in ("calls", *names, "cost"):
        table.add_column(safe_line(name, 16), justify="right")
    changed = {(each.at, each.measure) for each in found.changes if found.by == found.unit}
    far = {(each.day, each.measure) for each in found.far_days if found.by == "day"}
    rows = found.rows[-_SHOWN_ROWS:] if found.by in ("day", "hour") else found.rows[:_SHOWN_ROWS]
    if len(rows) < len(found.rows):
        console().print(f"{len(rows)} of {len(found.rows)} rows; all of them: --json")
    for row in rows:
        table.add_row(
            safe_line(row.name, 40),
            f"{row.calls:,.0f}",
            *(
                ("* " if (row.name, name) in changed else "! " if (row.name, name) in far else "")
                + figure_text(name, row.measures[name].value)
                for name in names
            ),
            "-" if row.costs.total is None else dollars(row.costs.total),
        )
    console().print(table)
    shown = {row.name for row in rows}
    marks = (
        ("*", "here the series changed", changed),
        ("!", "a single day far off the others", far - changed),
    )
    legend = [f"{mark} {means}" for mark, means, at in marks if any(name in shown for name, _ in at)]
    if legend:
        console().print(f"  {'; '.join(legend)} (see below)", style="dim", soft_wrap=True)


def _print_changes(found: Monitor) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import listed, p_value

    if found.changes:
        console().print(f"\nChanges of the series by {found.unit}:", style="bold")
    for each in found.changes:
        with_it = f"; {listed(each.deployed)} came then" if each.deployed else ""
        name = each.measure
        console().print(
            f"  {each.at}  {safe_line(name, 40)} {figure_text(name, each.before)} -> "
            f"{figure_text(name, each.after)} (p {p_value(each.p)}){safe_line(with_it)}",
            soft_wrap=True,
        )


def _print_far_days(found: Monitor) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import p_value

    if found.far_days:
        console().print("\nSingle days far off the others:", style="bold")
    for each in found.far_days:
        name = each.measure
        value, low, high = (figure_text(name, figure) for figure in (each.value, each.low, each.high))
        console().print(
            f"  {each.day}  {safe_line(name, 40)} {value}, expected {low} to {high} (n {each.n:,}, p "
            f"{p_value(each.p)})",
            style="bold" if each.worse else "",
            soft_wrap=True,
        )


def _print_deploys(deploys: tuple[Deploy, ...]) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    heads = {(each.version, each.previous): each for each in deploys}
    for (version, previous), head in heads.items():
        console().print(
            f"\n{safe_line(version, 60)}, {head.since} to {head.until}, against {safe_line(previous, 60)}, "
            f"{head.previous_since} to {head.previous_until}:",
            style="bold",
            soft_wrap=True,
        )
        for each in deploys:
            if (each.version, each.previous) != (version, previous):
                continue
            low, high = figure_text(each.measure, each.low), figure_text(each.measure, each.high)
            open_end = each.low is None or each.high is None
            bounds = "" if open_end else f", change [{_signed(low)}, {_signed(high)}]"
            console().print(
                f"  {safe_line(each.measure, 40)} {figure_text(each.measure, each.before.value)} -> "
                f"{figure_text(each.measure, each.after.value)}{bounds}",
                style="bold" if not open_end and (each.low > 0 or each.high < 0) else "",  # type: ignore[operator]
                soft_wrap=True,
            )


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"
