"""Records of production: kept as they are, found by filters, and gone with all that belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops.errors import StoreError, UnknownName, UsageError
from promptops.production.knownrecords import refuse_unknown
from promptops.production.records import Feedback, Record, RecordFilter, RecordScore, subject_mark
from promptops.store import Store
from promptops.store.database import timestamp
from tests.store import nouns

ALL = RecordFilter()


def record(number: int, **fields: object) -> Record:
    at = f"2026-11-{1 + number:02d}T10:00:00.000000+00:00"
    return Record.model_validate({"id": f"record-{number}", "at": at, "output": f"answer {number}", **fields})


def said(number: int, **fields: object) -> Feedback:
    at = "2026-11-20T10:00:00.000000+00:00"
    return Feedback.model_validate({"id": f"f{number}", "record": f"record-{number}", "at": at, **fields})


def score(number: int, value: float | None = 1.0) -> RecordScore:
    return RecordScore(
        record=f"record-{number}", label="valid", signature="json_valid|v1", value=value,
        unscored=None if value is not None else "no JSON", at="2026-11-20",
    )  # fmt: skip


TEXTS = st.text(st.characters(codec=None), max_size=20)


@given(
    inputs=st.dictionaries(TEXTS, st.recursive(TEXTS | st.integers(-9, 9) | st.none(), st.lists), max_size=3),
    output=st.none() | TEXTS,
    tags=st.lists(TEXTS, max_size=2).map(tuple),
    outcome=st.none() | TEXTS,
    cost=st.none() | st.floats(0, 9),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_record_comes_back_as_it_was(store: Store, **fields: object) -> None:
    store.delete_records(RecordFilter(until="9"))
    kept = record(1, **fields, subject=subject_mark("ada"), rate=0.25)
    store.add_records([kept])
    assert store.records(ALL) == [kept]
    assert store.record("record-1") == store.record("reco") == kept


def test_columns_of_records_are_what_their_figures_say(store: Store) -> None:
    store.add_records(
        [record(2, prompt="a\x00\ud800b", cost=0.5), record(1, prompt="plain", version=3), record(3)]
    )
    names = ("id", "at", "prompt", "version", "cost", "rate", "error")
    expected = {name: [getattr(each, name) for each in store.record_figures(ALL)] for name in names}
    [page] = store.record_columns(ALL, names)
    assert {name: list(values) for name, values in zip(names, page, strict=True)} == expected
    assert expected["prompt"] == ["plain", "a\x00\ud800b", None]


def test_opinions_and_scores_of_few_records_and_of_most_are_read_alike(store: Store) -> None:
    store.add_records([record(n, prompt="few" if n == 5 else "most") for n in range(6)])
    store.add_feedback([said(n, thumb="down" if n % 2 else "up") for n in range(6)])
    store.add_record_scores([score(n, n / 10) for n in range(6)])
    for prompt, own in (("few", [5]), ("most", [0, 1, 2, 3, 4])):
        wanted = RecordFilter(prompt=prompt)
        words = {name: good for page in store.record_opinions(wanted) for name, good in _rows(page)}
        marks = {row[0]: row[3] for page in store.record_marks(wanted, "valid") for row in _rows(page)}
        for number in own:
            assert words[f"record-{number}"] == 1 - number % 2
            assert marks[f"record-{number}"] == number / 10
    # A search for each is spared where most are wanted, and the rest is the reader's to leave.
    assert len(words) == len(marks) == 6
    assert [len(page[0]) for page in store.record_marks(RecordFilter(prompt="few"))] == [1]


def _rows(page: list[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    return zip(*page, strict=True)


def test_only_answers_without_a_score_are_asked_for(store: Store) -> None:
    silent = {"output": None, "inputs": {"output": "of a tool"}}
    store.add_records(
        [record(1), record(2), record(3, output=None), record(4, output=""), record(5, **silent)]
    )
    store.add_record_scores([score(1), score(2, None)])

    def lacking(**signatures: str) -> list[str]:
        pages = store.record_pages(ALL, lacking=signatures)
        return [each.id for page in pages for each in page if each.output is not None]

    assert lacking(valid="json_valid|v1") == ["record-4"]
    assert lacking(valid="json_valid|v2") == ["record-1", "record-2", "record-4"]
    assert lacking(valid="json_valid|v1", short="length|v1") == ["record-1", "record-2", "record-4"]
    # What has no answer is hardly ever read.
    read = [each.id for page in store.record_pages(ALL, lacking={"valid": "json_valid|v1"}) for each in page]
    assert "record-3" not in read and "record-1" not in read


def test_what_is_there_already_is_left_as_it_is(store: Store) -> None:
    assert store.add_records([record(1), record(2)]) == 2
    assert store.add_records([record(2, output="another"), record(3)]) == 1
    assert [each.output for each in store.records(ALL)] == ["answer 3", "answer 2", "answer 1"]
    assert (store.add_feedback([said(1)]), store.add_feedback([said(1, stars=3)])) == (1, 0)
    assert (store.add_record_scores([score(1)]), store.add_record_scores([score(1, None)])) == (1, 0)
    assert store.record_scores(ALL) == [score(1)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"since": "2026-11-03"}, [2, 3, 4]),
        ({"until": "2026-11-03"}, [0, 1]),
        ({"prompt": "reply"}, [1, 2]),
        ({"prompt": "reply", "version": 2}, [2]),
        ({"alias": "production"}, [1]),
        ({"model": "m"}, [3]),
        ({"subject": subject_mark("ada")}, [0, 4]),
        ({"tag": "50%"}, [3]),
        ({"tag": "50"}, []),
        ({"failed": True}, [4]),
        ({"failed": False, "prompt": "reply"}, [1, 2]),
        ({"with_feedback": True}, [0, 1, 2, 3]),
        ({"good": True}, [0, 1]),
        ({"good": False}, [2, 3]),
    ],
)
def test_a_filter_chooses(store: Store, wanted: dict[str, object], found: list[int]) -> None:
    of_ada = {"subject": subject_mark("ada")}
    store.add_records(
        [
            record(0, **of_ada),
            record(1, prompt="reply", version=1, alias="production"),
            record(2, prompt="reply", version=2),
            record(3, model="m", tags=("50%", "de")),
            record(4, output=None, error="timeout", **of_ada),
        ]
    )
    remarks = [said(0, thumb="up", stars=1), said(1, stars=4), said(2, stars=2), said(3, edit="so")]
    store.add_feedback(remarks)
    chosen = RecordFilter.model_validate(wanted)
    assert [each.id for each in store.record_figures(chosen)] == [f"record-{number}" for number in found]
    assert [each.id for each in store.records(chosen)] == [f"record-{number}" for number in found[::-1]]
    assert store.record_count(chosen) == len(found)
    assert store.records(chosen, limit=1, offset=1) == store.records(chosen)[1:2]
    judged = [each for each in store.feedback(chosen) if "good" in wanted]
    assert all(each.good is wanted["good"] for each in judged)


def test_with_a_record_goes_all_that_belongs_to_it(store: Store) -> None:
    store.add_records([record(1), record(2)])
    store.add_feedback([said(1), said(2), said(7)])
    store.add_record_scores([score(1), score(2)])
    assert store.delete_records(RecordFilter(until="2026-11-03")) == 1
    assert [each.id for each in store.records(ALL)] == ["record-2"]
    assert [each.record for each in store.feedback()] == ["record-2", "record-7"]
    assert [each.record for each in store.record_scores(ALL)] == ["record-2"]
    with pytest.raises(UsageError, match="would delete all"):
        store.delete_records(ALL)


def test_who_was_deleted_is_not_taken_in_again_until_that_is_too_old_to_matter(store: Store) -> None:
    ada = subject_mark("ada")
    old, new = record(1, subject=ada), record(2, subject=ada).model_copy(update={"at": "2999-01-01"})
    store.delete_records(RecordFilter(subject=ada))
    assert store.take_records([old, new]) == (1, frozenset({old.id}))
    assert store.take_feedback([said(1, by=ada), said(2)]) == (1, frozenset({"f1"}))
    store.delete_records(RecordFilter(subject=ada, until="2998"))  # not all of the person: notes nothing
    store.delete_records(RecordFilter(until="2998"))
    assert store.take_records([old]).added == 1


def test_later_words_on_what_was_deleted_are_not_taken(store: Store) -> None:
    ada = subject_mark("ada")
    store.add_records([record(1, subject=ada), record(2), record(3), record(4)])
    store.delete_records(RecordFilter(subject=ada))
    store.delete_records(RecordFilter(id="record-2"))
    store.delete_records(RecordFilter(until="2026-11-05"))  # of what is too old nothing is noted
    assert store.record_count(ALL) == 1
    taken = store.take_feedback([said(number) for number in (1, 2, 3, 4, 5)])
    assert taken == (3, frozenset({"f1", "f2"}))
    # An import is somebody's decision: its record is there again, and so is what is said of it.
    store.add_records([record(1, subject=ada)])
    assert store.take_feedback([said(1)]) == (1, frozenset())
    store.delete_records(RecordFilter(until="2999"))
    assert store.take_feedback([said(2)]).added == 1, "notes go with what is too old"


def test_words_on_a_record_that_is_dropped_go_whenever_they_come(store: Store) -> None:
    ada = subject_mark("ada")
    store.take_feedback([said(1), said(2)])
    store.delete_records(RecordFilter(subject=ada))
    assert store.take_records([record(1, subject=ada)]) == (0, frozenset({"record-1"}))
    assert [each.record for each in store.feedback()] == ["record-2"]
    assert store.take_feedback([said(1)]) == (0, frozenset({"f1"}))


def test_rows_may_be_deleted_but_never_changed(store: Store) -> None:
    store.add_records([record(1)])
    store.add_feedback([said(1)])
    store.add_record_scores([score(1)])
    for change in ("records SET source", "feedback SET content", "record_scores SET label"):
        with pytest.raises(StoreError, match="never changes"), store.writing() as connection:
            connection.exec_driver_sql(f"UPDATE {change} = 'x'")


def test_an_unknown_or_ambiguous_id_says_so(store: Store) -> None:
    store.add_records([record(1), record(12)])
    assert store.record("record-1").id == "record-1"
    with pytest.raises(UsageError, match="More than one record begins with 'reco'"):
        store.record("reco")
    with pytest.raises(UnknownName, match="promptops records list"):
        store.record("rec")


def test_a_score_needs_its_record(store: Store) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        store.add_record_scores([score(9)])


def test_a_record_that_names_an_alias_has_the_version_to_which_it_pointed_then(store: Store) -> None:
    for text in ("one", "two"):
        store.add_prompt("reply", nouns.prompt(text))
    store.set_alias("reply", "production", 1)
    between = timestamp()
    while timestamp() == between:
        pass
    store.set_alias("reply", "production", 2)
    late, early = "2099-01-01T00:00:00.000000+00:00", "1999-01-01T00:00:00.000000+00:00"
    asked = [
        {"at": early, "alias": "production"},
        {"at": between, "alias": "production"},
        {"at": late, "alias": "production"},
        {"at": late, "alias": "production", "version": 1},
        {"at": late, "alias": "staging"},
        {"at": late},
    ]
    found = [record(number, prompt="reply", **fields) for number, fields in enumerate(asked)]
    assert store.take_records(found[:3]).added == 3
    assert store.add_records(found) == 3
    versions = {each.id: each.version for each in store.records(ALL)}
    assert [versions[each.id] for each in found] == [None, 1, 2, 1, None, None]
    assert store.record("record-2").reference == "reply@2" and store.record("record-2").alias == "production"


def test_an_alias_means_records_that_name_it_or_the_version_to_which_it_pointed_then(store: Store) -> None:
    for text in ("one", "two"):
        store.add_prompt("reply", nouns.prompt(text))
        store.add_prompt("other", nouns.prompt(text))
    moves = [("production", 1), ("staging", 2), ("production", 2), ("production", None), ("production", 1)]
    for alias, number in moves:
        before = timestamp()
        while timestamp() == before:
            pass
        if number is None:
            store.remove_alias("reply", alias)
        else:
            store.set_alias("reply", alias, number)
    history = store.alias_history("reply")
    moments = sorted({"1999", *(move.moved_at for move in history), "2099"})
    asked = [
        record(0, prompt=prompt, version=version, alias=alias, at=at).model_copy(update={"id": f"r{number}"})
        for number, (at, prompt, version, alias) in enumerate(
            product(
                moments, ("reply", "other", None), (None, 1, 2), (None, "production", "staging", "canary")
            )
        )
    ]
    store.add_records(asked)
    kept = store.records(ALL)
    for alias in ("production", "staging", "canary", "nobody"):
        expected = set()
        for each in kept:
            past = [m.to_number for m in history if m.alias == alias and m.moved_at <= each.at]
            pointed = past[-1] if past and each.prompt == "reply" else None
            by_version = each.alias is None and each.version is not None and each.version == pointed
            if each.alias == alias or by_version:
                expected.add(each.id)
        wanted = RecordFilter(alias=alias)
        assert {each.id for each in store.records(wanted)} == expected
        assert store.record_count(wanted) == len(expected)
    assert store.delete_records(RecordFilter(prompt="reply", alias="production")) > 0
    assert store.record_count(RecordFilter(prompt="reply", alias="production")) == 0


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"prompt": "rpely"}, "No prompt with records is named 'rpely'. Did you mean 'reply'?"),
        ({"prompt": "reply", "version": 7}, "No version of 'reply' is named '7'. There is: 1, 3."),
        ({"prompt": "reply", "alias": "prodction"}, "No alias of 'reply' is named 'prodction'. Did you mean"),
        ({"alias": "prodction"}, "No alias is named 'prodction'. Did you mean 'production'?"),
        ({"prompt": "other", "alias": "production"}, "Point it at a version: promptops prompt alias other@1"),
        ({"model": "gpt-4"}, "No model with records is named 'gpt-4'. Did you mean 'gpt-4o'?"),
    ],
)
def test_a_name_that_neither_registry_nor_a_record_knows_is_refused(
    store: Store, wanted: dict[str, Any], told: str
) -> None:
    store.add_prompt("reply", nouns.prompt("one"))
    store.set_alias("reply", "production", 1)
    store.add_records([record(1, prompt="reply", version=3, model="gpt-4o"), record(2, prompt="other")])
    with pytest.raises(UnknownName, match=re.escape(told)):
        refuse_unknown(store, lambda: store, RecordFilter.model_validate(wanted))


def test_what_is_known_may_have_no_record_yet(store: Store) -> None:
    store.add_prompt("reply", nouns.prompt("one"))
    store.set_alias("reply", "canary", 1)
    store.remove_alias("reply", "canary")
    store.add_records([record(1, prompt="asked", alias="beta", version=2)])
    for wanted in (
        {"prompt": "reply", "version": 1},
        {"prompt": "reply", "alias": "canary"},
        {"prompt": "asked", "version": 2, "since": "2099"},
        {"prompt": "asked", "alias": "beta", "since": "2099"},
    ):
        refuse_unknown(store, lambda: store, RecordFilter.model_validate(wanted))
