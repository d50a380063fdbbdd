"""Preferences of a pairwise judge, kept so that a comparison is paid for once."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import insert, select

from promptops.store.database import Database, timestamp
from promptops.store.encoding import json_text, noun_from, noun_text
from promptops.store.rows import PairRow
from promptops.store.tables import pair_scores
from promptops.types import Score


class Pairs(Database):
    """Scores that belong to two runs."""

    def save_pair_scores(self, rows: Iterable[PairRow]) -> None:
        """Keep preferences, all or none. Raises StoreError if one is there already: they don't change."""
        values = [
            {
                "baseline_run": row.baseline_run,
                "candidate_run": row.candidate_run,
                "sample_id": row.sample_id,
                "repeat": row.repeat,
                "label": row.label,
                "signature": row.signature,
                "score": noun_text(row.score),
                "content": json_text(row.content),
                "created_at": timestamp(),
            }
            for row in rows
        ]
        if values:
            with self.writing() as connection:
                connection.execute(insert(pair_scores), values)

    def pair_scores(
        self, baseline_run: str, candidate_run: str, label: str, signature: str
    ) -> dict[tuple[str, int], PairRow]:
        """Return preferences by sample id and repeat, in their order."""
        which = pair_scores.c
        query = (
            select(which.sample_id, which.repeat, which.score, which.content)
            .where(
                which.baseline_run == baseline_run,
                which.candidate_run == candidate_run,
                which.label == label,
                which.signature == signature,
            )
            .order_by(which.sample_id, which.repeat)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return {
            (row.sample_id, row.repeat): PairRow(
                baseline_run,
                candidate_run,
                row.sample_id,
                row.repeat,
                label,
                signature,
                noun_from(Score, row.score),
                json.loads(row.content),
            )
            for row in rows
        }
