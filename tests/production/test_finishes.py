"""How an answer ended is told in our words, whatever its server calls it and however it comes in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import promptops
from promptops.production.finishes import finish_of
from promptops.project import Project


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        *(("stop", "stop"), ("content_filter", "refusal"), ("function_call", "tool_calls")),
        *(("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "refusal"), ("tool_use", "tool_calls")),
        *(("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "refusal"), ("model_length", "length")),
        *(("completed", "stop"), ("incomplete", "length"), ("fell over", "other"), (7, "other")),
    ],
)
def test_words_of_servers_are_ours(word: object, ours: str) -> None:
    assert finish_of(word) == ours


def test_what_is_logged_ends_as_what_is_imported(project: Path) -> None:
    words = ("content_filter", "MAX_TOKENS", "model_length", "completed")
    for word in words:
        promptops.log("reply", output=word, finish_reason=word)
    assert promptops.flush(60), promptops.logger().stats
    rows = [{"output": word, "finish_reason": word, "at": "2026-11-05T10:00:00Z"} for word in words]
    (project / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with Project.open(project) as opened:
        opened.import_records(project / "log.jsonl")
        records = opened.records(limit=None)
    ends = {
        source: {each.output: each.finish_reason for each in records if each.source == source}
        for source in ("log", "log.jsonl")
    }
    assert (
        ends["log"]
        == ends["log.jsonl"]
        == dict(zip(words, ("refusal", "length", "length", "stop"), strict=True))
    )
