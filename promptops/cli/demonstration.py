"""`demo`: the whole way on a shipped set."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from promptops.cli.options import json_option


@click.command("demo")
@click.argument("evalset", required=False)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".promptops/demo"),
    show_default=True,
    help="Where the demo project is written.",
)
@click.option("--swap", is_flag=True, help="Take the newer version as the baseline: the verdict turns.")
@json_option
def demo_command(evalset: str | None, folder: Path, swap: bool, as_json: bool) -> None:
    """Evaluate two versions of a prompt on a shipped set (offline, no key) and let the gate decide.

    Answers come from rules, not from an LLM, and so do the judge's grades: this shows the way that
    your own prompts and models will go.
    """
    from promptops.cli import tables
    from promptops.cli.progress import watching
    from promptops.cli.shifting import print_shift
    from promptops.demo import demonstrate

    with watching(quiet=as_json) as watch:
        done = demonstrate(folder, evalset, swap=swap, watch=watch)
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.DemoDocument(
                folder=str(done.folder),
                runs=done.runs,
                comparison=done.comparison,
                cases=done.cases,
                shift=done.shift,
                verdict=done.verdict,
            )
        )
        return
    old, new = done.runs
    click.echo(f"Registered {', '.join(version.reference for version in done.versions)} in {done.folder}.")
    click.echo(f"Evaluated both on {old.evalset}: {old.done + new.done} results. By rules, not by an LLM.\n")
    tables.print_comparison(done.comparison, tables.run_name(old), tables.run_name(new))
    click.echo(f"\nThe {len(done.cases)} cases that changed most by {done.metric}:")
    for case in done.cases:
        tables.print_case(case, done.metric)
    click.echo("")
    print_shift(done.shift)
    tables.print_verdict(done.verdict)
    program, at = _program(), f"-C {done.folder} "
    click.echo(
        f"\nOpen the dashboard on these runs:\n  {program} {at}view --baseline {old.id} --candidate {new.id}"
    )
    other = "demo" if swap else "demo --swap"
    click.echo(f"See the verdict turn:\n  {program} {other}")


def _program() -> str:
    """Return how this program is called here: by its name, or by its path where that is on no PATH."""
    called = Path(sys.argv[0])
    return "promptops" if shutil.which("promptops") or called.name != "promptops" else str(called)
