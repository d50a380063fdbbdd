"""`judge prompt`: the prompt of a kind of judges, to be copied and changed."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cli.judging import judge_command
from promptops.cli.options import json_option, open_project


@judge_command.command("prompt")
@click.argument("kind")
@click.option(
    "--option",
    default="prompt",
    show_default=True,
    metavar="OPTION",
    help="Which of its prompts: the option that takes a file in its place, such as solve_prompt.",
)
@click.option(
    "--to",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write it to this file, inside the folder of the set that is to use it.",
)
@json_option
@click.pass_context
def prompt_command(ctx: click.Context, kind: str, option: str, to: str | None, as_json: bool) -> None:
    """Print the shipped prompt of KIND (rubric, g_eval, ...), or write it to a file to be changed.

    The set's evalset.toml names the file, and from then on the judge is another one, with another signature.
    A file that is there already is left alone.
    """
    from promptops.cli import documents, judgedocuments
    from promptops.cli.safe import safe_line

    with open_project(ctx, dry=True) as project:
        found = project.judge_prompt(kind, option, to=to)
    if as_json:
        documents.print_document(judgedocuments.JudgePromptDocument(prompt=found))
    elif found.file is None:
        click.echo(found.text, nl=not found.text.endswith("\n"))
    else:
        click.echo(f"The prompt of {safe_line(kind)} is written to {safe_line(found.file)}.")
        if found.beside is None:
            click.echo("Only a file inside a set's folder can be its judge's. Copy it there and name it:")
        else:
            click.echo(f"Change it, and name it in {safe_line(str(Path(found.beside) / 'evalset.toml'))}:")
        click.echo(found.wiring)
