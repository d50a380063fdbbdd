"""How far a run has come: a live line on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from promptops.calls.budget import Budget
from promptops.cli.jsonlog import JsonLog, json_log
from promptops.runs.progress import Progress, Watch
from promptops.runs.states import resuming
from promptops.texts.figures import duration, figure, interval, pace
from promptops.types import Run

if TYPE_CHECKING:
    from promptops.project import Project

LIVE_SECONDS = 0.1
PLAIN_SECONDS = 5.0


@contextmanager
def logged(
    project: Project, where: str | None, *, quiet: bool
) -> Iterator[tuple[Watch | None, JsonLog | None]]:
    """Yield what a run calls, and the log if one is wanted; at the end the log tells how the runs stand."""
    with json_log(where) as log:
        try:
            with watching(quiet=quiet, log=log) as watch:
                yield watch, log
        except BaseException as error:
            if log is not None:
                log.end(project, error)
            raise
        if log is not None:
            log.end(project, None)


@contextmanager
def watching(*, quiet: bool = False, log: JsonLog | None = None) -> Iterator[Watch | None]:
    """Yield what a run calls after each stored result: it draws the line, writes the log, or both."""
    with _no_death_by_pause():
        if quiet or (log is not None and log.on_stderr):
            yield None if log is None else log.watch
            return
        with _drawing() as draw:
            yield draw if log is None else _both(log.watch, draw)


def _both(first: Watch, second: Watch) -> Watch:
    def watch(progress: Progress) -> None:
        first(progress)
        second(progress)

    return watch


@contextmanager
def _drawing() -> Iterator[Watch]:
    live = sys.stderr.isatty()
    every = LIVE_SECONDS if live else PLAIN_SECONDS
    drawn = [monotonic() if not live else 0.0]
    enough = [False]
    paused = [False]

    def watch(progress: Progress) -> None:
        now = monotonic()
        whole = progress.done == progress.total or (progress.enough and not enough[0])
        if progress.paused != paused[0]:
            whole, paused[0] = True, progress.paused
        if now - drawn[0] < every and not (whole and (live or progress.total)):
            return
        enough[0] = progress.enough
        drawn[0] = now
        sys.stderr.write(("\r\x1b[2K" if live else "") + told(progress) + ("" if live else "\n"))
        sys.stderr.flush()

    try:
        yield watch
    finally:
        if live and drawn[0]:
            sys.stderr.write("\n")


@contextmanager
def _no_death_by_pause() -> Iterator[None]:
    """Let a SIGUSR1 that comes before the first call or after the last do nothing: by default it kills."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def told(progress: Progress) -> str:
    """Return one line: done, errors, cached, rate, the main metric so far, tokens, cost, time left."""
    usage = progress.usage
    share = progress.done / progress.total if progress.total else 1.0
    unit = f" {progress.unit}" if progress.unit else ""
    parts = [f"{progress.done}/{progress.total}{unit} ({share:.0%})"]
    if progress.errors:
        parts.append(f"{progress.errors} errors")
    if progress.unscored:
        parts.append(f"{progress.unscored} unscored")
    if usage.cached:
        parts.append(f"{usage.cached} cached")
    if progress.done:
        parts.append(pace(progress.rate))
    estimate = progress.running.estimate() if progress.running else None
    if estimate is not None:
        bounds = f" {interval(estimate.low, estimate.high)}" if estimate.low is not None else ""
        parts.append(f"{estimate.label} {figure(estimate.value)}{bounds} running")
    if usage.tokens_in or usage.tokens_out:
        more = f" and {usage.uncounted} calls that tell none" if usage.uncounted else ""
        parts.append(f"{usage.tokens_in + usage.tokens_out:,} tokens{more}")
    parts.append(cost(usage.cost, usage.calls - usage.unpriced, usage.unpriced, saved=usage.saved))
    parts.extend(usage.told_waits())
    left = progress.seconds_left
    if progress.paused:
        parts.append(f"paused (kill -USR1 {os.getpid()} to go on)")
    elif progress.enough:
        parts.append("certain, so no more are asked")
    elif left is not None and progress.done < progress.total:
        parts.append(f"{duration(left)} left")
    return "  ".join(part for part in parts if part)


def tell_stopped(budget: Budget, runs: Sequence[Run]) -> None:
    """Say on stderr why a command stopped asking, how far its runs have come, and how to go on."""
    if not budget.stopped:
        return
    wanted = sum(run.samples * run.repeats for run in runs)
    done = sum(run.done for run in runs)
    told = f"{budget.stopped}: {budget.told()}, {done:,} of {wanted:,} answers finished."
    unfinished = [run for run in runs if run.status != "finished"]
    failed = [run for run in runs if run.errors and run.status == "finished"]
    again = " && ".join(resuming(run) for run in (*unfinished, *failed))
    sys.stderr.write(f"{told} Go on: {again}\n" if again else f"{told}\n")


def cost(dollars: float, priced: int, unpriced: int, *, saved: float = 0.0) -> str:
    """Return the cost as far as it is known, and what the cache saved; an unknown price is never zero."""
    kept = f" (${saved:.4f} saved by the cache)" if saved else ""
    if not priced:
        return f"cost unknown{kept}" if unpriced else f"$0 spent{kept}" if saved else ""
    return f"${dollars:.4f}" + (f" and {unpriced} calls of unknown price" if unpriced else "") + kept
