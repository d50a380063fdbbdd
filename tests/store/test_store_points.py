"""Points of texts are kept by their content address, bounded, and never stand in anybody's way."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np

from promptops.store.points import Points


def points_at(folder: Path, **options: int) -> Points:
    return Points(folder / ".promptops" / "points" / "points.db", **options)


def test_what_is_kept_comes_back_exactly_and_is_counted(tmp_path: Path) -> None:
    kept = points_at(tmp_path)
    assert kept.find(["a"]) == {} and kept.kept() == [] and kept.forget() == 0
    kept.keep("x/one", {"a": [0.1, 2.0], "b": [0.5, -1e300]})
    kept.keep("x/two", {"c": list(np.array([0.1, 0.7], dtype=np.float32))})
    found = kept.find(["a", "b", "gone"])
    assert {key: row.tolist() for key, row in found.items()} == {"a": [0.1, 2.0], "b": [0.5, -1e300]}
    assert kept.find(["c"])["c"].tolist() == [float(np.float32(0.1)), float(np.float32(0.7))]
    one, two = kept.kept()
    assert (one.model, one.entries, one.bytes, one.hits) == ("x/one", 2, 32, 2)
    assert (two.model, two.bytes) == ("x/two", 8), "numbers of four bytes take no more"
    kept.keep("x/one", {"a": [3.0, 4.0]})
    assert kept.find(["a"])["a"].tolist() == [3.0, 4.0], "what is asked anew takes the old one's place"
    assert (tmp_path / ".promptops" / "points" / ".gitignore").read_text() == "*\n"


def test_they_are_forgotten_by_age_by_model_or_all(tmp_path: Path) -> None:
    kept = points_at(tmp_path)
    kept.keep("x/one", {"a": [1.0]})
    kept.keep("x/two", {"b": [1.0]})
    assert kept.forget(older_than=timedelta(days=1)) == 0
    assert kept.forget(model="x/one", dry_run=True) == 1 and kept.known(["a", "b"]) == {"a", "b"}
    assert kept.forget(model="x/one") == 1 and kept.known(["a", "b"]) == {"b"}
    assert kept.forget(older_than=timedelta(0)) == 1
    kept.keep("x/one", {"a": [1.0]})
    assert kept.forget() == 1 and not (tmp_path / ".promptops" / "points" / "points.db").exists()


def test_points_are_forgotten_by_their_texts_and_those_of_unknown_texts_too(tmp_path: Path) -> None:
    kept = points_at(tmp_path)
    long, half = "x" * 7_000, "\ud800"
    kept.keep("x/one", {"a": [1.0], "b": [2.0], "c": [3.0]}, {"a": "said", "b": long, "c": half})
    kept.keep("x/two", {"d": [1.0], "e": [1.0]}, {"d": "said", "e": "other"})
    assert kept.forget_texts(["said", half]) == 3
    assert kept.known(list("abcde")) == {"b", "e"}
    assert kept.forget_texts([long[:6_500]]) == 1, "models see no more than the beginning"
    kept.keep("x/one", {"f": [1.0]})
    assert kept.forget_texts([]) == 1 and kept.known(list("ef")) == {"e"}
    said = (tmp_path / ".promptops" / "points" / "points.db").read_bytes()
    assert b"said" not in said and b"other" not in said


def test_a_file_of_the_format_before_is_used_on(tmp_path: Path) -> None:
    path = tmp_path / ".promptops" / "points" / "points.db"
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as file:
        file.executescript(
            "CREATE TABLE points (key TEXT PRIMARY KEY, model TEXT NOT NULL, width INTEGER NOT NULL, "
            "point BLOB NOT NULL, used_at TEXT NOT NULL, hits INTEGER NOT NULL DEFAULT 0);"
            "CREATE INDEX by_use ON points (used_at, model, hits); PRAGMA user_version = 1;"
        )
        file.execute("INSERT INTO points VALUES ('a', 'x/one', 8, ?, '2026', 0)", (np.ones(1).tobytes(),))
    assert Points(path, read_only=True).find(["a"])["a"].tolist() == [1.0]
    kept = Points(path)
    assert kept.find(["a"])["a"].tolist() == [1.0]
    kept.keep("x/one", {"b": [2.0]}, {"b": "said"})
    assert kept.known(["a", "b"]) == {"a", "b"}
    assert kept.forget_texts(["nothing"]) == 1 and kept.known(["a", "b"]) == {"b"}


def test_the_file_stays_below_its_bound_and_what_was_used_last_stays(tmp_path: Path) -> None:
    kept = points_at(tmp_path, most_bytes=100_000)
    for number in range(60):
        kept.keep("x/one", {f"key-{number}": list(np.random.default_rng(number).normal(size=500))})
        kept.find(["key-0"])
    assert 5 < kept.kept()[0].entries < 30
    assert kept.known(["key-0", "key-1", "key-59"]) == {"key-0", "key-59"}
    assert (tmp_path / ".promptops" / "points" / "points.db").stat().st_size < 130_000


def test_a_file_that_is_of_no_use_is_as_if_there_were_none_until_all_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / ".promptops" / "points" / "points.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    kept = Points(path)
    kept.keep("x/one", {"a": [1.0]})
    assert kept.find(["a"]) == {} and kept.kept() == []
    kept.forget()
    kept.keep("x/one", {"a": [1.0]})
    assert kept.known(["a"]) == {"a"}
    reader = Points(path, read_only=True)
    assert reader.find(["a"])["a"].tolist() == [1.0]
    reader.keep("x/one", {"b": [1.0]})
    assert reader.known(["a", "b"]) == {"a"} and reader.kept()[0].hits == 0
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    assert kept.find(["a"]) == {}, "a later version's file is left alone"
