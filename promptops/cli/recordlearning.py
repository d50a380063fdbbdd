"""`records themes` and `records cases`: what bad feedback is about, and samples made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import json_option, max_calls_option, max_cost_option, open_project
from promptops.cli.recordshowing import records_command

if TYPE_CHECKING:
    from promptops.calls.budget import Budget
    from promptops.production.themes import About, Theme, Themes
    from promptops.production.usercases import MadeCases
    from promptops.project import Project

_BARS = "▁▂▃▄▅▆▇█"


def theme_options(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command the options by which records are sorted into themes."""
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, help="Of the sorting."),
        click.option(
            "--embed",
            metavar="MODEL",
            help="Sort by embeddings: of a /v1/embeddings server (paid), or encoder/all-MiniLM-L6-v2.",
        ),
        click.option(
            "--about",
            type=click.Choice(["requests", "comments"]),
            default="requests",
            show_default=True,
            help="Sort what was asked, or what was said of bad answers.",
        ),
        click.option(
            "--themes",
            "count",
            type=click.IntRange(2, 30),
            metavar="N",
            help="Part them into N themes, apart or not (default: as many as lie apart, 8 at most).",
        ),
        click.option("--field", help="Which of several inputs is sorted: inputs.question."),
        click.option("--until", metavar="WHEN", help="Up to and with a day, or up to a moment."),
        click.option(
            "--since", metavar="WHEN", default="28d", show_default=True, help="A day, a time, or 24h, 7d."
        ),
        click.option("-p", "--prompt", metavar="REF", help="reply, reply@3, reply@production, @production."),
    ):
        command = option(command)
    return command


@records_command.command("themes")
@theme_options
@click.option(
    "--name-by", metavar="MODEL", help="Have this model name the themes: a call for each, kept for good."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="With --name-by or --embed: print calls, tokens and cost; nobody is asked, nothing is stored.",
)
@max_calls_option
@max_cost_option
@json_option
@click.pass_context
def themes_command(
    ctx: click.Context,
    prompt: str | None,
    since: str,
    until: str | None,
    about: About,
    field: str | None,
    count: int | None,
    embed: str | None,
    seed: int,
    name_by: str | None,
    dry_run: bool,
    max_calls: int | None,
    max_cost: float | None,
    as_json: bool,
) -> None:
    """Sort bad feedback into themes: how often each is bad, whether it grows, and examples.

    Needs 10 records or more that somebody found bad. What is found among requests is held against the other
    kinds of requests; a theme may be an accident of sorting, so look at its records.
    """
    from promptops.calls.budget import Budget

    budget = Budget(max_calls, max_cost)
    given: dict[str, Any] = {
        "since": since,
        "until": until,
        "about": about,
        "field": field,
        "count": count,
        "seed": seed,
    }
    if dry_run:
        with open_project(ctx, dry=True) as project:
            _print_forecast(project, prompt, embed, name_by, budget, given, as_json=as_json)
        return
    with open_project(ctx, existing=True) as project:
        found = project.themes(prompt, embed=embed, name_by=name_by, budget=budget, **given)
    if as_json:
        from promptops.cli.documents import print_document
        from promptops.cli.recorddocuments import ThemesDocument

        print_document(ThemesDocument(themes=found))
        return
    _print_themes(found)


def _print_forecast(
    project: Project,
    prompt: str | None,
    embed: str | None,
    name_by: str | None,
    budget: Budget,
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Print what points would take; where none is to be asked for, what names would take."""
    from promptops.cli.forecasting import print_embedding_forecast, print_forecast

    if embed is None and name_by is None:
        raise click.UsageError("--dry-run is about --name-by MODEL and --embed MODEL: nobody else is asked.")
    if embed is not None:
        points = project.forecast_theme_points(embed, prompt, **given)
        if points.calls or name_by is None:
            print_embedding_forecast(points, as_json=as_json)
            if name_by is not None and not as_json:
                calls = given["count"] or 8
                click.echo(
                    f"What names would take is known once the texts are points: at most {calls} more calls."
                )
            return
    if name_by is not None:
        from promptops.texts.figures import counted

        names = project.forecast_theme_names(name_by, prompt, embed=embed, budget=budget, **given)
        print_forecast(names, as_json=as_json, of=counted(names.samples, "theme"))


@records_command.command("cases")
@click.argument("evalset")
@click.argument("records", nargs=-1)
@click.option("--theme", type=click.IntRange(1), metavar="N", help="The bad records of this theme.")
@click.option(
    "--most",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Records of a theme at most, by turns of those who asked.",
)
@click.option(
    "--each", type=click.IntRange(1), default=3, show_default=True, help="Of these of one person at most."
)
@theme_options
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the samples to this JSONL file, to be reviewed and taken in by `evalset add`.",
)
@click.option("--add", is_flag=True, help="Append them to the set at once.")
@click.option(
    "--labels",
    metavar="JUDGE",
    help="With --add: thumbs and stars become ratings of old answers, to certify this judge of the set by.",
)
@click.option("--tag", "tags", multiple=True, help="A tag for all of them.")
@click.option("--keep-people", is_flag=True, help="Keep e-mail addresses and telephone numbers in the texts.")
@json_option
@click.pass_context
def cases_command(
    ctx: click.Context,
    evalset: str,
    records: tuple[str, ...],
    theme: int | None,
    most: int,
    each: int,
    prompt: str | None,
    since: str,
    until: str | None,
    about: About,
    field: str | None,
    count: int | None,
    embed: str | None,
    seed: int,
    output: Path | None,
    add: bool,
    labels: str | None,
    tags: tuple[str, ...],
    keep_people: bool,
    as_json: bool,
) -> None:
    """Make samples of EVALSET out of RECORDS, or out of a theme's bad records, tagged `kind: WORDS` by these.

    An edited answer becomes the target, the old answer `metadata.original`, remarks `metadata.feedback`.
    """
    if (theme is None) == (not records):
        raise click.UsageError("Name records by their ids, or a theme with --theme N (see `records themes`).")
    from promptops.sets.kindtags import kind_tags

    with open_project(ctx, existing=True) as project:
        if theme is not None:
            found = project.themes(
                prompt,
                since=since,
                until=until,
                about=about,
                field=field,
                count=count,
                embed=embed,
                seed=seed,
            )
            chosen = _theme(found, theme)
            there, tags = chosen.records, (*tags, *kind_tags(chosen.name))
            records = project.spread_records(there, most=most, each=each)
            if len(records) < min(most, len(there)):
                from promptops.texts.figures import counted

                bad = counted(len(there), "bad record")
                told = f"Taken: {len(records)} of {bad}, {each} of one person at most"
                click.echo(f"{told} (--each N takes more).", err=True)
        made = project.make_cases(
            evalset, records, file=output, add=add, labels=labels, tags=tags, keep_people=keep_people
        )
    if as_json:
        from promptops.cli.documents import print_document
        from promptops.cli.recorddocuments import CasesDocument

        print_document(CasesDocument(cases=made))
        return
    _print_made(made, evalset, labels)


def _theme(found: Themes, number: int) -> Theme:
    if not found.measured:
        raise click.UsageError(f"There are no themes: {found.reason}.")
    if number > len(found.themes):
        raise click.UsageError(f"There are {len(found.themes)} themes; --theme {number} is none of them.")
    return found.themes[number - 1]


def _print_themes(found: Themes) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import p_value

    what = "requests" if found.about == "requests" else "remarks"
    click.echo(found.sentence)
    if not found.measured:
        click.echo(f"No themes: {found.reason}.")
        return
    table = Table(box=None, pad_edge=False)
    columns = ("bad", "of", "people", "share", "95 %", "elsewhere", "p", "over time", "")
    for name in ("", f"kind of {what}", *columns):
        table.add_column(name, no_wrap=True)
    for each in found.themes:
        name = each.name or f'"{each.examples[0].request if what == "requests" else each.examples[0].comment}'
        span = "" if each.low is None or each.high is None else f"{each.low:.0%} to {each.high:.0%}"
        table.add_row(
            str(each.number),
            safe_line(name, 30),
            f"{each.bad:,}",
            f"{each.judged:,}",
            f"{each.people:,}",
            "" if each.bad_share is None else f"{each.bad_share:.0%}",
            span,
            "" if each.elsewhere is None else f"{each.elsewhere:.0%}",
            "" if each.p_value is None else p_value(each.p_value),
            _bars(each.by_period),
            each.movement if each.movement != "steady" else "",
        )
    console().print(table)
    for each in found.themes:
        console().print(f"{each.number} {safe_line(each.name, 60)}", style="bold", soft_wrap=True)
        if each.good_name:
            mixed = f"  A mixture: what is good of this kind is about {safe_line(each.good_name, 60)!r}."
            console().print(mixed, style="yellow", soft_wrap=True)
        for example in each.examples[:3]:
            remark = f" - {example.comment}" if example.comment else ""
            console().print(f"  {safe_line(example.record, 12)}  {safe_line(example.request + remark, 160)}")
    for note in found.notes:
        console().print(safe_line(note, 400), style="yellow", soft_wrap=True)
    worse = [str(each.number) for each in found.themes if each.worse]
    if worse:
        how = f"{found.test_name}, Holm, 5 %"
        click.echo(f"Bad more often than the rest: {', '.join(worse)} ({how}).")
    click.echo("Make cases of one: promptops records cases EVALSET --theme N --output FILE")


def _bars(counts: tuple[int, ...]) -> str:
    most = max(counts, default=0) or 1
    return "".join(_BARS[round(count / most * (len(_BARS) - 1))] for count in counts[-24:])


def _print_made(made: MadeCases, evalset: str, labels: str | None) -> None:
    from promptops.cli.generating import print_kind_rules
    from promptops.cli.safe import safe_line
    from promptops.texts.figures import counted

    for record, why in made.skipped.items():
        click.echo(f"Left out: record {safe_line(record, 40)}: {safe_line(why)}")
    count = len(made.samples)
    if made.added:
        click.echo(f"Added {counted(count, 'sample')} to {safe_line(str(made.file))}")
        print_kind_rules(made.rules)
    elif made.file is not None:
        click.echo(
            f"Wrote {counted(count, 'sample')} to {safe_line(made.file)}. Review them, give targets, then:"
        )
        click.echo(f"  promptops evalset add {safe_line(evalset)} {safe_line(made.file)}")
    else:
        click.echo("Nothing new: the set has all of them.")
    if made.most_of_one > 1:
        people = counted(made.people, "person or conversation", "people or conversations")
        click.echo(
            f"They are of {people}, {made.most_of_one} of one: a gate counts "
            f"{counted(made.people, 'independent group')} of them."
        )
    if made.labels is not None:
        click.echo(f"Wrote {counted(made.ratings, 'rating')} to {safe_line(made.labels)}")
        if made.matched:
            click.echo("Of records that were left out, they rate the answer to the sample with their inputs.")
    elif made.rated:
        click.echo(
            f"Thumbs and stars of {made.rated} of them stay with the records; --add --labels JUDGE makes "
            "them ratings of a judge, also where the set has these samples already."
        )
    elif labels is not None:
        click.echo("No rating was written: none of these records has an answer with a thumb or stars.")
