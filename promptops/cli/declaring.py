"""`judge list`: the judges that a project declares, and what each has shown against people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import json_option, open_project, target_output_to_stderr

if TYPE_CHECKING:
    from promptops.judging.declared import DeclaredJudge


@judge_command.command("list")
@json_option
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> None:
    """List the judges of all sets: does each have a certificate that fits it as it is, and what is next?

    The last check tells when its anchors were judged last, and whether it has changed. Nothing is asked.
    """
    with open_project(ctx, dry=True) as project, target_output_to_stderr():
        found = project.judges()
    if as_json:
        from promptops.cli import documents, judgedocuments

        documents.print_document(judgedocuments.JudgesDocument(judges=found.judges, broken=found.broken))
        return
    from rich.table import Table

    from promptops.cli.safe import safe_line, safe_lines
    from promptops.cli.tables import console
    from promptops.texts.figures import figure

    if not found.judges and not found.broken:
        console().print("No set of this project has a judge. Declare one in a set's evalset.toml.")
    table = Table(box=None, pad_edge=False)
    for name in ("judge", "kind", "model", "certificate", "agreement", "of people", "last check"):
        table.add_column(name, overflow="fold")
    for judge in found.judges:
        held = judge.certificate
        main = held.agreement if held is not None else None
        table.add_row(
            safe_line(judge.name, 60),
            safe_line(judge.kind, 40),
            safe_line(" + ".join(judge.models) or "-", 60) + ("*" if judge.stand_in else ""),
            _state(judge),
            figure(main.judge_human.value) if main is not None else "-",
            figure(main.human_human.value) if main is not None else "-",
            judge.check.told if judge.check is not None else "-",
        )
    if found.judges:
        console().print(table)
    for judge in found.judges:
        if judge.doubt:
            doubt = f"valid, but {judge.doubt[:1].lower()}{judge.doubt[1:]}"
            told = f"{safe_line(judge.name, 60)}: {safe_line(doubt, 300)}"
            console().print(told, style="yellow", soft_wrap=True)
        if judge.outdated:
            told = f"valid, but {judge.outdated}; certify anew: {judge.command}"
            console().print(f"{safe_line(judge.name, 60)}: {told}", style="yellow", soft_wrap=True)
        if judge.why:
            then = f" Next: {judge.command}" if judge.command else ""
            console().print(f"{safe_line(judge.name, 60)}: {safe_lines(judge.why)}{then}", soft_wrap=True)
        if judge.check is not None and judge.check.drifted:
            console().print(f"{safe_line(judge.name, 60)}: {_changed(judge)}", style="red", soft_wrap=True)
    for name, why in found.broken.items():
        console().print(f"{safe_line(name, 60)} can't be read: {safe_lines(why)}", soft_wrap=True)


def _state(judge: DeclaredJudge) -> str:
    if judge.outdated:
        return f"{judge.state} (outdated)"
    return f"{judge.state} (chance)" if judge.doubt else judge.state


def _changed(judge: DeclaredJudge) -> str:
    """Say when a judge changed, and what is next."""
    check = judge.check
    if check is None or check.before is None or check.since is None:
        return ""
    from promptops.texts.figures import span

    return (
        f"changed {span(check.before, check.since)}: scores from before and after don't mean the same. "
        f"Next: promptops judge freeze {judge.name} --renew"
    )
