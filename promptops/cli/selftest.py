"""`selftest`: the gate, tried out on a set's own stored answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptops.cli.options import json_option, open_project

if TYPE_CHECKING:
    from promptops.gate.selftest import SelfTest, Trial


@click.command("selftest")
@click.argument("evalset")
@click.option(
    "--runs", nargs=2, metavar="A B", help="With the answers of these runs (default: the newest two)."
)
@click.option("--trials", type=click.IntRange(100, 100_000), default=2000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same figures.")
@click.option("--early-stop", is_flag=True, help="Try the gate that stops as soon as it is certain.")
@json_option
@click.pass_context
def selftest_command(
    ctx: click.Context,
    evalset: str,
    runs: tuple[str, str] | None,
    trials: int,
    seed: int,
    early_stop: bool,
    as_json: bool,
) -> None:
    """Try the gate of EVALSET out on stored answers: how often is it wrong, how often does it see?

    For each group of samples a coin says which of two runs is "the new one", so that nothing has changed;
    then losses of a chosen size are planted. Nobody is asked. Exit code 1 if a promise was broken.

    With --early-stop the table also tells how many cases each rule took on average until it was certain.
    """
    from promptops.gate.selftest import verdict

    with open_project(ctx, existing=True) as project:
        found = project.self_test(evalset, runs=runs, trials=trials, seed=seed, early_stop=early_stop)
    if as_json:
        from promptops.cli import documents

        documents.print_document(documents.SelftestDocument(selftest=found, sentence=verdict(found)))
    else:
        _print(found, verdict(found))
    ctx.exit(1 if any(trial.kept is False for trial in found.trials) else 0)


def _print(found: SelfTest, sentence: str) -> None:
    from rich.table import Table

    from promptops.cli.safe import safe_line
    from promptops.cli.tables import console

    console().print(sentence, style="bold")
    console().print(
        f"{found.evalset}, answers of runs {found.runs[0]} and {found.runs[1]}, seed {found.seed}"
    )
    table = Table(box=None, pad_edge=False)
    used = ("cases used",) if found.early_stop else ()
    names = ("metric", "slice", "n", "planted loss", *used, "PASS", "FAIL", "INCONCLUSIVE", "promise", "kept")
    for name in names:
        table.add_column(name, justify="left" if name in {"metric", "slice", "promise"} else "right")
    for trial in found.trials:
        wrong = trial.failed if trial.margins == 0 else trial.passed
        kept = {True: "yes", False: "NO", None: ""}[trial.kept]
        table.add_row(
            trial.metric,
            safe_line(trial.slice or "all", 30),
            str(trial.n),
            _planted(trial),
            *([_cases(trial)] if found.early_stop else []),
            f"{trial.passed.share:.1%}",
            f"{trial.failed.share:.1%}",
            f"{trial.inconclusive.share:.1%}",
            trial.promise,
            f"{kept} [{wrong.low:.1%}, {wrong.high:.1%}]" if kept else "",
        )
    console().print(table)
    for reason in found.left_out:
        console().print(f"Left out: {safe_line(reason, 200)}", style="yellow")


def _cases(trial: Trial) -> str:
    return "-" if trial.cases is None else f"{trial.cases:.0f}"


def _planted(trial: Trial) -> str:
    from promptops.texts.figures import figure

    if trial.source == "repeats":
        return "none, split repeats"
    return f"{figure(trial.loss)} = {trial.margins:g} margins" if trial.margins else "none"
