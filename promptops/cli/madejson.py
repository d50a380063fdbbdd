"""What `--json` prints of runs that a command made, also where it was ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptops.calls.usage import Usage
    from promptops.project import Project
    from promptops.types import Estimate, Run


def was_ended(error: BaseException | None) -> bool:
    """Tell whether a signal, or a server that refuses every call, ended runs that can be resumed."""
    from promptops.calls.call import Stopped
    from promptops.errors import RunInterrupted

    return isinstance(error, RunInterrupted | Stopped)


def print_runs(
    project: Project,
    runs: Sequence[Run],
    usage: Usage | None,
    seconds: float,
    unchanged: tuple[str, ...] = (),
    stopped: str = "",
    exit_code: int = 0,
    figures: Sequence[tuple[Estimate, ...]] | None = None,
) -> None:
    """Print runs with their figures and what the command's calls took; no usage where nobody was asked.

    The `figures` of each run are looked up where they are not at hand.
    """
    from promptops.calls.usage import Usage
    from promptops.cli import documents  # so many nouns take a tenth of a second

    used = usage or Usage()
    found = figures or [project.estimates(run.id) for run in runs]
    judged = [project.judge_facts(run.id) if run.judged else () for run in runs]
    documents.print_document(
        documents.EvalDocument(
            runs=tuple(
                documents.RunFigures(
                    run=run,
                    estimates=estimates,
                    failures=project.failures(run.id),
                    cut_off=project.cut_off(run.id),
                    notes=project.judge_notes(run.id, facts=facts) if run.judged else {},
                    judges=facts,
                )
                for run, facts, estimates in zip(runs, judged, found, strict=True)
            ),
            calls=used.calls,
            cached=used.cached,
            tokens_in=used.tokens_in if used.uncounted == 0 else None,
            tokens_out=used.tokens_out if used.uncounted == 0 else None,
            cost=used.cost if used.unpriced == 0 else None,
            seconds=seconds,
            under_way=used.under_way,
            unchanged=unchanged,
            stopped=stopped or None,
            exit_code=exit_code,
        )
    )


def print_nothing(*, unchanged: tuple[str, ...] = (), nothing: str | None = None) -> None:
    """Print the object of a command that had nothing to ask, and why."""
    from promptops.cli import documents

    documents.print_document(
        documents.EvalDocument(
            runs=(),
            calls=0,
            cached=0,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            seconds=0.0,
            unchanged=unchanged,
            nothing=nothing,
        )
    )
