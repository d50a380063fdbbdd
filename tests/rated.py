"""A set with a judge that errs differently on two prompts, and people who know the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promptops.labels.labels import Case, left_for
from promptops.project import Project
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"
model = "python/judge:reply"
scale = {scale}
criteria = "{criteria}"

[[gate]]
metric = "quality"
margin = {margin}
{rule}
"""

JUDGE = """\
import json, re

def reply(messages):
    text = "\\n".join(message["content"] for message in messages)
    return json.dumps({"reason": "so", "score": int(re.search(r"worth (\\d)", text)[1])})
"""
JUDGED = "numbers:quality"


@dataclass(frozen=True)
class Made:
    """Two runs of one set, the first one accepted, with what judge and people say of each sample."""

    folder: Folder
    first: str
    second: str
    people: tuple[list[int], list[int]]
    judge: tuple[list[int], list[int]]


def truth(n: int, *, fall: float = 0.5, seed: int = 1) -> tuple[tuple[list[int], list[int]], ...]:
    """Return people's and the judge's scores, 1 to 5, of two versions: the second falls and is flattered."""
    rng = np.random.default_rng(seed)
    before = rng.integers(2, 5, n)
    after = before - (rng.random(n) < fall)
    noise = rng.integers(0, 2, (2, n))
    said = np.clip(before + noise[0], 1, 5), np.clip(after + 1 + noise[1], 1, 5)
    return tuple(tuple([int(x) for x in each] for each in pair) for pair in ((before, after), said))  # type: ignore[return-value]


def made(
    folder: Folder,
    people: tuple[list[int], list[int]],
    judge: tuple[list[int], list[int]],
    *,
    rule: str = "",
    margin: float = 0.3,
    scale: str = "[1, 5]",
    **more: Callable[[int], object],
) -> Made:
    """Run two versions of a prompt whose answers tell the judge one score and people another."""
    folder.write("judge.py", JUDGE)
    folder.write("promptops.toml", 'allow_code = ["python/judge:reply"]\n')
    folder.evalset(
        "numbers",
        questions(len(people[0]), **more),
        SET.format(rule=rule, margin=margin, scale=scale, criteria="It helps."),
    )
    with Project.open(folder.path) as project:
        runs = [answered(project, folder, version, people, judge) for version in (0, 1)]
        project.accept(runs[0])
    return Made(folder, runs[0], runs[1], people, judge)


def answered(
    project: Project,
    folder: Folder,
    version: int,
    people: tuple[list[int], list[int]],
    judge: tuple[list[int], list[int]],
) -> str:
    answers = {
        f"q{number:03}": {"text": f"answer {number} worth {judge[version][number]} true {true}"}
        for number, true in enumerate(people[version])
    }
    script = folder.script(f"answers{version}.json", answers)
    return project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [script])[0].id


def true_of(case: Case) -> int:
    return int(case.output.split()[-1])


def rate(project: Project, rater: str = "anna") -> None:
    held = project.labelling(JUDGED)
    project.rate_cases(JUDGED, rater, {case.id: true_of(case) for case in left_for(held.cases, rater)})


def lines(folder: Folder) -> list[dict[str, object]]:
    text = (folder.path / "evalsets/numbers/labels/quality.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]
