"""How long a verdict takes once the answers are stored: ratios of one run.

    python benchmarks/verdicts.py [--repeat 3] [--small]

Two stored runs of 10,000 samples are gated and two of 100,000 compared: five metrics, of which BLEU and
chrF are corpus metrics with 2,000 resamples. Rows go into a real SQLite project by the store's bulk
writing; no model is asked. Every row of the table is a process of its own that decides on a tiny set
first, so that start-up (imports, opening, compiling SQL) is paid before the clock runs. References of the
same run: the same counts and samples read by bare sqlite3, numpy and json, and sacrebleu's own paired
bootstrap.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptops import Project
from promptops.metrics import Metric, scored
from promptops.metrics.bleu import Bleu
from promptops.metrics.chrf import Chrf
from promptops.metrics.exact import Exact
from promptops.metrics.f1 import F1
from promptops.metrics.length import Length
from promptops.sets.evalset import read_evalset
from promptops.store.writer import CallRow, ResultRow, Writer
from promptops.types import Completion, EvalSet, Message, Prompt, Result, Run, Sample, Score

GATED, COMPARED, TINY = 10_000, 100_000, 40
POOL = 1_500
"""Distinct answers that are scored; samples take theirs from these, for scoring is not what is measured."""
SETTINGS = """\
format = 1

[card]
description = "made for a benchmark"

[metrics.exact]
[metrics.f1]
[metrics.length]
max = 90
[metrics.bleu]
[metrics.chrf]

"""
RULES = "".join(
    f'[[gate]]\nmetric = "{name}"\nmargin = {margin}\n\n'
    for name, margin in (("exact", 0.02), ("f1", 0.02), ("length", 0.02), ("bleu", 1.0), ("chrf", 1.0))
)
METRICS: dict[str, Metric] = {
    "exact": Exact(),
    "f1": F1(),
    "length": Length(max=90),
    "bleu": Bleu(),
    "chrf": Chrf(),
}
PROMPT = Prompt(messages=(Message(role="user", content="{{ question }}"),))


@dataclass(frozen=True)
class Answers:
    """What one version said to a pool of questions, scored."""

    texts: list[str]
    scores: list[dict[str, Score]]


@dataclass(frozen=True)
class Measured:
    cpu: float
    wall: float
    start: float
    peak: float


def build(folder: Path, sizes: Sequence[int]) -> None:
    """Make the project; what that costs is told apart."""
    rng = random.Random(20261121)
    words = ["".join(rng.choices("abcdeilmnorstu", k=rng.randint(2, 9))) for _ in range(3_000)]
    targets = [" ".join(rng.choices(words, k=rng.randint(8, 20))) for _ in range(POOL)]
    started = time.perf_counter()
    old, new = (_answers(rng, words, targets, kept) for kept in (0.80, 0.81))
    print(f"scored {2 * POOL:,} distinct answers in {time.perf_counter() - started:.1f} s")
    (folder / "promptops.toml").write_text("", "utf-8")
    with Project.open(folder) as project:
        for size in sizes:
            found = _evalset(folder, size, targets)
            started = time.perf_counter()
            project.store.save_evalset(found)
            saved = time.perf_counter() - started
            started = time.perf_counter()
            for name, answers in (("old", old), ("new", new)):
                _store_run(project, f"{name}{size}", found, answers)
            seconds = time.perf_counter() - started
            print(
                f"stored two runs of {size:,} samples in {seconds:.1f} s "
                f"({4 * size / seconds:,.0f} rows/s, with their calls); the set in {saved:.1f} s",
                flush=True,
            )


def _answers(rng: random.Random, words: list[str], targets: list[str], kept: float) -> Answers:
    texts = [
        target
        if rng.random() < 0.1
        else " ".join(word if rng.random() < kept else rng.choice(words) for word in target.split())
        for target in targets
    ]
    records = {label: metric.record(label, label) for label, metric in METRICS.items()}
    scores = [
        {
            label: scored(metric, records[label], Completion(text=text), _sample(0, target))
            for label, metric in METRICS.items()
        }
        for text, target in zip(texts, targets, strict=True)
    ]
    return Answers(texts, scores)


def _sample(number: int, target: str, *, grouped: bool = False) -> Sample:
    """Return a sample with one to three of four tags; of grouped ones the fifth shares the fourth's group."""
    tags = (("short", "long")[number % 2], *(("rare",) if number % 10 == 0 else ()))
    return Sample(
        id=f"s{number:06}",
        inputs={"question": f"Question {number}?", "context": target[:40]},
        target=(target,),
        tags=(*tags, "new") if number % 4 == 0 else tags,
        group=f"g{number - number % 5 // 4:06}" if grouped else None,
    )


def _evalset(folder: Path, size: int, targets: list[str]) -> EvalSet:
    target = folder / "evalsets" / f"set{size}"
    target.mkdir(parents=True)
    (target / "evalset.toml").write_text(SETTINGS + RULES, "utf-8")
    with (target / "samples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(size):
            sample = _sample(number, targets[number % POOL], grouped=size <= GATED)
            file.write(sample.model_dump_json(exclude_none=True) + "\n")
    return read_evalset(target)


def _store_run(project: Project, name: str, found: EvalSet, answers: Answers) -> None:
    run = Run(
        id=name,
        created_at="2026-11-21T00:00:00.000+00:00",
        status="finished",
        evalset=found.name,
        evalset_digest=found.digest,
        prompt=PROMPT,
        prompt_ref=f"{name}.prompt.yaml",
        model="mock/echo",
        metrics=tuple(metric.record(label, label) for label, metric in METRICS.items()),
        samples=len(found.samples),
    )
    project.store.create_run(run, {})

    async def save() -> None:
        with Writer(project.store) as writer:
            for start in range(0, len(found.samples), 1_000):
                ids = [sample.id for sample in found.samples[start : start + 1_000]]
                await asyncio.gather(
                    *(
                        writer.submit(*_rows(name, sample_id, answers, place % POOL))
                        for place, sample_id in enumerate(ids, start)
                    )
                )

    asyncio.run(save())


def _rows(run_id: str, sample_id: str, answers: Answers, pick: int) -> tuple[CallRow, ResultRow]:
    completion = Completion(text=answers.texts[pick], tokens_in=60, tokens_out=20, seconds=0.5)
    result = Result(sample_id=sample_id, completion=completion, scores=answers.scores[pick])
    return CallRow(run_id, sample_id, 0, "answer", 0, None, False, completion), ResultRow(run_id, 0, result)


def child(verb: str, folder: Path, size: int) -> None:
    """Do one verb on a tiny set and then on the one that is measured; print CPU, wall, start-up, peak."""
    gc.set_threshold(50_000, 20, 50)  # as the command line has it
    work = VERBS[verb]
    work(folder, TINY)
    start = time.process_time()
    cpu, wall = start, time.perf_counter()
    work(folder, size)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "wall": wall, "start": start, "peak": peak}))


def _gate(folder: Path, size: int) -> None:
    with Project.open(folder) as project:
        verdict = project.gate(f"set{size}", run=f"new{size}", baseline=f"old{size}")
    assert len(verdict.cells) == len(METRICS)


def _compare(folder: Path, size: int, *, slices: bool = False) -> None:
    with Project.open(folder) as project:
        found = project.compare(f"old{size}", f"new{size}", slices=slices)
    assert all(delta.low is not None for delta in found.deltas if delta.slice is None)


def _bare(folder: Path, size: int) -> None:
    """What nobody can do without: read both runs' counts and the samples, row by row."""
    connection = sqlite3.connect(folder / ".promptops" / "promptops.db")
    for name in (f"old{size}", f"new{size}"):
        query = "SELECT sample_id, repeat, failure_kind, figures FROM results WHERE run_id = ?"
        for row in connection.execute(query, (name,)):
            np.frombuffer(row[3], "<f8", offset=5 + int.from_bytes(row[3][1:5], "little"))
    digest = connection.execute("SELECT evalset_digest FROM runs WHERE id = ?", (f"old{size}",)).fetchone()
    for row in connection.execute("SELECT content FROM snapshot_samples WHERE digest = ?", digest):
        json.loads(row[0])
    connection.close()


def _sacrebleu(folder: Path, size: int) -> None:
    """sacrebleu's paired bootstrap of BLEU and chrF on the same texts, 2,000 resamples, intervals only."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.significance import PairedTest

    with Project.open(folder) as project:
        samples = project.samples(f"old{size}")
        systems = []
        for name in (f"old{size}", f"new{size}"):
            found = {result.sample_id: result for result in project.store.results(name)}
            texts = [found[sample.id].completion for sample in samples]
            systems.append((name, [text.text if text else "" for text in texts]))
    targets = [sample.references[0] for sample in samples]
    metrics = {
        "BLEU": BLEU(references=[targets]),
        "chrF": CHRF(references=[targets]),
    }
    PairedTest(systems, metrics, references=None, test_type="bs", n_samples=2_000)()


VERBS: dict[str, Callable[[Path, int], None]] = {
    "gate": _gate,
    "compare": _compare,
    "slices": lambda folder, size: _compare(folder, size, slices=True),
    "bare": _bare,
    "sacrebleu": _sacrebleu,
}


def measure(verb: str, folder: Path, size: int) -> Measured:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["SACREBLEU_SEED"] = "12345"
    done = subprocess.run(
        [sys.executable, __file__, "--child", verb, str(folder), str(size)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def rows(given: argparse.Namespace) -> Iterator[tuple[str, str, int, int]]:
    """Name, verb, samples and rounds of each row; a reference stands above what is held against it."""
    yield "bare sqlite3, numpy and json.loads", "bare", GATED, given.repeat
    if not given.no_sacrebleu:
        yield "sacrebleu, paired bootstrap", "sacrebleu", GATED, 1
    yield "promptops gate", "gate", GATED, given.repeat
    yield "promptops compare", "compare", GATED, given.repeat
    if not given.small:
        yield "bare sqlite3, numpy and json.loads", "bare", COMPARED, given.repeat
        yield "promptops compare", "compare", COMPARED, given.repeat
        yield "promptops compare, four slices", "slices", COMPARED, given.repeat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="without the 100,000 samples")
    parser.add_argument("--no-sacrebleu", action="store_true", help="without the minutes that it takes")
    parser.add_argument("--folder", type=Path, help="keep the project there, and use it again")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        verb, folder, *sizes = given.child
        if verb == "build":
            build(Path(folder), [int(size) for size in sizes])
        else:
            child(verb, Path(folder), int(sizes[0]))
        return
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; medians of {given.repeat}")
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        if not (folder / "promptops.toml").exists():
            folder.mkdir(exist_ok=True)
            # In a process of its own: a child's peak memory is at least what its parent held.
            sizes = [TINY, GATED] if given.small else [TINY, GATED, COMPARED]
            subprocess.run(
                [sys.executable, __file__, "--child", "build", str(folder), *map(str, sizes)], check=True
            )
        table(folder, given)


def table(folder: Path, given: argparse.Namespace) -> None:
    print(
        f"{'':34}{'samples':>9}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'start-up CPU s':>16}  ratios of wall"
    )
    references: dict[tuple[str, int], float] = {}
    for name, verb, size, repeat in rows(given):
        found = [measure(verb, folder, size) for _ in range(repeat)]
        wall, cpu, peak, start = (
            statistics.median(getattr(each, field) for each in found)
            for field in ("wall", "cpu", "peak", "start")
        )
        told = [
            f"{wall / reference:.2f}x {other}"
            for (other, of), reference in references.items()
            if of == size and verb not in ("bare", "sacrebleu")
        ]
        print(
            f"{name:34}{size:>9,}{wall:8.2f}{cpu:8.2f}{peak:9.0f}{start:16.2f}  {', '.join(told)}", flush=True
        )
        if verb in ("bare", "sacrebleu"):
            references[verb, size] = wall


if __name__ == "__main__":
    main()
