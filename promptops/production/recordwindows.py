"""Texts of records as one side of a shift or of a coverage, each call of production with the same weight."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import JsonValue

from promptops.distributions.textrows import day_of, joined, value_at
from promptops.distributions.windows import Wanted, Window
from promptops.errors import UnknownName, UsageError
from promptops.production.columnmap import OWN
from promptops.production.knownrecords import refuse_unknown
from promptops.production.records import Record, RecordFilter
from promptops.production.references import read_reference
from promptops.store import Store
from promptops.texts.figures import counted

LARGEST = 50_000
"""Texts that a window holds at most; of more, so many are drawn."""
AT = "at"
GOOD = "good"
_FIELDS = tuple(key for key in OWN if key not in ("inputs", "metadata", "feedback", "scores", "person"))


class Thinning(NamedTuple):
    """How many of a window's records are taken, so that each stands for as many calls as any other."""

    records: int
    lowest: float
    """The smallest rate among them."""
    share: float
    """Of records at that rate, the share that is taken."""

    def takes(self, record: Record) -> bool:
        """Tell whether a record is among those that are taken: by a hash of its id, so always the same."""
        drawn = hashlib.sha256(f"promptops window\n{record.id}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(drawn[:8]) < self.share * self.lowest / record.rate * 2**64


def of_records(reference: str, store: Store, wanted: Wanted) -> Window:
    """Return the texts of the records that a reference means, the oldest first.

    Where they were sampled at several rates, those at higher ones are thinned to the smallest, so that each
    stands for equally many calls. Records without the wanted text (calls that failed) have no part.
    Raises UsageError where there are none, UnknownName.
    """
    if wanted.key is not None:
        raise UsageError("Rows of files are paired by a field; records are none. Export them first.")
    found = read_reference(reference, datetime.now(UTC))
    thinning = _thinning(store, found.wanted)
    kept = [(record, text) for record, text in _texts(store, found.wanted, wanted) if thinning.takes(record)]
    if not kept:
        raise UsageError(_nothing(reference, found.wanted, store, wanted))
    records = [record for record, _ in kept]
    return Window(
        name=found.name
        + (f" ({len(kept):,} of {thinning.records:,})" if len(kept) < thinning.records else ""),
        texts=[text for _, text in kept],
        keys=[record.id for record in records],
        days=[_day(record, wanted.day) for record in records] if wanted.day else None,
        columns=_columns(records, store, wanted.columns),
        where=[f"record {record.id}" for record in records],
        sources=[record.output if wanted.what == "outputs" else record.inputs for record in records],
    )


def record_value(record: Record, field: str) -> JsonValue:
    """Return what a record has under a name of ours, or of a member of its inputs or metadata."""
    outer, dot, inner = field.partition(".")
    if dot and outer in ("inputs", "metadata"):
        return value_at(getattr(record, outer), inner)
    if field in ("inputs", "output", *_FIELDS):
        found: JsonValue = list(record.tags) if field == "tags" else getattr(record, field)
        return found
    return value_at(record.inputs, field)


def _thinning(store: Store, wanted: RecordFilter) -> Thinning:
    count, lowest, expected = store.record_rates(wanted)
    return Thinning(count, lowest, min(1.0, LARGEST / expected) if expected else 1.0)


def _texts(store: Store, chosen: RecordFilter, wanted: Wanted) -> Iterator[tuple[Record, str]]:
    for page in store.record_pages(chosen):
        for record in page:
            text = _text(record, wanted)
            if text:
                yield record, text


def _text(record: Record, wanted: Wanted) -> str | None:
    if wanted.field is not None:
        return joined(record_value(record, wanted.field))
    return record.output if wanted.what == "outputs" else joined(record.inputs)


def _day(record: Record, field: str | None) -> str:
    day = record.at[:10] if field in (None, AT) else day_of(record_value(record, str(field)))
    if day is None:
        raise UsageError(f"Record {record.id} has no date in {field!r}. Days of records are those of `{AT}`.")
    return day


def _columns(
    records: Sequence[Record], store: Store, names: Sequence[str]
) -> Mapping[str, Sequence[JsonValue]]:
    found: dict[str, Sequence[JsonValue]] = {}
    ids = [record.id for record in records]
    others = [name for name in names if name not in _FIELDS and "." not in name]
    scores: dict[str, dict[str, float | None]] = {}
    for score in store.scores_of(ids) if set(others) - {GOOD} else ():
        scores.setdefault(score.label, {})[score.record] = score.value
    said = {each.record: each.good for each in store.said_of(ids)} if GOOD in others else {}
    for name in names:
        if name == GOOD:
            found[name] = [said.get(id) for id in ids]
        elif name in scores:
            found[name] = [scores[name].get(id) for id in ids]
        else:
            found[name] = [record_value(record, name) for record in records]
            if all(value is None for value in found[name]) and name not in _FIELDS:
                known = [*_FIELDS, GOOD, *scores]
                raise UnknownName("column of records", name, known, hint="Or inputs.NAME, metadata.NAME.")
    return found


def _nothing(reference: str, chosen: RecordFilter, store: Store, wanted: Wanted) -> str:
    count = store.record_count(chosen)
    if count:
        told = wanted.field or wanted.what or "inputs"
        return f"Of {counted(count, 'record')} of {reference!r} none has {told} with text."
    refuse_unknown(store, lambda: store, chosen)
    return f"There are no records of {reference!r}. List what there is: promptops records list"
