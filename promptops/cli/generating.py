"""`evalset generate` and `evalset add`: samples that a model writes, and candidates taken into a set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import asking_options, json_option, open_project, target_output_to_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptops.generation import Generated, Nearness, Variety
    from promptops.sets.additions import Added
    from promptops.sets.kindtags import KindRule

_SHOWN = 5


@click.command("generate")
@click.argument("evalset")
@click.option(
    "--from",
    "documents",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make samples from this document (text or Markdown); may be repeated.",
)
@click.option(
    "--like",
    "like",
    multiple=True,
    metavar="WHICH",
    help="Make samples of present ones: an id, tag:NAME, or `all`; may be repeated.",
)
@click.option(
    "--how",
    "hows",
    metavar="LIST",
    help="With --like, a list with commas: paraphrase (default), harder, edge, adversarial, language:CODE.",
)
@click.option("--describe", "description", metavar="TEXT", help="Make samples as this text describes them.")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="How many samples to ask for.",
)
@click.option("-m", "--model", metavar="MODEL", help="Who writes (default: the settings' model).")
@click.option(
    "--checker",
    metavar="MODEL",
    help="Who checks each (default: the settings' judge_model, else the writer).",
)
@click.option("--keep", multiple=True, metavar="INPUT", help="With --like: copy this input; may be repeated.")
@click.option("--passage-in", metavar="INPUT", help="With --from: the input that takes the passage.")
@click.option(
    "--production", metavar="FILE", help="Tell how far they lie from these inputs: a file, a set or a run."
)
@click.option("--field", help="Which field of a file's rows holds the input, for example inputs.question.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the candidates to this JSONL file, to be reviewed.",
)
@click.option("--no-cache", is_flag=True, help="Ask even what was asked and written down before.")
@asking_options
@click.pass_context
def generate_command(ctx: click.Context, /, **_: object) -> None:
    """Have a model write synthetic samples for EVALSET, each checked by a second call.

    They are candidates to be reviewed: none enters the set by itself (`evalset add` takes them in), and
    reports tell them apart from those of people. What was replied is written down and not asked again. Exit
    code 0, or 3 where nothing came or a limit ended it.
    """
    from promptops.calls.budget import Budget
    from promptops.cli import documents
    from promptops.cli.forecasting import print_forecast
    from promptops.cli.progress import watching

    params, as_json = ctx.params, ctx.params["as_json"]
    like = params["like"]
    if "all" in like:
        if len(like) > 1:
            raise click.UsageError("--like all takes all samples; leave the others out.")
        like = ()
    given: dict[str, Any] = {
        **{
            name: params[name]
            for name in (
                *("model", "checker", "documents", "description", "count", "keep", "passage_in"),
                "concurrency",
            )
        },
        "like": like if params["like"] else None,
        "hows": tuple(each.strip() for each in (params["hows"] or "").split(",") if each.strip()),
        "cache": not params["no_cache"],
        "budget": Budget(params["max_calls"], params["max_cost"]),
    }
    if params["dry_run"]:
        with open_project(ctx, dry=True) as project, target_output_to_stderr():
            forecast = project.forecast_generate(params["evalset"], **given)
        print_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx) as project, target_output_to_stderr(), watching(quiet=as_json) as watch:
        found = project.generate(
            params["evalset"],
            production=params["production"],
            field=params["field"],
            file=params["output"],
            watch=watch,
            **given,
        )
    if as_json:
        documents.print_document(documents.GenerateDocument(generated=found))
    else:
        _print(found)
    if found.stopped or not found.candidates:
        ctx.exit(3)


@click.command("add")
@click.argument("evalset")
@click.argument("candidates", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--only", multiple=True, metavar="ID", help="Take in this sample only; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be added.")
@json_option
@click.pass_context
def add_command(
    ctx: click.Context,
    evalset: str,
    candidates: Path,
    only: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take reviewed CANDIDATES (a file of samples) into EVALSET, all or none of them.

    Of `coverage -o`, of `evalset generate -o`, or written by hand. An id or inputs that the set has already,
    and a sample that its metrics can't score, are refused. The tag `candidate` goes, all else stays.
    """
    from promptops.cli import documents

    with open_project(ctx) as project:
        found = project.add_samples(evalset, candidates, only=only, dry_run=dry_run)
    if as_json:
        documents.print_document(documents.AddDocument(added=found))
    else:
        _print_added(found)


def _print(found: Generated) -> None:
    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import dollars

    console().print(safe_lines(found.sentence), style="bold", soft_wrap=True)
    if found.stopped:
        console().print(
            f"{found.stopped}; no file was written. Run it again to go on: what was answered is kept.",
            style="yellow",
            soft_wrap=True,
        )
    for note in found.notes:
        console().print(f"Note: {safe_lines(note)}", style="yellow", soft_wrap=True)
    reused = f" ({found.reused:,} replies were there)" if found.reused else ""
    who = f"Written by {safe_line(found.model, 60)}, checked by {safe_line(found.checker, 60)}"
    console().print(f"{who}; {found.calls:,} calls{reused}, {dollars(found.cost)}.", soft_wrap=True)
    _print_spread(found)
    _print_lost(found)
    for sample in found.candidates[:_SHOWN]:
        # A passage is long and the same in many: what was asked comes first.
        inputs = sorted(sample.inputs.items(), key=lambda each: len(str(each[1])))
        written = "  ".join(f"{name}: {value}" for name, value in inputs)
        target = f"  -> {sample.references[0]}" if sample.references else ""
        console().print(f"  {safe_line(sample.id, 40)}  {safe_line(written + target, 140)}", soft_wrap=True)
    if len(found.candidates) > _SHOWN:
        console().print(f"  and {len(found.candidates) - _SHOWN:,} more")
    if found.file is not None:
        console().print(
            f"Wrote {_samples(len(found.candidates))} to {safe_line(found.file)}. Review, then take in what "
            f"is good: promptops evalset add {safe_line(found.evalset, 60)} {safe_line(found.file)}",
            soft_wrap=True,
        )
    elif found.candidates and not found.stopped:
        console().print("Write them to a file: the same command with -o FILE; nothing is asked again.")


def _print_spread(found: Generated) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    if found.variety is None or found.variety.texts < 2:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("", "texts", "as different ones", "mean distance"):
        table.add_column(name, justify="right" if name else "left")
    near = found.nearness is not None
    if near:
        for name in ("nearest of production", "MMD²", "p"):
            table.add_column(name, justify="right")
    for name, variety, nearness in (
        ("generated", found.variety, found.nearness),
        ("of people", found.human_variety, found.human_nearness),
    ):
        if variety is not None:
            table.add_row(name, *_told(variety), *(_near(nearness) if near else ()))
    console().print(table)
    if found.production is not None and not near:
        console().print(f"Too few texts to tell how far {safe_line(found.production, 60)} lies.")


def _told(found: Variety) -> tuple[str, str, str]:
    distance = "-" if found.distance is None else f"{found.distance:.2f}"
    return f"{found.texts:,}", f"{found.effective:.1f}", distance


def _near(found: Nearness | None) -> tuple[str, str, str]:
    from promptops.texts.figures import p_value

    if found is None:
        return ("-", "-", "-")
    return f"{found.nearest:.2f}", f"{found.discrepancy:.3f}", p_value(found.p_value)


def _print_lost(found: Generated) -> None:
    """Print each sample that is no candidate, and each call that gave none."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    lines = [
        f"{each.kind}  {each.how} of {each.source}: {each.text}  ({each.reason})" for each in found.rejected
    ]
    lines += [
        f"no samples  {each.how} of {each.source}: {each.reason}" + (f": {each.reply}" if each.reply else "")
        for each in found.unheard
    ]
    for line in lines[: 2 * _SHOWN]:
        console().print(f"  {safe_line(line, 220)}", style="yellow", soft_wrap=True)
    if len(lines) > 2 * _SHOWN:
        console().print(f"  and {len(lines) - 2 * _SHOWN:,} more (--json lists all)", style="yellow")


def _print_added(found: Added) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    verb = "Would add" if found.dry_run else "Added"
    synthetic = f", {found.synthetic} of them synthetic" if found.synthetic else ""
    console().print(
        f"{verb} {_samples(len(found.samples))}{synthetic} to {safe_line(found.file)}, which had "
        f"{found.before:,}.",
        style="bold",
        soft_wrap=True,
    )
    for pair in found.alike[:_SHOWN]:
        told = f"{safe_line(pair.first, 60)} is nearly the same as {safe_line(pair.second, 60)}"
        console().print(f"  {pair.alike:.2f}  {told}", style="yellow", soft_wrap=True)
    if len(found.alike) > _SHOWN:
        more = f"  ... and {len(found.alike) - _SHOWN:,} more such pairs (--json has all)"
        console().print(more, style="yellow", soft_wrap=True)
    if found.baselines:
        answered = "would have answered" if found.dry_run else "answered"
        names = safe_line(", ".join(found.baselines), 200)
        console().print(
            f"{names} {answered} fewer samples than the set has: evaluate and accept anew.",
            soft_wrap=True,
        )
    print_kind_rules(found.rules)


def print_kind_rules(rules: Sequence[KindRule]) -> None:
    """Print what evalset.toml says to gate each kind by itself."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    for rule in rules[:_SHOWN]:
        console().print(safe_line(rule.sentence, 300), soft_wrap=True)
        for line in rule.toml.splitlines():
            click.echo(f"  {safe_line(line, 200)}")


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"
