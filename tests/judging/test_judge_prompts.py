"""The prompt of a shipped kind of judges, copied to be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops import plugins
from promptops.calls.models import shipped_prompt
from promptops.judges import Judge
from promptops.project import Project
from promptops.prompts.files import read_prompt
from tests.made import Folder
from tests.verbs.test_certification import judged

WING = Path(__file__).parents[2] / "promptops/judges"


def words(text: str) -> str:
    return " ".join(text.split())


def test_every_kind_prints_the_file_that_lies_beside_it(folder: Folder) -> None:
    assert folder.run("judge", "prompt", "rubric").stdout == (WING / "rubric.prompt.yaml").read_text("utf-8")
    for name in plugins.names("judges"):
        kind = plugins.find("judges", name, Judge)  # type: ignore[type-abstract]
        files = {"prompt": kind.prompt_file, **kind.more_prompts} if kind.prompt_file else {}
        for option, file in files.items():
            assert shipped_prompt(name, option) == (WING / file).read_text("utf-8")


def test_a_copy_inside_a_set_says_how_it_is_named_and_is_another_judge(folder: Folder) -> None:
    judged(folder)
    told = folder.run("judge", "prompt", "rubric", "--to", "evalsets/numbers/mine.prompt.yaml").stdout
    assert "name it in evalsets/numbers/evalset.toml" in words(told)
    assert '[metrics.LABEL]\nmetric = "rubric"\nprompt = "mine.prompt.yaml"' in told
    copy = folder.path / "evalsets/numbers/mine.prompt.yaml"
    assert read_prompt(copy).digest == read_prompt(WING / "rubric.prompt.yaml").digest
    settings = folder.path / "evalsets/numbers/evalset.toml"
    settings.write_text(settings.read_text().replace('"rubric"', '"rubric"\nprompt = "mine.prompt.yaml"'))
    with Project.open(folder.path) as project:
        shipped = project.judges().judges[0].signature
        copy.write_text(copy.read_text().replace("grade", "Grade", 1))
        assert project.judges().judges[0].signature != shipped
    again = ("judge", "prompt", "rubric", "--to", "evalsets/numbers/mine.prompt.yaml")
    assert "is there already" in folder.run(*again, code=2).stderr


def test_a_copy_elsewhere_and_further_prompts_are_told(folder: Folder) -> None:
    told = folder.run(
        "judge", "prompt", "reference_guided", "--option", "solve_prompt", "--to", "solve.prompt.yaml"
    ).stdout
    assert "Only a file inside a set's folder" in words(told) and 'solve_prompt = "solve.prompt.yaml"' in told
    found = folder.json("judge", "prompt", "faithfulness", "--option", "statements_prompt")["prompt"]
    assert (found["option"], found["file"], found["beside"]) == ("statements_prompt", None, None)
    assert found["text"] == (WING / "statements.prompt.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rubrik"], "Did you mean 'rubric'"),
        (["rubric", "--option", "solve_prompt"], "No prompt of rubric is named 'solve_prompt'"),
        (["jury"], "each of its judges has one"),
    ],
)
def test_a_prompt_that_is_not_there_is_refused(folder: Folder, arguments: list[str], told: str) -> None:
    assert told in words(folder.run("judge", "prompt", *arguments, code=2).stderr)
