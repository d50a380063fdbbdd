"""What has no answer is said last, with its classes and the next command; an exit code is asked for."""

from __future__ import annotations

import json

import pytest

from promptops import Project
from promptops.errors import FailureKind
from promptops.runs.unanswered import asking_again, share_missing, too_many_missing, unanswered
from promptops.types import FailureCount, Run
from tests.made import Folder, questions

ASK = ("eval", "numbers", "-p", "ask.prompt.yaml")
FAILING = {"*": {}, "q001": {"fail": "filtered"}, "q002": {"fail": "rejected"}, "q004": {"fail": "filtered"}}


@pytest.fixture
def failing(folder: Folder) -> tuple[Folder, str]:
    folder.evalset("numbers", questions(9))
    return folder, folder.script("failing.json", FAILING)


def test_the_last_lines_say_how_many_are_missing_why_and_what_to_do(failing: tuple[Folder, str]) -> None:
    folder, model = failing
    done = folder.run(*ASK, "-m", model)
    run = done.stdout.split()[0]
    assert done.stdout.rstrip().splitlines()[-2:] == [
        "3 of 9 answers are missing (33%): 2 x filtered, 1 x rejected. They are no zeros. The figures are "
        "those of the other 6.",
        f"Ask again what has no answer: promptops resume {run} --retry-errors",
    ]
    folder.script("failing.json", {"*": {}})
    again = folder.run("resume", run, "--retry-errors")
    assert "missing" not in again.stdout and "Ask again" not in again.stdout


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (("filtered",), ""),
        (("auth", "filtered"), "When that is mended, ask again"),
        (("quota",), "When that is mended, ask again"),
        (("not_found", "timeout"), "Ask again what has no answer"),
        (("server", "filtered"), "Ask again what has no answer"),
    ],
)
def test_to_ask_again_is_advised_where_it_may_help(kinds: tuple[FailureKind, ...], told: str) -> None:
    assert asking_again([FailureCount(kind=kind, count=1, example="") for kind in kinds]) == told


@pytest.mark.parametrize(("most", "code"), [(None, 0), ("0.34", 0), ("0.33", 3), ("0", 3)])
def test_an_exit_code_for_missing_answers_is_asked_for(
    failing: tuple[Folder, str], most: str | None, code: int
) -> None:
    folder, model = failing
    more = [] if most is None else ["--max-failed", most]
    done = folder.run(*ASK, "-m", model, *more, code=code)
    told = (
        f"3 of 9 answers of run {done.stdout.split()[0]} are missing (33.3%), more than --max-failed {most} "
    )
    assert (told in done.stderr) == (code == 3)
    found = folder.json(*ASK, "-m", model, *more, code=code)
    assert found["exit_code"] == code and found["runs"][0]["run"]["errors"] == 3
    folder.run("resume", "latest", "--retry-errors", *more, code=code)


def test_a_share_is_between_nothing_and_all(failing: tuple[Folder, str]) -> None:
    folder, model = failing
    assert "--max-failed" in folder.run(*ASK, "-m", model, "--max-failed", "5", code=2).stderr
    assert folder.json("runs")["runs"] == []


def test_of_several_runs_each_is_told(failing: tuple[Folder, str]) -> None:
    folder, model = failing
    other = folder.script("other.json", {"*": {}, "q003": {"fail": "filtered"}})
    told = folder.run(*ASK, "-m", model, "-m", other, "-m", "mock/echo").stdout
    first, second, third = (run.id for run in reversed(_runs(folder)))
    assert f"Run {first}: 3 of 9 answers are missing" in told
    assert f"Run {second}: 1 of 9 answers are missing (11%): 1 x filtered." in told
    assert f"Run {third}: " not in told


def test_nothing_answered_is_no_figure(folder: Folder) -> None:
    model = folder.script("none.json", {"*": {"fail": "filtered"}})
    folder.evalset("numbers", questions(4))
    assert "4 of 4 answers are missing (100%): 4 x filtered. They are no zeros. So there are no" in (
        folder.run(*ASK, "-m", model, code=3).stdout
    )


def test_a_run_is_named_before_its_first_answer_and_whoever_is_killed_can_resume_it(folder: Folder) -> None:
    folder.evalset("numbers", questions(30))
    model = folder.script("slow.json", {"*": {"sleep": 0.05}})
    began = folder.run(*ASK, "-m", model, "--limit", "3", "--repeats", "2", "--log-json=events.jsonl").stderr
    events = [json.loads(line) for line in (folder.path / "events.jsonl").read_text().splitlines()]
    run = next(each["run"] for each in events if each["event"] == "run_started")
    assert began.splitlines()[:2] == [
        f"Run {run} begins: ask.prompt.yaml on {model}, numbers, 3 samples, 2 times each. Should it be cut "
        f"off: promptops resume {run}",
        "3 of 30 samples: --limit 3 left 3.",
    ]

    def begun() -> bool:
        found = _runs(folder)
        return len(found) == 2 and found[0].done > 0

    folder.killed([*ASK, "-m", model, "-j", "1"], begun)
    (newest, _) = _runs(folder)
    assert newest.status == "interrupted"
    goes_on = folder.run("resume", newest.id).stderr
    assert goes_on.startswith(f"Run {newest.id} goes on: ask.prompt.yaml on {model}, numbers, 30 samples.")


def test_a_gate_names_its_run_too(folder: Folder) -> None:
    folder.run(*ASK)
    folder.run("accept")
    told = folder.run("gate", "numbers", "--prompt", "ask.prompt.yaml").stderr
    assert told.startswith(f"Run {_runs(folder)[0].id} begins: ask.prompt.yaml on mock/echo, numbers")
    assert "begins" not in folder.run("gate", "numbers", "--prompt", "ask.prompt.yaml", "--json").stderr


def test_shares_are_those_of_what_was_asked() -> None:
    run = Run.model_construct(id="a1", done=3, errors=1, samples=10, repeats=1)
    assert share_missing(run) == 0.25
    assert too_many_missing([run], 0.25) == "" and "1 of 4 answers of run a1" in too_many_missing([run], 0.2)
    whole = run.model_copy(update={"errors": 0})
    assert unanswered(whole, ()) == "" and too_many_missing([whole], 0.0) == ""
    assert unanswered(run, [FailureCount(kind="timeout", count=1, example="")]).startswith("1 of 4 answers")


def _runs(folder: Folder) -> list[Run]:
    with Project.open(folder.path) as project:
        return project.runs()


def test_a_judge_that_scored_nothing_has_an_exit_code_of_its_own(folder: Folder) -> None:
    judge = folder.script("judge.json", {"*": {"text": "I would rather not."}})
    quality = f'\n[metrics.quality]\nmetric = "rubric"\ncriteria = "It is right."\nmodel = "{judge}"\n'
    folder.evalset(
        "numbers", questions(4), f'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n{quality}'
    )
    done = folder.run(*ASK, "-m", "mock/echo", code=3)
    run = done.stdout.split()[0]
    assert f"quality scored none of the 4 answers of run {run}. See why with" in done.stderr
    assert folder.json("resume", run, code=3)["exit_code"] == 3
    folder.script("judge.json", {"*": {"text": '{"reason": "so", "score": 4}'}})
    assert "scored none" not in folder.run("score", run).stderr
