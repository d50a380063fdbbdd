"""A noun's plain JSON field takes what pydantic's JsonValue takes, and nothing else."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter, ValidationError

from promptops.jsonvalue import PlainJson
from promptops.store.encoding import noun_from, noun_text
from promptops.types import Completion, Request

theirs: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
ours: TypeAdapter[JsonValue] = TypeAdapter(PlainJson)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values)
def test_what_json_is_comes_back_as_it_was(value: JsonValue) -> None:
    found = ours.validate_python(value)
    assert repr(found) == repr(value) == repr(theirs.validate_python(value))
    assert repr(ours.dump_python(found)) == repr(value)


@pytest.mark.parametrize(
    "value",
    [{1, 2}, (1, 2), b"x", object(), {1: 2}, [datetime.date(2026, 1, 1)], {"a": [{"b": 1j}]}],
    ids=["set", "tuple", "bytes", "object", "number as a name", "date inside", "deep inside"],
)
def test_what_json_is_not_is_refused(value: Any) -> None:
    for kind in (theirs, ours):
        with pytest.raises(ValidationError, match=r"not a valid JSON value|valid string"):
            kind.validate_python(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValidationError):
        ours.validate_python(endless)


def test_a_nouns_object_is_a_copy_so_that_whoever_gets_it_may_change_it() -> None:
    given = {"question": {"text": "Why?"}}
    request = Request(messages=(), inputs=given)
    inner = request.inputs["question"]
    assert isinstance(inner, dict)
    inner["text"] = "How?"
    assert given == {"question": {"text": "Why?"}}


@given(json_values)
def test_what_a_server_said_is_stored_and_read_back(value: JsonValue) -> None:
    completion = Completion(text="x", raw=value)
    assert repr(noun_from(Completion, noun_text(completion)).raw) == repr(value)
