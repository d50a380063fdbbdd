"""`decision_tree`: only what the path needs is asked, and a broken tree is told before anything is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from promptops.types import Sample, Score
from tests.judges.scripted_judge import Server, body_of, built, judged, mark_in, marked, serving
from tests.made import Folder, questions

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.",))
ANSWER = "It is a tomato."
NODES: dict[str, Any] = {
    "right": {"ask": "Is it right?", "then": {"yes": "tone", "no": 0}},
    "tone": {"ask": "What is its tone?", "then": {"kind": "short", "neutral": "short", "rude": 0.2}},
    "short": {"metric": "length", "options": {"max": 5}, "at_least": 1, "then": {"yes": 1, "no": 0.6}},
}
TREE = {"nodes": NODES, "start": "right"}


def said(answer: str) -> str:
    return json.dumps({"reason": f"it is {answer}", "answer": answer, "score": 5})


def test_each_question_on_the_path_is_a_call_with_its_answers_as_the_schema() -> None:
    found, bodies = judged("decision_tree", ANSWER, SAMPLE, said("yes"), said("neutral"), **TREE)
    shown = marked(mark_in(bodies[0]), task='{"q":"Red?"}', reference="A tomato.", candidate=ANSWER)
    shown["references"] = f"Reference answers:\n{shown.pop('reference')}"
    asked = {"Is it right?": ["yes", "no"], "What is its tone?": ["kind", "neutral", "rude"]}
    for body, (question, answers) in zip(bodies, asked.items(), strict=True):
        schema = {"reason": {"type": "string"}, "answer": {"enum": answers}}
        told = ", ".join(f'"{answer}"' for answer in answers)
        assert body == body_of("decision_tree.prompt.yaml", schema, **shown, question=question, answers=told)
    assert found.counts == (1.0,)
    assert found.evidence["path"] == [
        {"node": "right", "answer": "yes", "reason": "it is yes"},
        {"node": "tone", "answer": "neutral", "reason": "it is neutral"},
        {"node": "short", "answer": "yes", "reason": "length is 1, at least 1", "value": 1.0},
    ]
    assert found.reason == "right: yes > tone: neutral > short: yes. length is 1, at least 1"


@pytest.mark.parametrize(
    ("answer", "replies", "score", "calls"),
    [
        (ANSWER, ["no"], 0.0, 1),
        (ANSWER, ["yes", "rude"], 0.2, 2),
        (f"{ANSWER} It really is one.", ["yes", "kind"], 0.6, 2),
    ],
)
def test_only_what_the_path_needs_is_asked_and_the_leaf_is_the_score(
    answer: str, replies: list[str], score: float, calls: int
) -> None:
    found, bodies = judged("decision_tree", answer, SAMPLE, *map(said, replies), **TREE)
    assert found.counts == (score,) and len(bodies) == calls
    assert judged("rubric", answer, SAMPLE, *map(said, replies))[0].counts == (5.0,)


def test_a_tree_may_begin_with_a_metric_and_ask_nothing() -> None:
    short = {**NODES["short"], "then": {"Yes": 1, "No": "right"}}
    tree = {"nodes": {"short": short, "right": {**NODES["right"], "then": {"yes": 0.5, "no": 0}}}}
    found, bodies = judged("decision_tree", ANSWER, SAMPLE, said("no"), **tree, start="short")
    assert found.counts == (1.0,) and not bodies
    found, bodies = judged("decision_tree", ANSWER * 5, SAMPLE, said("no"), **tree, start="short")
    assert found.counts == (0.0,) and len(bodies) == 1


def test_an_answer_that_is_none_leaves_no_score_and_keeps_the_path() -> None:
    found, _ = judged("decision_tree", ANSWER, SAMPLE, said("yes"), said("friendly"), **TREE)
    assert found.unscored == "tone: answer: 'friendly' is none of kind, neutral, rude" and not found.counts
    assert found.evidence["path"] == [{"node": "right", "answer": "yes", "reason": "it is yes"}]
    assert judged("decision_tree", said("yes"), SAMPLE, said("yes"), **TREE)[0].unscored


def node(**changed: Any) -> dict[str, Any]:
    return {"ask": "Is it?", "then": {"yes": 1, "no": 0}, **changed}


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ({"b": node()}, "start: No node is named 'a'"),
        ({"a": node(then={"yes": "lenth", "no": 0}), "length": node()}, "Did you mean 'length'"),
        (
            {"a": node(then={"yes": "b", "no": 0}), "b": node(then={"yes": "a", "no": 1})},
            "nodes go in a circle: a -> b -> a|nodes go in a circle: b -> a -> b",
        ),
        ({"a": node(then={"yes": "a", "no": 0})}, "nodes go in a circle: a -> a"),
        ({"a": node(), "b": node(), "c": node()}, "nothing leads to 'b', 'c'; 'a' is the start"),
        ({"a": node(then={"yes": 1, "no": 1})}, "every way ends at the same score"),
        ({"a": node(then={"yes": 1})}, "lacks the branch 'no'"),
        ({"a": node(then={"fine": 1})}, "needs two answers at least"),
        ({"a": node(then={})}, "needs two answers at least"),
        ({"a": node(then={"Yes": 1, "yes": 0})}, "differ in their case alone"),
        ({"a": node(then={"yes": True, "no": 0})}, "not true or false"),
        ({"a": node(then={"yes": float("inf"), "no": 0})}, "finite"),
        ({"a": node(metric="exact", at_least=1)}, "needs either a question"),
        ({"a": {"then": {"yes": 1, "no": 0}}}, "needs either a question"),
        ({"a": node(at_least=1)}, "belong to a metric"),
        ({"a": {"metric": "exact", "then": {"yes": 1, "no": 0}}}, "needs at_least"),
        ({"a": {"metric": "exact", "at_least": 1, "then": {"yes": 1, "nope": 0}}}, "on yes and on no"),
        ({"a": {"metric": "exakt", "at_least": 1, "then": {"yes": 1, "no": 0}}}, "nodes.a: .*'exact'"),
        (
            {"a": {"metric": "rubric", "at_least": 1, "then": {"yes": 1, "no": 0}}},
            "No metric is named 'rubric'",
        ),
        ({"a": {"metric": "my:Own", "at_least": 1, "then": {"yes": 1, "no": 0}}}, "runs code of yours"),
        (
            {"a": {"metric": "length", "options": {"most": 1}, "at_least": 1, "then": {"yes": 1, "no": 0}}},
            "nodes.a: options.most",
        ),
        ({"a": node(question="Is it?")}, "question"),
        ({}, "nodes"),
    ],
)
def test_a_broken_tree_is_refused(nodes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        built("decision_tree", nodes=nodes, start="a")


def test_ways_may_meet_again() -> None:
    nodes = {
        "a": node(then={"yes": "b", "no": "c"}),
        "b": node(then={"yes": "d", "no": 0}),
        "c": node(then={"yes": "d", "no": 0}),
        "d": node(then={"yes": 1, "no": 0.5}),
    }
    judge = built("decision_tree", nodes=nodes, start="a")
    assert judge.outlook == "2 to 3 calls a sample, by the path"
    assert built("decision_tree", nodes={"a": node()}, start="a").outlook == ""


def test_the_range_is_that_of_the_leaves_and_the_signature_knows_the_metrics() -> None:
    judge = built("decision_tree", **TREE)
    record = judge.record("q", "decision_tree")
    assert (record.low, record.high) == (0.0, 1.0)
    assert "node short:length" in judge.signature
    assert built("decision_tree").signature != judge.signature


def test_a_sample_that_a_metric_cant_score_is_told() -> None:
    nodes = {"a": {"metric": "exact", "at_least": 1, "then": {"yes": 1, "no": 0}}}
    told = built("decision_tree", nodes=nodes, start="a").check(Sample(id="a", inputs={}))
    assert told == "node a: has no target, which this metric compares with"


def test_a_run_tells_the_paths() -> None:
    path = [{"node": "a", "answer": "yes", "reason": ""}]
    other = [{"node": "a", "answer": "no", "reason": ""}]
    scores = [Score.of(1, path=path), Score.of(1, path=path), Score.of(0, path=other), Score.missing("x")]
    assert built("decision_tree").notes(scores) == ("2 x a: yes", "1 x a: no")


SET = """\
format = 1

[card]
description = "made for a test"
language = "de"

[metrics.form]
metric = "decision_tree"
start = "right"

[metrics.form.nodes.right]
ask = "Is it a number?"
then = { yes = "near", no = 0 }

[metrics.form.nodes.near]
metric = "f1"
at_least = 0.5
then = { yes = 1, no = 0.4 }
"""


def project(folder: Folder, server: Server, text: str = SET) -> tuple[str, ...]:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n',
    )
    folder.evalset("asked", questions(3), text)
    return ("eval", "asked", "--prompt", "ask.prompt.yaml")


def test_a_tree_in_a_set_is_run_shown_and_replayed(folder: Folder) -> None:
    with serving(lambda text: said("no" if "number 2" in text else "yes")) as server:
        arguments = project(folder, server)
        done = json.loads(folder.run(*arguments, "--json", NEAR_KEY="k").stdout)
        assert len(server.bodies) == 3
    [figure] = [row for row in done["runs"][0]["estimates"] if row["slice"] is None]
    assert figure["value"] == pytest.approx(2 / 3)
    assert done["runs"][0]["notes"]["form"][:2] == ["2 x right: yes > near: yes", "1 x right: no"]
    assert "right: no. it is no" in folder.run("show", "latest", "q002").stdout
    assert folder.json("replay", "latest")["replay"]["outcome"] == "equal"
    [record] = folder.json("show", "latest")["run"]["metrics"]
    assert record["options"]["language"] == "de" and "unicode" in record["signature"]


def test_a_broken_tree_is_told_with_its_label_before_any_call(folder: Folder) -> None:
    with serving(said("yes")) as server:
        arguments = project(folder, server, SET.replace('yes = "near"', 'yes = "neer"'))
        told = folder.run(*arguments, code=2, NEAR_KEY="k").stderr
        assert "[metrics.form]" in told and "Did you mean 'near'?" in told and not server.bodies
