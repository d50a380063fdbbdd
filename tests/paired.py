"""A set with a rule about pairs, and a judge of pairs that does as a file says."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable

from promptops import Project
from promptops.providers.mock import Mock
from tests.made import Folder, questions

BASELINE = "evalsets/numbers/baseline.jsonl"
N = 40
SETTINGS = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.better]
metric = "pairwise"

[[gate]]
pairwise = "better"
margin = 0.2
"""
JUDGES = """
import json
import os
import re


def judge(messages):
    # A module is loaded once in a process; what it is to say is read each time.
    with open(os.environ["SAID"]) as file:
        lost, unread = json.load(file)
    text = messages[-1]["content"]
    number = int(re.search(r"number (\\d+)", text)[1])
    if number in unread:
        return "both are fine"
    first = re.search(r"<answer-a-\\w+>\\n(.*?)\\n</answer-a", text, re.S)[1]
    return json.dumps({"reason": "r", "winner": "AB"[first.startswith("number") == (number in lost)]})


def silent_on_four(inputs):
    if inputs["question"] in ("number 1", "number 2", "number 3", "number 4"):
        raise ValueError("no idea")
    return inputs["question"]
"""


OLD = "an old answer"
PROVIDER = """\
model = "mock/echo"
judge_model = "judge/m"
attempts = 1

[providers.judge]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
price_in = 1
price_out = 1
"""


class Taste:
    """A judge that prefers the new answer on three questions of four, where it says anything."""

    def __init__(self) -> None:
        self.silent: set[int] = set()
        self.partial_to_old = False
        self.until_interrupted = 0

    def reply(self, text: str) -> str:
        self.until_interrupted -= 1
        if self.until_interrupted == 0:
            os.kill(os.getpid(), signal.SIGINT)
        number = int(re.findall(r"number (\d+)", text)[0])
        if number in self.silent:
            return "both are fine"
        if self.partial_to_old:
            return json.dumps({"reason": "r", "winner": "AB"[text.index(OLD) > text.index("</answer-a")]})
        first = text.index(OLD) > text.index(f"number {number}\n</answer")
        return json.dumps({"reason": "r", "winner": "AB"[first == (number % 4 == 0)]})


def bring_judge(folder: Folder) -> None:
    """Write the judge; the environment's SAID names what it reads."""
    folder.write("pairjudges.py", JUDGES)
    folder.write("promptops.toml", 'model = "mock/echo"\njudge_model = "python/pairjudges:judge"\n')


def judges(folder: Folder, lost: Callable[[int], bool], unread: Callable[[int], bool] | None = None) -> None:
    """Let the new answer lose on some questions, and say nothing readable on others."""
    said = [[number for number in range(N) if each and each(number)] for each in (lost, unread)]
    folder.write("said.json", json.dumps(said))


def accepted_and_run(folder: Folder) -> tuple[str, str]:
    """Accept a baseline with its outputs, and evaluate a run whose answers are all others; return both."""
    folder.evalset("numbers", questions(N), SETTINGS)
    judges(folder, lambda number: number % 4 == 0)
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        old = project.evaluate("numbers", [prompt], ["mock/constant:an old answer"])[0]
        project.accept(old.id)
        new = project.evaluate("numbers", [prompt])[0]
    Mock.calls.clear()
    return old.id, new.id
