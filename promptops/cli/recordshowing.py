"""`records`: the group, and its verbs that list, show and say what users said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promptops.cli.options import json_option, open_project
from promptops.texts.figures import counted

if TYPE_CHECKING:
    from promptops.production.records import Feedback, Record, RecordFilter, RecordScore, Thumb

Command = TypeVar("Command", bound=Callable[..., Any])
_SHOWN = 2_000
"""Characters of a text that a terminal shows of a record; --json has all."""


@click.group("records")
def records_command() -> None:
    """Look at what came back from production: answers, and what users said of them."""


def which_options(command: Command) -> Command:
    """Give a command the options by which records are chosen, as `wanted_records` takes them."""
    moment = "a day (2026-11-01), a time, or how long ago (24h, 7d)"
    for option in (
        click.option("--tag", help="Only records with this tag."),
        click.option("--failed", is_flag=True, help="Only records without an answer."),
        click.option("--with-feedback", is_flag=True, help="Only records of which something was said."),
        click.option("--bad", is_flag=True, help="Only records that somebody found bad."),
        click.option("--good", is_flag=True, help="Only records that somebody found good."),
        click.option("--subject", metavar="NAME", help="Only records of this person."),
        click.option("--model", help="Only records of this model."),
        click.option("--until", metavar="WHEN", help="Up to and with a day, or up to a moment."),
        click.option("--since", metavar="WHEN", help=f"From then on: {moment}."),
        click.option(
            "-p",
            "--prompt",
            metavar="REF",
            help="Only of this prompt: reply, reply@3, reply@production, @production.",
        ),
    ):
        command = option(command)
    return command


def wanted_records(given: dict[str, Any]) -> RecordFilter:
    """Return the filter that the options say. Raises UsageError."""
    from datetime import UTC, datetime

    from promptops.errors import UsageError
    from promptops.production.periods import chosen_records

    good, bad, failed = given.pop("good"), given.pop("bad"), given.pop("failed")
    if good and bad:
        raise UsageError("--good and --bad: say one of them. --with-feedback has both.")
    return chosen_records(
        now=datetime.now(UTC), good=good if good or bad else None, failed=failed or None, **given
    )


@records_command.command("list")
@which_options
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Records a page."
)
@click.option("--page", type=click.IntRange(1), default=1, help="Which page, from 1.")
@click.option("--field", help="Which of several inputs is shown as what was asked: inputs.question.")
@json_option
@click.pass_context
def list_command(
    ctx: click.Context, /, limit: int, page: int, field: str | None, as_json: bool, **given: Any
) -> None:
    """List records, the newest first."""
    from promptops.cli.safe import safe_line
    from promptops.config import redact_url

    wanted = wanted_records(given)
    with open_project(ctx, existing=True) as project:
        count = project.record_count(project.with_known_prompt(wanted))
        found = project.records(wanted, limit=limit, offset=(page - 1) * limit)
        said = project.feedback_of(found)
        if project.records_left_behind():
            own = safe_line(redact_url(project.settings.database), 400)
            click.echo(f"Other records are in the project's own database: --database {own}", err=True)
    if as_json:
        from promptops.cli import recorddocuments
        from promptops.cli.documents import print_document

        told = [
            recorddocuments.RecordWithFeedback(record=each, feedback=said.get(each.id, ())) for each in found
        ]
        print_document(recorddocuments.RecordsDocument(records=tuple(told), count=count, page=page))
        return
    if not found:
        past = f"There is no page {page}: {counted(count, 'record')} in all."
        click.echo(past if count else "There is no such record.")
        return
    _print_list(found, said, field)
    if count > len(found):
        first = (page - 1) * limit + 1
        click.echo(
            f"{first:,} to {first + len(found) - 1:,} of {counted(count, 'record')} "
            f"(--page {page + 1} has the next)"
        )


@records_command.command("show")
@click.argument("record")
@json_option
@click.pass_context
def show_command(ctx: click.Context, record: str, as_json: bool) -> None:
    """Show one RECORD with all that was said of it, and its scores."""
    from promptops.production.records import RecordFilter

    with open_project(ctx, existing=True) as project:
        found = project.find_record(record)
        said = project.feedback_of([found]).get(found.id, ())
        scores = project.record_scores(RecordFilter(id=found.id))
    if as_json:
        from promptops.cli import recorddocuments
        from promptops.cli.documents import print_document

        print_document(recorddocuments.OneRecordDocument(record=found, feedback=said, scores=tuple(scores)))
        return
    _print_record(found)
    for each in said:
        _print_said(each)
    for score in scores:
        _print_score(score)


@records_command.command("feedback")
@click.argument("record")
@click.option("--thumb", type=click.Choice(["up", "down"]))
@click.option("--stars", type=click.IntRange(1, 5))
@click.option("--comment", default="", help="What was said, in words.")
@click.option(
    "--edit",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="A file with the answer as it should have been; - reads it from standard input.",
)
@click.option("--outcome", help="What became of the answer, such as resolved.")
@click.option("--by", metavar="NAME", help="Who said it; only a mark of the name is kept.")
@click.option("--keep-people", is_flag=True, help="Keep e-mail addresses and telephone numbers in the texts.")
@json_option
@click.pass_context
def feedback_command(
    ctx: click.Context,
    record: str,
    thumb: Thumb | None,
    stars: int | None,
    comment: str,
    edit: Path | None,
    outcome: str | None,
    by: str | None,
    keep_people: bool,
    as_json: bool,
) -> None:
    """Keep what somebody said of RECORD. Nothing that was said before is replaced."""

    text = None if edit is None else _edit(edit)
    with open_project(ctx) as project:
        said = project.add_feedback(
            record,
            thumb=thumb,
            stars=stars,
            comment=comment,
            edit=text,
            outcome=outcome,
            by=by,
            keep_people=keep_people,
        )
    if as_json:
        from promptops.cli import recorddocuments
        from promptops.cli.documents import print_document

        print_document(recorddocuments.FeedbackDocument(feedback=said))
    else:
        click.echo(f"Kept as feedback {said.id[:12]} of record {said.record}")


def _edit(path: Path) -> str:
    from promptops.files.textfile import MAX_LINE, decode, read_text

    if str(path) != "-":
        return read_text(path, MAX_LINE)
    data = sys.stdin.buffer.read(MAX_LINE + 1)
    if len(data) > MAX_LINE:
        raise click.UsageError(f"The edited answer is larger than {MAX_LINE:,} bytes.")
    return decode(data, "standard input")


def _print_list(found: list[Record], said: dict[str, tuple[Feedback, ...]], field: str | None) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    table = Table(box=None, pad_edge=False)
    for name in ("at", "id", "prompt", "said", "asked", "answered"):
        table.add_column(name, no_wrap=True)
    for each in found:
        opinions = {one.good for one in said.get(each.id, ())}
        mark = (
            ("-" if False in opinions else "")
            + ("+" if True in opinions else "")
            + ("?" if None in opinions else "")
        )
        table.add_row(
            each.at[:19].replace("T", " "),
            safe_line(each.id, 12),
            safe_line(each.reference or "", 20),
            mark,
            safe_line(_asked(each, field), 34),
            safe_line(f"[{each.error}]" if each.output is None else each.output, 34),
        )
    console().print(table)


def _asked(record: Record, field: str | None) -> str:
    from promptops.distributions.textrows import joined
    from promptops.production.recordwindows import record_value

    return joined(record.inputs if field is None else record_value(record, field)) or ""


def _print_record(record: Record) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    console().print(f"Record {safe_line(record.id)}", style="bold", soft_wrap=True)
    tokens = f"{_known(record.tokens_in)} in, {_known(record.tokens_out)} out"
    facts = {
        "at": record.at,
        "prompt": record.reference and record.reference + (f" ({record.alias})" if record.alias else ""),
        "model": record.model,
        "error": record.error,
        "ended by": record.finish_reason,
        "tokens": tokens if (record.tokens_in, record.tokens_out) != (None, None) else None,
        "seconds": None if record.seconds is None else figure(record.seconds),
        "dollars": None if record.cost is None else f"{record.cost:.6g}",
        "outcome": record.outcome,
        "subject": record.subject,
        "session": record.session,
        "parent": record.parent,
        "tags": ", ".join(record.tags) or None,
        "stands for": None if record.rate == 1 else f"{1 / record.rate:.6g} calls (sampled)",
        "source": record.source,
    }
    for name, value in facts.items():
        if value:
            console().print(f"  {name:<10} {safe_line(str(value))}", soft_wrap=True)
    for name, texts in (("inputs", record.inputs), ("metadata", record.metadata)):
        for key, text in texts.items():
            _print_text(f"{name}.{key}", text)
    if record.output is not None:
        _print_text("output", record.output)


def _print_text(name: str, value: object) -> None:
    import json

    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    more = (
        f"\n… {counted(len(text) - _SHOWN, 'character')} more (--json has all)" if len(text) > _SHOWN else ""
    )
    lines = (safe_lines(text[:_SHOWN]) + more).replace("\n", "\n    ")
    console().print(f"  {safe_line(name, 60)}\n    {lines}", soft_wrap=True)


def _print_said(said: Feedback) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    stars = None if said.stars is None else f"{said.stars} of 5 stars"
    thumb = None if said.thumb is None else f"thumb {said.thumb}"
    told = [each for each in (thumb, stars, said.outcome and f"outcome {said.outcome}") if each]
    when = said.at[:19].replace("T", " ") + (f" by {said.by[:8]}" if said.by else "")
    console().print(f"Feedback {safe_line(when)}: {safe_line(', '.join(told))}", style="bold")
    if said.comment:
        _print_text("comment", said.comment)
    if said.edit is not None:
        _print_text("edit", said.edit)


def _print_score(score: RecordScore) -> None:
    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    told = figure(score.value) if score.unscored is None else f"unscored: {score.unscored}"
    console().print(f"Score {safe_line(score.label, 60)}: {safe_line(told)}", style="bold")
    if score.reason:
        _print_text("reason", score.reason)


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
