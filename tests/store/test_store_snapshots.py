"""Question sets are kept whole, in their order, once."""

from __future__ import annotations

import pytest

from promptops.errors import Altered, UnknownName
from promptops.store import Store, snapshots
from promptops.store.bulk import insert_rows
from promptops.store.tables import snapshot_samples
from promptops.types import Facts, Sample
from tests.store import nouns


def test_a_set_is_kept_once_and_in_the_order_of_its_file(store: Store) -> None:
    made = nouns.evalset()
    store.save_evalset(made)
    store.save_evalset(made)
    assert list(store.snapshot_samples(made.digest)) == list(made.samples)
    assert store.snapshot_card(made.digest) == made.card


def test_samples_come_back_as_they_went_in(store: Store) -> None:
    made = nouns.evalset(
        *(
            Sample(
                id=text,
                inputs={text: [text, 2**70, 0.1]},
                target=(text, {"a": None}),
                tags=(text,),
                group=text,
                weight=1 / 3,
                origin=text,
                metadata={text: {"deep": text}},
            )
            for text in nouns.AWKWARD
        )
    )
    store.save_evalset(made)
    assert tuple(store.snapshot_samples(made.digest)) == made.samples
    assert [store.snapshot_sample(made.digest, sample.id) for sample in made.samples] == list(made.samples)


def test_long_sets_are_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import promptops.store.snapshots as module

    monkeypatch.setattr(module, "_PAGE", 3)
    made = nouns.evalset(*(Sample(id=f"s{number}", inputs={}) for number in range(10)))
    store.save_evalset(made)
    assert tuple(store.snapshot_samples(made.digest)) == made.samples


def test_unknown_sets_and_samples_are_said_so(store: Store) -> None:
    made = nouns.evalset()
    store.save_evalset(made)
    with pytest.raises(UnknownName, match=r"sample is named 's3'.*Did you mean"):
        store.snapshot_sample(made.digest, "s3")
    with pytest.raises(UnknownName, match="kept evaluation set"):
        store.snapshot_sample("f" * 64, "s1")
    with pytest.raises(UnknownName, match="kept evaluation set"):
        list(store.snapshot_samples("f" * 64))
    with pytest.raises(UnknownName, match="kept evaluation set"):
        store.snapshot_card("f" * 64)


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"old": 1}},
        {"metadata": {"old": 1.0}},
        {"metadata": {"old": True, "new": None}},
        {"weight": 2.0},
        {"tags": ("b", "a")},
        {"inputs": {"q": "e\u0301"}},
    ],
)
def test_a_set_is_told_from_one_that_differs_in_anything(store: Store, other: dict[str, object]) -> None:
    sample = Sample(id="a", inputs={"q": "\u00e9"}, tags=("a", "b"), metadata={"old": True})
    twin = sample.model_copy(update={"id": "\ud800"})
    made = nouns.evalset(sample, twin)
    store.save_evalset(made)
    assert store.is_snapshot(made.digest, made.samples)
    assert store.is_snapshot(made.digest, [each.model_copy() for each in made.samples])
    assert not store.is_snapshot(made.digest, (sample.model_copy(update=other), twin))
    assert not store.is_snapshot(made.digest, (twin, sample))
    assert not store.is_snapshot(made.digest, made.samples[:1])
    assert not store.is_snapshot(made.digest, (*made.samples, twin))
    assert not store.is_snapshot("f" * 64, made.samples)
    assert not store.is_snapshot("f" * 64, ())


def test_facts_are_what_the_samples_say(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_FACTS_PAGE", 2)
    made = nouns.evalset(
        Sample(id="plain", inputs={"tags": ["x"], "group": "inside"}),
        *(
            Sample(id=f"id {text}", inputs={}, tags=(text, "b"), group=text, weight=1 / 3, origin=text)
            for text in nouns.AWKWARD
        ),
        Sample(id="last", inputs={}, tags=("b",), weight=1e-300),
    )
    store.save_evalset(made)
    wanted = [Facts(each.id, each.tags, each.group, each.weight, each.origin) for each in made.samples]
    assert list(store.snapshot_facts(made.digest)) == wanted


@pytest.mark.parametrize("content", ['{"id": "b", "inputs": {}, "tags": "x"}', "no JSON"])
def test_facts_of_an_edited_set_are_refused(store: Store, content: str) -> None:
    made = nouns.evalset(Sample(id="a", inputs={}))
    store.save_evalset(made)
    columns = ("digest", "position", "sample_id", "content")
    with store.writing() as connection:
        insert_rows(connection, snapshot_samples, columns, [(made.digest, 1, "b", content)])
    with pytest.raises(Altered):
        list(store.snapshot_facts(made.digest))
