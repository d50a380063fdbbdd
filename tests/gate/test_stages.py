"""A gate in two stages: the first samples decide if they can, else all do; nothing is asked twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops import Project
from promptops.analysis.comparison import pair
from promptops.errors import UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.gate.stopping import Order, drawn
from promptops.metrics.exact import Exact
from promptops.providers.mock import Mock
from promptops.stats import decision
from promptops.stats.paired import terminal_bound
from tests.gate.test_early_stop import asked, project_of, result, side
from tests.made import EVALSET, Folder, questions

PROMPT = "ask.prompt.yaml"


def names_of(numbers: Sequence[int]) -> dict[str, dict[str, str]]:
    return {"*": {}, **{f"q{number:03}": {"text": "no"} for number in numbers}}


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=50, max_size=80),
    st.integers(24, 40),
    st.sampled_from([0.02, 0.1, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_the_gate_decides_as_the_simulated_function_does(
    scores: list[tuple[float, float]], first: int, margin: float
) -> None:
    samples = asked(range(len(scores)))
    before = side("a", samples, [result(each, a) for each, (a, _) in zip(samples, scores, strict=True)])
    after = side("b", samples, [result(each, b) for each, (_, b) in zip(samples, scores, strict=True)])
    rank = drawn(samples, "seed")
    order = Order("seed", rank, np.ones(len(samples), dtype=bool), first)
    verdict = gate.judge(
        pair(before, after, {"exact": Exact()}), [GateRule(metric="exact", margin=margin)], order=order
    )
    d = np.array([b - a for a, b in scores])[np.argsort(rank)]
    found = decision.decide_in_stages(d, margin, first)
    assert verdict.outcome == decision.NAMES[int(found.outcome)]
    assert verdict.stopping is not None and verdict.stopping.samples == int(found.cases)
    share = first / len(d) if found.early else 1 - first / len(d)
    bound = terminal_bound(d[: int(found.cases)], alpha=0.05 * share)
    delta = verdict.cells[0].delta
    assert delta is not None
    assert delta.low == pytest.approx(bound.low) and delta.high == pytest.approx(bound.high)
    assert verdict.stopping.share == pytest.approx(share)


def test_a_stage_has_whole_groups_and_an_unfinished_one_decides_nothing() -> None:
    samples = asked([number // 3 for number in range(60)])
    rank = drawn(samples, "x")
    complete = rank < 9
    order = Order("x", rank, complete, 25)
    assert order.until == 9 and int(complete.sum()) == 27
    before = side("a", samples, [result(each, 1.0) for each in samples])
    after = side(
        "b", samples, [result(each, 0.0) for each, there in zip(samples, complete, strict=True) if there]
    )
    pairing, rules = pair(before, after, {"exact": Exact()}), [GateRule(metric="exact", margin=0.1)]
    ended = gate.judge(pairing, rules, order=order)
    assert ended.stopping is not None and ended.stopping.samples == 27
    cut = gate.judge(pairing, rules, order=Order("x", rank, rank < 8, 25))
    assert cut.outcome == "CANNOT_MEASURE" and "ended before all samples" in cut.reason


def test_torn_groups_and_empty_stages_are_refused() -> None:
    with pytest.raises(ValueError, match="beside one another"):
        decision.decide_in_stages(np.zeros(4), 0.1, 2, ["a", "b", "a", "c"])
    with pytest.raises(ValueError, match="between 1 and 3 cases"):
        decision.decide_in_stages(np.zeros(4), 0.1, 4)


def test_a_clear_loss_takes_the_first_stage_only(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2), cost=0.01)
    Mock.asked.clear()
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt(
            "numbers", folder.path / PROMPT, model, first=40, extend=True, concurrency=4
        )
        status = project.run(verdict.candidate).status
        project.resume(verdict.candidate)
        again = project.gate("numbers", run=verdict.candidate)
        report = project.verdict_report("numbers", verdict)
    stopping = verdict.stopping
    assert verdict.outcome == "FAIL" and status == "stopped" and stopping is not None
    assert (stopping.samples, stopping.first, stopping.stopped, stopping.left_open) == (40, 40, True, False)
    # How many samples the stage has is known beforehand: none is asked beyond it.
    assert (stopping.calls, stopping.in_flight, stopping.calls_saved) == (40, 0, 80)
    assert "Decided by the first 40 of 120 samples" in stopping.sentence
    assert verdict.cells[0].rule.alpha == pytest.approx(0.05 / 3)
    # What is asked later does not count: the verdict was reached.
    assert again.outcome == "FAIL" and again.cells == verdict.cells
    assert again.stopping is not None and "other answers don't count" in again.stopping.sentence
    assert report.comparison is not None
    for delta in report.comparison.deltas:
        assert delta.n <= 40 and (delta.low is None or delta.alpha == pytest.approx(0.05 / 3))


def test_what_the_first_stage_leaves_open_all_samples_decide_and_none_is_asked_twice(folder: Folder) -> None:
    model = project_of(folder, 200, range(0, 200, 20))
    Mock.asked.clear()
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        half = project.gate_prompt("numbers", prompt, model, first=24, concurrency=4)
        assert half.outcome == "INCONCLUSIVE" and half.stopping is not None and half.stopping.left_open
        assert "ask the other 176 samples" in half.sentence
        assert "leave it open" in half.stopping.sentence
        # The others are planned already: nothing is said of still more.
        assert "more samples would" not in half.cells[0].sentence and half.cells[0].needed is None
        whole = project.gate_on("numbers", run=half.candidate)
        assert sorted(Mock.asked.values()) == [1] * 200
        assert project.gate_on("numbers", run=half.candidate) == whole
        assert len(Mock.asked) == 200
        other = project.gate_prompt("numbers", prompt, model, first=24, extend=True, cache=False)
        halved = project.gate_prompt("numbers", prompt, model, extend=True)
        plain = project.gate_prompt("numbers", prompt, model)
        with pytest.raises(UsageError, match="not started in two stages"):
            project.gate_on("numbers", run=plain.candidate)
    assert whole.stopping is not None and not whole.stopping.stopped and whole.stopping.samples == 200
    assert "left it open. So all 200 were asked" in whole.stopping.sentence
    assert whole.cells[0].rule.alpha == pytest.approx(0.05 * 176 / 200)
    # In one go the same comes out.
    assert other.outcome == whole.outcome and other.cells == whole.cells
    assert halved.stopping is not None and halved.stopping.first == 100
    assert plain.cells[0].rule.alpha == 0.05


def test_a_run_that_is_killed_in_its_first_stage_goes_on_to_its_end_only(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    script = json.loads((folder.path / "worse.json").read_text())
    slow = {name: {**row, "sleep": 0.05} for name, row in script.items()}
    folder.write("worse.json", json.dumps(slow))
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "promptops", "gate", "numbers", "-p", PROMPT, "-m", model),
            *("--first", "60", "-j", "1"),
        ],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Project.open(folder.path) as project:
        for _ in range(400):
            runs = project.runs(limit=1)
            if runs[0].status == "running" and 3 <= runs[0].done < 50:
                break
            try:
                started.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        started.kill()
        started.communicate()
        run = runs[0].id
        assert project.run(run).done < 60
        folder.write("worse.json", json.dumps(script))
        folder.run("resume", run)
        assert project.run(run).status == "stopped"
        verdict = project.gate("numbers", run=run)
    assert verdict.outcome == "FAIL" and verdict.stopping is not None
    assert verdict.stopping.samples == 60
    assert 60 <= verdict.stopping.calls <= 61


def test_a_rule_about_these_very_samples_waits_for_all_of_them(folder: Folder) -> None:
    rules = EVALSET.replace("margin = 0.1", 'margin = 0.1\nestimand = "suite"')
    folder.evalset("numbers", questions(60), rules)
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / PROMPT], ["mock/echo"], repeats=2)[0]
        project.accept(run.id)
        verdict = project.gate_prompt(
            "numbers", folder.path / PROMPT, folder.script("s.json", names_of([3])), first=30, repeats=2
        )
    assert verdict.outcome == "INCONCLUSIVE" and verdict.stopping is not None
    assert "needs all of them" in verdict.cells[0].sentence
    assert "can't be told by a part of the samples" in verdict.sentence
    assert "PASS needs all samples" in verdict.stopping.sentence


def test_equal_outputs_of_a_part_are_no_proof(folder: Folder) -> None:
    """One answer in ten changed: most small parts hold none of them, and may not pass for that."""
    project_of(folder, 200, range(0, 200, 10))
    with Project.open(folder.path) as project:
        prompt, model = folder.path / PROMPT, "mock/script:worse.json"
        found = [project.gate_prompt("numbers", prompt, model, first=8, seed=seed) for seed in range(6)]
        equal = project.gate_prompt("numbers", prompt, "mock/echo", first=100)
        assert equal.outcome == "PASS" and not equal.cells[0].label
        open_ = project.gate_prompt("numbers", prompt, "mock/echo", first=8)
        whole = project.gate_on("numbers", run=open_.candidate)
    assert {verdict.outcome for verdict in found} == {"INCONCLUSIVE"}
    assert open_.outcome == "INCONCLUSIVE"
    assert whole.outcome == "PASS" and whole.cells[0].label == "identical"


def test_a_slice_that_the_first_stage_misses_is_asked_for(folder: Folder) -> None:
    rules = EVALSET.replace("margin = 0.1", 'margin = 0.4\nslice = "rare"')
    rows = questions(100)
    for row in rows[::4]:
        row["tags"] = ["rare"]
    folder.evalset("numbers", rows, rules)
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id)
        begun = project.gate_prompt("numbers", prompt, folder.script("s.json", names_of([3])), first=2)
        assert begun.outcome == "CANNOT_MEASURE" and begun.stopping is not None and begun.stopping.left_open
        assert project.gate_on("numbers", run=begun.candidate).outcome == "PASS"


def test_rules_and_baseline_are_settled_before_the_first_stage(folder: Folder) -> None:
    model = project_of(folder, 200, range(0, 200, 20))
    settings = folder.path / "evalsets/numbers/evalset.toml"
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id, label="nightly")
        begun = project.gate_prompt("numbers", prompt, model, first=24, baseline="nightly")
        assert begun.outcome == "INCONCLUSIVE"
        wide = settings.read_text().replace("margin = 0.1", "margin = 0.5")
        narrow = settings.read_text()
        settings.write_text(wide)
        with pytest.raises(UsageError, match="by other rules or against another state"):
            project.gate_on("numbers", run=begun.candidate)
        settings.write_text(narrow)
        # Without a word about it the baseline is the one that the run was begun against.
        (folder.path / "evalsets/numbers/baseline.jsonl").unlink()
        whole = project.gate_on("numbers", run=begun.candidate)
        assert whole.baseline.endswith("baseline.nightly.jsonl")
        with pytest.raises(UsageError, match="its errors count"):
            project.resume(begun.candidate, retry_errors=True)
        again = project.rescore(begun.candidate)
        assert project.gate("numbers", run=again.id).stopping is not None


def test_groups_that_make_the_first_stage_all_of_the_set_are_refused(folder: Folder) -> None:
    folder.evalset("numbers", questions(60, group=lambda number: f"g{number // 30}"))
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id)
        Mock.asked.clear()
        with pytest.raises(UsageError, match="Groups stay together"):
            project.gate_prompt("numbers", prompt, "mock/echo", first=31)
    assert not Mock.asked


def test_rules_about_these_very_samples_keep_their_alpha(folder: Folder) -> None:
    rules = EVALSET.replace("margin = 0.1", 'margin = 0.1\nestimand = "suite"')
    folder.evalset("numbers", questions(60), rules)
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"], repeats=2)[0].id)
        verdict = project.gate_prompt(
            "numbers", prompt, folder.script("s.json", names_of([3])), extend=True, repeats=2
        )
    assert verdict.stopping is not None and not verdict.stopping.whole_run
    assert verdict.cells[0].rule.alpha == 0.05


@pytest.mark.parametrize("wanted", [5, 45], ids=["first stage", "second stage"])
def test_an_interrupted_gate_goes_on_to_its_verdict_by_the_command_that_it_tells(
    folder: Folder, wanted: int
) -> None:
    project_of(folder, 100, ())
    answers = names_of(range(0, 100, 20))
    model = folder.script("slow.json", {name: {**row, "sleep": 0.2} for name, row in answers.items()})
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "promptops", "gate", "numbers", "-p", PROMPT, "-m", model, "-j", "2"),
            *("--first", "40", "--inconclusive", "extend"),
        ],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Project.open(folder.path) as project:
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            runs = project.runs(limit=2)
            if len(runs) > 1 and runs[0].done >= wanted:
                break
            time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=120)
    assert started.returncode == 130, told
    command = " ".join(told.split()).rpartition("Go on with: promptops ")[2].split()
    folder.script("slow.json", answers)
    document = json.loads(folder.run(*command, "--json", code=None).stdout)
    assert document["verdict"]["stopping"]["samples"] == 100
    assert document["verdict"]["outcome"] in ("PASS", "FAIL", "INCONCLUSIVE")


def test_what_can_t_be_is_refused_before_anything_is_asked(folder: Folder) -> None:
    model = project_of(folder, 40, ())
    Mock.asked.clear()
    with Project.open(folder.path) as project:
        prompt = folder.path / PROMPT
        with pytest.raises(UsageError, match="between 1 and 39 of the 40 samples, not 40"):
            project.gate_prompt("numbers", prompt, model, first=40)
        with pytest.raises(UsageError, match="asks on by itself"):
            project.gate_prompt("numbers", prompt, model, first=10, early_stop=True)
        assert project.run_count() == 1
    assert not Mock.asked
    for arguments, told in (
        (("--first", "10"), "go with --prompt"),
        (("-p", PROMPT, "--early-stop", "--inconclusive", "extend"), "asks on by itself"),
        (("--inconclusive", "extend", "--look", "2"), "was settled"),
        (("--inconclusive", "extend"), "not started in two stages"),
    ):
        assert told in " ".join(folder.run("gate", "numbers", *arguments, code=2).stderr.split())


def test_the_command_says_how_to_ask_the_others(folder: Folder) -> None:
    model = project_of(folder, 200, range(0, 200, 20))
    first = folder.run("gate", "numbers", "-p", PROMPT, "-m", model, "--first", "80", code=4)
    told = first.stdout
    assert "Only the first 80 of 200 samples were asked" in " ".join(told.split())
    command = next(line for line in told.splitlines() if line.startswith("Ask the others: promptops "))
    more = command.removeprefix("Ask the others: promptops ").split()
    done = folder.run(*more, "--json", "--report", "gate.md", "--report", "gate.html", code=None)
    document = json.loads(done.stdout)
    assert document["verdict"]["stopping"]["first"] == 80
    assert document["verdict"]["stopping"]["samples"] == 200
    for name in ("gate.md", "gate.html"):
        assert "left it open. So all 200 were asked" in (folder.path / name).read_text(), name


def test_the_plugin_asks_on_where_it_must(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "evalsets", "--prompt", PROMPT, "--model", model),
            *("--inconclusive", "extend", "--first", "40", "-p", "no:cacheprovider"),
        ],
        cwd=folder.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Decided by the first 40 of 120 samples" in " ".join(done.stdout.split())
