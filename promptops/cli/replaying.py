"""`replay`, `verify` and `record`: what was answered once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project
from promptops.cli.safe import safe_line

if TYPE_CHECKING:
    from promptops.replay.proofs import Difference

REPLAY_CODES = {"equal": 0, "different": 1, "incomplete": 3}
VERIFY_CODES = {"proven": 0, "altered": 1, "incomplete": 3}


@click.command("replay")
@click.argument("run", default="latest")
@json_option
@click.pass_context
def replay_command(ctx: click.Context, run: str, as_json: bool) -> None:
    """Make RUN again from its stored answers, in memory, and compare it with what is stored.

    Every request is rendered and every answer scored anew. Nobody is asked, nothing is written. Exit codes:
    0 equal byte for byte in the canonical form, 1 different, 3 something that is needed is not stored.
    """

    with open_project(ctx, existing=True) as project:
        found = project.replay(run)
    code = REPLAY_CODES[found.outcome]
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.ReplayDocument(replay=found, exit_code=code))
        ctx.exit(code)
    if found.outcome == "equal":
        click.echo(f"equal  run {found.run}, {found.results} results  sha256:{found.sha256}")
    else:
        click.echo(f"{found.outcome}  run {found.run}, {found.results} results")
        if found.sha256 == found.stored_sha256:
            click.echo("  The results come out the same, but what they were made of is not the same:")
        click.echo(f"  stored  sha256:{found.stored_sha256}")
        click.echo(f"  now     {'sha256:' + found.sha256 if found.sha256 else 'unknown'}")
    _print_differences(found.differences, found.differing)
    _print_missing(found.missing, found.missing_count)
    if found.unchecked:
        click.echo(
            f"{found.unchecked} requests could not be compared with those that were sent: an earlier "
            "promptops did not write them down."
        )
    ctx.exit(code)


@click.command("verify")
@click.argument("run", default="latest")
@click.option(
    "--canonical", type=click.Path(dir_okay=False), metavar="FILE", help="Write the canonical form, too."
)
@json_option
@click.pass_context
def verify_command(ctx: click.Context, run: str, canonical: str | None, as_json: bool) -> None:
    """Prove that prompt, samples, completions and scores of RUN are those that were stored.

    The last line is the SHA-256 of the run's canonical form: two people who read the same one hold the same
    run. Exit codes: 0 proven, 1 altered, 3 something that is needed is not stored.
    """

    with open_project(ctx, existing=True) as project:
        found = project.verify(run)
        if canonical is not None and found.sha256 is not None:
            project.write_canonical(run, canonical)
    code = VERIFY_CODES[found.outcome]
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.VerifyDocument(verification=found, exit_code=code))
        ctx.exit(code)
    for check in found.checks:
        click.echo(f"{check.name:<12} {check.state:<8} {safe_line(check.told, 400)}")
    _print_differences(found.differences, len(found.differences))
    _print_missing(found.missing, len(found.missing))
    digest = "unknown" if found.sha256 is None else f"sha256:{found.sha256}"
    click.echo(f"{found.outcome}  {digest}  {safe_line(found.run)}")
    ctx.exit(code)


@click.command("record")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default="cassette.jsonl",
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--no-requests", is_flag=True, help="Keep no message, only content addresses; private texts stay here."
)
@json_option
@click.pass_context
def record_command(
    ctx: click.Context, runs: tuple[str, ...], output: str, no_requests: bool, as_json: bool
) -> None:
    """Write the answers of RUNS as a cassette: a file from which others evaluate without a key.

    `promptops eval EVALSET --prompt P --cassette FILE` answers from it, and so do `gate` and the pytest
    plugin. Keys and what looks like one are replaced by [redacted], in questions and in answers.
    """

    with open_project(ctx, existing=True) as project:
        found = project.record(runs, output, requests=not no_requests)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.RecordDocument(recording=found))
        return
    size = f"{found.bytes / 1000:.1f} kB"
    click.echo(f"Wrote {_short(found.file)}: {found.entries} answers, {size}, sha256:{found.sha256}")
    if found.redacted:
        named = ", ".join(safe_line(name, 60) for name in found.redacted[:5])
        more = " ..." if len(found.redacted) > 5 else ""
        click.echo(
            f"Note: secrets were replaced by [redacted] in {len(found.redacted)} samples ({named}{more}). "
            "Where that was in an answer, its scores may be others."
        )
    if found.unanswered:
        click.echo(
            f"Note: {found.unanswered} samples have no answer, which is not recorded; an evaluation from "
            "this cassette will miss them. Ask again first: promptops resume RUN --retry-errors"
        )


def _print_differences(differences: Sequence[Difference], count: int) -> None:
    for each in differences:
        click.echo(f"  {_place(each)}: {safe_line(each.why, 300)}")
        if each.stored or each.now:
            click.echo(f"    stored: {safe_line(each.stored, 300)}")
            click.echo(f"    now:    {safe_line(each.now, 300)}")
    if count > len(differences):
        click.echo(f"  ... and {count - len(differences)} more")


def _print_missing(missing: Sequence[Difference], count: int) -> None:
    for each in missing:
        click.echo(f"  {_place(each)}: {safe_line(each.why, 300)}")
    if count > len(missing):
        click.echo(f"  ... and {count - len(missing)} more")


def _place(each: Difference) -> str:
    parts = [] if each.sample_id is None else [f"sample {safe_line(each.sample_id, 80)}"]
    if each.repeat:
        parts.append(f"repeat {each.repeat}")
    if each.label is not None:
        parts.append(f"metric {safe_line(each.label, 60)}")
    return ", ".join(parts) or "the run"


def _short(file: str) -> str:
    path = Path(file).absolute()
    return safe_line(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
