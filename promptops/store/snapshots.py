"""The questions as they were when a run began, so that it can be resumed and read for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, starmap
from typing import overload

from sqlalchemy import Connection, func, insert, select

from promptops.canonical import canonical_json
from promptops.errors import StoreError, UnknownName
from promptops.store.bulk import bare_rows, insert_rows
from promptops.store.columns import marked
from promptops.store.database import Database, timestamp
from promptops.store.encoding import facts_from, kinds_from, noun_from, noun_text, nouns_from, same_texts
from promptops.store.tables import evalset_snapshots, snapshot_samples
from promptops.types import Card, EvalSet, Facts, KeptSamples, Sample

_PAGE = 2_000
_FACTS_PAGE = 10_000
_RUN_PAGE = 200
"""Samples that a run reads at a time: so few hold up no call."""
IN_MEMORY = 4 * 2**20
"""Characters of a kept set up to which its samples are read whole."""
_COLUMNS = ("digest", "position", "sample_id", "content")


class Snapshots(Database):
    """Evaluation sets by digest; they never change."""

    def save_evalset(self, evalset: EvalSet) -> None:
        """Keep a set's card and samples; nothing happens where its digest is there already."""
        with self.writing("evalsets") as connection:
            known = select(evalset_snapshots.c.digest).where(evalset_snapshots.c.digest == evalset.digest)
            if connection.execute(known).first() is not None:
                return
            connection.execute(
                insert(evalset_snapshots).values(
                    digest=evalset.digest,
                    name=evalset.name,
                    card=noun_text(evalset.card),
                    created_at=timestamp(),
                )
            )
            rows = (
                (evalset.digest, position, marked(sample.id), noun_text(sample))
                for position, sample in enumerate(evalset.samples)
            )
            while page := list(islice(rows, _PAGE)):
                insert_rows(connection, snapshot_samples, _COLUMNS, page)

    def snapshot_card(self, digest: str) -> Card:
        """Return what a kept set says of itself. Raises UnknownName for a digest not kept."""
        with self.reading() as connection:
            card = connection.execute(
                select(evalset_snapshots.c.card).where(evalset_snapshots.c.digest == digest)
            ).scalar()
        if card is None:
            raise self._unknown_snapshot(digest)
        return noun_from(Card, card)

    def snapshot_samples(self, digest: str) -> Iterator[Sample]:
        """Return a set's samples in the order of its file. Raises UnknownName for a digest not kept."""
        empty = True
        for contents in self.snapshot_contents(digest):
            empty = False
            yield from nouns_from(Sample, contents)
        if empty:
            self.snapshot_card(digest)  # raises where there is no such set

    def kept_samples(self, digest: str) -> tuple[Sample, ...] | Snapshot:
        """Return a set's samples, of a large one as a view. Raises UnknownName for a digest not kept."""
        which = snapshot_samples.c
        with self.reading() as connection:
            last = connection.execute(select(func.max(which.position)).where(which.digest == digest)).scalar()
            if last is not None and self._is_large(connection, digest):
                return Snapshot(self, digest, last + 1)
        return tuple(self.snapshot_samples(digest))

    @staticmethod
    def _is_large(connection: Connection, digest: str) -> bool:
        """Tell whether a set has more text than is read whole, without looking at all of it."""
        which = snapshot_samples.c
        query = select(func.length(which.content)).where(which.digest == digest).order_by(which.position)
        size = 0
        for page in connection.execution_options(yield_per=_PAGE).execute(query).scalars().partitions():
            size += sum(page)
            if size > IN_MEMORY:
                return True
        return False

    def is_snapshot(self, digest: str, samples: Sequence[Sample]) -> bool:
        """Tell whether a kept set has these very samples in this order: cheaper than to read them.

        Where it is not so, the digest may still be the same: of lines in another order, say.
        """
        place = 0
        for contents in self.snapshot_contents(digest):
            if not same_texts(Sample, contents, samples[place : place + len(contents)]):
                return False
            place += len(contents)
        return place == len(samples) > 0

    def snapshot_contents(
        self, digest: str, *, start: int = 0, stop: int | None = None, size: int = _PAGE
    ) -> Iterator[list[str]]:
        """Yield samples as they are stored, in the order of their file, `size` at a time."""
        position = start - 1
        query = select(snapshot_samples.c.position, snapshot_samples.c.content).where(
            snapshot_samples.c.digest == digest
        )
        if stop is not None:
            query = query.where(snapshot_samples.c.position < stop)
        while True:
            page = query.where(snapshot_samples.c.position > position)
            with self.reading() as connection:
                rows = connection.execute(page.order_by(snapshot_samples.c.position).limit(size)).all()
            if not rows:
                return
            yield [row.content for row in rows]
            position = rows[-1].position

    def snapshot_facts(self, digest: str) -> Iterator[Facts]:
        """Yield what figures need of a set's samples, in the order of its file; texts stay where they are."""
        position = -1
        which = snapshot_samples.c
        told = func.json_extract(which.content, "$.tags", "$.group", "$.weight", "$.origin")
        query = select(which.sample_id, which.position, told).where(which.digest == digest)
        query = query.order_by(which.position).limit(_FACTS_PAGE)
        while self.dialect == "sqlite":
            try:
                with self.reading() as connection:
                    rows = bare_rows(connection.execute(query.where(which.position > position)))
                if not rows:
                    return
                ids, positions, texts = zip(*rows, strict=True)
                kinds = kinds_from(texts)
            except StoreError:  # an old SQLite, or JSON that only our own reader takes
                break
            yield from starmap(Facts, zip(ids, *zip(*kinds, strict=True), strict=True))
            position = positions[-1]
        for contents in self.snapshot_contents(digest, start=position + 1):
            yield from facts_from(contents)

    def snapshot_at(self, digest: str, positions: Sequence[int]) -> Iterator[Sample]:
        """Yield the samples at some positions of a set's file, in the order of these."""
        which = snapshot_samples.c
        query = select(which.position, which.content).where(which.digest == digest)
        for start in range(0, len(positions), _RUN_PAGE):
            wanted = positions[start : start + _RUN_PAGE]
            with self.reading() as connection:
                rows = connection.execute(query.where(which.position.in_(set(wanted)))).all()
            found = dict(
                zip(
                    (row.position for row in rows),
                    nouns_from(Sample, [row.content for row in rows]),
                    strict=True,
                )
            )
            yield from (found[position] for position in wanted)

    def snapshot_by_id(self, digest: str) -> Iterator[Sample]:
        """Yield a set's samples in the order of their ids."""
        after = ""  # no sample's id is empty
        query = select(snapshot_samples.c.sample_id, snapshot_samples.c.content)
        while True:
            page = query.where(snapshot_samples.c.digest == digest, snapshot_samples.c.sample_id > after)
            with self.reading() as connection:
                rows = connection.execute(page.order_by(snapshot_samples.c.sample_id).limit(_PAGE)).all()
            if not rows:
                return
            yield from nouns_from(Sample, [row.content for row in rows])
            after = rows[-1].sample_id

    def snapshot_some(self, digest: str, ids: Sequence[str]) -> dict[str, Sample]:
        """Return some samples of a set by id; one that isn't there is left out."""
        query = select(snapshot_samples.c.content).where(snapshot_samples.c.digest == digest)
        with self.reading() as connection:
            contents = connection.execute(query.where(snapshot_samples.c.sample_id.in_(ids))).scalars().all()
        return {sample.id: sample for sample in nouns_from(Sample, contents)}

    def snapshot_sample(self, digest: str, sample_id: str) -> Sample:
        """Return one sample of a set. Raises UnknownName where it isn't there."""
        query = select(snapshot_samples.c.content).where(snapshot_samples.c.digest == digest)
        with self.reading() as connection:
            content = connection.execute(query.where(snapshot_samples.c.sample_id == sample_id)).scalar()
        if content is None:
            self.snapshot_card(digest)
            raise UnknownName("sample", sample_id, (sample.id for sample in self.snapshot_samples(digest)))
        return noun_from(Sample, content)

    def _unknown_snapshot(self, digest: str) -> UnknownName:
        with self.reading() as connection:
            kept = connection.execute(select(evalset_snapshots.c.digest)).scalars().all()
        return UnknownName("kept evaluation set", digest, kept)


class Snapshot(KeptSamples):
    """The samples of a kept set, read by pages."""

    def __init__(self, store: Snapshots, digest: str, length: int) -> None:
        self._store = store
        self._digest = digest
        self._length = length

    def canonical(self) -> Iterator[str]:
        """Yield each sample's canonical JSON, in the order of their ids."""
        for sample in self._store.snapshot_by_id(self._digest):
            yield canonical_json(sample.model_dump(mode="json"))

    def facts(self) -> Iterator[Facts]:
        """Yield what figures need of each, in the set's order; no text is decoded for that."""
        return self._store.snapshot_facts(self._digest)

    def some(self, places: Sequence[int]) -> Iterator[Sample]:
        """Yield the samples at some places, in the order of these, a page at a time."""
        return self._store.snapshot_at(self._digest, places)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Sample]:
        for contents in self._store.snapshot_contents(self._digest, size=_RUN_PAGE):
            yield from nouns_from(Sample, contents)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._length)
            if step != 1:
                return tuple(self[each] for each in range(start, stop, step))
            pages = self._store.snapshot_contents(self._digest, start=start, stop=stop)
            return tuple(sample for contents in pages for sample in nouns_from(Sample, contents))
        place = range(self._length)[place]  # raises IndexError, and knows what is before the end
        return self[place : place + 1][0]
