"""`coverage`: how much of production an evaluation set covers, and what to add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.forecasting import print_embedding_forecast
from promptops.cli.options import embedding_budget, embedding_options, json_option, open_project

if TYPE_CHECKING:
    from promptops.distributions.coverage import Reestimate, SetCoverage

_SHOWN_EXAMPLES = 3


@click.command("coverage")
@click.argument("evalset")
@click.option(
    "--production",
    required=True,
    metavar="FILE",
    help="Records (records:7d), a file of inputs, another set, or a run.",
)
@click.option(
    "--field",
    help="Which input is compared, of the set and of production: inputs.question; or a file's field.",
)
@click.option(
    "--suggest",
    type=click.IntRange(1, 500),
    metavar="N",
    help="Pick N texts of production to add to the set.",
)
@click.option(
    "--kind",
    metavar="WORDS",
    multiple=True,
    help="With --suggest: only of lacking kinds that say WORDS, or of the kind with this number; repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --suggest: write them as samples to be reviewed, redacted, to this JSONL file.",
)
@click.option(
    "--map",
    "mapped",
    is_flag=True,
    help="With --json: where every text lies on a plane, as the dashboard's coverage page draws it.",
)
@click.option("--run", help="Also tell this run's figures as production would weigh the set's samples.")
@embedding_options
@click.option("--seed", type=click.IntRange(0), default=0, help="Of subsamples and permutations.")
@json_option
@click.pass_context
def coverage_command(
    ctx: click.Context,
    /,
    evalset: str,
    production: str,
    field: str | None,
    suggest: int | None,
    kind: tuple[str, ...],
    output: Path | None,
    mapped: bool,
    run: str | None,
    embed: str | None,
    seed: int,
    dry_run: bool,
    no_cache: bool,
    as_json: bool,
    **_: object,
) -> None:
    """Measure how much of what production asks EVALSET covers, and name the kinds of texts that it lacks.

    Exit code 0 whatever is found.
    """

    if output is not None and suggest is None:
        raise click.UsageError("-o writes what --suggest N picked: say how many.")
    if kind and suggest is None:
        raise click.UsageError("--kind says of which kind --suggest N picks: say how many.")
    if mapped and not as_json:
        raise click.UsageError("--map is for --json; promptops view draws it.")
    budget, written = embedding_budget(ctx.params), None
    if dry_run and embed is not None:
        with open_project(ctx, dry=True) as project:
            forecast = project.forecast_coverage(
                evalset, production, field=field, embed=embed, seed=seed, cache=not no_cache
            )
        print_embedding_forecast(forecast, as_json=as_json)
        return
    with open_project(ctx, existing=True) as project:
        found = project.coverage(
            evalset,
            production,
            field=field,
            suggest=suggest or 0,
            kind=kind,
            mapped=mapped,
            run=run,
            embed=embed,
            seed=seed,
            cache=not no_cache,
            budget=budget,
        )
        if output is not None and found.measured:
            written = project.write_candidates(found, output, field=field)
    if as_json:
        from promptops.cli import documents

        file = None if written is None else str(output)
        documents.print_document(documents.CoverageDocument(coverage=found, file=file))
        return
    print_coverage(found)
    if written is not None:
        from promptops.texts.figures import counted

        click.echo(
            f"Wrote {counted(written, 'candidate')} to {output}. "
            "Review them (names and streets are not taken out), "
            f"give them targets, then take them in: promptops evalset add {evalset} {output}"
        )


def print_coverage(found: SetCoverage) -> None:
    """Print what is covered, what is not, what to add, and figures as production would weigh them."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.distributions.text import coverage_facts, coverage_sentence

    if not found.measured:
        console().print(f"Coverage of {safe_line(found.production, 60)}: not measured. {found.reason}.")
        return
    console().print(safe_line(coverage_sentence(found), 400), style="bold", soft_wrap=True)
    for fact in coverage_facts(found):
        console().print(f"  {safe_line(fact)}", soft_wrap=True)
    for note in found.notes:
        console().print(f"  Note: {safe_line(note)}", style="yellow", soft_wrap=True)
    for kind in found.uncovered:
        console().print(f"\n  {kind.share:6.1%}  {safe_line(kind.theme, 40) or '(no words)'}", style="bold")
        for text in kind.examples[:_SHOWN_EXAMPLES]:
            console().print(f"          {safe_line(text, 100)}")
    if found.suggestions:
        _print_suggestions(found)
    if found.estimates:
        _print_estimates(found.run or "", found.estimates)


def _print_suggestions(found: SetCoverage) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.distributions.text import thicker

    rows = [
        (
            safe_line(each.where, 60) or f"row {each.index + 1}",
            f"{each.covered:.1%}",
            f"{each.mass:.1%}",
            "" if each.kind is None else safe_line(found.uncovered[each.kind].theme, 24),
        )
        for each in found.suggestions
    ]
    names = ("  add", "newly covered", "mass", "kind")
    table = Table(box=None, pad_edge=False)
    for name, *cells in zip(names, *rows, strict=True):
        # Of a narrow terminal the text has what these leave.
        width = max(map(len, (name, *cells)))
        table.add_column(name, justify="left" if name == "kind" else "right", min_width=width)
    table.add_column("text")
    for row, each in zip(rows, found.suggestions, strict=True):
        table.add_row(*row, safe_line(each.text, 80))
    console().print()
    console().print(table)
    if told := thicker(found):
        click.echo(f"  {told}")


def _print_estimates(run: str, estimates: tuple[Reestimate, ...]) -> None:
    from rich.table import Table

    from promptops.cli.tables import console
    from promptops.texts.figures import figure, interval

    console().print(f"\nRun {run}, and weighted as production asks:")
    table = Table(box=None, pad_edge=False)
    for name in ("  metric", "plain", "95 %", "weighted", "95 %", "effective n"):
        table.add_column(name, justify="left" if name == "  metric" else "right")
    for each in estimates:
        plain, weighted = each.plain, each.weighted
        table.add_row(
            f"  {plain.label}",
            figure(plain.value),
            interval(plain.low, plain.high),
            figure(weighted.value),
            interval(weighted.low, weighted.high),
            f"{each.effective_n:.1f} of {plain.n}",
        )
    console().print(table)
