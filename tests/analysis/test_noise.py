"""Noise of runs with repeats, as a user meets it: a function of the project answers, by luck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from promptops import Project
from promptops.analysis.noise import Noise, RunNoise
from promptops.cli.documents import NoiseDocument
from promptops.errors import UnknownName, UsageError
from promptops.stats.variance import change_components, components
from promptops.types import MetricSpec
from tests.made import Folder, questions

BOT = """
import random

def steady(inputs):
    return inputs["question"]

def lucky(inputs, sample_id, repeat):
    knows = random.Random(sample_id).random()
    return inputs["question"] if random.Random(f"{sample_id} {repeat}").random() < knows else "no idea"

def luckier(inputs, sample_id, repeat):
    knows = random.Random(sample_id).random() ** 0.3
    return inputs["question"] if random.Random(f"{repeat} {sample_id}").random() < knows else "no idea"

def failing(inputs, sample_id, repeat):
    if sample_id in {"q003", "q004"} and repeat == 1:
        raise RuntimeError("no answer today")
    return inputs["question"]

def moody(inputs, messages, sample_id, repeat):
    score = 1 + random.Random(f"{sample_id} {repeat}").randrange(5)
    return '{"reason": "a mood", "score": %d}' % score

COUNT = [0]

def forgetful(inputs):
    COUNT[0] += 1
    return '{"reason": "another mood", "score": %d}' % random.Random(COUNT[0]).randint(1, 5)

def words(inputs, sample_id, repeat):
    draw = random.Random(f"{sample_id} {repeat}")
    said = inputs["question"].split() + ["of all the numbers that there are"]
    return " ".join(word for word in said for _ in range(draw.randint(1, 2)))
"""

JUDGED = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"
"""

WORDED = """\
format = 1

[card]
description = "made for a test"

[metrics.f1]

[metrics.bleu]
"""


@pytest.fixture
def bots(folder: Folder, request: pytest.FixtureRequest) -> str:
    """A module of its own for each test, as Python keeps what it imported."""
    name = "bot_" + "".join(letter for letter in request.node.name if letter.isalnum())
    folder.write(f"{name}.py", BOT)
    return f"python/{name}"


def evaluated(folder: Folder, model: str, repeats: int = 3, **more: Any) -> str:
    with Project.open(folder.path) as project:
        runs = project.evaluate(
            "numbers", [folder.path / "ask.prompt.yaml"], [model], repeats=repeats, **more
        )
    return runs[0].id


def noise(folder: Folder, *runs: str, **asked: Any) -> Noise:
    with Project.open(folder.path) as project:
        return project.noise(*runs, **asked)


def outcomes(folder: Folder, run: str, label: str = "exact") -> np.ndarray:
    """Return a run's scores, (samples, repeats), from the store's own rows."""
    with Project.open(folder.path) as project:
        rows = list(project.store.score_rows(run))
        repeats = project.run(run).repeats
    return np.reshape([row.scores[label]["counts"][0] for row in rows], (-1, repeats))


def of(found: Noise, label: str) -> RunNoise:
    return next(each for each in found.runs if each.label == label)


def test_a_run_is_taken_apart_into_cases_and_generation(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky", 4)
    values = outcomes(folder, run)
    expected = components(values)
    found = noise(folder, run, metric="exact").runs[0]
    assert [part.source for part in found.parts] == ["cases", "generation"]
    assert [part.variance for part in found.parts] == pytest.approx(
        [expected.case.variance, expected.noise[0].variance]
    )
    assert sum(part.share or 0 for part in found.parts) == pytest.approx(1)
    assert found.population is not None and found.suite is not None
    assert found.population.se == pytest.approx(values.mean(axis=1).std(ddof=1) / np.sqrt(40))
    within = values.var(axis=1, ddof=1).sum() / 4 / 40**2
    assert found.suite.se == pytest.approx(np.sqrt(within))
    assert found.suite.se < found.population.se


def test_cases_that_flip_are_named_and_counted(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky", 4)
    values = outcomes(folder, run)
    flips = [f"q{place:03}" for place in np.flatnonzero(np.ptp(values, axis=1) > 0)]
    flaky = noise(folder, run, metric="exact").runs[0].flaky
    assert sorted(case.sample_id for case in flaky.cases) == flips
    assert {case.kind for case in flaky.cases} == {"model"}
    assert all(case.answers == 2 for case in flaky.cases)
    assert (flaky.model, flaky.judge, flaky.n) == (len(flips), 0, 40)
    assert flaky.share == pytest.approx(len(flips) / 40)
    assert flaky.low is not None and flaky.high is not None
    assert flaky.low < len(flips) / 40 < flaky.high
    spreads = [case.spread or 0 for case in flaky.cases]
    assert spreads == sorted(spreads, reverse=True)


def test_pass_rates_are_those_of_the_outcomes(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky")
    values = outcomes(folder, run)
    one, two, three = noise(folder, run, metric="exact").runs[0].passes
    assert (one.at, one.all) == pytest.approx((values.mean(), values.mean()))
    assert (three.at, three.all) == pytest.approx((values.max(axis=1).mean(), values.min(axis=1).mean()))
    assert one.at < two.at < three.at
    assert two.all_low is not None and two.all_high is not None
    assert two.all_low < two.all < two.all_high


def test_a_threshold_makes_successes_of_scores(folder: Folder, bots: str) -> None:
    folder.evalset("numbers", questions(40), WORDED)
    run = evaluated(folder, f"{bots}:words")
    values = outcomes(folder, run, "f1")
    assert not noise(folder, run, metric="f1").runs[0].passes
    found = noise(folder, run, metric="f1", threshold=0.4).runs[0]
    assert found.passes[2].at == pytest.approx((values >= 0.4).any(axis=1).mean())
    with pytest.raises(UsageError, match="outside the range"):
        noise(folder, run, metric="f1", threshold=40)


def test_identical_repeats_are_told_and_have_no_interval_of_nothing(folder: Folder, bots: str) -> None:
    found = noise(folder, evaluated(folder, f"{bots}:steady"))
    assert "byte-identical" in found.sentence
    exact = of(found, "exact")
    assert exact.suite is None and "no noise was seen" in exact.note
    assert exact.flaky.share == 0 and exact.flaky.high is not None and exact.flaky.high > 0


def test_one_repeat_says_what_is_not_known_and_how_to_get_it(folder: Folder) -> None:
    run = evaluated(folder, "mock/echo", 1)
    shown = folder.run("noise", run).stdout
    assert "asked each sample once" in shown
    command = shown.split("Ask several times: ")[1].splitlines()[0].split()
    assert command[0] == "promptops"
    folder.run(*command[1:])
    assert "asked each sample once" not in noise(folder, "latest").sentence
    exact = noise(folder, run).runs[0]
    assert exact.suite is None and exact.choice is None and not exact.parts


def test_a_judge_that_scores_one_answer_differently_is_told_from_the_model(folder: Folder, bots: str) -> None:
    folder.evalset("numbers", questions(40), JUDGED)
    run = evaluated(folder, f"{bots}:steady", judge_model=f"{bots}:moody")
    found = noise(folder, run).runs[0]
    assert {case.kind for case in found.flaky.cases} == {"judge"}
    assert all(case.answers == 1 for case in found.flaky.cases)
    assert [part.source for part in found.parts] == ["cases", "generation", "judge"]
    values = outcomes(folder, run, "quality")
    assert found.parts[2].variance == pytest.approx(values.var(axis=1, ddof=1).mean())
    assert found.parts[1].variance == pytest.approx(0, abs=1e-12)


def test_a_second_scoring_of_the_same_answers_shows_the_judges_noise(folder: Folder, bots: str) -> None:
    folder.evalset("numbers", questions(40), JUDGED)
    run = evaluated(folder, f"{bots}:lucky", judge_model=f"{bots}:forgetful")
    with Project.open(folder.path) as project:
        again = project.rescore(run, judge_model=f"{bots}:forgetful").id
        other = project.rescore(run, [MetricSpec(label="exact", metric="exact")]).id
        same = project.rescore(run, [MetricSpec(label="exact", metric="exact")]).id
    change = noise(folder, run, again).changes[0]
    assert "judged twice" in change.note and change.suite is None
    judge = next(part for part in change.parts if part.source == "judge")
    both = [outcomes(folder, each, "quality") for each in (run, again)]
    assert judge.variance == pytest.approx(((both[1] - both[0]) ** 2 / 2).mean())
    assert "nothing was generated anew" in noise(folder, other, same).changes[0].note


def test_a_change_is_taken_apart_into_cases_and_both_runs(folder: Folder, bots: str) -> None:
    first, second = evaluated(folder, f"{bots}:lucky"), evaluated(folder, f"{bots}:luckier", 2)
    a, b = outcomes(folder, first), outcomes(folder, second)
    expected = change_components(a, b)
    found = noise(folder, first, second, metric="exact", margin=0.05)
    change = found.changes[0]
    assert [part.source for part in change.parts] == ["cases", "baseline", "candidate"]
    assert [part.variance for part in change.parts] == pytest.approx(
        [expected.case.variance, *(part.variance for part in expected.noise)]
    )
    assert change.difference == pytest.approx(b.mean() - a.mean())
    with Project.open(folder.path) as project:
        delta = project.compare(first, second, slices=False).deltas[0]
    assert change.population is not None and change.suite is not None
    assert (change.population.low, change.population.high) == (delta.low, delta.high)
    noises = a.var(axis=1, ddof=1).sum() / 3 + b.var(axis=1, ddof=1).sum() / 2
    assert change.suite.se == pytest.approx(np.sqrt(noises) / 40)
    assert change.choice is not None and change.choice.enough_cases is not None
    assert [each.run for each in found.runs] == [first, second]


def test_a_missing_answer_counts_as_the_worst_and_as_a_flip(folder: Folder, bots: str) -> None:
    first, second = evaluated(folder, f"{bots}:lucky"), evaluated(folder, f"{bots}:failing")
    found = noise(folder, first, second, metric="exact")
    failing = found.runs[1]
    assert failing.failed == 2
    assert [(case.sample_id, case.kind, case.figures) for case in failing.flaky.cases] == [
        ("q003", "missing", (1.0, None, 1.0)),
        ("q004", "missing", (1.0, None, 1.0)),
    ]
    assert failing.passes[2].all == pytest.approx(38 / 40)
    with Project.open(folder.path) as project:
        delta = project.compare(first, second, slices=False).deltas[0]
    change = found.changes[0]
    assert change.difference == delta.difference
    candidate = next(part for part in change.parts if part.source == "candidate")
    assert candidate.variance == pytest.approx(2 * np.var([1, 0, 1], ddof=1) / 40)


def test_a_corpus_figure_is_taken_apart_by_its_linear_approximation(folder: Folder, bots: str) -> None:
    """The oracle is the bootstrap behind `show`: its interval is about as wide as 2 * 1.96 errors."""
    folder.evalset("numbers", questions(80), WORDED)
    found = of(noise(folder, evaluated(folder, f"{bots}:words")), "bleu")
    assert found.population is not None and found.suite is not None and found.value is not None
    assert found.population.low is not None and found.population.high is not None
    width = found.population.high - found.population.low
    assert 2 * 1.96 * found.population.se == pytest.approx(width, rel=0.1)
    assert found.suite.low is not None and found.suite.low < found.value


def test_groups_and_weights_count(folder: Folder, bots: str) -> None:
    more = {"group": lambda number: f"g{number // 8}", "weight": lambda number: 1 + number % 3}
    folder.evalset("numbers", questions(40, **more))
    found = noise(folder, evaluated(folder, f"{bots}:lucky"), metric="exact").runs[0]
    with Project.open(folder.path) as project:
        estimate = project.estimates(found.run, slices=False)[0]
    assert found.value == estimate.value
    assert found.population is not None
    assert (found.population.low, found.population.high) == (estimate.low, estimate.high)


def test_a_baseline_file_without_outputs_still_has_scores(folder: Folder, bots: str) -> None:
    first, second = evaluated(folder, f"{bots}:lucky"), evaluated(folder, f"{bots}:luckier")
    with Project.open(folder.path) as project:
        path = project.accept(first, outputs=False)
        found = project.noise(str(path), second, metric="exact")
        stored = project.noise(first, second, metric="exact")
    assert found.changes == stored.changes
    assert {case.answers for case in found.runs[0].flaky.cases} == {None}


def test_margins_and_thresholds_need_a_metric_and_sense(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky")
    for asked in ({"margin": 0.1}, {"threshold": 0.5}):
        with pytest.raises(UsageError, match="--metric"):
            noise(folder, run, **asked)
    for asked in ({"margin": 0.0}, {"threshold": float("nan")}, {"case_cost": -1.0}):
        with pytest.raises(UsageError, match="number"):
            noise(folder, run, metric="exact", **asked)
    with pytest.raises(UnknownName, match="exact"):
        noise(folder, run, metric="exat")


def test_what_decides_a_margin_is_told_with_numbers(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky")
    choice = noise(folder, run, metric="exact", margin=0.05, case_cost=10).runs[0].choice
    assert choice is not None and choice.never and choice.enough_repeats is None
    assert "no number of repeats of these 40 can decide it" in choice.sentence
    money = {option.repeats: option.cases * (10 + option.repeats) for option in choice.options}
    assert all(40 * 13 - (10 + repeats) < spent <= 40 * 13 for repeats, spent in money.items())
    wide = noise(folder, run, metric="exact", margin=0.3).runs[0].choice
    assert wide is not None and "within reach" in wide.sentence


def test_the_command_says_a_sentence_first_and_then_the_evidence(folder: Folder, bots: str) -> None:
    first, second = evaluated(folder, f"{bots}:lucky"), evaluated(folder, f"{bots}:luckier")
    shown = folder.run("noise", first, "--metric", "exact").stdout
    assert shown.startswith("exact: of the uncertainty of its mean, ")
    for told in ("from which cases were asked", "these", "pass^k", "cases flip in exact", "by the model"):
        assert told in shown
    both = folder.run("noise", first, second, "--metric", "exact", "--margin", "0.1").stdout
    assert "from the baseline's noise" in both and f"Run {second}" in both
    whole = folder.json("noise", first, second)
    jsonschema.validate(whole, NoiseDocument.model_json_schema(mode="serialization"))
    document = whole["noise"]
    assert document["sentence"].startswith("exact") and len(document["runs"]) == 4


def test_a_margin_of_nobody_knows_which_metric_is_wrong_use(folder: Folder, bots: str) -> None:
    run = evaluated(folder, f"{bots}:lucky", 2)
    assert "--metric" in folder.run("noise", run, "--margin", "0.1", code=2).stderr


def test_ids_and_labels_can_t_act_on_a_terminal(folder: Folder, bots: str) -> None:
    rows = questions(40)
    rows[0]["id"] = "::error::evil\u202eid"
    folder.evalset("numbers", rows)
    module = Path(folder.path, f"{bots.removeprefix('python/')}.py")
    module.write_text("def flip(inputs, repeat):\n    return inputs['question'] if repeat else ''\n", "utf-8")
    run = evaluated(folder, f"{bots}:flip")
    shown = folder.run("noise", run).stdout
    assert "40 of 40 cases flip" in shown and "\u202e" not in shown
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


def test_shared_answers_of_the_cache_are_told(folder: Folder) -> None:
    first = evaluated(folder, "mock/echo", 2)
    second = evaluated(folder, "mock/echo", 3)
    found = noise(folder, first, second, metric="exact")
    assert any("not independent" in warning for warning in found.warnings)
