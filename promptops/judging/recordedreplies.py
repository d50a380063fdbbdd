"""Recorded replies of any judge, read into scores without a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.jsonfile import read_json_lines
from promptops.files.textfile import file_name, replacing
from promptops.judging.replystyles import (
    MEANINGS,
    PREFERENCE,
    STYLES,
    Found,
    Style,
    find_style,
    read_styled,
    tally,
)
from promptops.noun import Noun

REPLY_KEYS = ("reply", "response", "judgment", "judgement", "output", "completion", "text", "content")
"""Where a record keeps its reply, tried in this order where nobody says."""
SHOWN = 5
"""Replies that couldn't be read which are told."""


class StyleCount(Noun):
    """How many replies one style can read."""

    style: Style
    reads: int


class UnreadReply(Noun):
    """A reply that says nothing, by its line in the file."""

    line: int
    why: str
    reply: str


class Replies(Noun):
    """What recorded replies say."""

    file: str
    written: str | None
    """Where the scores were written."""
    field: str
    """The key of the replies."""
    style: Style
    found: bool
    """Whether the style was found out and not stated."""
    low: float
    high: float
    n: int
    read: int
    unread: int
    mean: float | None
    counts: tuple[StyleCount, ...]
    """How many replies each style reads: where two are near, look at them."""
    reasons: tuple[tuple[str, int], ...]
    first: tuple[UnreadReply, ...]


def read_replies(
    path: Path,
    scale: tuple[float, float] | None,
    *,
    style: str | None = None,
    field: str | None = None,
    judged: Sequence[str] = (),
    out: Path | None = None,
    key: str = "score",
) -> Replies:
    """Read a JSONL file of replies; each line is an object.

    To `out` goes each line with its score as `key`, and why there is none as `key`_unread.
    `judged` names keys that hold what was judged: what the reply copies from there is not read. Raises
    FileProblems, and UsageError where the style is unknown or can't be found out, or a line has the key.
    """
    if style is not None and style not in STYLES:
        raise UsageError(
            f"There is no style {style!r}. There are:\n"
            + "\n".join(f"  {name:<16} {told}" for name, told in MEANINGS.items())
        )
    rows = _rows(path)
    held = field or _reply_key(path, rows)
    replies = [(_text_at(path, line, row, held), _texts(row, judged)) for line, row in rows]
    if scale is None:
        if style != "winner":
            raise UsageError("A score means nothing without its scale. State it: --scale 1-5")
        scale = PREFERENCE
    if out is not None:
        _refuse_taken(path, rows, (key, f"{key}_unread"))
    found = find_style(replies, scale)
    chosen = _chosen(style, found)
    reads = [read_styled(text, chosen, scale, shown) for text, shown in replies]
    if out is not None:
        with replacing(out) as file:
            for (_, row), read in zip(rows, reads, strict=True):
                told: dict[str, JsonValue] = {**row, key: read.score, f"{key}_unread": read.why or None}
                file.write(json.dumps(told, ensure_ascii=True).encode() + b"\n")
    values = [read.score for read in reads if read.score is not None]
    unread = [
        UnreadReply(line=line, why=read.why, reply=text[:300])
        for (line, _), (text, _), read in zip(rows, replies, reads, strict=True)
        if read.score is None
    ]
    low, high = PREFERENCE if chosen == "winner" else scale
    return Replies(
        file=file_name(path),
        written=None if out is None else file_name(out),
        field=held,
        style=chosen,
        found=style is None,
        low=low,
        high=high,
        n=len(rows),
        read=len(values),
        unread=len(unread),
        mean=sum(values) / len(values) if values else None,
        counts=tuple(StyleCount(style=name, reads=found.counts[name]) for name in STYLES),
        reasons=tally([each.why for each in unread]),
        first=tuple(unread[:SHOWN]),
    )


def _rows(path: Path) -> list[tuple[int, dict[str, JsonValue]]]:
    problems: list[Problem] = []
    rows: list[tuple[int, dict[str, JsonValue]]] = []
    for located in read_json_lines(path, problems):
        line = located.place(()).line or 0
        if isinstance(located.value, dict):
            rows.append((line, located.value))
        else:
            problems.append(Problem(file_name(path), "each line must be a JSON object", line))
    if problems:
        raise FileProblems(problems)
    if not rows:
        raise FileProblems([Problem(file_name(path), "holds no replies")])
    return rows


def _reply_key(path: Path, rows: Sequence[tuple[int, dict[str, JsonValue]]]) -> str:
    first = rows[0][1]
    named = [key for key in REPLY_KEYS if isinstance(first.get(key), str)]
    if len(named) != 1:
        told = f"has {' and '.join(named)}" if named else f"has none of {', '.join(REPLY_KEYS)}"
        raise UsageError(f"{file_name(path)}:{rows[0][0]} {told}. Say which key holds the reply: --field KEY")
    return named[0]


def _text_at(path: Path, line: int, row: dict[str, JsonValue], key: str) -> str:
    text = row.get(key)
    if text is None and key in row:
        return ""  # a reply that never came says nothing
    if not isinstance(text, str):
        why = f"has no reply at {key!r}" if key not in row else f"{key!r} must be a text"
        raise FileProblems([Problem(file_name(path), why, line)])
    return text


def _texts(row: dict[str, JsonValue], keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for key in keys if isinstance(text := row.get(key), str) and text.strip())


def _refuse_taken(path: Path, rows: Sequence[tuple[int, dict[str, JsonValue]]], keys: Sequence[str]) -> None:
    for line, row in rows:
        taken = [key for key in keys if key in row]
        if taken:
            raise UsageError(
                f"{file_name(path)}:{line} has a {taken[0]!r} already. Name another key: --as KEY"
            )


def _chosen(style: str | None, found: Found) -> Style:
    for name in STYLES:
        if name == style:
            return name
    if found.style is not None:
        return found.style
    counts = ", ".join(f"{name} reads {count}" for name, count in found.counts.items() if count)
    raise UsageError(
        f"The style of the replies can't be told: {found.why}{f' ({counts})' if counts else ''}. State it: "
        f"--style {'|'.join(STYLES)}"
    )
