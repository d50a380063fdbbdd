"""A project with two runs of many samples whose every text tries to act: markup, beacons, control codes."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from promptops import Project
from promptops.calls.models import build_metric
from promptops.metrics import Metric
from promptops.store import CallRow, ResultRow, Writer
from promptops.types import (
    Completion,
    EvalSet,
    Failure,
    Message,
    MetricSpec,
    Prompt,
    Result,
    Run,
    Sample,
    Score,
)

SET = "hostile-mails"
BATCH = 1000
ODD = "</text><image href='//x/y'/><script>window.pwned = 1</script>"
"""A tag that the set gates by: it comes into a plot."""
EVALSET = f"""\
format = 1
slices = ["first half", "second half"]

[card]
description = "Texts that try to act."
origin = "written for this test"
licence = "CC0-1.0"
language = "en"

[metrics.f1]

[metrics.quality]
metric = "rubric"

[[gate]]
metric = "f1"
margin = 0.02

[[gate]]
metric = "f1"
slice = "{ODD}"
margin = 0.05
"""
SETTINGS = 'model = "mock/echo"\njudge_model = "mock/echo"\n'


@dataclass(frozen=True)
class Made:
    """Where the project lies and what its runs are called."""

    root: Path
    database: str
    baseline: str
    candidate: str


def hostile_texts(beacon: str) -> list[str]:
    """Return texts, each of which does something where it is not shown as text."""
    return [
        f"<script>window.pwned = 1; fetch('{beacon}/script')</script>",
        f"![x]({beacon}/markdown)",
        f'<img src={beacon}/image onerror="window.pwned = 1">',
        f"</pre></div><iframe src={beacon}/frame></iframe><style>@import '{beacon}/style'</style>",
        "\x1b[31mred\x1b[0m and \x07 a bell and \x9b2J",
        "user\u202etxt.exe \u2066hidden\u2069 zero\u200bwidth",
        f'=HYPERLINK("{beacon}/formula","click")',
        "[click](javascript:window.pwned=1) <a href='javascript:window.pwned=1'>here</a>",
        f"$$\\href{{{beacon}/latex}}{{x}}$$ :material/home: :red[red] &lt;b&gt; `code`",
        f"<svg onload=window.pwned=1><image href='{beacon}/svg'/></svg>" + " long text" * 2000,
        "lone \ud800 surrogate, a null \x00 and a line\u2028break",
        "<!-- --!><details open ontoggle=window.pwned=1><summary>x</summary></details>",
    ]


def make_project(root: Path, beacon: str, size: int) -> Made:
    """Write the set's files and both runs; the candidate is a little better."""
    texts = hostile_texts(beacon)
    folder = root / "evalsets" / SET
    folder.mkdir(parents=True)
    (root / "promptops.toml").write_text(SETTINGS, "utf-8")
    (folder / "evalset.toml").write_text(EVALSET, "utf-8")
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(size):
            file.write(json.dumps(_sample_row(number, size, texts)) + "\n")
    with Project.open(root) as project:
        evalset = project.evalset(SET)
        project.store.save_evalset(evalset)
        specs = list(evalset.metrics)
        metrics = {spec.label: _metric(spec, folder, project) for spec in specs}
        first, _ = project.add_prompt(_prompt(texts[1], "one"), name="mails", note=texts[1])
        second, _ = project.add_prompt(_prompt(texts[0], "two"), name="mails", note=texts[2])
        project.set_alias("mails@1", "production", reason=texts[1])
        project.set_alias("mails@2", "production", reason=texts[6])
        runs = [
            _run(
                f"{kind}00000000", project, evalset, version.prompt, version.reference, metrics, specs, texts
            )
            for kind, version in (("aaaa", first), ("bbbb", second))
        ]
        for better, run in enumerate(runs):
            project.store.create_run(run, {"concurrency": 8})
            _store_results(project, run, evalset, metrics, texts, better=bool(better))
            project.store.set_status(run.id, "finished")
        return Made(root, project.settings.database, runs[0].id, runs[1].id)


def _sample_row(number: int, size: int, texts: list[str]) -> dict[str, object]:
    # A file of samples is checked text; lone surrogates and nulls come from models only.
    text = texts[number % len(texts)].replace("\ud800", "").replace("\x00", "")
    return {
        "id": f"case-{number:05d}",
        "inputs": {"mail": text},
        "target": [f"The answer {number % 7} is short. {text[:60]}"],
        "tags": ["first half" if number < size // 2 else "second half", *([ODD] if number % 2 else [])],
    }


def _metric(spec: MetricSpec, folder: Path, project: Project) -> Metric:
    return build_metric(spec, folder=folder, language="en", judge_model=None, settings=project.settings)


def _prompt(text: str, word: str) -> Prompt:
    return Prompt(
        name="mails",
        messages=(
            Message(role="system", content=f"Answer in {word} sentence. {text}"),
            Message(role="user", content="{{ mail }}"),
        ),
    )


def _run(
    run_id: str,
    project: Project,
    evalset: EvalSet,
    prompt: Prompt,
    reference: str,
    metrics: dict[str, Metric],
    specs: list[MetricSpec],
    texts: list[str],
) -> Run:
    return Run(
        id=run_id,
        created_at=f"2026-11-21T09:0{reference[-1]}:00.000+00:00",
        status="running",
        evalset=evalset.name,
        evalset_digest=evalset.digest,
        prompt=prompt,
        prompt_ref=reference,
        model=f"mock/constant:{texts[1]}",
        metrics=tuple(metrics[spec.label].record(spec.label, spec.metric) for spec in specs),
        samples=len(evalset.samples),
        actor=texts[0],
    )


def _store_results(
    project: Project,
    run: Run,
    evalset: EvalSet,
    metrics: dict[str, Metric],
    texts: list[str],
    *,
    better: bool,
) -> None:
    rows = [
        row
        for number, sample in enumerate(evalset.samples)
        for row in _rows(run, sample, number, metrics, texts, better=better)
    ]

    async def write() -> None:
        with Writer(project.store) as writer:
            for start in range(0, len(rows), BATCH):
                await writer.save(*rows[start : start + BATCH])

    # In a thread of its own: playwright keeps a loop running in the one that calls.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(write())).result()


def _rows(
    run: Run, sample: Sample, number: int, metrics: dict[str, Metric], texts: list[str], *, better: bool
) -> list[CallRow | ResultRow]:
    if number % 997 == 5:
        failure = Failure(kind="server", message=texts[number % len(texts)], status=500)
        return [ResultRow(run.id, 0, Result(sample_id=sample.id, failure=failure))]
    words = 7 if better else 5
    text = " ".join(f"The answer {number % words} is short.".split()) + " " + texts[number % len(texts)]
    completion = Completion(text=text, tokens_in=20, tokens_out=12, seconds=0.05)
    grade = 1.0 + (number * 7 + better) % 5
    scores = {
        "f1": metrics["f1"].score(Completion(text=text[:200]), sample),
        "quality": Score.of(grade, reason=f"Grade {grade:g}. {texts[(number + 3) % len(texts)]}"),
    }
    return [
        CallRow(run.id, sample.id, 0, "answer", 0, None, False, completion),
        ResultRow(run.id, 0, Result(sample_id=sample.id, completion=completion, scores=scores)),
    ]
