"""A judge on a server that may become milder, silent or dead, and a set that it scores."""

from __future__ import annotations

import json
import random
import re
from collections import Counter

from click.testing import CliRunner, Result

from promptops.cli import app
from promptops.project import Project
from tests.judges.scripted_judge import Server
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "criteria"
model = "judge/m"
scale = [1, 5]
step = 0.25
criteria = { helpful = "It helps." }
"""
N = 40


class Mood:
    """A judge with noise of half a point, that may be milder, silent or dead."""

    def __init__(self) -> None:
        self.milder, self.silent = 0.0, 0
        self._times: Counter[str] = Counter()

    def reply(self, text: str) -> str:
        if self.silent:
            self.silent -= 1
            return "I would rather not say."
        worth = re.search(r"worth (\d)", text)
        assert worth
        self._times[text] += 1
        noise = random.Random(f"{self._times[text]} {text}").choice((-0.5, 0, 0, 0.5))
        score = int(worth[1]) + noise + self.milder
        return json.dumps({"reason_1": "so", "grade_1": min(score, 5)})


def scored_by(server: Server, folder: Folder) -> Folder:
    """Make a set with a judge on the server, and a run that it scored."""
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        f'attempts = 1\n[providers.judge]\nkind = "openai"\nbase_url = "{address}"\n'
        "price_in = 1\nprice_out = 1\n",
    )
    server.usage = {"prompt_tokens": 100, "completion_tokens": 10}
    folder.evalset("numbers", questions(N), SET)
    answers = {f"q{number:03}": {"text": f"answer {number} worth {worth(number)}"} for number in range(N)}
    with Project.open(folder.path) as project:
        project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], [folder.script("answers.json", answers)]
        )
    return folder


def worth(number: int) -> int:
    """2 to 4, and 2 seldom."""
    return 2 if number % 10 == 0 else 3 + number % 2


def cli(folder: Folder, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(folder.path), *arguments])
