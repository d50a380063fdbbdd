"""The main metric while a run goes on: the same figures as afterwards, cheap, and shown as running."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from promptops import Project, Run
from promptops.calls.usage import Usage
from promptops.cli.progress import told as line_of
from promptops.metrics.exact import Exact
from promptops.runs.progress import Progress
from promptops.runs.running import Running
from promptops.types import Completion, Estimate, MetricRecord, Result, Sample, Score
from tests.made import Folder, questions

BLEU = '[card]\ndescription = "x"\n[metrics.bleu]\n[metrics.exact]\n'


def watched(folder: Folder, model: str, **more: Any) -> tuple[Run, list[Estimate | None]]:
    """Return a run, and its running figure after each result."""
    seen: list[Estimate | None] = []

    def watch(progress: Progress) -> None:
        seen.append(progress.running.estimate(fresh=True) if progress.running else None)

    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [model], watch=watch, **more)[0]
    return run, seen


def main_figure(folder: Folder, run: Run) -> Estimate:
    with Project.open(folder.path) as project:
        return project.estimates(run.id, slices=False)[0]


@pytest.mark.parametrize("repeats", [1, 3])
def test_at_the_end_it_is_the_runs_own_figure(folder: Folder, repeats: int) -> None:
    rows = questions(40, group=lambda n: f"g{n // 3}", weight=lambda n: 1 + n % 4)
    folder.evalset("numbers", rows)
    wrong = {f"q{n:03}": "wrong" for n in range(0, 40, 7)} | {"q005": {"fail": "rejected"}}
    run, seen = watched(folder, folder.script("s.json", {"*": {}, **wrong}), repeats=repeats)
    last, whole = seen[-1], main_figure(folder, run)
    assert seen[0] is None and last is not None
    assert (last.label, last.n) == (whole.label, whole.n) == ("exact", 39)
    assert (last.value, last.low, last.high) == pytest.approx((whole.value, whole.low, whole.high), abs=1e-12)


def test_on_the_way_it_is_about_what_is_there(folder: Folder) -> None:
    _, seen = watched(folder, "mock/constant:number 3", concurrency=1)
    figures = [(each.n, each.value) for each in seen if each is not None]
    assert figures == [(n, pytest.approx(float(n >= 4) / n)) for n in range(1, 41)]
    assert seen[1] is not None and seen[1].low is None


def test_a_corpus_metric_has_its_figure_and_no_interval(folder: Folder) -> None:
    folder.evalset("numbers", questions(40), "format = 1\n" + BLEU)
    run, seen = watched(
        folder, folder.script("s.json", {"*": {}, "q003": "number 3 and 4", "q009": "a b c d"})
    )
    last, whole = seen[-1], main_figure(folder, run)
    assert last is not None and last.low is None
    assert last.value == pytest.approx(whole.value, abs=1e-9)


def test_a_resumed_run_counts_what_was_there_before(folder: Folder) -> None:
    right = {"*": {}, "q001": "wrong"}
    run, _ = watched(
        folder, folder.script("s.json", right | {f"q{n:03}": {"fail": "rejected"} for n in range(20, 40)})
    )
    folder.script("s.json", right)
    seen: list[Estimate | None] = []

    def watch(progress: Progress) -> None:
        seen.append(progress.running.estimate(fresh=True) if progress.running else None)

    with Project.open(folder.path) as project:
        project.resume(run.id, retry_errors=True, concurrency=1, watch=watch)
    assert seen[1] is not None and seen[1].n == 21
    last, whole = seen[-1], main_figure(folder, run)
    assert last is not None and last.n == 40
    assert (last.n, last.value) == (whole.n, pytest.approx(whole.value))


def test_a_metric_with_changing_numbers_of_counts_ends_no_run(folder: Folder) -> None:
    running = large(2)
    running.add(Result(sample_id="q0", completion=Completion(text=""), scores={"exact": Score.of(1.0)}), 0)
    running.add(
        Result(sample_id="q1", completion=Completion(text=""), scores={"exact": Score.of(1.0, 2.0)}), 1
    )
    found = running.estimate(fresh=True)
    assert found is not None and found.n == 1


def large(n: int) -> Running:
    record = MetricRecord(
        label="exact",
        metric="exact",
        signature="",
        higher_is_better=True,
        low=0,
        high=1,
        unit="",
        corpus=False,
    )
    samples = [Sample(id=f"q{number}", inputs={}, group=f"g{number // 3}") for number in range(n)]
    run = Run.model_construct(id="r", metrics=(record,), samples=n, repeats=1)
    return Running(run, samples, Exact())


def test_an_estimate_of_a_hundred_thousand_samples_is_whole() -> None:
    running = large(100_000)
    marks = np.random.default_rng(1).random(100_000) < 0.7
    results = [
        Result.model_construct(
            sample_id=f"q{place}",
            repeat=0,
            completion=None,
            failure=None,
            scores={"exact": Score.of(float(mark))},
        )
        for place, mark in enumerate(marks)
    ]
    for place, result in enumerate(results):
        running.add(result, place)
    first = running.estimate()
    again = running.estimate(fresh=True)
    assert first is not None and again is not None and again.n == 100_000
    assert again.value == pytest.approx(marks.mean())


def test_a_figure_stands_for_a_second() -> None:
    running = large(10)
    running.add(Result(sample_id="q0", completion=Completion(text=""), scores={"exact": Score.of(1.0)}), 0)
    first = running.estimate()
    running.add(Result(sample_id="q1", completion=Completion(text=""), scores={"exact": Score.of(0.0)}), 1)
    assert running.estimate() is first
    assert running.estimate(fresh=True) != first


def test_a_terminal_shows_it_as_running(folder: Folder) -> None:
    # It goes on for as long as nobody has seen it: a busy machine draws few lines.
    folder.evalset("numbers", questions(400))
    folder.write(
        "target.py",
        "import asyncio, os\n\n\n"
        "async def answer(inputs):\n"
        "    await asyncio.sleep(0.0 if os.path.exists('seen') else 0.3)\n"
        "    return inputs['question']\n",
    )
    running = re.compile(r"exact 1\.0000 \[0\.\d+, 1\.0000\] running")
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "promptops",
        "eval",
        "numbers",
        "-p",
        "ask.prompt.yaml",
        "-m",
        "python/target:answer",
        "-j",
        "4",
    ]
    done = subprocess.Popen(
        command, cwd=folder.path, stdout=subprocess.DEVNULL, stderr=theirs, stdin=subprocess.DEVNULL
    )
    os.close(theirs)
    shown = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready
        try:
            read = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        shown += read
        if running.search(shown.decode("utf-8", "replace")):
            (folder.path / "seen").touch()
    assert done.wait() == 0
    lines = re.split(r"\r\x1b\[2K|\r?\n", shown.decode())
    found = [line for line in lines if running.search(line)]
    assert found, lines


@pytest.mark.parametrize(
    ("done", "seconds", "told"),
    [
        # Eight calls of 30 s each: six rounds, of which the first is not over when its first answer is there.
        (1, 30.0, ("2/min", "3 min left")),
        # From two rounds on the pace tells.
        (16, 80.0, ("12/min", "3 min left")),
        (40, 2.0, ("20/s", "0 s left")),
        (2, 7200.0, ("1/h", "67 min left")),
    ],
)
def test_a_slow_servers_pace_is_told_and_the_time_left_from_the_first_answer_on(
    done: int, seconds: float, told: tuple[str, str]
) -> None:
    progress = Progress(total=48, usage=Usage(), at_once=8)
    progress.done, progress.started = done, time.monotonic() - seconds
    progress.taken = 30.0 if done == 1 else done * 700.0
    shown = line_of(progress).split("  ")
    assert set(told) <= set(shown)
    assert len(line_of(Progress(total=48, usage=Usage())).split("  ")) == 1


def test_refusals_say_nothing_of_how_long_an_answer_takes() -> None:
    progress = Progress(total=48, usage=Usage(), done=2, errors=2, at_once=8, taken=0.0)
    progress.started = time.monotonic() - 60.0
    assert progress.seconds_left == pytest.approx(46 * 30, rel=0.05)
    progress.errors, progress.taken = 1, 16.0
    assert progress.seconds_left == pytest.approx(46 * 16 / 8)
