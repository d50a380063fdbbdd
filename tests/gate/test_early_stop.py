"""Runs that end as soon as the verdict is certain: the right place, nothing asked after it, nothing lost."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops import Project
from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.summary import Side, rows_of, tally
from promptops.errors import NotComparable, UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.gate.stopper import Stopper
from promptops.gate.stopping import Order, drawn, end_of, parts_of, stakes_of
from promptops.metrics.exact import Exact
from promptops.providers.mock import Mock
from promptops.stats import decision
from promptops.types import Completion, Failure, Result, Sample, Score
from tests.gate.test_decision import run_of
from tests.made import Folder, questions

RULES = (
    GateRule(metric="exact", margin=0.1),
    GateRule(metric="exact", margin=0.3, slice="odd"),
    GateRule(metric="exact", min=0.2, max=0.99),
)


def asked(groups: Sequence[int], weights: Sequence[float] | None = None) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            id=f"s{number:03}",
            inputs={},
            target=("x",),
            tags=("odd",) if number % 2 else (),
            group=f"g{group}",
            weight=1.0 if weights is None else weights[number],
        )
        for number, group in enumerate(groups)
    )


def result(sample: Sample, value: float | str | None, repeat: int = 0) -> Result:
    """A number is a score, a string the kind of a failure, None an instrument that failed."""
    if isinstance(value, str):
        return Result(sample_id=sample.id, repeat=repeat, failure=Failure(kind="timeout", message=value))
    score = Score.missing("broken") if value is None else Score.of(value)
    return Result(
        sample_id=sample.id, repeat=repeat, completion=Completion(text="-"), scores={"exact": score}
    )


def side(name: str, samples: tuple[Sample, ...], results: Sequence[Result], repeats: int = 1) -> Side:
    run = run_of(name, {"exact": Exact()}, len(samples)).model_copy(update={"repeats": repeats})
    return Side(run, tally(samples, rows_of(results), run.metrics))


def stopper_of(pairing: Pairing, rules: Sequence[GateRule], seed: str) -> Stopper:
    samples = pairing.candidate.table.samples
    records = {record.label: record for record in pairing.candidate.run.metrics}
    stakes = stakes_of(parts_of(rules), samples, records)
    return Stopper(
        pairing.candidate.run, samples, drawn(samples, seed), pairing.baseline, pairing.metrics, stakes
    )


def order_of(samples: tuple[Sample, ...], seed: str, complete: Sequence[bool] | None = None) -> Order:
    there = np.ones(len(samples), dtype=bool) if complete is None else np.array(complete, dtype=bool)
    return Order(seed, drawn(samples, seed), there)


scores = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1), st.sampled_from(["timeout"]), st.none())


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 30), st.floats(0.2, 3), st.sampled_from([0.0, 0.5, 1.0, "timeout"])),
        min_size=2,
        max_size=60,
    ),
    low=st.sampled_from([0.0, 0.3, 1.0]),
    repeats=st.integers(1, 2),
    odd=st.lists(scores, min_size=120, max_size=120),
    seed=st.integers(0, 5),
)
def test_while_it_runs_a_verdict_is_certain_where_the_stored_run_says_so_too(
    rows: list[tuple[int, float, float | str]],
    low: float,
    repeats: int,
    odd: list[float | str | None],
    seed: int,
) -> None:
    samples = asked([row[0] for row in rows], [row[1] for row in rows])
    before = side("old", samples, [result(s, row[2]) for s, row in zip(samples, rows, strict=True)])
    rng = random.Random(seed)
    # Most answers are alike, so that something becomes certain; some are odd.
    values = [odd[n] if rng.random() < 0.2 else low for n in range(len(samples) * repeats)]
    results = [
        result(sample, values[place * repeats + repeat], repeat)
        for place, sample in enumerate(samples)
        for repeat in range(repeats)
    ]
    pairing = pair(before, side("new", samples, results, repeats), {"exact": Exact()})
    stopper = stopper_of(pairing, RULES, str(seed))
    arrived = results[:]
    rng.shuffle(arrived)
    for each in arrived:
        stopper.add(each)
    end = end_of(pairing, stopper.stakes, order_of(samples, str(seed)))
    assert stopper.certain == end.certain
    assert stopper._next == end.groups


@pytest.mark.parametrize("true", [-0.3, -0.05, 0.0, 0.2])
def test_a_gate_with_one_rule_stops_where_the_simulated_function_does(true: float) -> None:
    rng = np.random.default_rng(int(1000 * abs(true)))
    for trial in range(12):
        groups = np.sort(rng.integers(0, 80, 150))
        old = rng.random(150) < 0.5
        flip = rng.random(150) < 0.4
        new = np.where(flip, rng.random(150) < 0.5 + true, old)
        samples = asked(groups.tolist())
        sides = [
            side(name, samples, [result(s, float(v)) for s, v in zip(samples, values, strict=True)])
            for name, values in (("old", old), ("new", new))
        ]
        pairing = pair(*sides, {"exact": Exact()})
        order = order_of(samples, str(trial))
        verdict = gate.judge(pairing, RULES[:1], order=order)
        places = np.argsort(order.rank, kind="stable")
        d = (new.astype(float) - old)[places]
        expected = decision.decide_early(d, 0.1, order.rank[places])
        assert verdict.stopping is not None
        assert verdict.outcome == decision.NAMES[int(expected.outcome)]
        assert verdict.stopping.samples == int(expected.cases)
        assert verdict.stopping.stopped == (bool(expected.early) and int(expected.cases) < 150)


def test_the_order_of_arrival_and_of_lines_changes_nothing() -> None:
    samples = asked([n // 3 for n in range(60)])
    rank = dict(zip((s.id for s in samples), drawn(samples, "a"), strict=True))
    turned = tuple(reversed(samples))
    assert dict(zip((s.id for s in turned), drawn(turned, "a"), strict=True)) == rank
    assert list(drawn(samples, "a")) != list(drawn(samples, "b"))
    assert sorted(set(rank.values())) == list(range(20))


def test_a_broken_instrument_ends_the_run_once_nothing_can_be_measured_any_more() -> None:
    samples = asked(range(100))
    before = side("old", samples, [result(s, 1.0) for s in samples])
    after = side("new", samples, [result(s, None) for s in samples])
    verdict = gate.judge(pair(before, after, {"exact": Exact()}), RULES[:1], order=order_of(samples, "1"))
    assert verdict.outcome == "CANNOT_MEASURE"
    assert verdict.stopping is not None and verdict.stopping.samples == 6


def test_a_candidate_that_never_answers_is_not_called_worse() -> None:
    samples = asked(range(100))
    before = side("old", samples, [result(s, 1.0) for s in samples])
    after = side("new", samples, [result(s, "timeout") for s in samples])
    verdict = gate.judge(pair(before, after, {"exact": Exact()}), RULES[:1], order=order_of(samples, "1"))
    assert verdict.outcome == "CANNOT_MEASURE"
    assert verdict.stopping is not None and not verdict.stopping.stopped


def test_bounds_that_are_shown_decide_at_the_stop_and_at_the_end() -> None:
    rng = np.random.default_rng(5)
    samples = asked(range(200))
    for drop in (0.0, 0.05, 0.15, 0.5):
        old = rng.random(200) < 0.7
        new = old & (rng.random(200) >= drop)
        sides = [
            side(name, samples, [result(s, float(v)) for s, v in zip(samples, values, strict=True)])
            for name, values in (("old", old), ("new", new))
        ]
        verdict = gate.judge(pair(*sides, {"exact": Exact()}), RULES[:1], order=order_of(samples, "1"))
        delta = verdict.cells[0].delta
        assert delta is not None and delta.low is not None and delta.high is not None
        shown = "PASS" if delta.low > -0.1 else "FAIL" if delta.high < 0 else "INCONCLUSIVE"
        assert verdict.outcome == shown


def project_of(folder: Folder, n: int, wrong: Sequence[int], **steps: object) -> str:
    """Accept an echo that is always right; return a model that is wrong on some samples."""
    folder.evalset("numbers", questions(n))
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
        project.accept(run.id)
    script = {f"q{number:03}": {"text": "no", **steps} for number in wrong}
    return folder.script("worse.json", {**script, "*": {**steps}})


def test_a_clear_loss_ends_the_run_and_what_was_not_spent_is_told(folder: Folder) -> None:
    model = project_of(folder, 200, range(0, 200, 2), cost=0.01)
    Mock.asked.clear()
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt(
            "numbers", folder.path / "ask.prompt.yaml", model, early_stop=True, concurrency=4
        )
        run = project.run(verdict.candidate)
        again = project.gate("numbers", run=run.id)
        with pytest.raises(UsageError, match="stopped"):
            project.accept(run.id)
    assert verdict.outcome == "FAIL" and run.status == "stopped"
    stopping = verdict.stopping
    assert stopping is not None and stopping.stopped
    calls = sum(Mock.asked.values())
    assert stopping.samples < 60
    assert calls == stopping.calls == stopping.samples + stopping.in_flight
    assert stopping.in_flight < 4
    assert stopping.calls_saved == 200 - calls
    assert stopping.cost_saved == pytest.approx(0.01 * (200 - calls))
    assert verdict.cells[0].delta is not None and verdict.cells[0].delta.n == stopping.samples
    assert again == verdict


def test_latency_does_not_choose_who_counts(folder: Folder) -> None:
    """Wrong answers are slow: who counted answers as they come would see right ones first."""
    right = project_of(folder, 120, range(0, 120, 3))
    rows = {f"q{number:03}": {"text": "no", "sleep": 0.03} for number in range(0, 120, 3)}
    slow = folder.script("slow.json", {**rows, "*": {}})
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        found = [
            project.gate_prompt("numbers", prompt, model, early_stop=True, concurrency=concurrency)
            for model, concurrency in ((slow, 1), (slow, 16), (right, 4))
        ]
        runs = [project.run(each.candidate) for each in found]
    # The order is drawn from the model's name too; the same question gets the same order.
    assert found[0].stopping is not None and found[1].stopping is not None
    assert found[0].stopping.samples == found[1].stopping.samples
    assert found[0].cells[0].delta == found[1].cells[0].delta
    assert runs[0].id != runs[1].id


def test_one_slow_answer_does_not_let_all_others_be_paid_for(folder: Folder) -> None:
    project_of(folder, 200, ())
    with Project.open(folder.path) as project:
        # Whichever sample comes first in the order waits long; all answers are wrong.
        script = folder.script("wrong.json", {"*": {"text": "no"}})
        prompt = folder.path / "ask.prompt.yaml"
        verdict = project.gate_prompt("numbers", prompt, script, early_stop=True, concurrency=2)
        assert verdict.stopping is not None
        samples = project.samples(verdict.candidate)
        first = samples[int(np.argmin(drawn(samples, verdict.stopping.seed)))].id
        folder.script("wrong.json", {first: {"text": "no", "sleep": 1.0}, "*": {"text": "no"}})
        Mock.asked.clear()
        verdict = project.gate_prompt("numbers", prompt, script, early_stop=True, concurrency=2, cache=False)
    assert verdict.outcome == "FAIL"
    assert verdict.stopping is not None
    assert sum(Mock.asked.values()) <= verdict.stopping.samples + 2 * 4 + 1


def test_judges_are_not_asked_once_the_verdict_is_certain(folder: Folder) -> None:
    folder.evalset(
        "numbers",
        questions(120),
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.quality]\nmetric = "rubric"\n'
        'model = "mock/script:judge.json"\n[[gate]]\nmetric = "exact"\nmargin = 0.1\n',
    )
    reply = json.dumps({"reason": "-", "score": 4})
    folder.script("judge.json", {"*": {"text": reply, "sleep": 0.01}})
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        run = project.evaluate("numbers", [prompt], ["mock/echo"])[0]
        project.accept(run.id)
        wrong = folder.script("wrong.json", {"*": {"text": "no"}})
        Mock.asked.clear()
        verdict = project.gate_prompt("numbers", prompt, wrong, early_stop=True, concurrency=4)
    stopping = verdict.stopping
    assert verdict.outcome == "FAIL" and stopping is not None and stopping.stopped
    answers = sum(count for (model, _, _), count in Mock.asked.items() if "wrong" in model)
    judged = sum(count for (model, _, _), count in Mock.asked.items() if "judge" in model)
    assert stopping.calls == answers + judged
    assert stopping.samples <= judged <= answers <= stopping.samples + 8
    assert stopping.calls_saved >= (120 - answers) * 1.5


def test_slices_of_a_stopped_run_have_no_bounds_as_its_comparison_has_none(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        compared = project.compare(verdict.baseline, verdict.candidate)
        found = project.slices(verdict.baseline, verdict.candidate, find=True)
        assert {(delta.low, delta.p_value) for delta in compared.deltas} == {(None, None)}
        assert found.whole.difference == compared.deltas[0].difference
        assert (found.whole.low, found.worst, any(group.judged for group in found.groups)) == (None,) * 2 + (
            False,
        )
        assert {(group.low, group.joint_low, group.adjusted_p) for group in found.groups} == {(None,) * 3}
        assert found.finding is not None and not found.finding.found
        assert "promptops resume" in found.sentence
        project.resume(verdict.candidate)
        assert project.slices(verdict.baseline, verdict.candidate).whole.low is not None


def test_a_stopped_run_can_be_finished_and_then_be_accepted(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        run = project.resume(verdict.candidate)
        assert (run.status, run.done) == ("finished", 120)
        again = project.gate("numbers", run=run.id)
        project.accept(run.id, label="worse")
    assert again.outcome == verdict.outcome
    assert again.cells == verdict.cells
    assert again.stopping is not None and again.stopping.calls_saved == 0


def test_an_interrupted_run_goes_on_to_stop_early(folder: Folder) -> None:
    model = project_of(folder, 200, range(0, 200, 2))
    whole = folder.json("gate", "numbers", "-p", "ask.prompt.yaml", "-m", model, "--early-stop", code=1)[
        "verdict"
    ]
    with Project.open(folder.path) as project:
        config = project.store.run_config(whole["candidate"])
        run = project.run(whole["candidate"]).model_copy(
            update={"id": "interrupted01", "status": "interrupted", "done": 0}
        )
        project.store.create_run(run, config)
        resumed = project.resume(run.id)
        verdict = project.gate("numbers", run=run.id)
    assert resumed.status == "stopped"
    assert verdict.stopping is not None
    assert verdict.stopping.samples == whole["stopping"]["samples"]


def test_other_rules_afterwards_find_that_nothing_is_certain(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        settings_file = Path(folder.path / "evalsets/numbers/evalset.toml")
        text = settings_file.read_text()
        settings_file.write_text(text + "alpha = 0.0001\n")
        later = project.gate("numbers", run=verdict.candidate)
    assert later.outcome == "CANNOT_MEASURE"
    assert f"promptops resume {verdict.candidate}" in later.reason


def test_rules_that_no_bet_can_decide_wait_for_the_end_and_say_so(folder: Folder) -> None:
    folder.evalset(
        "numbers",
        questions(60),
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.chrf]\n'
        '[[gate]]\nmetric = "exact"\nmargin = 0.2\n[[gate]]\nmetric = "chrf"\nmargin = 5.0\n',
    )
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id)
        same = folder.script("same.json", {"*": {}})
        passed = project.gate_prompt("numbers", prompt, same, early_stop=True)
        wrong = folder.script("wrong.json", {"*": {"text": "number"}})
        failed = project.gate_prompt("numbers", prompt, wrong, early_stop=True)
    assert passed.outcome == "PASS" and passed.stopping is not None and not passed.stopping.stopped
    assert "chrf (a figure of all texts together" in passed.stopping.whole_run[0]
    assert failed.outcome == "FAIL" and failed.stopping is not None and failed.stopping.stopped


def test_a_set_without_a_rule_to_bet_on_is_decided_as_a_plain_one(folder: Folder) -> None:
    folder.evalset(
        "numbers",
        questions(60),
        'format = 1\n[card]\ndescription = "x"\n[metrics.chrf]\n[[gate]]\nmetric = "chrf"\nmargin = 5.0\n',
    )
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id)
        found = project.gate_prompt("numbers", prompt, folder.script("s.json", {"*": {}}), early_stop=True)
    assert found.outcome == "PASS" and found.stopping is None
    assert any("No rule could end the run early" in warning for warning in found.warnings)


def test_what_the_gate_would_refuse_is_refused_before_anything_is_asked(folder: Folder) -> None:
    model = project_of(folder, 40, ())
    settings_file = Path(folder.path / "evalsets/numbers/evalset.toml")
    text = settings_file.read_text()
    settings_file.write_text(text + '[metrics.f1]\n[[gate]]\nmetric = "f1"\nmargin = 0.1\n')
    Mock.asked.clear()
    with Project.open(folder.path) as project:
        with pytest.raises(NotComparable, match="no scores of f1"):
            project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        assert project.run_count() == 1
    assert not Mock.asked


def test_the_command_tells_where_it_stopped_and_every_report_does_too(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    done = folder.run(
        *("gate", "numbers", "-p", "ask.prompt.yaml", "-m", model, "--early-stop", "-j", "2"),
        *("--report", "gate.md", "--report", "gate.html", "--report", "gate.xml", "--report", "gate.json"),
        code=1,
    )
    assert "Stopped early: it was certain after" in done.stdout.replace("\n", " ")
    for name in ("gate.md", "gate.html", "gate.xml"):
        assert "it was certain after" in (folder.path / name).read_text(), name
    report = json.loads((folder.path / "gate.json").read_text())
    assert report["verdict"]["stopping"]["stopped"] is True
    # No table beside the rules has bounds that ignore the early stop.
    for delta in report["comparison"]["deltas"]:
        assert delta["n"] <= report["verdict"]["stopping"]["samples"]
        assert "bets" in delta["method"] or delta["low"] is None
    wrong_use = folder.run("gate", "numbers", "--early-stop", code=2)
    assert "go with --prompt" in wrong_use.stderr


def test_the_plugin_stops_early_too(folder: Folder) -> None:
    import subprocess
    import sys

    model = project_of(folder, 120, range(0, 120, 2))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "evalsets", "--early-stop"),
            *("--prompt", "ask.prompt.yaml", "--model", model),
        ],
        cwd=folder.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    with Project.open(folder.path) as project:
        assert project.run("latest").status == "stopped"


def test_a_stop_without_a_lost_instrument_is_always_a_pass_or_a_fail() -> None:
    """Whatever is missing, unscored or small: what ends a run decides it, and both ways of ending agree."""
    rng = np.random.default_rng(9)
    stops = 0
    for trial in range(150):
        n = int(rng.integers(40, 160))
        groups = np.sort(rng.integers(0, rng.integers(20, n), n))
        samples = asked(groups.tolist(), rng.uniform(0.3, 2.0, n).tolist() if trial % 3 == 0 else None)
        level = rng.choice([0.0, 0.5, 1.0])
        gaps, drop = rng.choice([0.0, 0.04, 0.15], 2)

        def values(share: float, wrong: float, n: int = n) -> list[float | str | None]:
            drawn_ = rng.random(n)
            return [
                "timeout" if x < share else None if x < share + 0.01 else float(rng.random() >= wrong)
                for x in drawn_
            ]

        old = [result(s, v) for s, v in zip(samples, values(gaps, 1 - level), strict=True)]
        new = [result(s, v) for s, v in zip(samples, values(drop, rng.choice([0.1, 0.9])), strict=True)]
        pairing = pair(side("old", samples, old), side("new", samples, new), {"exact": Exact()})
        rules = [RULES, RULES[:1], RULES[1:], (GateRule(metric="exact", min=0.99, exact=True),)][trial % 4]
        order = order_of(samples, str(trial))
        stopper = stopper_of(pairing, rules, str(trial))
        arrived = new[:]
        rng.shuffle(arrived)  # type: ignore[arg-type]
        for each in arrived:
            stopper.add(each)
        end = end_of(pairing, stopper.stakes, order)
        assert (stopper.certain, stopper._next) == (end.certain, end.groups), trial
        verdict = gate.judge(pairing, rules, order=order)
        if verdict.stopping is not None and verdict.stopping.stopped:
            stops += 1
            assert verdict.outcome in {"PASS", "FAIL"} or "could not be scored" in verdict.reason, trial
    assert stops > 40


def test_an_outage_at_the_beginning_does_not_end_a_run_as_worse() -> None:
    samples = asked(range(200))
    order = order_of(samples, "1")
    first = set(np.argsort(order.rank)[1:13].tolist())
    before = side("old", samples, [result(s, 1.0) for s in samples])
    after = [result(s, "server" if place in first else 1.0) for place, s in enumerate(samples)]
    pairing = pair(before, side("new", samples, after), {"exact": Exact()})
    plain = gate.judge(pairing, RULES[:1])
    early = gate.judge(pairing, RULES[:1], order=order)
    assert plain.outcome == "PASS"
    assert early.outcome != "FAIL"
    level = gate.judge(pairing, [GateRule(metric="exact", min=0.8)], order=order)
    assert level.outcome == "PASS"


def test_rules_on_the_candidate_alone_do_not_mind_what_the_baseline_lacks() -> None:
    samples = asked(range(150))
    before = side("old", samples, [result(s, None if n % 5 == 0 else 1.0) for n, s in enumerate(samples)])
    after = side("new", samples, [result(s, 1.0) for s in samples])
    pairing = pair(before, after, {"exact": Exact()})
    verdict = gate.judge(pairing, [GateRule(metric="exact", min=0.5)], order=order_of(samples, "1"))
    assert verdict.outcome == "PASS"
    assert verdict.stopping is not None and verdict.stopping.stopped


def test_a_rule_that_no_bet_is_about_is_left_open_at_a_stop(folder: Folder) -> None:
    folder.evalset(
        "numbers",
        questions(60),
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.chrf]\n[metrics.latency]\n'
        '[[gate]]\nmetric = "exact"\nmargin = 0.2\n[[gate]]\nmetric = "chrf"\nmargin = 60.0\n'
        '[[gate]]\nmetric = "exact"\nmargin = 0.2\nestimand = "suite"\n'
        '[[gate]]\nmetric = "latency"\nmax = 100.0\n',
    )
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        project.accept(project.evaluate("numbers", [prompt], ["mock/echo"])[0].id)
        wrong = folder.script("wrong.json", {"*": {"text": "number", "seconds": 0.1}})
        found = project.gate_prompt("numbers", prompt, wrong, early_stop=True)
    outcomes = [cell.outcome for cell in found.cells]
    assert found.outcome == "FAIL" and found.stopping is not None and found.stopping.stopped
    assert outcomes == ["FAIL", "INCONCLUSIVE", "INCONCLUSIVE", "INCONCLUSIVE"]
    assert all("the run stopped early" in cell.sentence for cell in found.cells[1:])
    assert found.cells[1].delta is not None and found.cells[1].delta.low is None


def test_rules_that_no_bet_is_about_can_not_pass_a_stopped_run_afterwards(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    settings_file = Path(folder.path / "evalsets/numbers/evalset.toml")
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        text = settings_file.read_text()
        settings_file.write_text(text.replace("margin = 0.1", 'margin = 0.1\nestimand = "suite"'))
        later = project.gate("numbers", run=verdict.candidate)
    assert later.outcome == "CANNOT_MEASURE"
    assert "promptops resume" in later.reason


def test_the_order_of_lines_may_change_between_runs(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    samples_file = Path(folder.path / "evalsets/numbers/samples.jsonl")
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        first = project.gate_prompt("numbers", prompt, model, early_stop=True)
        lines = samples_file.read_text().splitlines(keepends=True)
        random.Random(3).shuffle(lines)
        samples_file.write_text("".join(lines))
        again = project.gate_prompt("numbers", prompt, model, early_stop=True)
    assert again.outcome == first.outcome == "FAIL"
    assert again.stopping is not None and first.stopping is not None
    assert again.stopping.samples == first.stopping.samples
    assert again.cells == first.cells


def test_a_run_that_is_asked_for_more_keeps_its_verdict_and_says_so(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        project.resume(verdict.candidate)
        later = project.gate("numbers", run=verdict.candidate)
    assert later.stopping is not None and verdict.stopping is not None
    assert (later.stopping.in_flight, later.stopping.later) == (0, 120 - verdict.stopping.samples)
    assert "other answers don't count" in later.stopping.sentence


def test_a_baseline_that_is_gone_is_told_and_all_samples_can_be_asked(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        verdict = project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", model, early_stop=True)
        config = project.store.run_config(verdict.candidate)
        run = project.run(verdict.candidate)
        cut = run.model_copy(update={"id": "interrupted02", "status": "interrupted", "done": 0})
        project.store.create_run(cut, config)
        (folder.path / "evalsets/numbers/baseline.jsonl").unlink()
        with pytest.raises(NotComparable, match="--all"):
            project.resume(cut.id)
        assert project.resume(cut.id, everything=True).done == 120


def test_the_look_of_a_run_is_settled_before_it(folder: Folder) -> None:
    model = project_of(folder, 120, range(0, 120, 2))
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        verdict = project.gate_prompt("numbers", prompt, model, early_stop=True, look=3)
        assert project.gate("numbers", run=verdict.candidate).look == 3
        with pytest.raises(UsageError, match="as look 3"):
            project.gate("numbers", run=verdict.candidate, look=1)
