"""The command line: parse, call the project, print, exit code.

Each command lives in a file of its own and is imported when it is called, so that `--help` is quick.
"""

from __future__ import annotations

import difflib
import errno
import gc
import importlib
import sys

import click

from promptops.cli.unread import outlive_readers

COMMANDS: dict[str, tuple[str, str]] = {
    "init": (
        "promptops.cli.starting",
        "Write a starter project: a prompt, an evaluation set, a CI workflow.",
    ),
    "demo": (
        "promptops.cli.demonstration",
        "Show the whole way on a shipped set: offline, no key, under a minute.",
    ),
    "eval": ("promptops.cli.evaluating", "Evaluate prompts with models on an evaluation set."),
    "resume": (
        "promptops.cli.resuming",
        "Finish a run that was interrupted; nothing stored is asked again.",
    ),
    "score": ("promptops.cli.evaluating", "Score a stored run anew, without asking for answers again."),
    "replay": (
        "promptops.cli.replaying",
        "Make a run again from its stored answers, without a network, and compare.",
    ),
    "verify": ("promptops.cli.replaying", "Prove that a run is what was stored; print its SHA-256."),
    "record": ("promptops.cli.replaying", "Write runs' answers as a cassette that needs no key."),
    "cache": ("promptops.cli.caching", "Count stored answers that are used again, and forget them."),
    "runs": ("promptops.cli.showing", "List runs, the newest first."),
    "show": ("promptops.cli.showing", "Show a run's figures, or one sample's answer and scores."),
    "compare": (
        "promptops.cli.comparing",
        "Compare two runs: figures, slices and the cases that changed most.",
    ),
    "rank": (
        "promptops.cli.ranking",
        "Rank several prompts and models: how good, how sure, what cost, who is best.",
    ),
    "slices": (
        "promptops.cli.slicing",
        "Say in which groups a metric changed, and find the slice that got worse.",
    ),
    "plan": (
        "promptops.cli.planning",
        "Say what a set can see before money is spent: changes, cases, price.",
    ),
    "prices": ("promptops.cli.forecasting", "List known prices of models, and where they stand."),
    "selftest": (
        "promptops.cli.selftest",
        "Try the gate out on a set's own stored answers, with known changes.",
    ),
    "accept": ("promptops.cli.gating", "Write a run as its set's baseline, a file to be committed."),
    "gate": (
        "promptops.cli.gating",
        "Decide by the set's rules whether a run may pass; the exit code tells.",
    ),
    "noise": (
        "promptops.cli.noise",
        "Tell how much of a score is luck: where its spread comes from, which cases flip.",
    ),
    "shift": ("promptops.cli.shifting", "Measure how far two collections of texts lie apart."),
    "leaks": ("promptops.cli.leaking", "Find cases that are nearly the same, or that were seen before."),
    "coverage": ("promptops.cli.covering", "Measure what a set covers of production, and what to add."),
    "records": (
        "promptops.cli.records",
        "Look at what came back from production, and what users said of it; delete it.",
    ),
    "monitor": (
        "promptops.cli.monitoring",
        "Show production over time: errors, latency, cost, feedback, checks; ring where a rule says so.",
    ),
    "reliability": (
        "promptops.cli.relying",
        "Say which metric to trust: how well each tells what users of production liked.",
    ),
    "judge": (
        "promptops.cli.judges",
        "Look at judges as instruments: against people, over time, under attack; read recorded replies.",
    ),
    "evalset": ("promptops.cli.evalset", "Look after evaluation sets themselves."),
    "prompt": ("promptops.cli.prompts", "Register, list, show and compare prompts, and move aliases."),
    "export": ("promptops.cli.exporting", "Write a run's results to a Parquet, CSV or JSON lines file."),
    "pause": ("promptops.cli.steering", "Have the process that works on a run begin no call, or go on."),
    "stop": ("promptops.cli.steering", "Tell the process that works on a run to end; resume goes on."),
    "plugins": ("promptops.cli.showing", "List metrics, judges, providers, engines and reports."),
    "view": ("promptops.cli.viewing", "Open the dashboard on this machine (127.0.0.1 only)."),
    "doctor": ("promptops.cli.viewing", "Check this installation, the settings and the database."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and help, and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=2, cutoff=0.5)
            advice = f" Did you mean {' or '.join(map(repr, near))}?" if near else " See `promptops --help`."
            ctx.fail(f"There is no command {args[0]!r}.{advice}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C", "--project", "folder", default=".", metavar="DIR", help="The project's folder (default: here)."
)
@click.option("--database", metavar="URL", help="Database URL, instead of the one in the settings.")
@click.version_option(None, "--version", package_name="promptops", message="promptops %(version)s")
@click.pass_context
def app(ctx: click.Context, folder: str, database: str | None) -> None:
    """Versions, evaluation sets, a parallel runner and an honest gate for prompts.

    Prompts are written NAME (latest), NAME@3, NAME@production or as a file; runs by the beginning of
    their id, or `latest`. Exit codes: 0 passed, 1 failed, 2 wrong use or file, 3 could not measure,
    4 inconclusive, 130 interrupted.
    """
    ctx.obj = {"folder": folder, "database": database}


def main() -> None:
    """Run the command line; what the user can mend is told without a traceback."""
    # Cycles are few among the nouns of a command. To look for them as often as Python does by itself, and
    # once more among all modules at the end, took a tenth of a short command's time.
    gc.set_threshold(50_000, 20, 50)
    try:
        _run()
    finally:
        gc.freeze()


def _run() -> None:
    outlive_readers()
    try:
        code = app.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        click.echo(f"Error: there is no room to write to: {error}. Free some and try again.", err=True)
        sys.exit(2)
    except Exception as error:
        sys.exit(_told(error))
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> int:
    """Tell what the user can mend and return its exit code; anything else is a bug and is raised."""
    from promptops.errors import PromptopsError

    if not isinstance(error, PromptopsError):
        raise error
    from promptops.cli.safe import safe_lines

    click.echo(f"Error: {safe_lines(str(error))}", err=True)
    return error.exit_code
