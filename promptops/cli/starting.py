"""`init`: a starter project."""

from __future__ import annotations

from pathlib import Path

import click

from promptops.cli.options import json_option


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "--model", default="offline/extractive", show_default=True, help="The default model of the project."
)
@json_option
def init_command(folder: Path, model: str, as_json: bool) -> None:
    """Write a starter project into FOLDER. Files that exist are left alone."""
    from promptops.starter import write_starter

    files = write_starter(folder, model)
    if as_json:
        from promptops.cli import documents

        told = tuple(documents.StarterFile(file=str(path), written=written) for path, written in files)
        documents.print_document(documents.InitDocument(files=told))
        return
    for path, written in files:
        click.echo(f"{'wrote' if written else 'kept '} {path}")
    at = "" if folder == Path() else f"-C {folder} "
    prompt = folder / "prompts" / "reply.prompt.yaml"
    click.echo(f"\nNext: promptops {at}eval replies --prompt {prompt}\n      promptops {at}accept")
    click.echo(f"      change the prompt, then: promptops {at}gate replies --prompt {prompt}")
