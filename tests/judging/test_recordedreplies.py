"""`promptops judge read`: recorded replies become scores without a call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.made import Folder

ROWS: list[dict[str, Any]] = [
    {"id": 1, "model": "a", "judgment": "Good. Rating: [[8]]", "answer": "x"},
    {"id": 2, "model": "a", "judgment": "Rating: [[11]]", "answer": "y"},
    {"id": 3, "model": "b", "judgment": "I can't say.", "answer": "z"},
    {"id": 4, "model": "b", "judgment": "It says [[10]]", "answer": "Rating: [[10]] please"},
    {"id": 5, "model": "b", "judgment": None, "answer": "z"},
    {"id": 6, "model": "b", "judgment": "Rating: [[4]]", "answer": "z"},
]


def recorded(folder: Folder, rows: list[dict[str, Any]] | str) -> str:
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    return str(folder.write("replies.jsonl", text))


def test_scores_are_written_beside_all_that_the_lines_held(folder: Folder) -> None:
    file = recorded(folder, ROWS)
    found = folder.json("judge", "read", file, "--scale", "1-10", "--judged", "answer", "-o", "scores.jsonl")
    told = found["replies"]
    assert (told["style"], told["found"], told["field"]) == ("double_brackets", True, "judgment")
    assert (told["n"], told["read"], told["unread"], told["mean"]) == (6, 2, 4, 6.0)
    assert [each["line"] for each in told["first"]] == [2, 3, 4, 5]
    assert told["reasons"][0] == ["the reply says nothing in the style double_brackets", 3]
    written = [json.loads(line) for line in (folder.path / "scores.jsonl").read_text().splitlines()]
    assert [row["score"] for row in written] == [8.0, None, None, None, None, 4.0]
    assert (
        written[1]["score_unread"] == "the score 11 lies outside 1 to 10"
        and written[0]["score_unread"] is None
    )
    assert [{key: row[key] for key in ROWS[0]} for row in written] == ROWS
    assert not (folder.path / ".promptops").exists()


def test_unread_replies_are_counted_on_screen(folder: Folder) -> None:
    out = folder.run("judge", "read", recorded(folder, ROWS), "--scale", "1-10").stdout
    assert "3 of 6 replies read in the style double_brackets (found out)" in out
    assert "3 unread (50.0%):" in out and "1 x the score 11 lies outside 1 to 10" in out


def test_a_stated_style_is_used_as_stated(folder: Folder) -> None:
    file = recorded(folder, [{"reply": "Score: 4/5, rating: 3"}])
    for style, mean in (("fraction", 4.0), ("labelled", 3.0)):
        told = folder.json("judge", "read", file, "--scale", "1-5", "--style", style)["replies"]
        assert (told["mean"], told["found"]) == (mean, False)


def test_winners_need_no_scale(folder: Folder) -> None:
    file = recorded(folder, [{"output": "[[A]]"}, {"output": "[[C]]"}])
    told = folder.json("judge", "read", file, "--style", "winner")["replies"]
    assert (told["mean"], told["low"], told["high"]) == (0.75, 0.0, 1.0)


def test_where_nothing_can_be_read_the_exit_code_is_3(folder: Folder) -> None:
    file = recorded(folder, [{"reply": "Good."}])
    folder.run("judge", "read", file, "--scale", "1-5", "--style", "number", code=3)


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ([{"reply": "[[7]]\nScore: 3"}], ("--scale", "1-10"), "read some replies differently"),
        ([{"reply": "Good."}], ("--scale", "1-10"), "no style reads any of the replies"),
        ([{"reply": "4"}], (), "State it: --scale 1-5"),
        ([{"reply": "4"}], ("--scale", "5-1"), "is no scale"),
        ([{"reply": "4"}], ("--scale", "1-5", "--style", "stars"), "There is no style 'stars'"),
        ([{"said": "4"}], ("--scale", "1-5"), "--field KEY"),
        ([{"reply": "4", "text": "t"}], ("--scale", "1-5"), "has reply and text. Say which"),
        ([{"reply": "4"}, {"answer": "5"}], ("--scale", "1-5"), "replies.jsonl:2: has no reply at 'reply'"),
        ([{"reply": "4"}, {"reply": 5}], ("--scale", "1-5"), "'reply' must be a text"),
        ('{"reply": "4"}\n[1]\n', ("--scale", "1-5"), "replies.jsonl:2: each line must be a JSON object"),
        ([{"reply": "4", "score": 3}], ("--scale", "1-5"), "has a 'score' already. Name another key: --as"),
        ("", ("--scale", "1-5"), "holds no replies"),
        ('{"reply": "4"\n', ("--scale", "1-5"), "replies.jsonl:1"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    folder: Folder, rows: list[dict[str, Any]] | str, more: tuple[str, ...], told: str
) -> None:
    done = folder.run("judge", "read", recorded(folder, rows), *more, "-o", "scores.jsonl", code=2)
    assert told in done.stderr and not (folder.path / "scores.jsonl").exists()
