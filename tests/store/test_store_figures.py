"""Scores come back from bytes as they went in: alone, by the page, and beside rows that are JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptops.errors import StoreError
from promptops.store import Store
from promptops.store.encoding import figures_text
from promptops.store.figures import counts_of, figures_bytes, figures_of
from promptops.store.rows import Counts
from promptops.types import Score
from tests.store import nouns
from tests.store.test_store_records import save

numbers = st.one_of(
    st.integers(0, 12_345).map(float),
    st.integers(-(2**60), 2**60).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
scores = st.one_of(
    st.lists(numbers, min_size=1, max_size=4).map(lambda counts: Score.of(*counts)),
    st.lists(st.integers(0, 99).map(float), min_size=3, max_size=3).map(lambda counts: Score.of(*counts)),
    st.sampled_from(nouns.AWKWARD).map(Score.missing),
    st.just(Score(counts=(1.0, 2.0), unscored="and yet counted")),
    st.just(Score()),
)
labels = st.sampled_from(["exact", "f1", 'a.b "(é', "half \ud83d", "bleu"])
rows_of_scores = st.dictionaries(labels, scores)
HUGE = {"exact": Score.of(1.7e308, 1.7e308)}


def flat(found: Sequence[Counts]) -> dict[int, list[float]]:
    return {
        int(place): list(vector)
        for places, vectors in found
        for place, vector in zip(places, vectors, strict=True)
    }


def exactly(value: object) -> str:
    """Return what differs between 0.0 and -0.0, and in the order of labels."""
    return repr(value)


@given(rows_of_scores)
@example(HUGE)
@example({"exact": Score.of(-0.0)})
def test_a_row_of_bytes_says_what_its_json_says(row: dict[str, Score]) -> None:
    found = figures_of(figures_bytes(row), figures_text(row))
    assert exactly(found) == exactly(json.loads(figures_text(row)))


@pytest.mark.parametrize(
    ("row", "in_bytes"),
    [
        ({"exact": Score.of(0.5), "bleu": Score.of(*range(10)), "judge": Score.missing("no answer")}, True),
        ({}, False),
        (HUGE, False),
        ({"exact": Score(counts=(1.0,), unscored="and yet counted")}, False),
    ],
)
def test_all_scores_are_bytes_but_those_that_bytes_can_not_say(row: dict[str, Score], in_bytes: bool) -> None:
    assert (figures_bytes(row) is not None) == in_bytes


@given(st.lists(st.tuples(rows_of_scores, st.booleans(), st.booleans()), max_size=12))
@example([({"exact": Score.of(1.0), "bleu": Score.of(12.0, 7.0)}, True, True)] * 5)
@example([({"f1": Score.of(*[1.0] * width)}, width != 2, True) for width in (1, 3, 1, 2, 3)])
def test_a_page_says_what_its_rows_say(page: list[tuple[dict[str, Score], bool, bool]]) -> None:
    wanted = ["exact", "f1", 'a.b "(é']
    texts = [figures_text(row) for row, _, _ in page]
    told = [figures_bytes(row) if in_bytes else None for row, in_bytes, _ in page]
    places = [place for place, (_, _, asked) in enumerate(page) if asked]
    found = counts_of(wanted, places, told, texts)
    assert list(found) == wanted
    for label in wanted:
        rows = {place: json.loads(texts[place]).get(label) for place in places}
        expected = {place: row["counts"] for place, row in rows.items() if row and row["unscored"] is None}
        assert flat(found[label]) == expected
        assert len(found[label]) == len({len(counts) for counts in expected.values()})
        assert all((places[1:] > places[:-1]).all() for places, _ in found[label])


def test_rows_that_look_alike_are_one_table() -> None:
    told = [figures_bytes({"exact": Score.of(float(place)), "f1": Score.of(0.25)}) for place in range(12)]
    found = counts_of(["exact"], range(12), told, [""] * 12)
    assert [vectors.shape for _, vectors in found["exact"]] == [(12, 1)]
    assert counts_of([], range(12), told, [""] * 12) == {}


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"\1\0\0",
        b"\0" * 20,
        b"\2" + (figures_bytes({"exact": Score.of(1)}) or b"")[1:],
        (figures_bytes({"exact": Score.of(1)}) or b"")[:-1],
        (figures_bytes({"exact": Score.of(1)}) or b"") + b"\0" * 8,
        *(
            struct.pack("<BI", 1, len(header)) + header + b"\0" * 8
            for header in (b"{", b"[1]", b"\xff", b'{"a":-1}', b'{"a":null}', b'{"a":1e99}', b'{"a":[1]}')
        ),
    ],
)
def test_bytes_that_are_none_of_ours_are_refused(row: bytes) -> None:
    for read in (lambda: figures_of(row, ""), lambda: counts_of(["exact"], [0], [row], [""])):
        with pytest.raises(StoreError, match="Stored counts can't be read"):
            read()


def test_pages_of_a_run_hold_its_newest_attempts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import promptops.store.results as module

    monkeypatch.setattr(module, "_BARE_PAGE", 4)
    store.create_run(nouns.run("abcd"), {})
    rows = []
    for number, name in enumerate(["b", "é", "日本", "a\0", "\ue000", "🦜", "x", "y", "z"]):
        rows += [nouns.failed("abcd", name, attempt) for attempt in range(number % 3)]
        if number % 4:
            rows.append(nouns.result("abcd", name, number % 3))
        else:
            rows.append(nouns.failed("abcd", name, number % 3))
    save(store, *rows)
    expected = list(store.score_rows("abcd"))
    found = list(store.score_pages("abcd", ["alpha", "zeta"]))
    assert [name for page in found for name in page.sample_ids] == [row.sample_id for row in expected]
    assert [kind for page in found for kind in page.failures] == [row.failure for row in expected]
    read = {
        page.sample_ids[place]: vector
        for page in found
        for place, vector in flat(page.counts["alpha"]).items()
    }
    assert read == {row.sample_id: row.scores["alpha"]["counts"] for row in expected if row.scores}
    assert len(read) == 6
