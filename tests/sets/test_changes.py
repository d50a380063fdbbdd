"""What changed between two states of a set, whatever the states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.gate.rules import GateRule
from promptops.sets.changes import Changes, FieldChange, changes_between
from promptops.types import Card, EvalSet, MetricSpec, Sample

WORDS = st.sampled_from(["", "a", "when does it open", "when does it close", "|", "\u202ex"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), WORDS, st.lists(WORDS, max_size=2))
NAMES = st.sampled_from(["text", "question", "a.b"])
SAMPLES = st.builds(
    Sample,
    id=st.sampled_from([f"s{number}" for number in range(6)]),
    inputs=st.dictionaries(NAMES, VALUES, max_size=2),
    target=st.lists(st.sampled_from(["yes", "no"]), max_size=2).map(tuple),
    tags=st.sampled_from([(), ("hard",), ("hard", "long")]),
    group=st.sampled_from([None, "g"]),
    weight=st.sampled_from([1.0, 2.0]),
    origin=st.sampled_from([None, "mail"]),
    metadata=st.dictionaries(NAMES, VALUES, max_size=2),
)
STATES = st.lists(SAMPLES, max_size=6, unique_by=lambda sample: sample.id).map(lambda rows: a_set(*rows))


def a_set(*samples: Sample, gate: tuple[GateRule, ...] = (), **more: object) -> EvalSet:
    found = {
        "name": "made",
        "card": Card(description="x"),
        "metrics": (MetricSpec(label="e", metric="exact"),),
        **more,
    }
    return EvalSet(samples=samples, gate=gate, **found)  # type: ignore[arg-type]


def flat(sample: Sample) -> dict[str, object]:
    """Spell a sample's values as field names do, by hand."""
    found: dict[str, object] = {f"inputs.{key}": value for key, value in sample.inputs.items()}
    found |= {f"metadata.{key}": value for key, value in sample.metadata.items()}
    target = list(sample.target)
    found |= {"target": target[0] if len(target) == 1 else target} if target else {}
    found |= {"tags": list(sample.tags)} if sample.tags else {}
    found |= {"weight": sample.weight}
    return found | {
        key: getattr(sample, key) for key in ("group", "origin") if getattr(sample, key) is not None
    }


def applied(before: dict[str, object], fields: tuple[FieldChange, ...]) -> dict[str, object]:
    after = dict(before)
    for field in fields:
        if field.kind == "removed":
            assert after.pop(field.field) == field.before
        else:
            assert after.get(field.field) == field.before
            after[field.field] = field.after
    return after


@given(STATES, STATES)
def test_the_changes_lead_from_one_state_to_the_other(before: EvalSet, after: EvalSet) -> None:
    found = changes_between(before, after)
    first = {sample.id: sample for sample in before.samples}
    second = {sample.id: sample for sample in after.samples}
    assert {each.id for each in found.added} == second.keys() - first.keys()
    assert {each.id for each in found.removed} == first.keys() - second.keys()
    for change in found.changed:
        assert change.fields
        assert applied(flat(first[change.id]), change.fields) == flat(second[change.id])
    same = first.keys() & second.keys() - {change.id for change in found.changed}
    assert all(first[name] == second[name] for name in same)
    assert found.samples == (before.digest != after.digest)
    assert changes_between(after, after) == Changes()


@given(STATES, STATES)
def test_word_diffs_make_up_both_texts(before: EvalSet, after: EvalSet) -> None:
    for change in changes_between(before, after).changed:
        for field in change.fields:
            if field.parts:
                old = "".join(part.text for part in field.parts if part.kind != "added")
                new = "".join(part.text for part in field.parts if part.kind != "removed")
                assert (old, new) == (field.before, field.after)


def test_what_a_change_costs_is_told_by_its_weightiest_field() -> None:
    base = Sample(id="a", inputs={"q": "1"}, target=("1",), tags=("t",))
    for update, part in [
        ({"inputs": {"q": "2"}, "target": ("2",)}, "asked"),
        ({"target": ("2",), "tags": ()}, "scored"),
        ({"weight": 2.0, "origin": "mail"}, "sorted"),
        ({"metadata": {"desk": 4}}, "noted"),
    ]:
        found = changes_between(a_set(base), a_set(base.model_copy(update=update)))
        assert [each.part for each in found.changed] == [part]
        assert found.asked_anew == (part == "asked")


@pytest.mark.parametrize(
    ("before", "after", "eased"),
    [
        ({"margin": 0.1}, {"margin": 0.2}, True),
        ({"margin": 0.2}, {"margin": 0.1}, False),
        ({"margin": 0.1, "min": 0.5}, {"margin": 0.1, "min": 0.4}, True),
        ({"min": 0.5}, {"min": 0.6}, False),
        ({"margin": 0.1, "min": 0.5}, {"margin": 0.1}, True),
        ({"margin": 0.1}, {"margin": 0.1, "max": 3.0}, False),
        ({"margin": 0.1, "certified": True}, {"margin": 0.1}, True),
        ({"margin": 0.1, "min": 0.5}, {"margin": 0.2, "min": 0.6}, None),
        ({"margin": 0.1}, {"margin": 0.1, "alpha": 0.01}, None),
        (None, {"margin": 0.1}, False),
        ({"margin": 0.1}, None, True),
    ],
)
def test_a_rule_that_lets_more_pass_is_told(
    before: dict[str, float] | None, after: dict[str, float] | None, eased: bool | None
) -> None:
    states = [
        a_set(gate=() if fields is None else (GateRule.model_validate({"metric": "e", **fields}),))
        for fields in (before, after)
    ]
    [found] = changes_between(*states).rules
    assert (found.name, found.eased) == ("e", eased)


def test_two_rules_about_the_same_are_told_apart() -> None:
    rules = [GateRule(metric="e", slice="hard", margin=0.1), GateRule(metric="e", slice="hard", min=0.5)]
    found = changes_between(a_set(gate=(rules[0],)), a_set(gate=(rules[0], rules[1])))
    assert [(each.name, each.kind) for each in found.rules] == [("e on 'hard' (2)", "added")]


def test_metrics_card_and_slices_are_compared_too() -> None:
    before = a_set(Sample(id="a", inputs={}, tags=("x", "y")), slices=("x",))
    after = a_set(
        Sample(id="a", inputs={}, tags=("x", "y")),
        slices=("y",),
        card=Card(description="x", language="de"),
        metrics=(
            MetricSpec(label="e", metric="exact", options={"lower": True}),
            MetricSpec(label="f", metric="f1"),
        ),
    )
    found = changes_between(before, after)
    assert [(each.field, each.kind, each.after) for each in found.card] == [("language", "added", "de")]
    assert [(each.name, each.kind) for each in found.metrics] == [("e", "changed"), ("f", "added")]
    assert [each.field for each in found.metrics[0].fields] == ["lower"]
    assert (found.slices_added, found.slices_removed) == (("y",), ("x",))
    assert found.any and not found.samples
