"""Choosing samples: by name, slice, failure, draw and limit; and what is told of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from promptops import Project, Selection
from promptops.errors import NothingToAsk, UnknownName, UsageError
from promptops.metrics.exact import Exact
from promptops.sets.selection import drawn_ids, failed_in, select
from promptops.types import Card, Completion, EvalSet, MetricRecord, MetricSpec, Result, Sample, Score
from tests.made import Folder, questions

COUNTRIES = ("de", "fr", "ja")


def a_set(n: int = 60) -> EvalSet:
    samples = tuple(
        Sample(
            id=f"q{number:03}",
            inputs={"question": f"number {number}"},
            target=(f"number {number}",),
            tags=("odd" if number % 2 else "even", *(["hard", "a=b"] if number < 6 else [])),
            group=f"g{number // 4}",
            origin="mail" if number < 30 else "chat",
            metadata={"country": COUNTRIES[number % 3], "length": number, "vip": number == 7},
        )
        for number in range(n)
    )
    return EvalSet(
        name="made",
        card=Card(description="x"),
        metrics=(MetricSpec(label="e", metric="exact"),),
        samples=samples,
    )


def chosen(**wanted: Any) -> list[str]:
    found, part = select(a_set(), Selection(**wanted))
    assert part is not None and part.steps[-1].left == len(found.samples)
    return [sample.id for sample in found.samples]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"matching": "q00 and odd"}, ["q001", "q003", "q005", "q007", "q009"]),
        ({"matching": "g0"}, ["q000", "q001", "q002", "q003"]),
        ({"limit": 2}, ["q000", "q001"]),
        ({"slices": ("hard",), "limit": 3}, ["q000", "q001", "q002"]),
        ({"slices": ("tag=hard", "odd")}, ["q001", "q003", "q005"]),
        ({"slices": ("tags=hard", "country=de")}, ["q000", "q003"]),
        ({"slices": ("a=b",), "limit": 1}, ["q000"]),
        ({"slices": ("origin=chat",), "limit": 1}, ["q030"]),
        ({"slices": ("vip=true",)}, ["q007"]),
        ({"slices": ("length=12",)}, ["q012"]),
    ],
)
def test_samples_are_chosen_in_the_sets_order(wanted: dict[str, Any], expected: list[str]) -> None:
    assert chosen(**wanted) == expected


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hrad", "Did you mean 'hard'"),
        ("tag=hrad", "Did you mean 'hard'"),
        ("contry=de", "Did you mean 'country'"),
        ("country=dee", "Did you mean 'de'"),
    ],
)
def test_an_unknown_slice_is_told_with_the_nearest(name: str, told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        select(a_set(), Selection(slices=(name,)))


def test_a_draw_is_by_hashes_and_fewer_are_a_part_of_more() -> None:
    samples = a_set().samples
    # Worked out here by the rule as it is documented: the smallest hashes of "SEED\nsample:ID".
    keys = {each.id: hashlib.sha256(f"3\nsample:{each.id}".encode()).digest() for each in samples}
    assert drawn_ids(samples, 10, 3) == set(sorted(keys, key=lambda each: keys[each])[:10])
    assert drawn_ids(samples, 5, 3) < drawn_ids(samples, 10, 3) < drawn_ids(samples, 11, 3)
    assert drawn_ids(samples, 10, 3) != drawn_ids(samples, 10, 4)
    assert drawn_ids(tuple(reversed(samples)), 10, 3) == drawn_ids(samples, 10, 3)
    more = (*samples, Sample(id="new", inputs={}))
    assert len(drawn_ids(samples, 10, 3) - drawn_ids(more, 10, 3)) <= 1


def test_every_sample_is_drawn_about_equally_often() -> None:
    samples = a_set(20).samples
    times = {each.id: 0 for each in samples}
    for seed in range(2000):
        for drawn in drawn_ids(samples, 5, seed):
            times[drawn] += 1
    # 500 expected; the standard deviation of a binomial count is 19.4.
    assert all(abs(count - 500) < 5 * 19.4 for count in times.values()), times


def test_filters_come_before_the_draw_and_the_draw_before_the_limit() -> None:
    odd = [sample for sample in a_set().samples if "odd" in sample.tags]
    drawn = drawn_ids(odd, 6, 1)
    assert (
        chosen(slices=("odd",), sample=6, seed=1, limit=4)
        == [each.id for each in odd if each.id in drawn][:4]
    )


def test_what_each_flag_left_is_told() -> None:
    _, part = select(a_set(), Selection(matching="q0", slices=("odd",), sample=12, seed=5))
    assert part is not None
    assert part.sentence == (
        "12 of 60 samples: -k 'q0' left 60, --slice odd left 30, --sample 12 --seed 5 left 12."
    )


def test_an_empty_selection_says_what_each_flag_left() -> None:
    with pytest.raises(
        UsageError, match=r"No sample is left to ask: 0 of 60 samples: -k 'q05' left 10, --slice hard left 0"
    ):
        select(a_set(), Selection(matching="q05", slices=("hard",)))


@pytest.mark.parametrize("wanted", [{"sample": 0}, {"limit": 0}, {"limit": -1}])
def test_numbers_under_one_are_refused(wanted: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="from 1 on"):
        select(a_set(), Selection(**wanted))


def test_a_selection_of_everything_is_the_whole_set() -> None:
    whole = a_set()
    found, part = select(whole, Selection(sample=60, limit=100, matching="q"))
    assert found is whole and part is None


def test_a_part_has_a_digest_of_its_own() -> None:
    whole = a_set()
    assert whole.digest  # worked out before, so that a copy could carry it along
    found, part = select(whole, Selection(limit=4))
    assert found.digest != whole.digest and part is not None and part.of == whole.digest
    assert found.digest == whole.model_validate({**whole.model_dump(), "samples": found.samples}).digest


SETTINGS = """\
format = 1
[card]
description = "x"
[metrics.exact]
[metrics.latency]
[[gate]]
metric = "exact"
margin = 0.1
"""


def test_failed_from_takes_what_was_not_fully_right(folder: Folder) -> None:
    folder.evalset("some", questions(8), SETTINGS)
    answers = {
        "*": {},
        "q001": "wrong",
        "q004": {"fail": "rejected", "message": "no"},
    }
    with Project.open(folder.path) as project:
        script = folder.script("s.json", answers)
        prompt = folder.path / "ask.prompt.yaml"
        first = project.evaluate("some", [prompt], [script], repeats=2)[0]
        again = project.evaluate("some", [prompt], ["mock/echo"], select=Selection(failed_from=first.id))[0]
        assert [sample.id for sample in project.samples(again.id)] == ["q001", "q004"]
        assert again.part is not None and again.part.failed_from == first.id
        nothing = r"^There is nothing to ask: no sample failed in run \w+ \(no answer, or exact not 1\)\.$"
        with pytest.raises(NothingToAsk, match=nothing):
            project.evaluate("some", [prompt], ["mock/echo"], select=Selection(failed_from=again.id))
        with pytest.raises(NothingToAsk, match="nothing to ask: none of the 1 samples failed in run"):
            chosen = Selection(matching="q002", failed_from=first.id)
            project.evaluate("some", [prompt], ["mock/echo"], select=chosen)
        folder.evalset("other", questions(3))
        with pytest.raises(UsageError, match="is one of 'some'"):
            project.evaluate("other", [prompt], ["mock/echo"], select=Selection(failed_from=first.id))
        with pytest.raises(UnknownName):
            project.evaluate("some", [prompt], ["mock/echo"], select=Selection(failed_from="nowhere"))


def test_one_repeat_that_failed_is_enough_and_so_is_a_missing_score() -> None:
    records = {"up": (0.0, 1.0, True), "down": (0.0, 1.0, False), "open": (None, None, False)}
    for label, (low, high, better) in records.items():
        record = MetricRecord(
            label=label,
            metric="exact",
            signature="x",
            higher_is_better=better,
            low=low,
            high=high,
            unit="",
            corpus=False,
        )
        rows = [("a", 1.0), ("a", 1.0), ("b", 1.0), ("b", 0.0), ("c", None), ("d", 0.0)]
        results = [
            Result(
                sample_id=name,
                repeat=place % 2,
                completion=Completion(text="x"),
                scores={label: Score.missing("no") if value is None else Score.of(value)},
            )
            for place, (name, value) in enumerate(rows)
        ]
        found = failed_in("r", results, record, Exact())
        assert found.ids == {"up": {"b", "c", "d"}, "down": {"a", "b", "c"}, "open": {"c"}}[label]


def test_what_was_never_asked_did_not_fail(folder: Folder) -> None:
    folder.evalset("some", questions(8), SETTINGS)
    with Project.open(folder.path) as project:
        prompt = folder.path / "ask.prompt.yaml"
        part = project.evaluate("some", [prompt], ["mock/constant:no"], select=Selection(limit=2))[0]
        again = project.evaluate("some", [prompt], ["mock/echo"], select=Selection(failed_from=part.id))[0]
        assert [sample.id for sample in project.samples(again.id)] == ["q000", "q001"]
