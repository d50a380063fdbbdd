"""A metric is one new file: nothing else is edited, and everything finds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made import EVALSET, Folder, questions

ROOT = Path(__file__).parents[1]
METRIC = '''\
"""Share of outputs that ask something back."""

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score


class Asks(Metric):
    """1 where the output ends with a question mark."""

    needs_target = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        return Score.of(completion.text.rstrip().endswith("?"))
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of promptops with one more file in it."""
    target = tmp_path / "copy"
    shutil.copytree(ROOT / "promptops", target / "promptops", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("migrations", "evalsets"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert len(METRIC.splitlines()) < 20
    (target / "promptops/metrics/asks.py").write_text(METRIC, "utf-8")
    return target


def run(package: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_file_is_a_metric_everywhere(package: Path, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "project")
    folder.write("promptops.toml", 'model = "mock/echo"\n')
    folder.evalset("numbers", questions(30), EVALSET + "\n[metrics.asks]\n")
    folder.prompt("ask", "{{ question }}?")
    listed = json.loads(run(package, folder.path, "-m", "promptops", "plugins", "--json"))
    assert {
        "wing": "metrics",
        "name": "asks",
        "summary": "Share of outputs that ask something back.",
    } in listed["plugins"]
    printed = run(
        package, folder.path, "-m", "promptops", "eval", "numbers", "-p", "ask.prompt.yaml", "--json"
    )
    figures = {found["label"]: found["value"] for found in json.loads(printed)["runs"][0]["estimates"]}
    assert figures["asks"] == 1.0


def test_the_contract_suite_tests_it_by_itself(package: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/metrics", tmp_path / "suite/tests/metrics")
    for name in ("made.py", "conftest.py", "warm.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "suite/tests" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "suite/pyproject.toml")
    contract = "tests/metrics/test_contract.py"
    printed = run(
        package, tmp_path / "suite", "-m", "pytest", contract, "-v", "-k", "asks", "-p", "no:cacheprovider"
    )
    assert " passed" in printed and "asks" in printed
