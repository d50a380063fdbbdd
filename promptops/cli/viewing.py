"""`view` and `doctor`: the dashboard, and a look at the installation."""

from __future__ import annotations

import click

from promptops.cli.options import json_option, open_project


@click.command("view")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--baseline", help="Open the compare page with this run as the baseline.")
@click.option("--candidate", help="... and this one as the candidate.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@json_option
@click.pass_context
def view_command(
    ctx: click.Context,
    port: int,
    baseline: str | None,
    candidate: str | None,
    no_browser: bool,
    as_json: bool,
) -> None:
    """Open the dashboard. It is bound to 127.0.0.1: nobody else can reach it."""
    from promptops.store import Store
    from promptops.viewer import address, serve

    with open_project(ctx) as project:
        first = project.run(baseline).id if baseline else None
        second = project.run(candidate).id if candidate else None
        _ = project.store  # made and brought up to date here: the dashboard itself only reads
        if Store.missing_file(project.records_database) is not None:
            _ = project.record_store
        database, root = project.settings.database, project.root
    at = address(port, first, second)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.ViewDocument(address=at))
    else:
        click.echo(f"Dashboard: {at}\nStop it with Ctrl-C.")
    ctx.exit(serve(root, database, port, open_browser=not no_browser, baseline=first, candidate=second))


@click.command("doctor")
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Check this installation, the settings and the database; exit code 2 where something is wrong."""
    from promptops.doctor import examine

    checks = examine(ctx.obj["folder"], ctx.obj["database"])
    if as_json:
        from promptops.cli import documents

        shown = tuple(
            documents.Check(name=check.name, state=check.state, told=check.told) for check in checks
        )
        documents.print_document(documents.DoctorDocument(checks=shown))
    else:
        for check in checks:
            click.echo(f"{check.state:<8} {check.name:<12} {check.told}")
    ctx.exit(2 if any(check.state == "error" for check in checks) else 0)
