"""A judge of pairs held against what people prefer: figures by other libraries, calls paid for once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from promptops import Project, plugins
from promptops.cli import app
from promptops.errors import NotComparable, NotMeasured
from promptops.judges.pairwise import CREDIT, Pairwise
from promptops.judging.certificates import Certificate
from promptops.judging.certifying import certificate_of
from promptops.labels.labels import Case
from promptops.types import Sample, Score
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

BETTER = "numbers:better"
SETTINGS = """\
format = 1

[card]
description = "made for a test"

[metrics.exact]

[metrics.better]
metric = "pairwise"
model = "judge/m"
"""
N = 48
WINNERS = ("A", "tie", "B")


def drawn(
    n: int, raters: int, seed: int, group: int = 1
) -> tuple[list[Case], dict[str, Sample], list[Score]]:
    """Pairs with people's preferences, some missing, and a judge's replies in both orders."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([-1, 0, 1], n, p=[0.3, 0.2, 0.5])
    cases, samples, scores = [], {}, []
    for place in range(n):
        said = {
            f"r{rater}": float(np.clip(truth[place] + rng.choice([-1, 0, 0, 1]), -1, 1))
            for rater in range(raters)
            if rng.random() < 0.8 or not rater
        }
        name = f"s{place}"
        samples[name] = Sample(id=name, inputs={}, group=f"g{place // group}" if group > 1 else None)
        cases.append(Case(sample=name, output="n" * (5 + place % 9), other="o" * 8, ratings=said))
        first = WINNERS[1 - int(np.clip(truth[place] + rng.choice([-1, 0, 0, 0, 1]), -1, 1))]
        turned = {"A": "B", "B": "A", "tie": "tie"}[first]
        second = turned if rng.random() < 0.7 else str(rng.choice(WINNERS))
        share = (CREDIT[first] + 1 - CREDIT[second]) / 2
        scores.append(Score.of(share, orders=[first, second]))
    return cases, samples, scores


def certified(cases: list[Case], samples: dict[str, Sample], scores: list[Score]) -> Certificate:
    said = {case.id: score for case, score in zip(cases, scores, strict=True)}
    return certificate_of(
        Pairwise.example(), "numbers", "better", cases, samples, said, "labels/better.jsonl"
    )


def measure(found: Certificate, name: str) -> Any:
    return next(each for each in found.measures if each.measure == name)


@pytest.mark.parametrize("seed", [0, 1])
def test_its_agreement_is_that_of_other_libraries_by_verdicts(seed: int) -> None:
    cases, samples, scores = drawn(90, 3, seed)
    found = certified(cases, samples, scores)
    net = np.array([2 * score.counts[0] - 1 for score in scores])
    assert {-0.5, 0.5} <= set(net), "some won in one order and tied in the other"
    verdicts = np.sign(net)
    table = np.array([[case.ratings.get(f"r{rater}", np.nan) for rater in range(3)] for case in cases])
    rated = np.isfinite(table)
    sizes = rated.sum(axis=0)
    for name, weights in (("quadratic_kappa", "quadratic"), ("kappa", None)):
        each = [
            cohen_kappa_score(verdicts[rated[:, r]], table[rated[:, r], r], weights=weights) for r in range(3)
        ]
        assert measure(found, name).judge_human.value == pytest.approx(np.average(each, weights=sizes))
        pairs = [(0, 1), (0, 2), (1, 2)]
        both = [rated[:, a] & rated[:, b] for a, b in pairs]
        people = [
            cohen_kappa_score(table[mask, a], table[mask, b], weights=weights)
            for (a, b), mask in zip(pairs, both, strict=True)
        ]
        told = measure(found, name).human_human.value
        assert told == pytest.approx(np.average(people, weights=[mask.sum() for mask in both]))
    alphas = [krippendorff.alpha([verdicts, table[:, r]], level_of_measurement="ordinal") for r in range(3)]
    assert measure(found, "alpha_ordinal").judge_human.value == pytest.approx(
        np.average(alphas, weights=sizes)
    )
    equal = (verdicts[:, None] == table)[rated].mean()
    assert measure(found, "accuracy").judge_human.value == pytest.approx(equal)
    assert found.main == "quadratic_kappa" and (found.low, found.high) == (-1, 1)


def test_its_bias_is_its_net_preference_less_peoples_and_order_stands_beside() -> None:
    cases, samples, scores = drawn(90, 2, 3)
    found = certified(cases, samples, scores)
    net = np.array([2 * score.counts[0] - 1 for score in scores])
    people = np.array([np.mean(list(case.ratings.values())) for case in cases])
    assert found.bias.value == pytest.approx((net - people).mean())
    seen = found.compared
    assert seen is not None
    assert (seen.judge, seen.people) == pytest.approx((net.mean(), people.mean()))
    orders = [score.evidence["orders"] for score in scores]
    flips = sum(order not in (["A", "B"], ["B", "A"], ["tie", "tie"]) for order in orders)
    wilson = binomtest(flips, 90).proportion_ci(method="wilson")
    assert (seen.flips, seen.flip.value) == (flips, pytest.approx(flips / 90))
    assert (seen.flip.low, seen.flip.high) == pytest.approx((wilson.low, wilson.high))
    firsts, seconds = orders.count(["A", "A"]), orders.count(["B", "B"])
    assert (seen.first_both, seen.second_both) == (firsts, seconds) and firsts + seconds
    assert seen.order_p == pytest.approx(binomtest(firsts, firsts + seconds).pvalue)
    assert {part.by for part in found.parts} <= {"preference", "difference"} and found.parts
    longer = [part for part in found.parts if part.by == "difference"]
    assert [part.low for part in longer] == [-3, 2] and [part.high for part in longer] == [1, 5]


def test_each_verdict_is_right_and_found_as_scikit_learn_says() -> None:
    cases, samples, scores = drawn(80, 1, 5)
    found = certified(cases, samples, scores)
    judge = np.sign([2 * score.counts[0] - 1 for score in scores])
    people = [case.ratings["r0"] for case in cases]
    rights, recalls = (
        score(people, judge, labels=[-1, 0, 1], average=None) for score in (precision_score, recall_score)
    )
    assert [each.value for each in found.classes] == [-1, 0, 1]
    assert [each.precision.value for each in found.classes] == pytest.approx(list(rights))
    assert [each.recall.value for each in found.classes] == pytest.approx(list(recalls))


def test_groups_are_drawn_as_wholes_and_make_intervals_wider() -> None:
    cases, samples, scores = drawn(120, 1, 7)
    twins = [each.model_copy(update={"sample": f"t{each.sample}"}) for each in cases]
    copies = {f"t{name}": sample.model_copy(update={"id": f"t{name}"}) for name, sample in samples.items()}
    alone = {
        name: sample.model_copy(update={"group": f"g{name.removeprefix('t')}"})
        for name, sample in (samples | copies).items()
    }
    both, doubled = [*cases, *twins], [*scores, *scores]
    loose = certified(both, samples | copies, doubled).agreement.judge_human
    tight = certified(both, alone, doubled).agreement.judge_human
    single = certified(cases, samples, scores).agreement.judge_human
    assert loose.value == tight.value == pytest.approx(single.value)
    widths = [(each.high or 0) - (each.low or 0) for each in (loose, tight, single)]
    assert widths[1] == pytest.approx(widths[2], rel=0.15) and widths[0] < 0.85 * widths[1]


def reply(text: str) -> str:
    """Choose the new answer, each fourth time the old one; each fifth the first one, each seventh none."""
    number = int(re.search(r"number (\d+)", text)[1])  # type: ignore[index]
    first = re.search(r"<answer-a-\w+>\n(.*?)\n</answer-a", text, re.S)[1]  # type: ignore[index]
    winner = "AB"[first.startswith("number") == (number % 4 == 0)]
    if number % 5 == 0:
        winner = "A"
    elif number % 7 == 0:
        winner = "tie"
    return json.dumps({"reason": "r", "winner": winner})


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(reply) as server:
        yield server


@pytest.fixture
def two(folder: Folder, server: Server) -> tuple[Folder, str, str]:
    """Two runs, pairs of which a person rated."""
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    provider = f'[providers.judge]\nkind = "openai"\nbase_url = "{url}"\n'
    folder.write("promptops.toml", f'model = "mock/echo"\nattempts = 1\n{provider}')
    folder.evalset("numbers", questions(N), SETTINGS)
    prompt = folder.path / "ask.prompt.yaml"
    old = {f"q{number:03}": {"text": f"old {number}"} for number in range(N)}
    with Project.open(folder.path) as project:
        runs = [
            project.evaluate("numbers", [prompt], [model])[0].id
            for model in (folder.script("old.json", old), "mock/echo")
        ]
        cases = project.draw_cases(BETTER, runs, count=40).cases
        numbers = {case.id: int(case.output.split()[1]) for case in cases}
        said = {key: (-1.0, 1.0, 1.0, 0.0 if n % 3 else 1.0)[n % 4] for key, n in numbers.items()}
        project.rate_cases(BETTER, "anna", said)
    return folder, runs[0], runs[1]


def test_a_certificate_costs_two_calls_a_pair_and_what_was_replied_is_shared(
    two: tuple[Folder, str, str], server: Server
) -> None:
    folder, old, new = two
    with Project.open(folder.path) as project:
        assert (project.forecast_certify(BETTER).calls, len(server.bodies)) == (80, 0)
        found = project.certify_judge(BETTER)
        assert len(server.bodies) == 80
        assert found.compared is not None and found.compared.flips == sum(
            int(case.output.split()[1]) % 5 == 0 for case in project.labelling(BETTER).cases
        )
        assert project.certificate(BETTER) == found and project.forecast_certify(BETTER).calls == 0
        project.certify_judge(BETTER)
        assert len(server.bodies) == 80, "what it said is kept"
        project.prefer(old, new)
        assert len(server.bodies) == 2 * N, "a comparison asks about the other pairs alone"
        project.draw_cases(BETTER, [old, new], count=N)
        left = {case.id: 0.0 for case in project.labelling(BETTER).left_for("anna")}
        assert len(left) == N - 40
        project.rate_cases(BETTER, "anna", left)
        assert project.forecast_certify(BETTER).calls == 0
        assert project.certify_judge(BETTER).cases == N
    assert len(server.bodies) == 2 * N, "and a certificate knows what a comparison was told"


def test_the_command_tells_both_preferences_and_the_order(
    two: tuple[Folder, str, str], server: Server
) -> None:
    folder = two[0]
    done = CliRunner().invoke(app, ["-C", str(folder.path), "judge", "certify", BETTER])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "against 1 person: 40 ratings of 40 pairs." in told and "scale from" not in told
    assert "Net preference for the newer output: the judge's" in told
    assert "verdicts change with the order" in told and "chose the answer shown first" in told
    assert "newer wins" in told and "older wins" in told
    held = json.loads((folder.path / "evalsets/numbers/certificates/better.json").read_text())
    assert all(pair["judge"] in (-1, 0, 1) for pair in held["pairs"]) and held["compared"]["flip"]["n"] == 40
    with Project.open(folder.path) as project:
        assert Certificate.model_validate(held) == project.certificate(BETTER)


def test_too_few_pairs_name_both_runs_to_draw(two: tuple[Folder, str, str], server: Server) -> None:
    folder, old, new = two
    (folder.path / "evalsets/numbers/labels/better.jsonl").unlink()
    with Project.open(folder.path) as project:
        cases = project.draw_cases(BETTER, [old, new], count=12).cases
        project.rate_cases(BETTER, "anna", {case.id: 1.0 for case in cases})
        with pytest.raises(
            NotMeasured, match="promptops judge draw numbers:better --run OLD --run NEW -n 60"
        ):
            project.certify_judge(BETTER)
    assert not server.bodies


RULE = '\n[[gate]]\npairwise = "better"\nmargin = 0.3\n{more}\n'


def test_the_gate_demands_a_certificate_step_by_step_and_a_changed_letter_voids_it(
    two: tuple[Folder, str, str], server: Server
) -> None:
    folder, old, new = two
    path = folder.path / "evalsets/numbers/evalset.toml"
    path.write_text(SETTINGS + RULE.format(more="certified = true"))
    labels = folder.path / "evalsets/numbers/labels/better.jsonl"
    kept = labels.read_text()
    labels.unlink()

    def told() -> str:
        with Project.open(folder.path) as project:
            found = project.gate("numbers", baseline=old)
            assert found.outcome == "CANNOT_MEASURE"
            assert project.gate_run("numbers", baseline=old) == found, "and nobody is asked"
            with pytest.raises(NotComparable):
                project.forecast_gate_run("numbers", baseline=old)
            with pytest.raises(NotComparable) as caught:
                project.gate_prompt("numbers", folder.path / "ask.prompt.yaml", baseline=old)
        whole = str(caught.value).rpartition(": ")[2].rstrip(".")
        assert f"`{whole}`" in found.sentence, "the command is named before a run is paid for, too"
        return found.sentence

    assert "better has no certificate: nobody has rated" in told()
    assert "`promptops judge draw numbers:better --run OLD --run NEW`" in told()
    labels.write_text(kept)
    assert "Certify it: `promptops judge certify numbers:better`" in told() and not server.bodies
    with Project.open(folder.path) as project:
        (judge,) = project.judges().judges
        assert (judge.demanded, judge.state, judge.rated) == (True, "none", 40)
        project.certify_judge(BETTER)
        assert project.judges().judges[0].state == "valid"
        project.prefer(old, new)
        assert project.gate("numbers", baseline=old).outcome == "PASS"
    asked = len(server.bodies)
    shipped = (Path(plugins.__file__).parent / "judges/pairwise.prompt.yaml").read_text()
    folder.write("evalsets/numbers/own.prompt.yaml", shipped.replace("better", "bettr", 1))
    path.write_text(path.read_text().replace('"pairwise"', '"pairwise"\nprompt = "own.prompt.yaml"', 1))
    assert "the certificate of better is void: prompt changed since it was made on" in told()
    done = CliRunner().invoke(app, ["-C", str(folder.path), "gate", "numbers", "--baseline", old])
    assert done.exit_code == 3 and len(server.bodies) == asked
    with Project.open(folder.path) as project:
        assert project.judges().judges[0].state == "void"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("min_agreement = 0.9", "its agreement with people (quadratic_kappa)"),
        ("max_bias = 0.01", "its bias against people may be as large as"),
        ("min_agreement = 0.1\nmax_bias = 0.9", ""),
    ],
)
def test_a_certificate_may_be_too_weak_for_a_rule(
    two: tuple[Folder, str, str], server: Server, more: str, why: str
) -> None:
    folder, old, new = two
    path = folder.path / "evalsets/numbers/evalset.toml"
    path.write_text(SETTINGS + RULE.format(more=more))
    with Project.open(folder.path) as project:
        found = project.certify_judge(BETTER)
        assert found.allowed == (0.01 if "0.01" in more else 0.9 if "max_bias" in more else None)
        project.prefer(old, new)
        verdict = project.gate("numbers", baseline=old)
        state = project.judges().judges[0]
    assert (verdict.outcome, state.state) == (("CANNOT_MEASURE", "weak") if why else ("PASS", "valid"))
    assert why in verdict.sentence and why in state.why
    if why:
        assert "`promptops judge draw numbers:better --run OLD --run NEW -n 48`" in verdict.sentence
