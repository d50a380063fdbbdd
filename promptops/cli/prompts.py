"""`prompt ...`: the registry of prompts."""

from __future__ import annotations

import click

from promptops.cli.options import json_option, open_project


@click.group("prompt")
def prompt_command() -> None:
    """Register, list, show and compare prompts, and move aliases."""


@prompt_command.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--name", help="Register under this name instead of the file's.")
@click.option("--note", default="", help="Why this version was made.")
@json_option
@click.pass_context
def add(ctx: click.Context, file: str, name: str | None, note: str, as_json: bool) -> None:
    """Register FILE as a new version; the same content never becomes a second one."""

    with open_project(ctx) as project:
        version, new = project.add_prompt(file, name=name, note=note)
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.PromptDocument(version=version, digest=version.prompt.digest, new=new)
        )
    else:
        click.echo(f"{version.reference} {'registered' if new else 'has this content already'}.")


@prompt_command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the prompts with their latest version and aliases."""
    from promptops.cli.safe import safe_line

    with open_project(ctx, existing=True) as project:
        names = project.prompt_names()
        latest = tuple(project.prompt_version(name) for name in names)
        aliases = {name: project.aliases(name) for name in names}
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.PromptsDocument(prompts=latest, aliases=aliases))
        return
    if not latest:
        click.echo("There is no prompt yet. Register one: promptops prompt add FILE")
    for version in latest:
        known = ", ".join(f"{alias} = @{number}" for alias, number in sorted(aliases[version.name].items()))
        click.echo(f"{version.reference}  {safe_line(version.note, 60)}  {known}".rstrip())


@prompt_command.command("show")
@click.argument("reference")
@json_option
@click.pass_context
def show(ctx: click.Context, reference: str, as_json: bool) -> None:
    """Print a version as a prompt file."""
    from promptops.cli.safe import safe_lines
    from promptops.prompts.files import prompt_yaml

    with open_project(ctx, existing=True) as project:
        version = project.prompt_version(reference)
        held = project.aliases(version.name)
    aliases = tuple(sorted(alias for alias, number in held.items() if number == version.number))
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.PromptDocument(version=version, digest=version.prompt.digest, aliases=aliases)
        )
        return
    click.echo(f"# {version.reference}  {version.created_at}  {version.author}  {' '.join(aliases)}".rstrip())
    click.echo(safe_lines(prompt_yaml(version.prompt)), nl=False)


@prompt_command.command("diff")
@click.argument("first")
@click.argument("second")
@json_option
@click.pass_context
def diff(ctx: click.Context, first: str, second: str, as_json: bool) -> None:
    """Show what changed between two versions or files, word by word."""
    from promptops.cli import tables
    from promptops.prompts.files import prompt_yaml
    from promptops.texts.worddiff import word_diff

    with open_project(ctx, existing=True) as project:
        (before, first_name), (after, second_name) = project.prompt(first), project.prompt(second)
    texts = prompt_yaml(before), prompt_yaml(after)
    if as_json:
        from promptops.cli import documents

        parts = word_diff(*texts)
        documents.print_document(
            documents.PromptDiffDocument(first=first_name, second=second_name, parts=parts)
        )
    elif before.digest == after.digest:
        click.echo(f"{first_name} and {second_name} have the same content.")
    else:
        tables.console().print(tables.diff_text(*texts, limit=20_000))


@prompt_command.command("alias")
@click.argument("reference")
@click.argument("alias")
@click.option("--reason", default="", help="Why it moves; kept in the history.")
@json_option
@click.pass_context
def alias(ctx: click.Context, reference: str, alias: str, reason: str, as_json: bool) -> None:
    """Let ALIAS stand for a version: promptops prompt alias reply@3 production."""

    with open_project(ctx) as project:
        version = project.set_alias(reference, alias, reason=reason)
        held = project.aliases(version.name)
    if as_json:
        from promptops.cli import documents

        names = tuple(sorted(name for name, number in held.items() if number == version.number))
        documents.print_document(
            documents.PromptDocument(version=version, digest=version.prompt.digest, aliases=names)
        )
    else:
        click.echo(f"{version.name}@{alias} is now {version.reference}.")


@prompt_command.command("history")
@click.argument("name")
@json_option
@click.pass_context
def history(ctx: click.Context, name: str, as_json: bool) -> None:
    """List a prompt's versions and every move of its aliases."""
    from promptops.cli.safe import safe_line

    with open_project(ctx, existing=True) as project:
        versions, moves = project.versions(name), project.alias_history(name)
    if as_json:
        from promptops.cli import documents

        documents.print_document(
            documents.PromptHistoryDocument(versions=tuple(versions), moves=tuple(moves))
        )
        return
    for version in versions:
        click.echo(
            "  ".join([version.created_at[:19], version.reference, version.author, safe_line(version.note)])
        )
    for move in moves:
        was = f"@{move.from_number}" if move.from_number else "nothing"
        now = f"@{move.to_number}" if move.to_number else "nothing"
        click.echo(
            "  ".join(
                [move.moved_at[:19], f"{move.alias}: {was} -> {now}", move.actor, safe_line(move.reason)]
            )
        )
