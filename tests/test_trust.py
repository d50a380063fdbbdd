"""Prompts and evaluation sets are data: what they name runs no code unless settings or flags say so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.made import EVALSET, Folder, questions

TOUCH = "touch owned"


def untouched(folder: Folder) -> bool:
    return not (folder.path / "owned").exists()


def test_a_prompt_file_can_not_start_a_program(folder: Folder) -> None:
    folder.prompt("evil", "{{ question }}", model=f"command/{TOUCH}")
    told = folder.run("eval", "numbers", "-p", "evil.prompt.yaml", code=2).stderr
    assert "allow_code" in told and untouched(folder)


@pytest.mark.parametrize(
    "metric",
    [
        'metric = "evil:Evil"',
        f'metric = "rubric"\nmodel = "command/{TOUCH}"',
        'metric = "rubric"\nmodel = "python/evil:x"',
    ],
)
def test_an_evaluation_set_can_not_run_code(folder: Folder, metric: str) -> None:
    folder.write("evil.py", "open('owned', 'w')\n")
    folder.evalset("numbers", questions(30), f"{EVALSET}\n[metrics.evil]\n{metric}\n")
    told = folder.run("eval", "numbers", "-p", "ask.prompt.yaml", code=2).stderr
    assert "allow_code" in told and untouched(folder)


@pytest.mark.parametrize("prompt", ["../../secret.prompt.yaml", "/etc/passwd", "../../promptops.toml"])
def test_an_evaluation_set_can_not_read_files_elsewhere(folder: Folder, prompt: str) -> None:
    folder.prompt("secret", "hello")
    folder.evalset(
        "numbers", questions(30), f'{EVALSET}\n[metrics.q]\nmetric = "rubric"\nprompt = "{prompt}"\n'
    )
    assert "lies outside" in folder.run("eval", "numbers", "-p", "ask.prompt.yaml", code=2).stderr


def test_what_the_settings_list_may_be_named(folder: Folder) -> None:
    folder.write("app.py", "def answer(inputs):\n    return inputs['question']\n")
    folder.write("promptops.toml", 'allow_code = ["python/app:answer"]\njudge_model = "mock/echo"\n')
    folder.prompt("mine", "{{ question }}", model="python/app:answer")
    folder.run("eval", "numbers", "-p", "mine.prompt.yaml")


def test_the_database_is_kept_out_of_git(folder: Folder) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder.path, check=True)
    folder.run("eval", "numbers", "-p", "ask.prompt.yaml")
    listed = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=folder.path, check=True, capture_output=True, text=True
    ).stdout
    assert ".promptops" not in listed and Path(folder.path, ".promptops/promptops.db").exists()


def test_doctor_checks_the_judges_model_that_a_set_names(folder: Folder) -> None:
    judge = f'\n[metrics.q]\nmetric = "rubric"\nmodel = "command/{TOUCH}"\n'
    folder.evalset("numbers", questions(30), EVALSET + judge)
    assert "allow_code" in folder.run("doctor", code=2).stdout and untouched(folder)
