"""The options that choose: which samples of a set, and which of several prompts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from promptops.cli.options import Command

if TYPE_CHECKING:
    from promptops.files.gitbase import Changed
    from promptops.project import Project

_SELECTION = (
    click.option(
        "--ids",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Only samples listed in FILE, an id a line (promptops evalset value --write); a weight may "
        "stand behind a tab.",
    ),
    click.option(
        "-k",
        "matching",
        metavar="EXPR",
        help="Only samples whose id, tags or group contain a name: 'refund and not (angry or spam)'. "
        "Upper and lower case are the same.",
    ),
    click.option(
        "--slice",
        "slices",
        metavar="SLICE",
        multiple=True,
        help="Only samples with a tag (TAG or tag=TAG), origin=NAME, or a metadata FIELD=VALUE; may be "
        "repeated: all must hold.",
    ),
    click.option(
        "--failed-from",
        metavar="RUN",
        help="Only samples that failed in RUN: no answer, or unscored or not fully right (below the best "
        "value) in the set's first metric, in any repeat.",
    ),
    click.option(
        "--sample",
        type=click.IntRange(1),
        metavar="N",
        help="Draw N of the samples that are left: the same on every machine, and 50 are a part of 100.",
    ),
    click.option("--seed", type=int, help="Another number draws other samples for --sample.  [default: 0]"),
    click.option(
        "--limit",
        type=click.IntRange(1),
        metavar="N",
        help="Only the first N samples that are left, in the set's order.",
    ),
)

changed_option = click.option(
    "--changed",
    metavar="[BASE]",
    is_flag=False,
    flag_value="",
    help="Only prompt files whose content differs from where this branch left BASE in git (default: "
    "origin/HEAD, main or master); comments and layout don't count. Where none differs, "
    "nothing is asked and the exit code is 0.",
)


def selection_options(command: Command) -> Command:
    """Add the options that choose samples, and hand them to the command as one `select`."""

    @wraps(command)
    def chosen(*positional: Any, seed: int | None, **given: Any) -> Any:
        from promptops.files.idfile import read_ids
        from promptops.sets.selection import Selection

        if seed is not None and given["sample"] is None:
            raise click.UsageError("--seed goes with --sample N.")
        wanted = {name: given.pop(name) for name in ("matching", "slices", "failed_from", "sample", "limit")}
        file = given.pop("ids")
        ids = None if file is None else read_ids(file)
        return command(*positional, select=Selection(seed=seed or 0, ids=ids, **wanted), **given)

    found: Any = chosen
    for option in reversed(_SELECTION):
        found = option(found)
    return found  # type: ignore[no-any-return]


@contextmanager
def nothing_is_fine(ctx: click.Context, *, as_json: bool) -> Iterator[None]:
    """Say where nothing is left to be asked and nothing is wrong about that; the exit code is 0."""
    from promptops.errors import NothingToAsk

    try:
        yield
    except NothingToAsk as error:
        from promptops.cli.madejson import print_nothing
        from promptops.cli.safe import safe_line

        if as_json:
            print_nothing(nothing=str(error))
        else:
            click.echo(safe_line(str(error), 400))
        ctx.exit(0)


def changed_prompts(project: Project, prompts: tuple[str, ...], base: str) -> Changed:
    """Ask git which prompts changed, and say so on stderr."""
    from promptops.cli.safe import safe_line

    found = project.changed_prompts(prompts, base or None)
    if found.changed:
        click.echo(safe_line(f"{found.sentence} Evaluated: {', '.join(found.changed)}", 400), err=True)
    return found


def unchanged_sentence(found: Changed) -> str:
    """Say that there is nothing to do."""
    from promptops.cli.safe import safe_line

    many = len(found.unchanged) > 1
    what = f"None of {len(found.unchanged)} prompts has" if many else f"{found.unchanged[0]} has not"
    return safe_line(f"{what} changed since {found.base} (commit {found.commit}): nothing was asked.", 400)
