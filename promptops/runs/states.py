"""How a run stands, for every face: what is stored of it, and what the process that works on it is doing.

A process that was killed leaves the stored status as it was, one that is held changes nothing in the
database, a resume leaves it to the end, and one that handed a batch in has left: the stored status alone
tells none of these.
"""

from __future__ import annotations

from pathlib import Path

from promptops.runs.owner import Lease, works
from promptops.runs.pausing import holds
from promptops.types import Run, RunState


def as_it_stands(
    run: Run, lease: Lease | None, root: Path, since: str | None = None, cancelled: str | None = None
) -> Run:
    """Return a stored run with the state that is told of it.

    `running` or `paused` where a process works on it, `waiting` where a batch is out (`since` when), else
    what is stored, with when a batch was `cancelled`; what was left as `running` was interrupted, unless its
    last result was stored by then.
    """
    state: RunState = run.status
    if lease is not None and works(lease):
        state = "paused" if holds(root, run.id, lease.owner) else "running"
    elif since is not None:
        return run.model_copy(update={"status": "waiting", "waiting_since": since})
    else:
        if state == "running":
            whole = run.done + run.errors >= run.samples * run.repeats
            state = "finished" if whole else "interrupted"
        if cancelled is not None:
            return run.model_copy(update={"status": state, "cancelled_at": cancelled})
    return run if state == run.status else run.model_copy(update={"status": state})


def go_on(run: Run) -> str:
    """Return the command by which a run goes on; empty where it does or nothing is left."""
    if run.status == "paused":
        return f"promptops pause {run.id} --go-on"
    return resuming(run) if run.status in ("interrupted", "waiting") else ""


def resuming(run: Run) -> str:
    """Return the command that finishes a run; it asks again what had no answer when it was cut off."""
    again = run.errors and run.status != "waiting"
    return f"promptops resume {run.id}{' --retry-errors' if again else ''}"


def nothing_to_do(run: Run, *, retry_errors: bool) -> str:
    """Return why a run has nothing left to be asked, and what else may be wanted; empty where it has."""
    if run.status != "finished" or (retry_errors and run.errors):
        return ""
    total = run.samples * run.repeats
    if retry_errors:
        return f"Run {run.id} is finished and all {total:,} answers are there: there is nothing to ask again."
    if not run.errors:
        return f"Run {run.id} is finished and all {total:,} answers are there: there is nothing to do."
    return (
        f"Run {run.id} is finished: there is nothing to do but to ask again what has no answer "
        f"({run.errors:,} of {total:,}): promptops resume {run.id} --retry-errors"
    )


def how_to_finish(run: Run) -> str:
    """Return what to do about a run that must be whole first, as a sentence."""
    if run.status == "running":
        return "Wait until it is finished."
    if run.status == "paused":
        return f"Let it go on first: {go_on(run)}"
    if run.status == "waiting":
        return f"Bring its answers first: promptops resume {run.id} --wait"
    return f"Finish it first: {resuming(run)}"


def taken(root: Path, run_id: str, owner: str | None) -> str:
    """Return why nobody but its owner may work on a run, and what to do."""
    if owner is not None and holds(root, run_id, owner):
        return (
            f"Run {run_id} is paused, and its process keeps it. Let it go on: promptops pause {run_id} "
            f"--go-on. Or end it, then resume it: promptops stop {run_id}"
        )
    return (
        f"Run {run_id} is being worked on by another process. Wait for it, or stop it first: "
        f"promptops stop {run_id}"
    )
