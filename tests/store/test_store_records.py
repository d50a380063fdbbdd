"""Calls, results and preferences: what was stored is what is read, and the newest attempt counts."""

from __future__ import annotations

import asyncio
import math

import pytest

from promptops.errors import StoreError
from promptops.store import CallRow, PairRow, ResultRow, ScoreRow, Store, Writer
from promptops.types import Completion, Result, Score
from tests.store import nouns


def save(store: Store, *rows: CallRow | ResultRow) -> None:
    with Writer(store) as writer:
        asyncio.run(writer.save(*rows))


@pytest.fixture
def filled(store: Store) -> Store:
    """A run with a success, a failure, a retried failure and two calls without a result."""
    store.create_run(nouns.run("abcd"), {})
    store.create_run(nouns.run("other"), {})
    save(
        store,
        nouns.call("abcd", "ok", completion=nouns.completion("ok")),
        nouns.result("abcd", "ok"),
        nouns.failed("abcd", "bad"),
        nouns.failed("abcd", "retried"),
        nouns.call("abcd", "retried", attempt=1, completion=nouns.completion("at last")),
        nouns.result("abcd", "retried", 1),
        nouns.call("abcd", "half", completion=nouns.completion("half done")),
        nouns.call("abcd", "half", purpose="judge:tone", completion=nouns.completion("4")),
        nouns.call("other", "ok"),
        nouns.result("other", "ok"),
    )
    return store


def test_a_result_comes_back_as_it_went_in(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    for text in nouns.AWKWARD:
        comes_back(store, text)


def comes_back(store: Store, text: str) -> None:
    answer = nouns.completion(text)
    scores = {text: Score.of(1 / 3, -0.0, 2**53, reason=text, quote=text), "none": Score.missing(text)}
    kept = Result(sample_id=text, repeat=3, completion=answer, scores=scores, cached=True)
    save(
        store,
        nouns.call("abcd", text, repeat=3, cache_key=text, completion=answer),
        ResultRow("abcd", 0, kept),
        ResultRow("abcd", 0, Result(sample_id=text, repeat=4, failure=nouns.failure())),
    )
    assert store.result("abcd", text, 3) == kept
    assert next(iter(store.results("abcd", sample_ids=[text]))) == kept
    assert store.cached_completion(text) == answer
    failed = store.result("abcd", text, 4)
    assert failed is not None
    assert failed.failure == nouns.failure()


def test_what_is_no_number_is_refused_and_not_turned_into_null(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    for wrong in (math.nan, math.inf, -math.inf):
        is_refused(store, wrong)


def is_refused(store: Store, wrong: float) -> None:
    with pytest.raises(StoreError, match="NaN"):
        save(store, nouns.result("abcd", "a", scores={"exact": Score.of(wrong)}))
    with pytest.raises(StoreError, match="NaN"):
        save(store, nouns.call("abcd", "a", completion=Completion(text="", cost=wrong)))
    with pytest.raises(StoreError, match="NaN"):
        save(store, nouns.call("abcd", "a", completion=Completion(text="", raw={"deep": [wrong]})))
    assert store.finished("abcd", errors_too=True) == set()


def test_text_that_says_nan_is_text(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    save(store, nouns.call("abcd", "a", cache_key="k", completion=Completion(text="NaN or Infinity?")))
    found = store.cached_completion("k")
    assert found is not None
    assert found.text == "NaN or Infinity?"


def test_results_are_ordered_by_code_point_and_repeat_on_every_engine(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    ids = ["b", "A", "a", "é", "Z", "10", "9", "日本", "ß", "e\u0301", "🦜", "\ue000", "a b", "a-b", "_"]
    places = [(sample_id, repeat) for sample_id in ids for repeat in (10, 9)]
    save(store, *(nouns.result("abcd", sample_id, repeat=repeat) for sample_id, repeat in places))
    assert [(found.sample_id, found.repeat) for found in store.results("abcd")] == sorted(places)
    assert [(row.sample_id, row.repeat) for row in store.score_rows("abcd")] == sorted(places)


def test_the_newest_attempt_counts(filled: Store) -> None:
    found = {result.sample_id: result for result in filled.results("abcd")}
    assert list(found) == ["bad", "ok", "retried"]
    assert found["bad"].failure == nouns.failure()
    assert found["bad"].completion is None
    assert found["retried"].failure is None
    assert found["retried"].completion == nouns.completion("at last")
    assert filled.result("abcd", "retried") == found["retried"]
    assert filled.result("abcd", "half") is None


def test_a_retry_may_take_over_the_answer_of_an_earlier_attempt(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    save(store, nouns.call("abcd", "a"), nouns.failed("abcd", "a"), nouns.result("abcd", "a", 1))
    found = store.result("abcd", "a")
    assert found is not None
    assert found.completion == nouns.completion()


def test_some_samples_can_be_read_alone(filled: Store) -> None:
    some = filled.results("abcd", sample_ids=["retried", "bad", "bad", "unknown"])
    assert [result.sample_id for result in some] == ["bad", "retried"]
    assert list(filled.results("abcd", sample_ids=[])) == []


def test_errors_are_finished_only_on_demand(filled: Store) -> None:
    assert filled.finished("abcd", errors_too=False) == {("ok", 0), ("retried", 0)}
    assert filled.finished("abcd", errors_too=True) == {("ok", 0), ("retried", 0), ("bad", 0)}
    assert filled.attempts("abcd") == {("ok", 0): 0, ("bad", 0): 0, ("retried", 0): 1}


def test_calls_without_a_finished_result_need_not_be_paid_again(filled: Store) -> None:
    assert filled.unfinished_calls("abcd") == {
        ("half", 0, "answer"): nouns.completion("half done"),
        ("half", 0, "judge:tone"): nouns.completion("4"),
    }


def test_of_several_unfinished_calls_the_newest_counts(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    save(
        store,
        nouns.call("abcd", "a", completion=nouns.completion("old")),
        nouns.failed("abcd", "a"),
        nouns.call("abcd", "a", attempt=1, completion=nouns.completion("new")),
    )
    assert store.unfinished_calls("abcd") == {("a", 0, "answer"): nouns.completion("new")}


def test_scores_are_read_without_texts(filled: Store) -> None:
    rows = list(filled.score_rows("abcd"))
    assert rows[0] == ScoreRow("bad", 0, "timeout", {})
    assert rows[1] == ScoreRow(
        "ok",
        0,
        None,
        {
            "zeta": {"counts": [1.0], "unscored": None},
            "alpha": {"counts": [1.0, 2.0, 3.0], "unscored": None},
            "judge": {"counts": [], "unscored": "the judge gave no answer"},
        },
    )
    assert list(rows[1].scores) == ["zeta", "alpha", "judge"]
    assert rows[2][:3] == ("retried", 0, None)


def test_long_runs_are_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import promptops.store.results as module

    monkeypatch.setattr(module, "_PAGE", 4)
    monkeypatch.setattr(module, "_BARE_PAGE", 4)
    store.create_run(nouns.run("abcd"), {})
    rows: list[CallRow | ResultRow] = []
    for number in range(10):
        for attempt in range(number % 3):
            rows.append(nouns.failed("abcd", f"s{number}", attempt))
        rows.append(nouns.result("abcd", f"s{number}", number % 3))
    save(store, *rows)
    expected = [(f"s{number}", None) for number in range(10)]
    assert [(row.sample_id, row.failure) for row in store.score_rows("abcd")] == expected
    assert [(found.sample_id, found.failure) for found in store.results("abcd")] == expected


def test_results_can_be_paged_by_number(filled: Store) -> None:
    whole = list(filled.results("abcd"))
    assert filled.result_page("abcd", 2) == whole[:2]
    assert filled.result_page("abcd", 2, 2) == whole[2:]
    assert filled.result_page("abcd", 2, 4) == []


def test_a_store_can_be_written_while_results_are_read(filled: Store) -> None:
    seen = 0
    for number, _ in enumerate(filled.results("abcd")):
        save(filled, nouns.result("other", f"new {number}"))
        seen += 1
    assert seen == 3


def test_what_judges_replied_is_read_by_purpose(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    save(
        store,
        nouns.call("abcd", "a"),
        nouns.call("abcd", "a", purpose="judge:tone:2", completion=nouns.completion("second")),
        nouns.call("abcd", "a", purpose="judge:tone", completion=nouns.completion("old")),
        nouns.call("abcd", "a", purpose="judge:tone", attempt=1, completion=nouns.completion("new")),
        nouns.call("abcd", "b", purpose="judge:tone"),
    )
    found = store.judge_calls("abcd", "a", 0)
    assert list(found) == ["judge:tone", "judge:tone:2"]
    assert [reply.text for reply in found.values()] == ["new", "second"]


def test_the_newest_completion_of_a_key_is_cached(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    assert store.cached_completion("key") is None
    save(store, nouns.call("abcd", "a", cache_key="key", completion=nouns.completion("old")))
    save(store, nouns.call("abcd", "b", cache_key="key", completion=nouns.completion("new")))
    save(store, nouns.call("abcd", "c", cache_key=None, completion=nouns.completion("never")))
    assert store.cached_completion("key") == nouns.completion("new")


def test_answers_can_be_given_to_another_run(filled: Store) -> None:
    filled.create_run(nouns.run("again"), {})
    save(filled, nouns.call("again", "ok", completion=nouns.completion("its own")))
    assert filled.copy_answers("abcd", "again") == 2
    assert filled.copy_answers("abcd", "again") == 0
    answers = filled.unfinished_calls("again")
    assert {place: answer.text for place, answer in answers.items()} == {
        ("ok", 0, "answer"): "its own",
        ("retried", 0, "answer"): "at last",
        ("half", 0, "answer"): "half done",
    }


def test_preferences_come_back_by_sample_and_repeat(store: Store) -> None:
    rows = [
        PairRow(
            "base.jsonl",
            "abcd",
            sample,
            repeat,
            "better",
            "sig 1",
            Score.of(value, reason="clear"),
            ["A", "B"],
        )
        for sample, repeat, value in (("b", 0, 1.0), ("a", 1, 0.5), ("a", 0, 0.0))
    ]
    store.save_pair_scores(rows)
    store.save_pair_scores([])
    found = store.pair_scores("base.jsonl", "abcd", "better", "sig 1")
    assert list(found) == [("a", 0), ("a", 1), ("b", 0)]
    assert sorted(found.values(), key=lambda row: row.score.counts) == sorted(
        rows, key=lambda row: row.score.counts
    )
    assert store.pair_scores("base.jsonl", "abcd", "better", "sig 2") == {}
    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.save_pair_scores(rows[:1])


def test_a_stored_text_that_is_no_noun_is_said_so(store: Store) -> None:
    store.create_run(nouns.run("abcd"), {})
    with store.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO calls "
            "(run_id, sample_id, repeat, purpose, attempt, cache_key, cached, content, created_at) "
            "VALUES ('abcd', 'a', 0, 'answer', 0, 'key', false, '{\"txt\": 1}', '')"
        )
    with pytest.raises(StoreError, match="A stored Completion can't be read"):
        store.cached_completion("key")
