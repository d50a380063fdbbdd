"""`init`: a starter project."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "--model", default="offline/extractive", show_default=True, help="The default model of the project."
)
def init_command(folder: Path, model: str) -> None:
    """Write a starter project into FOLDER. Files that exist are left alone."""
    from promptops.starter import write_starter

    for path, written in write_starter(folder, model):
        click.echo(f"{'wrote' if written else 'kept '} {path}")
    at = "" if folder == Path() else f"-C {folder} "
    prompt = folder / "prompts" / "reply.prompt.yaml"
    click.echo(f"\nNext: promptops {at}eval replies --prompt {prompt}\n      promptops {at}accept")
    click.echo(f"      change the prompt, then: promptops {at}gate replies --prompt {prompt}")
