"""`evalset diff`: what changed of a set in git, and its versions as a changelog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.sets.changes import FieldChange, NamedChange
    from promptops.sets.history import SetDiff, SetLog, StateFacts


@click.command("diff")
@click.argument("evalset")
@click.argument("first", required=False)
@click.argument("second", required=False)
@click.option("--log", is_flag=True, help="List the set's versions up to FIRST instead, the newest first.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="How many samples of each kind, or versions, are shown (--json has all samples).",
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@click.option("--check", is_flag=True, help="Exit with 1 where a baseline can't be compared with any more.")
@json_option
@click.pass_context
def diff_command(
    ctx: click.Context,
    evalset: str,
    first: str | None,
    second: str | None,
    log: bool,
    limit: int,
    markdown: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Tell what changed of EVALSET from git state FIRST (default: HEAD) to SECOND (default: the files here).

    Samples field by field and word by word, metrics, gate rules, slices, the card; and which accepted
    baselines can't be compared with any more. Both states are read as strictly as for `eval`.
    """
    if as_json and markdown:
        raise click.UsageError("Choose one of --json and --markdown.")
    if log and (second is not None or check):
        raise click.UsageError("--log takes one git state, up to which it lists, and no --check.")
    if log:
        _log(ctx, evalset, first or "HEAD", limit, markdown, as_json)
        return

    with open_project(ctx) as project:
        found = project.evalset_diff(evalset, first or "HEAD", second)
    code = int(check and found.breaks)
    if as_json:
        from promptops.cli import setdocuments
        from promptops.cli.documents import print_document

        print_document(setdocuments.EvalsetDiffDocument(diff=found, exit_code=code))
    elif markdown:
        from promptops.sets.markdown import diff_markdown

        click.echo(diff_markdown(found), nl=False)
    else:
        _print_diff(found, limit)
    ctx.exit(code)


def _log(ctx: click.Context, evalset: str, tip: str, limit: int, markdown: bool, as_json: bool) -> None:

    with open_project(ctx) as project:
        found = project.evalset_log(evalset, tip, limit=limit)
    if as_json:
        from promptops.cli import setdocuments
        from promptops.cli.documents import print_document

        print_document(setdocuments.EvalsetLogDocument(log=found))
    elif markdown:
        from promptops.sets.markdown import log_markdown

        click.echo(log_markdown(found), nl=False)
    else:
        _print_log(found)


def _print_diff(found: SetDiff, limit: int) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console, print_sentence

    print_sentence(found.sentence)
    console().print(f"  before  {_state(found.first)}\n  after   {_state(found.second)}", soft_wrap=True)
    for each in found.baselines:
        anew = ", accepted anew" if each.accepted_anew else ""
        why = f": {'; '.join(each.why)}" if each.why else ""
        told = safe_line(f"{each.file}  {each.fit}{anew}{why}", 400)
        console().print(f"  {told}", style="bold red" if each.broken else "", soft_wrap=True)
    changes = found.changes
    for what, named in (("metric", changes.metrics), ("rule", changes.rules)):
        for each_named in named:
            _print_named(what, each_named)
    for field in changes.card:
        _print_field(field, "card.")
    for word, slices in (("added", changes.slices_added), ("removed", changes.slices_removed)):
        for name in slices:
            console().print(f"slice {safe_line(name, 60)} {word}")
    _section("changed", len(changes.changed))
    for sample in changes.changed[:limit]:
        console().print(f"~ {safe_line(sample.id, 80)}", style="bold")
        for field in sample.fields:
            _print_field(field, "")
    _more(len(changes.changed), limit)
    for mark, word, briefs in (("+", "added", changes.added), ("-", "removed", changes.removed)):
        _section(word, len(briefs))
        for brief in briefs[:limit]:
            console().print(
                f"{mark} {safe_line(brief.id, 80)}  {safe_line(brief.text, 90)}",
                style="green" if mark == "+" else "red",
                soft_wrap=True,
            )
        _more(len(briefs), limit)


def _state(facts: StateFacts) -> str:
    from promptops.cli.safe import safe_line

    at = f" ({facts.commit})" if facts.commit else ""
    what = "no such set" if facts.digest is None else f"{facts.samples:,} samples, digest {facts.digest[:12]}"
    return f"{safe_line(facts.name, 80)}{at}: {what}"


def _print_named(what: str, found: NamedChange) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    told = f"{what} {safe_line(found.name, 80)} {found.kind}"
    if found.eased is not None:
        told += ": lets more pass than before" if found.eased else ": lets less pass than before"
    console().print(told, style="yellow" if found.eased else "", soft_wrap=True)
    if found.kind == "changed":
        for field in found.fields:
            _print_field(field, "")


def _print_field(found: FieldChange, above: str) -> None:
    """Print a value's change: texts word by word, anything else before and after."""
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console, diff_text
    from promptops.sets.markdown import shown_value

    name = safe_line(f"{above}{found.field}", 80)
    if found.parts:
        console().print(f"    {name}:", end="")
        console().print(diff_text(str(found.before), str(found.after), 600), soft_wrap=True)
        return
    before, after = (safe_line(shown_value(value), 200) for value in (found.before, found.after))
    told = {"added": f"+ {after}", "removed": f"- {before}", "changed": f"{before} -> {after}"}[found.kind]
    console().print(f"    {name}: {told}", soft_wrap=True)


def _section(word: str, count: int) -> None:
    from promptops.cli.tables import console

    if count:
        console().print(f"\nSamples {word}: {count:,}", style="bold")


def _more(count: int, limit: int) -> None:
    from promptops.cli.tables import console

    if count > limit:
        console().print(f"  and {count - limit:,} more (--limit, or --json for all)")


def _print_log(found: SetLog) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    if not found.versions:
        console().print(f"git holds no version of {safe_line(found.evalset, 60)}.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("commit", "date", "author", "version", "samples", "+", "-", "~"):
        table.add_column(
            name, justify="right" if name in {"samples", "+", "-", "~"} else "left", no_wrap=True
        )
    table.add_column("what")
    for each in found.versions:
        what = safe_line(each.problem or each.subject or "not committed", 80)
        if each.other:
            what += f" ({safe_line('; '.join(each.other), 120)})"
        counts = (each.samples, each.added, each.removed, each.changed)
        table.add_row(
            each.commit or "-",
            each.date or "-",
            safe_line(each.author, 20) or "-",
            (each.digest or "-")[:12],
            *("-" if count is None else f"{count:,}" for count in counts),
            what,
            style="yellow" if each.problem else "",
        )
    console().print(table)
    if found.more:
        console().print("Older versions: --limit.")
    if found.cut_off:
        console().print("Note: git's history was fetched in part only, so the oldest version may be none.")
