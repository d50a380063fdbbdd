"""What of a run has no answer, in plain words, and whether that is more than somebody bears with."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.errors import FATAL
from promptops.types import Estimate, FailureCount, Run


def unanswered(run: Run, failures: Sequence[FailureCount]) -> str:
    """Return how much of a run has no answer and why, as sentences; empty where all of it has one."""
    if not run.errors:
        return ""
    asked = run.done + run.errors
    why = ", ".join(f"{each.count:,} x {each.kind}" for each in failures)
    rest = f"The figures are those of the other {run.done:,}." if run.done else "So there are no figures."
    return (
        f"{run.errors:,} of {asked:,} answers are missing ({share_missing(run):.0%}): {why}. They are no "
        f"zeros. {rest}"
    )


def asking_again(failures: Sequence[FailureCount]) -> str:
    """Return whether to ask again what has no answer, as the beginning of a sentence; empty where not.

    A filter says the same the next time, and so does a server that knows no such key or model, until that is
    mended.
    """
    kinds = {each.kind for each in failures}
    if kinds <= {"filtered"}:
        return ""
    if kinds <= FATAL | {"filtered"}:
        return "When that is mended, ask again"
    return "Ask again what has no answer"


def share_missing(run: Run) -> float:
    """Return the share of what was asked that has no answer."""
    return run.errors / (run.done + run.errors) if run.errors else 0.0


def too_many_missing(runs: Sequence[Run], most: float) -> str:
    """Return which run misses more than a share of its answers, as a sentence; empty where none does."""
    for run in runs:
        if share_missing(run) > most:
            return (
                f"{run.errors:,} of {run.done + run.errors:,} answers of run {run.id} are missing "
                f"({share_missing(run):.1%}), more than --max-failed {most:g} allows."
            )
    return ""


def unscored(run: Run, estimates: Sequence[Estimate]) -> list[str]:
    """Return which judges gave no score to any of a run's answers, a sentence each."""
    judges = {record.label for record in run.metrics if record.judge}
    return [
        f"{each.label} scored none of the {run.done:,} answers of run {run.id}. See why with "
        f"`promptops show {run.id}`, mend it, then: promptops score {run.id}"
        for each in estimates
        if each.label in judges and each.slice is None and each.n == 0 and each.unscored > 0
    ]
