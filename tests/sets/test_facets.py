import numpy as np
import pytest
from pydantic import JsonValue

from promptops.errors import UnknownName
from promptops.sets.facets import grouped
from promptops.types import Sample


def samples(*metadata: dict[str, JsonValue], **more: object) -> list[Sample]:
    return [
        Sample.model_validate({"id": f"s{place}", "inputs": {}, "metadata": each, **more})
        for place, each in enumerate(metadata)
    ]


def names(asked: list[Sample], *by: str) -> dict[str, int]:
    return {group.name: int(group.members.sum()) for group in grouped(asked, by).groups}


def test_texts_booleans_and_few_numbers_group_by_value() -> None:
    asked = samples(
        {"lang": "de", "long": True, "year": 2021},
        {"lang": "fr", "long": False, "year": 2022},
        {"lang": "de", "long": True, "year": 2022.0},
        {"lang": None},
    )
    assert names(asked) == {
        "lang=de": 2,
        "lang=fr": 1,
        "long=true": 2,
        "long=false": 1,
        "year=2021": 1,
        "year=2022": 2,
    }


def test_many_numbers_are_cut_at_their_quartiles_and_named_so() -> None:
    found = grouped(samples(*({"words": place} for place in range(100)), {}), ["words"]).groups
    assert [group.name for group in found] == [
        "words=0..24 (1st quarter)",
        "words=25..49 (2nd quarter)",
        "words=50..74 (3rd quarter)",
        "words=75..99 (4th quarter)",
    ]
    assert [int(group.members.sum()) for group in found] == [25] * 4
    assert not np.any([group.members[-1] for group in found])


def test_quartiles_that_fall_together_make_fewer_groups() -> None:
    rows = [{"words": 0}] * 60 + [{"words": place} for place in range(1, 41)]
    assert list(names(samples(*rows)).values()) == [60, 15, 25]


def test_tags_and_origin_group_too_and_keep_their_names() -> None:
    asked = [
        Sample(id="a", inputs={}, tags=("x", "y"), origin="web", metadata={"origin": "p", "tags": "q"}),
        Sample(id="b", inputs={}, tags=("y",), metadata={"origin": "p", "tags": "r"}),
        Sample(id="c", inputs={}, metadata={"origin": "o", "tags": "r"}),
    ]
    assert names(asked) == {
        "x": 1,
        "y": 2,
        "origin=web": 1,
        "metadata.origin=p": 2,
        "metadata.origin=o": 1,
        "metadata.tags=q": 1,
        "metadata.tags=r": 2,
    }
    assert names(asked, "origin") == {"origin=web": 1}


def test_what_makes_no_groups_is_said_and_may_be_asked_for() -> None:
    asked = samples(*({"url": f"u{place}", "list": [1], "same": 1} for place in range(5)))
    found = grouped(asked)
    assert not found.groups
    assert found.notes == (
        "'url' makes no groups: 5 values in 5 samples.",
        "'list' makes no groups: its values are no texts, booleans or numbers.",
        "'same=1' is the whole set.",
    )
    assert len(grouped(asked, ["url"]).groups) == 5


def test_a_declared_tag_that_nobody_carries_is_listed() -> None:
    asked = [Sample(id="a", inputs={}, tags=("x",)), Sample(id="b", inputs={})]
    assert {group.name: int(group.members.sum()) for group in grouped(asked, declared=["z"]).groups} == {
        "z": 0,
        "x": 1,
    }


def test_an_unknown_field_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'lang'"):
        grouped(samples({"lang": "de"}, {"lang": "fr"}), ["lnag"])


def test_numbers_that_no_float_holds_break_nothing() -> None:
    asked = samples({"n": 10**400}, {"n": float("nan")}, {"n": 1}, {"n": 1})
    assert names(asked)["n=1"] == 2
    many = samples({"n": -(10**400)}, *({"n": place} for place in range(20)))
    assert sum(names(many).values()) == 20
