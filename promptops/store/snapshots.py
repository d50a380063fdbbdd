"""The questions as they were when a run began, so that it can be resumed and read for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import insert, select

from promptops.errors import UnknownName
from promptops.store.database import Database, timestamp
from promptops.store.encoding import noun_from, noun_text, nouns_from, same_texts
from promptops.store.tables import evalset_snapshots, snapshot_samples
from promptops.types import Card, EvalSet, Sample

_PAGE = 2_000


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
            rows = [
                {
                    "digest": evalset.digest,
                    "position": position,
                    "sample_id": sample.id,
                    "content": noun_text(sample),
                }
                for position, sample in enumerate(evalset.samples)
            ]
            if rows:
                connection.execute(insert(snapshot_samples), rows)

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
        for contents in self._snapshot_pages(digest):
            empty = False
            yield from nouns_from(Sample, contents)
        if empty:
            self.snapshot_card(digest)  # raises where there is no such set

    def is_snapshot(self, digest: str, samples: Sequence[Sample]) -> bool:
        """Tell whether a kept set has these very samples in this order: cheaper than to read them.

        Where it is not so, the digest may still be the same: of lines in another order, say.
        """
        place = 0
        for contents in self._snapshot_pages(digest):
            if not same_texts(Sample, contents, samples[place : place + len(contents)]):
                return False
            place += len(contents)
        return place == len(samples) > 0

    def _snapshot_pages(self, digest: str) -> Iterator[list[str]]:
        position = -1
        query = select(snapshot_samples.c.position, snapshot_samples.c.content).where(
            snapshot_samples.c.digest == digest
        )
        while True:
            page = query.where(snapshot_samples.c.position > position)
            with self.reading() as connection:
                rows = connection.execute(page.order_by(snapshot_samples.c.position).limit(_PAGE)).all()
            if not rows:
                return
            yield [row.content for row in rows]
            position = rows[-1].position

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
