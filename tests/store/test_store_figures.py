"""Stored scores read a page at a time say what the json module reads from them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptops.store import Store
from promptops.store.encoding import figures_text
from promptops.store.figures import FigureReader
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
    st.just(Score.missing('broken: "counts":[1.0]}\nnext')),
)
labels = st.sampled_from(["exact", "f1", 'a.b "(é', "bleu"])
pages = st.lists(st.dictionaries(labels, scores), max_size=8)


def flat(found: Sequence[Counts]) -> dict[int, list[float]]:
    return {
        int(place): list(vector)
        for places, vectors in found
        for place, vector in zip(places, vectors, strict=True)
    }


@given(st.lists(pages, max_size=3))
@example([[{"exact": Score.of(1.0), "bleu": Score.of(12.0, 7.0)}] * 5, [{"exact": Score.of(0.5)}]])
@example([[{"f1": Score.of(*[float(digit)] * 3)} for digit in (1, 22, 333, 10**15, 10**16)]])
@example([[{"f1": Score.of(1.0)}, {"f1": Score.of(1.0, 2.0, 3.0)}, {"f1": Score.of(5.0, 6.0)}]])
def test_counts_read_by_pages_are_those_that_json_reads(written: list[list[dict[str, Score]]]) -> None:
    wanted = ["exact", "f1", 'a.b "(é']
    reader = FigureReader(wanted)
    for page in written:
        texts = [figures_text(row) for row in page]
        found = reader.counts(texts, range(len(texts)))
        for label in wanted:
            rows = {place: json.loads(text).get(label) for place, text in enumerate(texts)}
            expected = {place: row["counts"] for place, row in rows.items() if row and not row["unscored"]}
            assert flat(found[label]) == expected


def test_of_one_metric_alone_and_of_none_counts_are_read_too() -> None:
    texts = [figures_text({"exact": Score.of(float(place)), "f1": Score.of(0.25)}) for place in range(12)]
    assert flat(FigureReader(["exact"]).counts(texts, range(12))["exact"]) == {
        place: [float(place)] for place in range(12)
    }
    assert FigureReader([]).counts(texts, range(12)) == {}


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


def test_reading_by_pages_costs_no_precision() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.random(200), rng.random(200) * 1e-9, rng.integers(0, 10**15, 200)])
    texts = [figures_text({"exact": Score.of(float(value))}) for value in values]
    found = FigureReader(["exact"]).counts(texts, range(len(texts)))["exact"]
    assert flat(found) == {place: [float(value)] for place, value in enumerate(values)}
