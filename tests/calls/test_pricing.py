"""What more samples cost, from what stored calls took; what is unknown is never 0."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops import Project
from promptops.calls.pricing import Price, extra_of, extra_sentence, price_of, price_sentence
from promptops.store.answers import Spent, Taken
from tests.made import Folder, questions

NOTHING = Taken(0, None, None, None, None)
maybe = st.none() | st.floats(0, 1000)


def price(**changes: object) -> Price:
    fields: dict[str, object] = {
        "run": "abcd", "samples": 40, "repeats": 1, "answers": 40, "judgements": 0, "cost": 0.14,
        "answers_cost": 0.14, "judgements_cost": None, "tokens_in": 1000, "tokens_out": 200, "seconds": 480.0,
    }  # fmt: skip
    return Price.model_validate({**fields, **changes})


def test_more_samples_are_told_in_money_and_time() -> None:
    extra = extra_of(price(), 120)
    assert (extra.samples, extra.cost, extra.seconds) == (120, pytest.approx(0.42), 1440)
    assert extra_sentence(extra, 8) == "$0.42 and 3 min with 8 at a time"
    unknown = extra_of(price(cost=None, seconds=None), 120)
    assert (unknown.cost, unknown.seconds) == (None, None)
    assert extra_sentence(unknown, 8) == "cost unknown and time unknown"
    assert extra_of(None, 7).cost is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "40 answers, 1,200 tokens, $0.14, 60 s with 8 at a time"),
        ({"judgements": 80}, "40 answers and 80 judgements, 1,200 tokens, $0.14"),
        ({"cost": None, "judgements": 80}, "$0.14 for answers, the judgements' cost unknown"),
        (
            {"cost": None, "judgements": 80, "answers_cost": None, "judgements_cost": 0.5},
            "$0.50 for judgements, the answers' cost unknown",
        ),
        ({"cost": None, "answers_cost": None, "tokens_in": None}, "40 answers, tokens unknown, cost unknown"),
        ({"cost": 0.0}, "$0.00"),
        ({"cost": 0.00213}, "$0.0021"),
        ({"seconds": 90_000.0}, "3.1 h with 8 at a time"),
    ],
)
def test_an_evaluation_is_told_with_what_is_known(changes: dict[str, object], told: str) -> None:
    assert told in price_sentence(price(**changes), 8)


@given(parts=st.lists(st.tuples(st.integers(1, 50), maybe, maybe), min_size=2, max_size=2))
def test_all_is_the_sum_of_both_kinds_and_unknown_where_one_is(
    parts: list[tuple[int, float | None, float | None]],
) -> None:
    answers, judgements = (Taken(calls, cost, None, None, seconds) for calls, cost, seconds in parts)
    spent = Spent(10, 0, 10, answers, judgements)
    assert spent.calls == parts[0][0] + parts[1][0]
    for place, found in ((1, spent.cost), (2, spent.seconds)):
        known = [part[place] for part in parts]
        assert found == (None if None in known else pytest.approx(sum(filter(None, known))))
    assert spent.tokens_in is None
    alone = Spent(10, 0, 10, answers, NOTHING)
    assert (alone.cost, alone.seconds) == (answers.cost, answers.seconds)
    assert price_of("r", 10, 1, alone).judgements_cost is None


def judged(folder: Folder, **judgement: object) -> None:
    """Evaluate forty samples whose answers cost 0.002 each, and their judgements what is given."""
    folder.evalset(
        "numbers",
        questions(40),
        'format = 1\n[card]\ndescription = "x"\n[metrics.exact]\n[metrics.quality]\nmetric = "rubric"\n'
        'model = "mock/script:judge.json"\n[[gate]]\nmetric = "exact"\nmargin = 0.01\n',
    )
    reply = {
        "text": json.dumps({"reason": "-", "score": 4}),
        "tokens_in": 50,
        "tokens_out": 5,
        "seconds": 0.5,
    }
    folder.script("judge.json", {"*": {**reply, **judgement}})
    answer = {"cost": 0.002, "tokens_in": 10, "tokens_out": 2, "seconds": 1.5}
    models = [
        folder.script(name, {"*": answer, **{f"q{n:03}": {**answer, "text": "no"} for n in wrong}})
        for name, wrong in (("old.json", range(0, 40, 3)), ("new.json", range(1, 40, 3)))
    ]
    with Project.open(folder.path) as project:
        project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], models)


def test_a_plan_counts_judges_and_prices_the_samples_that_are_wanting(folder: Folder) -> None:
    judged(folder, cost=0.001)
    with Project.open(folder.path) as project:
        plan = project.plan("numbers", changes={"exact": 0.1}, concurrency=4)
        spent = project.store.spent(plan.price.run if plan.price else "")
    assert plan.price is not None
    assert (plan.price.answers, plan.price.judgements) == (40, 40)
    assert plan.price.cost == pytest.approx(40 * 0.003)
    assert plan.price.tokens_in == 40 * 60 and plan.price.tokens_out == 40 * 7
    assert plan.price.seconds == pytest.approx(80)
    assert (spent.places, spent.calls) == (40, 80)
    reach = next(reach for reach in plan.reaches if reach.label == "exact")
    for wanted, extra in ((reach.needed, reach.extra), (reach.to_see, reach.extra_to_see)):
        assert wanted is not None and extra is not None
        assert extra.samples == wanted - 40
        assert extra.cost == pytest.approx(0.003 * extra.samples)
        assert extra.seconds == pytest.approx(2.0 * extra.samples)
    assert "with 4 at a time" in plan.advice[0]
    assert any("the baseline has to be evaluated on them once" in sentence for sentence in plan.advice)


def test_a_judge_without_a_price_makes_the_cost_unknown(folder: Folder) -> None:
    judged(folder)
    shown = folder.run("plan", "numbers", COLUMNS="400").stdout
    assert (
        "40 answers and 40 judgements, 2,680 tokens, $0.0800 for answers, the judgements' cost unknown"
        in shown
    )
    assert "more (cost unknown and" in shown
    price = folder.json("plan", "numbers")["plan"]["price"]
    assert (price["cost"], price["judgements_cost"]) == (None, None)
    assert price["answers_cost"] == pytest.approx(0.08)
