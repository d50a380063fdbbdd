"""Kinds as tags: what a kind's rule says, and for which kinds there is one."""

from __future__ import annotations

import tomllib

from promptops.gate.rules import GateRule
from promptops.sets.kindtags import kind_rules, kind_tags
from promptops.types import Card, EvalSet, MetricSpec, Sample


def sample(name: str, *tags: str) -> Sample:
    return Sample(id=name, inputs={"text": name}, tags=tags)


def mails(*rules: GateRule) -> EvalSet:
    metrics = (MetricSpec(label="f1", metric="f1"), MetricSpec(label="cost", metric="cost"))
    there = (sample("a", "kind: refund"), sample("b"))
    return EvalSet(name="mails", card=Card(description="x"), metrics=metrics, gate=rules, samples=there)


def test_a_kind_is_gated_as_the_set_is() -> None:
    new = [
        sample("c", 'kind: say "when"'),
        sample("d", "kind: refund"),
        sample("e", "kind: refund", "urgent"),
    ]
    first, second = kind_rules(mails(GateRule(metric="cost", max=0.01, min=0.0)), new)
    assert (first.tag, first.samples, second.tag, second.samples) == (
        "kind: refund",
        3,
        'kind: say "when"',
        1,
    )
    rule = {"metric": "cost", "slice": 'kind: say "when"', "min": 0, "max": 0.01}
    assert tomllib.loads(second.toml) == {"gate": [rule]}
    (plain, _) = kind_rules(mails(), new)
    assert tomllib.loads(plain.toml) == {"gate": [{"metric": "f1", "slice": "kind: refund"}]}


def test_a_kind_that_a_rule_is_about_needs_none() -> None:
    rule = GateRule(metric="f1", slice="kind: refund", min=0.8)
    assert kind_rules(mails(rule), [sample("c", "kind: refund")]) == ()


def test_what_nothing_marks_has_no_tag() -> None:
    assert kind_tags(" ") == () and kind_tags("days\n left") == ("kind: days left",)
