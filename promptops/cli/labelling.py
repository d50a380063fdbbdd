"""`judge draw` and `judge label`: people rate in a judge's place."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.finite import FiniteRange
from promptops.cli.judging import judge_command
from promptops.cli.options import open_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptops.labels.labelling import Labelling
    from promptops.labels.labels import Case
    from promptops.project import Project

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
    "drawn, so that `judge correct` can tell people's difference. For a judge of pairs two of them, the "
    "older one first.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Samples in all; where fewer have an output, all are drawn.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--second",
    type=FiniteRange(0, 1),
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

    For a judge of pairs both runs' outputs to a sample are one case, and people say which is better. Cases
    are written to labels/LABEL.jsonl beside the set, which belongs in git, in an order that tells no run.
    Those that are rated already stay; drawing again adds to them.
    """
    with open_project(ctx, existing=True) as project:
        held = project.draw_cases(judge, runs, count=count, seed=seed, second=second, labels=labels)
    twice = sum(case.twice for case in held.cases)
    for note in held.drawn.notes if held.drawn is not None else ():
        click.echo(note)
    samples = len({case.sample for case in held.cases})
    what = f"pairs of outputs to {samples}" if held.pairs else f"cases of {samples}"
    how = "" if held.pairs else f", on a scale from {held.low:g} to {held.high:g}"
    click.echo(
        f"{len(held.cases)} {what} samples in {near(held.path)}, {twice} of them for two people{how}.\n"
        f"Rate them: promptops judge label {judge} --rater NAME (or --sheet FILE.csv)"
    )


@judge_command.command("label")
@click.argument("judge", metavar="SET:LABEL")
@click.option("--rater", metavar="NAME", help="Who rates.")
@click.option(
    "--share",
    metavar="K/N",
    help="Only the K-th of N shares of all cases, for N people who rate at the same time: what two are to "
    "rate is in two shares, everything else in one.",
)
@click.option("--sheet", type=click.Path(dir_okay=False), metavar="FILE", help="Write what is left as CSV.")
@click.option(
    "--from",
    "filled",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Take in such a file.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Let it change what the same person said before; else such a file is refused as a whole.",
)
@click.option("--withdraw", metavar="NAME", help="Take away all that somebody said, and rate nothing.")
@labels_option
@click.pass_context
def label_command(
    ctx: click.Context,
    judge: str,
    rater: str | None,
    share: str | None,
    sheet: str | None,
    filled: str | None,
    replace: bool,
    withdraw: str | None,
    labels: str | None,
) -> None:
    """Rate the cases that were drawn: one after the other here, or in a CSV file.

    Neither the prompt, the model, the judge's score nor another person's rating is shown. Of pairs, which
    answer is A is drawn by lot. Each rating is written down at once; come back whenever you like.
    """
    from promptops.labels.labels import read_share
    from promptops.labels.steps import step_towards

    part = None if share is None else read_share(share)
    if share is not None and part is None:
        raise click.BadParameter(
            f"{share!r} is no share; write 1/2 for the first of two", param_hint="--share"
        )
    if sheet is not None and filled is not None:
        raise click.UsageError("Write a sheet or take one in: --sheet and --from don't go together.")
    if replace and filled is None:
        raise click.UsageError("--replace goes with --from: it lets a sheet change what was said before.")
    if withdraw is not None:
        if rater or share or sheet or filled:
            raise click.UsageError("--withdraw takes somebody's ratings away, and rates nothing.")
        with open_project(ctx, dry=True) as project:
            _withdraw(project, judge, withdraw, labels)
        return
    if rater is None:
        raise click.UsageError("Say who rates: --rater NAME")
    with open_project(ctx, dry=True) as project:
        held = project.labelling(judge, labels=labels)
        _tell_slip(held, rater)
        if sheet is not None:
            count = project.write_sheet(judge, rater, sheet, share=part, labels=labels)
            _tell_sheet(
                held, count, f"{judge} --rater {rater} --from {sheet}", sheet, shared=part is not None
            )
            return
        if filled is not None:
            found = project.read_sheet(judge, rater, filled, replace=replace, labels=labels)
            click.echo(
                f"What {rater} said of {found.said} cases is written to {near(held.path)}: {found.new} new, "
                f"{found.changed} changed, {found.same} as before."
            )
        else:
            for case, said in _asked(held, rater, part):
                if isinstance(said, str):
                    project.leave_cases(judge, rater, {case.id: said}, labels=labels)
                else:
                    project.rate_cases(judge, rater, {case.id: said}, labels=labels)
        held = project.labelling(judge, labels=labels)
    rated = sum(bool(case.ratings) for case in held.cases)
    left = len(held.left_for(rater, part))
    step = step_towards(judge, held.cases, held.samples.values(), pairs=held.pairs)
    then = (
        "Hold the judge against them: "
        if not step.why
        else f"{step.why[:1].upper()}{step.why[1:]}{step.kind}"
    )
    click.echo(
        f"{rated} of {len(held.cases)} cases are rated; {left} are left for {rater}. {then}{step.command}"
    )


def _withdraw(project: Project, judge: str, rater: str, labels: str | None) -> None:
    from promptops.cli.safe import safe_line

    count = project.withdraw_rater(judge, rater, labels=labels)
    click.echo(
        f"What {safe_line(rater)} said of {count} {'case' if count == 1 else 'cases'} is taken away. "
        f"Hold the judge against the others: promptops judge certify {judge}"
    )


def _tell_slip(held: Labelling, rater: str) -> None:
    """Ask whether a new name is a known one, mistyped."""
    from promptops.cli.safe import safe_line

    known = held.like(rater)
    if known:
        click.echo(
            f"Nobody rated as {safe_line(rater)} so far. Did you mean {safe_line(known)}? What is said under "
            f"a wrong name goes by --withdraw {safe_line(rater)}.",
            err=True,
        )


def _tell_sheet(held: Labelling, count: int, taken_in: str, sheet: str, *, shared: bool) -> None:
    """Say how a sheet is filled in and taken in again."""
    from promptops.cli.safe import safe_lines

    fill = "better with A, B or tie" if held.pairs else "rating"
    click.echo(
        f"{count} cases in {sheet}. Fill in the column {fill}, or say in cannot_tell why there is no "
        f"telling; then: promptops judge label {taken_in}"
    )
    scale = "" if held.pairs else f", on a scale from {held.scale}"
    click.echo(f"Look for this{scale}: {safe_lines(held.question)}")
    if not shared:
        click.echo(
            "Does somebody else rate meanwhile? Then give each a share of their own, such as --share 1/2 and "
            "--share 2/2."
        )


def near(path: Path) -> Path:
    """Return a path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _asked(held: Labelling, rater: str, share: tuple[int, int] | None) -> Iterator[tuple[Case, float | str]]:
    """Show one case after the other; yield each with its rating, or why there is none."""
    from promptops.cli.safe import safe_lines
    from promptops.labels.labels import in_order, is_swapped, told

    wanted = held.left_for(rater, share)
    if wanted:
        click.echo(f"Look for this: {safe_lines(held.question)}")
    for number, case in enumerate(wanted, start=1):
        sample = held.samples[case.sample]
        shown = {**sample.inputs, **held.judge.material(sample)}
        click.echo(f"\n--- {number} of {len(wanted)} ---\n{safe_lines(told(shown))}")
        if sample.target:
            click.echo("Expected: " + safe_lines(" | ".join(map(str, sample.target))))
        if held.pairs:
            swapped = is_swapped(case, rater)
            for name, text in zip("AB", in_order(case, swapped=swapped), strict=True):
                click.echo(f"Answer {name}:\n{safe_lines(text)}\n")
            said = _typed("Better: a, b or tie", _choice, "is none of a, b and tie")
            said = 0.0 - said if swapped and isinstance(said, float) else said
        else:
            click.echo(f"Answer:\n{safe_lines(case.output)}\n")
            said = _typed(_scale(held), partial(_rating, held), f"is not on the scale ({held.scale})")
        if said is None:
            return
        if said != _PASSED:
            yield case, said


_PASSED = ""


def _typed(asked: str, read: Callable[[str], float | None], wrong: str) -> float | str | None:
    """Return what is typed: a rating, why there is none, nothing to pass over, None to stop."""
    while True:
        said = click.prompt(f"{asked} (c: can't tell, s: pass over, q: stop)", type=str).strip()
        if said.lower() == "c":
            return str(click.prompt("Why is there no telling", type=str)).strip() or "no reason given"
        if said.lower() in {"s", "q"}:
            return _PASSED if said.lower() == "s" else None
        value = read(said)
        if value is not None:
            return value
        click.echo(f"{said[:40]!r} {wrong}.")


def _choice(said: str) -> float | None:
    """Return which of two answers was chosen: 1 the first, -1 the second, 0 neither."""
    from promptops.labels.sheets import CHOICES

    return CHOICES.get({"t": "tie"}.get(said.lower(), said.lower()))


def _scale(held: Labelling) -> str:
    from promptops.cli.safe import safe_line

    words = "".join(f", {each.value:g} {safe_line(each.word, 40)}" for each in held.judge.rungs if each.word)
    return f"Rating {held.low:g} to {held.high:g}{words}"


def _rating(held: Labelling, said: str) -> float | None:
    try:
        value = float(said.replace(",", "."))
    except ValueError:
        return None
    return value if held.takes(value) else None
