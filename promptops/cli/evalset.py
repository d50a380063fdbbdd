"""The group `evalset`: what becomes of a set itself. Each verb is a command in a file of its own."""

from __future__ import annotations

import click

from promptops.cli.casevalue import value_command
from promptops.cli.generating import add_command, generate_command
from promptops.cli.setdiff import diff_command


@click.group("evalset")
def evalset_command() -> None:
    """Look after evaluation sets themselves: what changed in git, what their samples are worth.

    A set is named as everywhere, or given by its folder.
    """


evalset_command.add_command(diff_command)
evalset_command.add_command(generate_command)
evalset_command.add_command(add_command)
evalset_command.add_command(value_command)
