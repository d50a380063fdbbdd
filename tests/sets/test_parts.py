"""A run on a part of its set: resumed so, compared where both were asked, never taken for whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from promptops import Project, Run, Selection
from promptops.canonical import digest_of
from promptops.errors import NotComparable
from tests.made import Folder, questions

PROMPT = "ask.prompt.yaml"


@pytest.fixture
def folder(folder: Folder) -> Folder:
    folder.evalset("numbers", questions(80, group=lambda number: f"g{number // 2}"))
    return folder


def made(folder: Folder, model: str = "mock/echo", **wanted: Any) -> Run:
    with Project.open(folder.path) as project:
        select = Selection(**wanted) if wanted else None
        return project.evaluate("numbers", [folder.path / PROMPT], [model], select=select)[0]


def wrong_on(folder: Folder, *ids: str) -> str:
    return folder.script(f"{digest_of(list(ids))[:12]}.json", {"*": {}, **dict.fromkeys(ids, "wrong")})


def test_a_run_says_which_part_it_asked_and_its_figures_are_about_that(folder: Folder) -> None:
    done = folder.run("eval", "numbers", "-p", PROMPT, "-m", wrong_on(folder, "q001"), "-k", "q00")
    assert "10 of 80 samples: -k 'q00' left 10." in done.stderr.splitlines()[1]
    assert "A part of the set: 10 of 80 samples: -k 'q00' left 10." in done.stdout
    with Project.open(folder.path) as project:
        run = project.run("latest")
        assert (run.samples, run.done, run.status) == (10, 10, "finished")
        (exact,) = [each for each in project.estimates(run.id, slices=False) if each.label == "exact"]
        assert (exact.value, exact.n, exact.unscored) == (0.9, 10, 0)
    assert "part: 10 of 80 samples" in folder.run("runs").stdout
    shown = folder.json("show", "latest")["run"]["part"]
    assert shown["samples"] == 80 and shown["steps"] == [{"flag": "-k 'q00'", "left": 10}]


def test_an_empty_selection_asks_nobody_and_exits_with_two(folder: Folder) -> None:
    done = folder.run("eval", "numbers", "-p", PROMPT, "-k", "q00", "--slice", "odd", "-k", "nothing", code=2)
    assert "80 samples: -k 'nothing' left 0, --slice odd left 0." in done.stderr
    assert "There is no run yet" in folder.run("runs").stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-k", "a or"], "-k, column 5"),
        (["--seed", "3"], "--seed goes with --sample"),
        (["--slice", "od"], "Did you mean 'odd'"),
        (["--sample", "0"], "0 is not in the range"),
        (["--failed-from", "dead"], "No run is named 'dead'"),
    ],
)
def test_wrong_choices_are_refused_before_a_call(folder: Folder, options: list[str], told: str) -> None:
    assert told in folder.run("eval", "numbers", "-p", PROMPT, *options, code=2).stderr


def test_the_gate_refuses_a_part_and_latest_passes_it_over(folder: Folder) -> None:
    whole = made(folder)
    part = made(folder, "mock/constant:bad", limit=10)
    with Project.open(folder.path) as project:
        project.accept(whole.id)
        for against in (None, whole.id):
            with pytest.raises(NotComparable, match="asked 10 of 80 samples: --limit 10 left 10"):
                project.gate("numbers", run=part.id, baseline=against)
        with pytest.raises(NotComparable, match="can't be the baseline"):
            project.gate("numbers", run=whole.id, baseline=part.id)
        with pytest.raises(NotComparable, match="can't be the baseline"):
            project.gate_prompt("numbers", folder.path / PROMPT, baseline=part.id)
        assert project.run("latest").id == part.id
        assert project.gate("numbers").candidate == whole.id
    assert "PASS" in folder.run("gate", "numbers").stdout


def test_a_set_with_nothing_but_parts_has_no_latest_run_for_the_gate(folder: Folder) -> None:
    whole = made(folder)
    with Project.open(folder.path) as project:
        project.accept(whole.id)
    folder = Folder(folder.path)
    (folder.path / ".promptops" / "promptops.db").unlink(missing_ok=True)
    for each in (folder.path / ".promptops").glob("*.db*"):
        each.unlink()
    made(folder, limit=3)
    assert "There is no run of all of 'numbers' yet" in folder.run("gate", "numbers", code=3).stderr


def test_accept_refuses_a_part(folder: Folder) -> None:
    made(folder, sample=20, seed=1)
    done = folder.run("accept", code=3)
    assert "asked 20 of 80 samples: --sample 20 --seed 1 left 20." in done.stderr
    assert "it can't be the baseline" in done.stderr
    assert "promptops eval numbers --prompt" in done.stderr
    assert not (folder.path / "evalsets/numbers/baseline.jsonl").exists()


def test_a_part_is_compared_with_the_whole_on_what_both_were_asked(folder: Folder) -> None:
    # Everything outside of the part is wrong in the whole run: none of that may be counted.
    outside = [f"q{number:03}" for number in range(30, 80)]
    whole = made(folder, wrong_on(folder, *outside, "q003"))
    part = made(folder, wrong_on(folder, "q001", "q002"), limit=30)
    with Project.open(folder.path) as project:
        for first, second, sign in ((whole, part, 1), (part, whole, -1)):
            found = project.compare(first.id, second.id, slices=False)
            delta = next(each for each in found.deltas if each.label == "exact")
            assert delta.n == 30 and delta.difference == pytest.approx(sign * (28 - 29) / 30)
            assert delta.low is not None
            assert any("30 of 80 samples: --limit 30 left 30" in note for note in found.warnings)
            assert any("about the 30 samples that both were asked" in note for note in found.warnings)
            assert len(project.changes(first.id, second.id, "exact")) == 30
            report = project.comparison_report(found)
            assert report.facts.samples == 30
        path = project.accept(whole.id)
        from_file = project.compare(str(path), part.id, slices=False)
        assert next(each for each in from_file.deltas if each.label == "exact").n == 30
        assert project.slices(whole.id, part.id).notes[0].endswith("--limit 30 left 30.")


def test_the_paired_figures_are_those_of_a_set_that_holds_just_the_part(folder: Folder) -> None:
    whole = made(folder, wrong_on(folder, "q003", "q050"))
    part = made(folder, wrong_on(folder, "q004", "q006"), sample=40, seed=2)
    with Project.open(folder.path) as project:
        ids = {sample.id for sample in project.samples(part.id)}
        found = project.compare(whole.id, part.id)
        rows = [
            json.loads(json.dumps(row))
            for row in questions(80, group=lambda n: f"g{n // 2}")
            if row["id"] in ids
        ]
        folder.evalset("alone", rows)
        prompt = folder.path / PROMPT
        one = project.evaluate("alone", [prompt], [wrong_on(folder, "q003", "q050")])[0]
        two = project.evaluate("alone", [prompt], [wrong_on(folder, "q004", "q006")])[0]
        assert found.deltas == project.compare(one.id, two.id).deltas


def test_identical_answers_on_the_common_part_are_found(folder: Folder) -> None:
    whole, part = made(folder), made(folder, limit=12)
    with Project.open(folder.path) as project:
        assert project.compare(whole.id, part.id).identical
        assert project.compare(part.id, whole.id).identical


def test_two_runs_of_one_part_are_compared_wholly_and_a_smaller_draw_within_a_larger(folder: Folder) -> None:
    first, second = made(folder, sample=20, seed=1), made(folder, wrong_on(folder, "q001"), sample=20, seed=1)
    larger = made(folder, sample=50, seed=1)
    assert first.evalset_digest == second.evalset_digest != larger.evalset_digest
    with Project.open(folder.path) as project:
        assert {each.n for each in project.compare(first.id, second.id, slices=False).deltas} == {20}
        assert {each.n for each in project.compare(first.id, larger.id, slices=False).deltas} == {20}
        assert len(project.rank([first.id, second.id]).systems) == 2
        with pytest.raises(NotComparable, match="can't be ranked together"):
            project.rank([first.id, larger.id])


def test_parts_without_a_common_sample_are_not_compared(folder: Folder) -> None:
    odd, even = made(folder, slices=("odd",)), made(folder, slices=("even",))
    with Project.open(folder.path) as project, pytest.raises(NotComparable, match="share no sample"):
        project.compare(odd.id, even.id)


def test_samples_chosen_by_failures_give_no_bounds(folder: Folder) -> None:
    first = made(folder, wrong_on(folder, *(f"q{number:03}" for number in range(30))))
    part = made(folder, failed_from=first.id)
    with Project.open(folder.path) as project:
        found = project.compare(first.id, part.id, slices=False)
        delta = next(each for each in found.deltas if each.label == "exact")
        assert delta.difference == 1.0 and delta.low is None and delta.high is None and delta.p_value is None
        assert any("by luck alone" in note for note in found.warnings)
        for ask in (
            lambda: project.slices(first.id, part.id),
            lambda: project.rank([part.id, part.id]),
            lambda: project.prefer(first.id, part.id),
        ):
            with pytest.raises(NotComparable, match="no bound on a change holds"):
                ask()


def test_a_part_scored_anew_is_still_a_part(folder: Folder) -> None:
    part = made(folder, limit=5)
    with Project.open(folder.path) as project:
        again = project.rescore(part.id)
        assert again.part == part.part and again.samples == again.done == 5


def test_a_plan_does_not_rest_on_a_part(folder: Folder) -> None:
    first, second = made(folder, limit=30), made(folder, wrong_on(folder, "q001"), limit=30)
    with Project.open(folder.path) as project:
        for ask in (project.plan, project.self_test):
            with pytest.raises(NotComparable, match="neither a plan nor a self-test"):
                ask("numbers", runs=(first.id, second.id))


def test_plans_and_rankings_of_a_set_pass_parts_over(folder: Folder) -> None:
    made(folder), made(folder, wrong_on(folder, "q001", "q005"))
    before = folder.json("plan", "numbers"), folder.json("rank", "--evalset", "numbers")
    made(folder, wrong_on(folder, "q003"), limit=30)
    assert (folder.json("plan", "numbers"), folder.json("rank", "--evalset", "numbers")) == before


def test_a_killed_run_on_a_part_is_finished_on_that_part(folder: Folder) -> None:
    prompt = folder.path / PROMPT
    command = ["eval", "numbers", "-p", str(prompt), "-m", "mock/sleep:0.2", "--sample", "12", "-j", "2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "promptops", *command],
        cwd=folder.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ends = time.monotonic() + 120
    with Project.open(folder.path) as project:
        while not (project.runs() and project.run("latest").done >= 2):
            assert time.monotonic() < ends and running.poll() is None
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        left = project.run("latest")
        assert 2 <= left.done < 12
    # A set that has changed since makes no difference: the part is kept with the run.
    folder.evalset("numbers", questions(3))
    done = folder.run("resume", left.id)
    assert "12 of 80 samples: --sample 12 --seed 0 left 12." in done.stderr
    with Project.open(folder.path) as project:
        whole = project.run(left.id)
        assert (whole.status, whole.done, whole.samples) == ("finished", 12, 12)


def test_runs_of_before_there_were_parts_are_whole(folder: Folder) -> None:
    run = made(folder)
    with Project.open(folder.path) as project:
        assert "part" not in project.store.run_config(run.id)
        assert project.run(run.id).part is None
