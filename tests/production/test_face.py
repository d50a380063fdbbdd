"""`promptops.log` and `feedback`: what was said is stored, whatever it was, and nothing is raised."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import promptops
from promptops import Prompt
from promptops.errors import SettingsError
from promptops.production.records import Feedback, Record, RecordFilter, subject_mark
from promptops.production.snapshots import LONGEST, Snapshot, whole_words
from promptops.store import Store
from promptops.types import Message, PromptVersion

ALL = RecordFilter()


def logged(store: Store, *args: object, **fields: object) -> Record:
    """Log a record and return what is stored of it."""
    record_id = promptops.log(*args, **fields)  # type: ignore[arg-type]
    assert promptops.flush(60), promptops.logger().stats
    return store.record(record_id)


def test_what_is_said_is_stored_as_it_was_at_the_call(stored: Store) -> None:
    inputs = {"question": "Where is my parcel?", "turns": [1, 2]}
    record_id = promptops.log(
        "reply@3", inputs=inputs, output="On its way.", alias="production", model="m", tokens_in=12,
        tokens_out=4, seconds=0.5, cost=0.001, finish_reason="stop", outcome="resolved", subject="ada",
        session="s1", tags=["shop", "de"], metadata={"region": "eu"}, at=datetime(2026, 11, 27, tzinfo=UTC),
    )  # fmt: skip
    inputs["turns"] = []  # the application goes on with its own object
    said = promptops.feedback(record_id, thumb=False, stars=2, comment="late", edit="Tomorrow.", by="ada")
    assert promptops.flush(60)
    assert stored.record(record_id) == Record(
        id=record_id, at="2026-11-27T00:00:00.000000+00:00", prompt="reply", version=3, alias="production",
        model="m", inputs={"question": "Where is my parcel?", "turns": [1, 2]}, output="On its way.",
        tokens_in=12, tokens_out=4, seconds=0.5, cost=0.001, finish_reason="stop", outcome="resolved",
        subject=subject_mark("ada"), session="s1", tags=("shop", "de"), metadata={"region": "eu"},
    )  # fmt: skip
    [kept] = stored.feedback()
    assert kept == Feedback(
        id=said, record=record_id, at=kept.at, thumb="down", stars=2, comment="late", edit="Tomorrow.",
        by=subject_mark("ada"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("reply", ("reply", None, None)),
        ("reply@3", ("reply", 3, None)),
        ("reply@production", ("reply", None, "production")),
        (Prompt(name="reply", messages=(Message(role="user", content="x"),)), ("reply", None, None)),
        (
            PromptVersion(
                name="reply", number=7, prompt=Prompt(messages=(Message(role="user", content="x"),))
            ),
            ("reply", 7, None),
        ),
        (None, (None, None, None)),
    ],
    ids=["name", "number", "alias", "Prompt", "PromptVersion", "unknown"],
)
def test_a_prompt_is_named_in_each_way(stored: Store, prompt: object, found: object) -> None:
    kept = logged(stored, prompt, output="x")
    assert (kept.prompt, kept.version, kept.alias) == found


def test_wrong_arguments_cost_themselves_and_are_told_once(
    stored: Store, caplog: pytest.LogCaptureFixture
) -> None:
    before = promptops.logger().stats.wrong
    with caplog.at_level(logging.WARNING, "promptops"):
        for _ in range(3):
            kept = logged(
                stored, "reply", 5, output=["not", "a text"], tokens_in=-1, tokens_out=2**40,
                seconds=math.nan, cost="much",
                at="yesterday", finish_reason="end_turn", promt="reply", tags=7,
            )  # fmt: skip
    assert kept.output == '["not", "a text"]' and kept.prompt == "reply" and kept.finish_reason == "stop"
    assert (kept.tokens_in, kept.tokens_out, kept.seconds, kept.cost, kept.tags) == (
        None, None, None, None, ("7",),
    )  # fmt: skip
    assert kept.metadata["logging"] == {
        "wrong": ["at", "cost", "seconds", "tokens_in", "tokens_out"],
        "unknown": {"argument 2": 5, "promt": "reply"},
    }
    assert kept.at.startswith(datetime.now(UTC).isoformat()[:4])
    assert promptops.logger().stats.wrong == before + 3 * 7
    assert len([told for told in caplog.messages if "has no argument argument 2, promt" in told]) == 1
    assert len([told for told in caplog.messages if "could not be used" in told]) == 1


class Hostile:
    """Raises whatever is done with it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __hash__ = __bool__ = __iter__ = __len__ = __repr__  # type: ignore[assignment]

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no")


class Odd(dict[str, object]):
    """A dict whose members can't be had."""

    def items(self) -> object:  # type: ignore[override]
        raise KeyError("no")


LOOP: list[object] = []
LOOP.append(LOOP)
HOSTILE = {
    "an object whose repr raises": Hostile(),
    "a dict that raises": Odd(a=1),
    "a loop": LOOP,
    "half a character": "\ud800 and \udfff",
    "NUL": "a\0b",
    "a set": {1},
    "bytes": b"\xff",
    "NaN": math.nan,
    "a very long number": 10**5000,
    "odd keys": {Hostile: 1, None: 2, (1, 2): 3},
    "a generator": (each for each in ()),
    "a long text": "word " * 400_000,
    "a long blob": "x" * 2_000_000,
    "a wide list": list(range(100_000)),
    "depth": json.loads("[" * 900 + "]" * 900),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_value_is_raised_at_or_lost_with_its_record(stored: Store, name: str) -> None:
    value = HOSTILE[name]
    fields = ("inputs", "output", "metadata", "error", "model", "subject", "session", "tags", "at", "cost")
    ids = [promptops.log("reply", **{field: value}) for field in fields]  # type: ignore[arg-type]
    ids += [promptops.log(value, inputs={"a": value})]  # type: ignore[arg-type]
    promptops.feedback(value, comment=value, by=value, stars=value)  # type: ignore[arg-type]
    said = promptops.feedback(ids[0], comment=value, stars=3)  # type: ignore[arg-type]
    assert promptops.flush(60)
    kept = {each.id: each for each in stored.records(ALL)}
    assert set(ids) <= set(kept)
    assert all(len(each.model_dump_json()) < 6 * LONGEST for each in kept.values())
    assert said in {each.id for each in stored.feedback()}


def test_what_is_too_large_is_cut_off_at_a_whole_word_and_says_so(stored: Store) -> None:
    kept = logged(stored, output="word " * 100_000, inputs={"rest": "more"})
    assert kept.output is not None and len(kept.output) <= LONGEST and kept.output.endswith("word ")
    assert kept.metadata == {"logging": {"cut": ["output"]}}


def test_a_huge_text_takes_nothing_from_what_stands_beside_it(stored: Store) -> None:
    huge, at = "word " * 50_000, datetime(2026, 11, 13, 9, 30, tzinfo=UTC)
    beside = {
        "at": at,
        "finish_reason": "stop",
        "metadata": {"team": "desk"},
        "error": "Timeout",
        "version": 3,
    }
    asked = logged(stored, "reply", inputs={"facts": huge, "question": "When?"}, output="At nine.", **beside)
    assert (asked.prompt, asked.version, asked.finish_reason, asked.error) == ("reply", 3, "stop", "Timeout")
    assert asked.at.startswith("2026-11-13T09:30") and asked.output == "At nine."
    assert asked.inputs["question"] == "When?" and str(asked.inputs["facts"]).endswith("word ")
    assert asked.metadata == {"team": "desk", "logging": {"cut": ["inputs.facts"]}}, "nothing was wrong"
    answered = logged(stored, "reply", inputs={"question": "Why?"}, output=huge, **beside)
    assert answered.inputs == {"question": "Why?"} and len(answered.output or "") <= LONGEST


@pytest.mark.parametrize(
    "many",
    [
        list(range(20_000)),
        {"deep": {"rows": [{"cells": list(range(20))} for _ in range(2_000)]}},
        [{"role": "user", "parts": [{"text": "word " * 20}]} for _ in range(3_000)],
        [datetime(2026, 11, 1, tzinfo=UTC)] * 20_000,
    ],
    ids=["numbers", "nested", "messages", "objects"],
)
def test_many_small_members_take_nothing_from_what_stands_beside_them(stored: Store, many: object) -> None:
    kept = logged(
        stored,
        "reply",
        inputs={"rows": many, "question": "When?"},
        output="At nine.",
        metadata={"team": "desk", "places": [1, 2, 3]},
        tags=["a", "b"],
    )
    assert kept.inputs["question"] == "When?" and kept.output == "At nine." and kept.tags == ("a", "b")
    rows = kept.inputs["rows"]
    assert rows and len(json.dumps(rows)) < len(json.dumps(many, default=repr))
    told = kept.metadata.pop("logging")
    assert isinstance(told, dict) and isinstance(told["cut"], list) and told["cut"]
    assert all(str(place).startswith("inputs.rows") for place in told["cut"])
    assert kept.metadata == {"team": "desk", "places": [1, 2, 3]}


@pytest.mark.parametrize(
    ("field", "value"),
    [("at", "2999-01-01"), ("at", 4e10), ("version", -1), ("version", 0), ("version", True)],
)
def test_a_time_far_ahead_and_a_version_that_is_none_are_wrong(
    stored: Store, field: str, value: object
) -> None:
    before = promptops.logger().stats.wrong
    kept = logged(stored, "reply", **{field: value})
    assert kept.metadata == {"logging": {"wrong": [field]}}
    assert kept.version is None and kept.at < "2999" and promptops.logger().stats.wrong == before + 1


def test_true_is_no_star(stored: Store) -> None:
    said = promptops.feedback(promptops.log("reply"), stars=True, comment="good")
    assert promptops.flush(60)
    [kept] = [each for each in stored.feedback() if each.id == said]
    assert (kept.stars, kept.comment) == (None, "good")


@given(st.text(), st.integers(0, 30))
def test_a_cut_text_never_ends_within_a_word(text: str, most: int) -> None:
    kept = whole_words(text, most)
    assert text.startswith(kept) and len(kept) <= most
    if len(kept) < len(text) and kept and kept[-1].isascii() and kept[-1].isalnum():
        assert not (text[len(kept)].isascii() and text[len(kept)].isalnum())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=200)
def test_a_snapshot_is_always_json(value: object) -> None:
    json.dumps(Snapshot().of(value), allow_nan=False)


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(), st.lists, max_leaves=9))
def test_a_snapshot_of_json_is_the_value_itself(value: object) -> None:
    snapshot = Snapshot()
    assert snapshot.of(value) == value and not snapshot.cuts


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = promptops.logger()
    found = [ids.new_id() for _ in range(2_000)]
    assert len(set(found)) == 2_000
    assert sorted(each[:13] for each in found) == [each[:13] for each in found]
    assert all(each[14] == "7" and each[19] in "89ab" for each in found)  # RFC 9562, version 7


def test_a_record_begins_as_long_ago_as_it_took(stored: Store) -> None:
    now = datetime.now(UTC)
    kept = logged(stored, output="x", seconds=3600)
    assert 3590 < (now - datetime.fromisoformat(kept.at)).total_seconds() < 3610


def test_feedback_that_says_nothing_is_counted_and_not_kept(stored: Store) -> None:
    before = promptops.logger().stats.failed
    promptops.feedback("r")
    promptops.feedback("r", thumb="sideways", stars=9)  # type: ignore[arg-type]
    promptops.feedback("", thumb="up")
    assert promptops.flush(60)
    assert stored.feedback() == [] and promptops.logger().stats.failed == before + 3


def test_wrong_settings_in_python_are_told_at_once(project: Path) -> None:
    with pytest.raises(SettingsError, match=r"configure_logging: sample: .*greater than 0"):
        promptops.configure_logging(sample=0)
    with pytest.raises(SettingsError, match="no regular expression"):
        promptops.configure_logging(redact=["("])
    with pytest.raises(SettingsError, match="There is no folder"):
        promptops.configure_logging(project=project / "nowhere")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(["output", "model", "outcome", "session", "error"]), st.text()))
def test_any_text_comes_back(stored: Store, fields: dict[str, str]) -> None:
    kept = logged(stored, "reply", **fields)
    assert kept.prompt == "reply"
    if fields.get("output", "").isascii():
        assert kept.output == fields.get("output")
