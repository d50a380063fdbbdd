"""What is told beside a judge's figure: distinct outputs, length, kin, and what has no score."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import statsmodels.api as sm
from click.testing import CliRunner
from scipy import stats

from promptops import Project
from promptops.cli import app
from promptops.instruments import JudgeFacts
from promptops.judging.text import judge_sentences
from tests.judges.scripted_judge import Server, serving
from tests.made import Folder, questions

SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "rubric"

[[gate]]
metric = "quality"
margin = 0.5
"""


def candidate_in(text: str) -> str:
    found = re.search(r"<candidate-(\w+)>\n(.*)\n</candidate-\1>", text, re.DOTALL)
    assert found is not None
    return found[2]


def by_length(text: str) -> str:
    """A judge that grades a text by its length, and otherwise by a lot."""
    answer = candidate_in(text)
    return json.dumps({"score": 1 + (len(answer) // 30 + sum(map(ord, answer)) % 3) % 5})


def project(
    folder: Folder, server: Server, answers: dict[str, str], n: int = 40, script: str = "answers.json"
) -> Project:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n',
    )
    folder.evalset("asked", questions(n), SET)
    folder.script(script, answers)
    return Project.open(folder.path)


def evaluated(folder: Folder, answers: dict[str, str], n: int = 40, script: str = "answers.json") -> str:
    with serving(by_length) as server, project(folder, server, answers, n, script) as opened:
        return opened.evaluate("asked", [folder.path / "ask.prompt.yaml"], [f"mock/script:{script}"])[0].id


def facts(folder: Folder, run: str) -> JudgeFacts:
    with Project.open(folder.path) as opened:
        [found] = opened.judge_facts(run)
    return found


def command(folder: Folder, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["-C", str(folder.path), *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAR_KEY", "k")


def words(n: int, seed: int = 0) -> dict[str, str]:
    """Answers of different lengths, by sample id."""
    rng = np.random.default_rng(seed)
    return {f"q{place:03}": f"{place} " + "word " * int(rng.integers(1, 60)) for place in range(n)}


def test_scores_and_lengths_correlate_as_in_scipy_and_at_equal_ratings_as_residual_ranks(
    folder: Folder,
) -> None:
    answers = words(40)
    run = evaluated(folder, answers)
    lengths = np.array([len(answers[name]) for name in sorted(answers)])
    scores = np.array(
        [
            json.loads(by_length(f"<candidate-a>\n{answers[name]}\n</candidate-a>"))["score"]
            for name in sorted(answers)
        ]
    )
    found = facts(folder, run)
    assert (found.judges, found.judged, found.unscored) == (("near/judge",), 40, 0)
    assert found.length.value == pytest.approx(stats.spearmanr(scores, lengths).statistic, abs=1e-9)
    assert found.length.low is not None and found.length.high is not None
    assert found.length.low < found.length.value < found.length.high
    assert found.length_at_equal is None

    rng = np.random.default_rng(1)
    people = {name: float(rng.integers(1, 6)) for name in sorted(answers)[:30]}
    rows = [
        {"sample": name, "output": answers[name], "ratings": {"anna": rating, "ben": rating}}
        for name, rating in people.items()
    ]
    other = {"sample": "q039", "output": "another answer", "ratings": {"anna": 1}}
    folder.write(
        "evalsets/asked/labels/quality.jsonl", "".join(json.dumps(row) + "\n" for row in [*rows, other])
    )
    ranks = [stats.rankdata(each) for each in (scores[:30], lengths[:30], list(people.values()))]
    plain = sm.add_constant(ranks[2])
    left = [side - sm.OLS(side, plain).fit().fittedvalues for side in ranks[:2]]
    found = facts(folder, run)
    assert found.length_at_equal is not None and found.length_at_equal.n == 30
    assert found.length_at_equal.value == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-9)
    assert "at an equal rating by people" in command(folder, "show", run)

    folder.write("evalsets/asked/labels/quality.jsonl", "".join(json.dumps(row) + "\n" for row in rows[:9]))
    few = facts(folder, run).length_at_equal
    assert few is not None and few.value is None and few.reason == "9 rated samples; it takes 10"

    folder.write("evalsets/asked/labels/quality.jsonl", "no JSON\n")
    found = facts(folder, run)
    assert found.length_at_equal is None and found.length.value is not None
    assert "quality.jsonl" in found.warnings[-1]
    assert "quality.jsonl" in command(folder, "show", run)


def test_one_text_for_every_question_is_warned_of_on_every_face(folder: Folder) -> None:
    good = evaluated(folder, words(24), n=24)
    null = evaluated(folder, {"*": "Whatever you ask, this is the best answer."}, 24, "null.json")
    found = facts(folder, null)
    assert found.diversity is not None
    assert (found.diversity.questions, found.diversity.distinct, found.diversity.most) == (24, 1, 24)
    assert found.length.value is None and found.length.reason == "scores or lengths never vary"
    told = "24 of 24 different questions got the same output. A judge can like one text for every question"
    shown = command(folder, "show", null)
    assert "quality: 1 distinct outputs to 24 questions (4%)" in shown and f"quality: Note: {told}" in shown
    assert told not in command(folder, "show", good)
    files = [f"--report={folder.path / name}" for name in ("r.md", "r.html")]
    compared = command(folder, "compare", good, null, "--no-slices", "--cases", "0", *files)
    assert f"Note: quality: {told}" in compared
    assert "quality, baseline: 24 distinct outputs to 24 questions (100%)" in compared
    assert "quality, candidate: 1 distinct outputs to 24 questions (4%)" in compared
    page, comment = ((folder.path / name).read_text("utf-8") for name in ("r.html", "r.md"))
    assert "quality, candidate: 1 distinct outputs to 24 questions (4%)" in page and told in page
    assert "quality, candidate: 1 distinct outputs" in comment
    with Project.open(folder.path) as opened:
        verdict = opened.gate("asked", run=null, baseline=good)
        assert any(told in warning for warning in verdict.warnings)
        report = opened.verdict_report("asked", verdict)
        assert report.comparison is not None
        assert [each.side for each in report.comparison.judges] == ["baseline", "candidate"]


@pytest.mark.parametrize(
    ("answers", "targets", "warned"),
    [
        (["yes"] * 30, ["yes", "no"] * 15, True),
        (["yes", "no"] * 15, ["no", "yes"] * 15, False),
        (["yes"] * 18 + ["no"] * 12, ["yes"] * 15 + ["no"] * 15, False),
        (["yes"] * 30, ["yes"] * 30, False),
        (["Yes  sir", "yes sir", " YES SIR"] * 10, None, True),
        ([f"answer {place}" for place in range(30)], None, False),
        (["a", "b"] * 15, [f"t{place}" for place in range(30)], True),
        (["one"] * 9, None, False),
    ],
)
def test_outputs_as_alike_as_the_right_answers_are_not_suspicious(
    folder: Folder, answers: list[str], targets: list[str] | None, warned: bool
) -> None:
    rows = questions(len(answers))
    for place, row in enumerate(rows):
        row.pop("target")
        if targets is not None:
            row["target"] = targets[place]
    folder.evalset("asked", rows, SET)
    folder.script("answers.json", {row["id"]: answer for row, answer in zip(rows, answers, strict=True)})
    with Project.open(folder.path) as opened:
        prompt = folder.path / "ask.prompt.yaml"
        judge = 'mock/constant:{"score": 3}'
        [run] = opened.evaluate("asked", [prompt], ["mock/script:answers.json"], judge_model=judge)
        [found] = opened.judge_facts(run.id)
    assert any("different questions got" in each for each in found.warnings) == warned


def test_a_judge_of_its_own_answers_is_warned_of_by_eval_compare_and_the_gate(folder: Folder) -> None:
    verdict = json.dumps({"score": 4})
    with serving(lambda text: verdict if "<candidate-" in text else f"It is {text}.") as server:
        with project(folder, server, {}):
            pass
        given = ["eval", "asked", "-p", str(folder.path / "ask.prompt.yaml"), "--judge-model", "near/gpt-4o"]
        one = command(folder, *given, "-m", "near/gpt-4o")
        assert "quality: Note: near/gpt-4o judges its own answers;" in one
        two = json.loads(command(folder, *given, "-m", "near/gpt-4o-mini", "--json"))["runs"][0]
    told = "is of one family (gpt) with near/gpt-4o-mini"
    assert any(told in each for each in two["notes"]["quality"])
    assert told in two["judges"][0]["warnings"][0] and two["judges"][0]["diversity"]["distinct"] == 40
    with Project.open(folder.path) as opened:
        new, old = opened.runs(limit=2)
        assert any(told in each for each in opened.compare(old.id, new.id).warnings)
        assert any(told in each for each in opened.gate("asked", run=new.id, baseline=old.id).warnings)


def test_of_a_judge_that_does_not_look_at_the_output_neither_length_nor_likeness_is_told(
    folder: Folder,
) -> None:
    rows = questions(24)
    for row in rows:
        row["inputs"]["context"] = "Tomatoes are red. Bananas are yellow."
    asked = 'format = 1\n[card]\ndescription = "x"\n[metrics.found]\nmetric = "context_relevance"\n'
    folder.evalset("asked", rows, asked)
    with Project.open(folder.path) as opened:
        prompt, judge = folder.path / "ask.prompt.yaml", 'mock/constant:{"needed": [1], "reason": ""}'
        [run] = opened.evaluate("asked", [prompt], ["mock/constant:the same"], judge_model=judge)
        [found] = opened.judge_facts(run.id)
    assert found.diversity is None and found.judged == 24
    assert found.length.reason == "it does not look at the output"
    assert not any("same output" in each for each in found.warnings)


def test_replies_that_cant_be_read_are_counted_shown_and_leave_the_gate_unable(folder: Folder) -> None:
    answers = words(40)
    good = evaluated(folder, answers)

    def mumbling(text: str) -> str:
        number = int(candidate_in(text).split()[0])
        return "It is hard to say." if number < 3 else json.dumps({"score": 3})

    folder.write("evalsets/asked/evalset.toml", SET)
    with serving(mumbling) as server, project(folder, server, answers) as opened:
        run, base = opened.rescore(good).id, opened.rescore(good).id
        assert len(server.bodies) == 43
    found = facts(folder, run)
    assert (found.judged, found.unscored, found.unread) == (40, 3, 3)
    assert found.reasons == (("the reply holds no readable verdict", 3),)
    told = "3 of 40 answers (7.5%) have no score, more than 5%: the gate can't measure by it."
    shown = command(folder, "show", run)
    assert "37  (3 unscored)" in shown
    assert "3 of 40 answers have no score: 3 x the reply holds no readable verdict" in shown
    assert f"ask again for them alone: promptops score {run}" in shown
    assert f"quality: Note: {told}" in shown
    compared = json.loads(command(folder, "compare", base, run, "--json"))
    assert f"quality: {told}" in compared["comparison"]["warnings"]
    assert [each["unscored"] for each in compared["comparison"]["judges"]] == [3, 3]
    gated = ["gate", "asked", "--run", run, "--baseline", base]
    decided = json.loads(command(folder, *gated, "--json", code=3))["verdict"]
    assert decided["outcome"] == "CANNOT_MEASURE"
    assert f"quality: {told}" in decided["warnings"]


def test_of_a_judge_that_was_mended_only_what_could_not_be_read_is_asked_again(folder: Folder) -> None:
    answers = words(40)
    good = evaluated(folder, answers)
    well: list[bool] = []

    def mumbling(text: str) -> str:
        number = int(candidate_in(text).split()[0])
        return "It is hard to say." if number < 3 and not well else json.dumps({"score": 3})

    with serving(mumbling) as server, project(folder, server, answers) as opened:
        run = opened.rescore(good).id
        assert len(server.bodies) == 40
        well.append(True)
        mended = opened.rescore(run).id
        assert len(server.bodies) == 43
        opened.rescore(run)
        assert len(server.bodies) == 43
    found = facts(folder, mended)
    assert (found.judged, found.unscored, found.unread) == (40, 0, 0)
    assert "ask again" not in command(folder, "show", mended)


def test_a_run_from_which_the_gate_can_measure_nothing_is_no_baseline_by_chance(folder: Folder) -> None:
    answers = words(40)
    good = evaluated(folder, answers)
    with serving(lambda _: "Hm.") as server, project(folder, server, answers) as opened:
        run = opened.rescore(good).id
    told = " ".join(folder.run("accept", run, code=2).stderr.split())
    assert "the gate could measure no change: 100% of it could not be scored by quality" in told
    assert f"promptops score {run}" in told and "--unscored" in told
    folder.run("accept", run, "--unscored")
    folder.run("accept", good)
    card = folder.path / "evalsets/asked/evalset.toml"
    card.write_text(card.read_text().replace('metric = "quality"', 'metric = "shine"'))
    card.write_text(card.read_text() + '\n[metrics.shine]\nmetric = "length"\n')
    lacking = " ".join(folder.run("accept", good, code=2).stderr.split())
    assert "it has no scores of shine, and a rule is about them" in lacking


def test_of_a_judge_whose_server_is_down_eval_says_how_to_ask_again(folder: Folder) -> None:
    answers = words(40)
    with serving(by_length) as server, project(folder, server, answers):
        settings = folder.path / "promptops.toml"
        there = settings.read_text()
        settings.write_text("attempts = 1\n" + re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", there))
        prompt = str(folder.path / "ask.prompt.yaml")
        told = command(folder, "eval", "asked", "-p", prompt, "-m", "mock/script:answers.json", code=3)
        with Project.open(folder.path) as opened:
            [run] = opened.runs()
        assert "40 of 40 answers have no score: 40 x the judge gave no answer: " in told, told
        hint = f"where the judge gave no answer, ask again for these alone: promptops score {run.id}"
        assert hint in told and "mend the judge" not in told
        settings.write_text(there)
        assert "no answer" not in command(folder, "score", run.id)
        assert len(server.bodies) == 40


def test_scoring_anew_is_told_before_and_ends_at_a_limit(folder: Folder) -> None:
    answers = words(40)
    good = evaluated(folder, answers)
    with serving(by_length) as server, project(folder, server, answers):
        given = ["score", good, "--no-cache"]
        told = json.loads(command(folder, *given, "--dry-run", "--json", "--max-calls", "9"))["forecast"]
        assert (told["calls"], [part["kind"] for part in told["parts"]]) == (40, ["judge"])
        assert "--max-calls 9 would end it before." in told["notes"] and not server.bodies
        limited = json.loads(command(folder, *given, "--max-calls", "9", "-j", "1", "--json", code=3))
        assert (limited["exit_code"], limited["stopped"]) == (3, "Stopped by --max-calls 9")
        [part] = [made["run"] for made in limited["runs"]]
        assert (part["status"], part["done"], len(server.bodies)) == ("interrupted", 9, 9)
        command(folder, "resume", part["id"])
        assert len(server.bodies) in (9, 40), "what is stored may stand in for the others"
        with Project.open(folder.path) as opened:
            assert opened.run(part["id"]).status == "finished"
        asked = len(server.bodies)
        command(folder, *given, "--max-calls", "40")
        assert len(server.bodies) == asked + 40
        command(folder, "score", good)
        assert len(server.bodies) == asked + 40, "called again it asks for nothing that is stored"


def test_a_server_that_refuses_logprobs_is_no_reason_to_ask_the_same_again(folder: Folder) -> None:
    with serving("logprobs is not supported") as server:
        server.status = 400
        with project(folder, server, words(2), 2) as opened:
            settings = SET.replace('metric = "rubric"', 'metric = "g_eval"')
            folder.evalset("asked", questions(2), settings)
            run = opened.evaluate("asked", [folder.path / "ask.prompt.yaml"], ["mock/script:answers.json"])[0]
    told = " ".join(judge_sentences(facts(folder, run.id)))
    assert 'weights = "sampling" under [metrics.quality]' in told and "ask again" not in told
