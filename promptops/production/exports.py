"""Records as a table for other tools: JSON lines, Parquet or CSV, streamed, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from promptops.analysis.exporting import FORMS, Row
from promptops.errors import UsageError
from promptops.files.textfile import file_name, replacing
from promptops.noun import Noun
from promptops.production.knownrecords import refuse_unknown
from promptops.production.records import Feedback, Record, RecordFilter, RecordScore
from promptops.store import Store

_TEXTS = ("inputs", "output", "metadata")
_COLUMNS = {
    **dict.fromkeys(("id", "at", "prompt"), "text"),
    "version": "int",
    **dict.fromkeys(("alias", "model"), "text"),
    **{"inputs": "json", "output": "text"},
    **dict.fromkeys(("error", "finish_reason"), "text"),
    **{"tokens_in": "int", "tokens_out": "int", "seconds": "float", "cost": "float"},
    **dict.fromkeys(("outcome", "subject", "session", "parent"), "text"),
    **{"tags": "texts", "rate": "float", "source": "text", "metadata": "json"},
    **{"feedback": "json", "scores": "json"},
}
_Said = TypeVar("_Said", Feedback, RecordScore)


def export_records(
    store: Store, wanted: RecordFilter, path: Path, *, texts: bool = True, overwrite: bool = False
) -> int:
    """Write records to a file, the oldest first; returns how many. Without `texts` figures and thumbs alone.

    Raises UsageError for an ending that is none of ours, a file that is there already (but with `overwrite`)
    and a prompt that there are no records of; FileProblems where the file can't be written.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{file_name(path)!r}: write records to a file that ends with {', '.join(FORMS)}.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}: make it first, or write elsewhere.")
    if not overwrite and path.exists():
        raise UsageError(
            f"{file_name(path)!r} is there already. Say --force to write over it, or another name."
        )
    _refuse_unknown(store, wanted)
    columns = {name: kind for name, kind in _COLUMNS.items() if texts or name not in _TEXTS}
    count = 0
    with replacing(path) as file:
        writer = form(file, columns)
        for page in store.record_pages(wanted):
            ids = [record.id for record in page]
            said, scores = _by_record(store.said_of(ids)), _by_record(store.scores_of(ids))
            writer.write(
                [_row(record, said.get(record.id, []), scores.get(record.id, []), texts) for record in page]
            )
            count += len(page)
        writer.close()
    return count


def _refuse_unknown(store: Store, wanted: RecordFilter) -> None:
    """Raise UsageError for a prompt, version or alias without any record, whatever the time."""
    which = RecordFilter(prompt=wanted.prompt, version=wanted.version, alias=wanted.alias)
    if which == RecordFilter() or store.record_count(which):
        return
    refuse_unknown(store, lambda: store, which)
    part = wanted.version if wanted.version is not None else wanted.alias
    named = (wanted.prompt or "") + (f"@{part}" if part is not None else "")
    raise UsageError(
        f"There are no records of {named}, so no file is written. See what there is: promptops records list"
    )


def _by_record(found: Iterable[_Said]) -> dict[str, list[_Said]]:
    by_record: dict[str, list[_Said]] = {}
    for each in found:
        by_record.setdefault(each.record, []).append(each)
    return by_record


def _row(record: Record, said: list[Feedback], scores: list[RecordScore], texts: bool) -> Row:
    left_out = {"record"} if texts else {"record", "comment", "edit", "reason"}
    return {
        **record.model_dump(),
        "tags": list(record.tags),
        "feedback": [_told(each, left_out) for each in said] or None,
        "scores": [_told(each, left_out) for each in scores] or None,
    }


def _told(noun: Noun, left_out: set[str]) -> Row:
    return noun.model_dump(exclude=left_out, exclude_none=True)
