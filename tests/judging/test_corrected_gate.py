"""The gate on changes that ratings correct: what it decides, when it can't, and how often it is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptops.analysis.reportfiles import render_report
from promptops.errors import FileProblems, NotComparable
from promptops.gate import decision as gate
from promptops.gate.evidence import evidence_of
from promptops.gate.rules import GateRule
from promptops.labels.labels import Case
from promptops.labels.ratings import People
from promptops.project import Project
from promptops.sets.evalset import read_evalset
from tests.gate.test_decision import paired
from tests.made import Folder
from tests.rated import JUDGED, Made, made, rate, truth

N = 100
BASELINE = "evalsets/numbers/baseline.jsonl"
CORRECTED = GateRule(metric="exact", margin=0.05, corrected=True)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once; each test has a copy of its own. People see a fall by 0.5, the judge a rise as large."""
    folder = Folder(tmp_path_factory.mktemp("ready"))
    folder.prompt("ask", "{{ question }}")
    two = made(folder, *truth(N), rule="corrected = true", margin=0.3)
    with Project.open(folder.path) as project:
        draw(project, two)
        rate(project)
    return two


@pytest.fixture
def two(ready: Made, tmp_path: Path) -> Made:
    shutil.copytree(ready.folder.path, tmp_path / "copy")
    return replace(ready, folder=Folder(tmp_path / "copy"))


def draw(project: Project, two: Made, count: int = 60) -> None:
    project.draw_cases(JUDGED, [str(project.root / BASELINE), two.second], count=count)


def settings(two: Made) -> Path:
    return two.folder.path / "evalsets/numbers/evalset.toml"


def labels(two: Made) -> Path:
    return two.folder.path / "evalsets/numbers/labels/quality.jsonl"


def test_the_judge_says_better_people_say_worse_and_people_decide(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        verdict = project.gate("numbers", run=two.second)
        own = project.correct_judge(JUDGED, two.second, baseline=two.first).change
        settings(two).write_text(settings(two).read_text().replace("corrected = true", ""))
        plain = project.gate("numbers", run=two.second)
    cell = verdict.cells[0]
    assert (plain.outcome, plain.cells[0].label) == ("PASS", "improved")
    assert verdict.outcome == "FAIL"
    assert cell.correction is not None and own is not None and cell.delta is not None
    assert (cell.correction.value, cell.correction.low) == (own.value, own.low)
    assert (cell.delta.low, cell.delta.high, cell.delta.rated) == (own.low, own.high, 60)
    assert cell.judged == plain.cells[0].delta
    assert cell.delta.high is not None and cell.delta.high < 0
    assert "by people's ratings of 60 of 100 samples" in cell.sentence
    assert "the judge alone says +" in cell.sentence
    assert "people's ratings of 60 of 100 cases" in verdict.sentence


def test_every_report_shows_the_judge_beside_people(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        verdict = project.gate("numbers", run=two.second)
        report = project.verdict_report("numbers", verdict)
    (row,) = evidence_of(verdict)
    assert row.beside.startswith("judge alone +") and row.n == "60 of 100"
    assert row.asked == "may lose 0.3 by people's ratings"
    for form in ("md", "html"):
        text = render_report(report, form)
        assert row.found in text and row.beside in text, form
    assert verdict.cells[0].sentence in render_report(report, "xml")
    told = json.loads(render_report(report, "json"))["verdict"]["cells"][0]
    assert told["correction"]["judge"] > 0 > told["correction"]["value"]
    assert told["judged"]["difference"] == told["correction"]["judge"]
    assert "labels/quality.jsonl" in report.facts.methods["quality"]


def test_an_open_gate_says_how_many_more_ratings(two: Made) -> None:
    settings(two).write_text(settings(two).read_text().replace("margin = 0.3", "margin = 0.55"))
    with Project.open(two.folder.path) as project:
        draw(project, two, 24)
        verdict = project.gate("numbers", run=two.second)
        rows = [case for case in project.labelling(JUDGED).cases if case.ratings]
    assert len({case.sample for case in rows}) == 60, "what was rated stays, whatever is drawn"
    assert verdict.outcome in ("FAIL", "INCONCLUSIVE")


def test_a_margin_that_ratings_could_show_is_told_with_their_number(folder: Folder) -> None:
    people, _ = truth(300, fall=0.05)
    noise = np.random.default_rng(3).integers(0, 2, (2, 300))
    said = [
        [int(min(x + y, 5)) for x, y in zip(each, more, strict=True)]
        for each, more in zip(people, noise, strict=True)
    ]
    two = made(folder, people, (said[0], said[1]), rule="corrected = true", margin=0.12)
    with Project.open(folder.path) as project:
        draw(project, two, 30)
        rate(project)
        verdict = project.gate("numbers", run=two.second)
        cell = verdict.cells[0]
        assert verdict.outcome == "INCONCLUSIVE" and cell.correction is not None
        assert cell.needed == cell.correction.more and cell.needed
        assert f"{cell.needed} more rated samples would show it" in cell.sentence
        assert f"about {cell.needed} more rated samples would settle it" in verdict.sentence
        draw(project, two, min(30 + cell.needed + 40, 300))
        rate(project)
        after = project.gate("numbers", run=two.second)
    assert after.outcome == "PASS"


@pytest.mark.parametrize("what", ["no file", "nobody", "few", "unrated", "own", "judge", "baseline only"])
def test_without_ratings_that_count_it_cannot_measure_and_says_what_mends_it(two: Made, what: str) -> None:
    rows = [json.loads(line) for line in labels(two).read_text().splitlines()]
    order = [row["sample"] for row in rows]
    mends, says = "promptops judge draw numbers:quality --run evalsets/numbers/baseline.jsonl", ""
    if what == "no file":
        labels(two).unlink()
    elif what == "nobody":
        rows = [{**row, "ratings": {}} for row in rows]
        mends = "promptops judge label numbers:quality --rater NAME"
    elif what == "few":
        with Project.open(two.folder.path) as project:
            labels(two).unlink()
            draw(project, two, 19)
            rate(project)
        rows, says = [], "to 19 independent samples"
    elif what == "unrated":
        rows = [row if place < 15 else {**row, "ratings": {}} for place, row in enumerate(rows)]
        mends, says = "promptops judge label", "wait for a rating"
    elif what == "own":
        rows = [{key: value for key, value in row.items() if key != "seed"} for row in rows]
        says = "60 more were not drawn at random"
    elif what == "judge":
        rows, says = [{**row, "judge": "0" * 12} for row in rows], "drawn for another judge"
    else:
        firsts = {f"answer {n} worth {two.judge[0][n]} true {two.people[0][n]}" for n in range(N)}
        rows, says = [row for row in rows if row["output"] in firsts], "of both versions"
    if rows and what != "no file":
        labels(two).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert order
    with Project.open(two.folder.path) as project:
        verdict = project.gate("numbers", run=two.second)
    assert verdict.outcome == "CANNOT_MEASURE"
    assert says in verdict.sentence
    assert f"Draw and rate: `{mends}" in verdict.sentence
    if what not in ("nobody", "unrated"):
        assert f"--run {two.second}" in verdict.sentence


def test_what_can_be_known_before_is_told_before_a_call_is_paid_for(two: Made) -> None:
    folder = two.folder
    prompt = ("gate", "numbers", "--prompt", "ask.prompt.yaml", "--model", "mock/script:answers1.json")
    labels(two).unlink()
    told = " ".join(folder.run(*prompt, code=3).stderr.split())
    assert "labels/quality.jsonl is not there" in told
    assert f"promptops judge draw numbers:quality --run {BASELINE} --run latest" in told
    with Project.open(folder.path) as project:
        assert project.run_count() == 2


def test_a_gate_on_answers_that_are_rated_already_decides_at_once(two: Made) -> None:
    told = two.folder.run(
        "gate", "numbers", "--prompt", "ask.prompt.yaml", "--model", "mock/script:answers1.json", code=1
    ).stdout
    assert "by people's ratings of 60 of 100 samples" in " ".join(told.split())


def test_a_baseline_without_outputs_is_refused_before_a_call(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        project.accept(two.first, outputs=False)
        with pytest.raises(NotComparable, match="accepted without outputs"):
            project.gate_prompt("numbers", two.folder.path / "ask.prompt.yaml", "mock/script:answers1.json")
        assert project.run_count() == 2


def test_equal_outputs_pass_without_a_rating(two: Made) -> None:
    labels(two).unlink()
    with Project.open(two.folder.path) as project:
        again = project.evaluate(
            "numbers", [two.folder.path / "ask.prompt.yaml"], ["mock/script:answers0.json"]
        )[0]
        verdict = project.gate("numbers", run=again.id)
    assert (verdict.outcome, verdict.cells[0].label) == ("PASS", "identical")


def test_a_candidate_that_does_not_answer_is_the_worst_for_people_too(two: Made) -> None:
    folder = two.folder
    answers = json.loads((folder.path / "answers0.json").read_text())
    silent = [f"q{number:03}" for number in range(0, N, 4)]
    for name in silent:
        answers[name] = {"fail": "rejected"}
    script = folder.script("silent.json", answers)
    with Project.open(folder.path) as project:
        run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], [script])[0]
        assert run.errors == len(silent)
        project.draw_cases(JUDGED, [two.first, run.id], count=60)
        rate(project)
        verdict = project.gate("numbers", run=run.id)
    cell = verdict.cells[0]
    assert verdict.outcome == "FAIL" and cell.correction is not None and cell.delta is not None
    lost = np.mean([1 - two.people[0][number] if number % 4 == 0 else 0 for number in range(N)])
    assert cell.correction.rated == 60
    assert cell.delta.low is not None and cell.delta.high is not None
    assert cell.delta.low < lost < cell.delta.high


def test_in_stages_it_waits_for_the_whole_run(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        verdict = project.gate_prompt(
            "numbers",
            two.folder.path / "ask.prompt.yaml",
            "mock/script:answers1.json",
            first=50,
        )
        assert verdict.outcome == "INCONCLUSIVE"
        assert "people's ratings are of the whole run" in verdict.cells[0].sentence
        assert verdict.stopping is not None
        whole = project.gate_on("numbers", run=verdict.candidate)
    assert whole.outcome == "FAIL" and whole.cells[0].delta is not None
    assert whole.cells[0].rule.alpha == 0.05


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ('labels = "labels/other.jsonl"', "goes with `corrected = true`"),
        ('corrected = true\nlabels = "../other.jsonl"', "must lie in the set's folder"),
        ("corrected = true\nmin = 3\nexact = true", "does not go with `corrected`"),
        ("corrected = true\nexact = true", "does not go with `corrected`"),
        ('corrected = true\nestimand = "suite"', "does not go with `corrected`"),
    ],
)
def test_rules_that_ratings_do_not_go_with_are_told_with_their_line(
    folder: Folder, rule: str, fault: str
) -> None:
    text = '\n[card]\ndescription = "x"\n[metrics.exact]\n[[gate]]\nmetric = "exact"\nmargin = 0.1\n'
    path = folder.evalset("bad", [{"id": "a", "inputs": {}, "target": "b"}], f"format = 1{text}{rule}\n")
    with pytest.raises(FileProblems, match=fault):
        read_evalset(path)


def test_a_named_file_of_labels_is_used(two: Made) -> None:
    labels(two).rename(labels(two).with_name("quality.people.jsonl"))
    text = settings(two).read_text()
    settings(two).write_text(
        text.replace("corrected = true", 'corrected = true\nlabels = "labels/quality.people.jsonl"')
    )
    with Project.open(two.folder.path) as project:
        verdict = project.gate("numbers", run=two.second)
    assert verdict.outcome == "FAIL"
    assert verdict.cells[0].correction is not None
    assert verdict.cells[0].correction.file == "labels/quality.people.jsonl"


def test_a_rule_on_a_slice_takes_ratings_of_the_slice(two: Made) -> None:
    text = settings(two).read_text()
    settings(two).write_text(text.replace("corrected = true", 'corrected = true\nslice = "odd"'))
    with Project.open(two.folder.path) as project:
        verdict = project.gate("numbers", run=two.second)
        held = project.labelling(JUDGED).cases
        odd = {case.sample for case in held if int(case.sample[1:]) % 2}
        correction = verdict.cells[0].correction
        assert correction is not None and correction.rated == len(odd)
        project.rate_cases(JUDGED, "anna", {})
        few = [case.model_copy(update={"ratings": {}}) if keep(case) else case for case in held]
        labels(two).write_text("".join(json.dumps(each.model_dump(mode="json")) + "\n" for each in few))
        verdict = project.gate("numbers", run=two.second)
    assert verdict.outcome == "CANNOT_MEASURE"
    assert "takes 20 rated samples" in verdict.sentence and "promptops judge draw" in verdict.sentence


def test_what_only_knows_the_judge_says_that_it_can_not_tell(two: Made) -> None:
    with Project.open(two.folder.path) as project:
        reaches = project.plan("numbers").reaches
        tried = project.self_test("numbers", runs=(two.first, two.second), trials=200)
    reach = next(each for each in reaches if each.label == "quality" and each.margin is not None)
    assert "people's ratings decide it" in reach.note and reach.resolves is None
    assert any("hangs on people's ratings" in each for each in tried.left_out)


def keep(case: Case) -> bool:
    """Tell whether a case loses its rating: most of the odd ones."""
    number = int(case.sample[1:])
    return bool(number % 2) and number % 5 > 0


def errors(
    truth: float, bias: float, ratings: int, runs: int, seed: int, size: int = 1, n: int = 240
) -> tuple[list[str], list[str]]:
    """Return the outcomes of gates with and without ratings, where the new version is judged off by `bias`.

    People's differences are -0.25, 0 or 0.25 with the mean `truth`, those of a group alike half of the time.
    """
    rng = np.random.default_rng([seed, ratings, size])
    groups = np.arange(n) % (n // size)
    outcomes: tuple[list[str], list[str]] = ([], [])
    for _ in range(runs):
        shared = rng.random(n // size)[groups]
        coin = np.where(rng.random(n) < 0.5, shared, rng.random(n)) if size > 1 else rng.random(n)
        moved = np.where(coin < 0.2 - 2 * truth, -0.25, np.where(coin > 0.8 - 2 * truth, 0.25, 0.0))
        before = rng.choice([0.25, 0.5], n)
        after = before + moved
        said = before + 0.25 * (rng.random(n) < 0.3), after + 0.25 * (rng.random(n) < 0.3 + 4 * bias)
        pairing = paired(
            [float(x) for x in said[0]], [float(x) for x in said[1]], None if size == 1 else n // size
        )
        drawn = np.zeros(n, dtype=bool)
        drawn[rng.permutation(n)[:ratings]] = True
        silent = np.zeros(n, dtype=bool)
        rated = [np.where(drawn, each, np.nan) for each in (before, after)]
        people = People((rated[0], rated[1]), (silent, silent), drawn, 0, 1, same_judge=True)
        rules = (CORRECTED, CORRECTED.model_copy(update={"corrected": False}))
        for found, rule in zip(outcomes, rules, strict=True):
            found.append(gate.judge(pairing, [rule], people={("exact", None): people}).outcome)
    return outcomes


def share(outcomes: Sequence[str], outcome: str) -> float:
    return outcomes.count(outcome) / len(outcomes)


def test_a_flattered_loss_does_not_pass_and_a_slandered_equal_does_not_fail() -> None:
    """120 gates each; at a true rate of .05 more than .117 come in 3 of 1,000 such tests."""
    corrected, plain = errors(-0.05, 0.1, ratings=60, runs=120, seed=1)
    assert share(corrected, "PASS") <= 0.117 and share(plain, "PASS") > 0.95
    corrected, plain = errors(0.0, -0.07, ratings=60, runs=120, seed=2)
    assert share(corrected, "FAIL") <= 0.117 and share(plain, "FAIL") > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("ratings", [30, 60, 150])
def test_the_corrected_gate_errs_in_6_percent_at_most(ratings: int, size: int) -> None:
    """2,000 gates in each cell (Monte Carlo error .005), nominal .05; the judge alone is wrong in most."""
    corrected, plain = errors(-0.05, 0.1, ratings, 2000, 3, size)
    wrong_pass = share(corrected, "PASS")
    assert share(plain, "PASS") > 0.9
    corrected, plain = errors(0.0, -0.07, ratings, 2000, 4, size)
    wrong_fail = share(corrected, "FAIL")
    print(f"{ratings} ratings, groups of {size}: false PASS {wrong_pass:.4f}, false FAIL {wrong_fail:.4f}")
    assert share(plain, "FAIL") > 0.7
    assert wrong_pass <= 0.06
    assert wrong_fail <= 0.06
