"""Preferences of a pairwise judge, kept so that a comparison is paid for once.

Rows never change, and a pair may be judged again: where its reply could not be read, its judge gave none, or
somebody asks for it. Then a further attempt is a further row. Of a pair of which one order was asked only
there is a half: it is no verdict, and what was replied is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import func, insert, select

from promptops.store.database import Database, timestamp
from promptops.store.encoding import json_text, noun_from, noun_text
from promptops.store.rows import PairRow
from promptops.store.tables import pair_scores
from promptops.types import Completion, Score

_WHOLE = ~pair_scores.c.half


class Pairs(Database):
    """Scores that belong to two runs."""

    def save_pair_scores(self, rows: Iterable[PairRow], *, half: bool = False) -> None:
        """Keep preferences, all or none. Raises StoreError if one is there already: they don't change.

        Of a `half` one, whose other order is still to be asked, only the reply is of use.
        """
        values = [
            {
                "baseline_run": row.baseline_run,
                "candidate_run": row.candidate_run,
                "sample_id": row.sample_id,
                "repeat": row.repeat,
                "attempt": row.attempt,
                "half": half,
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
        """Return preferences by sample id and repeat, in their order; of several attempts the last."""
        which = pair_scores.c
        query = (
            select(which.sample_id, which.repeat, which.attempt, which.score, which.content, which.created_at)
            .where(
                which.baseline_run == baseline_run,
                which.candidate_run == candidate_run,
                which.label == label,
                which.signature == signature,
                _WHOLE,
            )
            .order_by(which.sample_id, which.repeat, which.attempt)
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
                row.attempt,
                row.created_at,
            )
            for row in rows  # of several attempts the last
        }

    def pair_replies(self, signature: str) -> dict[str, Completion]:
        """Return what a judge of this signature replied about any two runs, by content address.

        Of replies to one address the last counts.
        """
        query = (
            select(pair_scores.c.content)
            .where(pair_scores.c.signature == signature)
            .order_by(pair_scores.c.id)
        )
        with self.reading() as connection:
            contents = connection.execute(query).scalars().all()
        return {
            reply["address"]: noun_from(Completion, json_text(reply["completion"]))
            for content in contents
            for reply in json.loads(content).get("replies", ())
        }

    def pair_judges(self, baseline_run: str, candidate_run: str) -> list[tuple[str, str]]:
        """Return label and signature of the judges that compared two runs, the latest first."""
        which = pair_scores.c
        query = (
            select(which.label, which.signature)
            .where(which.baseline_run == baseline_run, which.candidate_run == candidate_run, _WHOLE)
            .group_by(which.label, which.signature)
            .order_by(func.max(which.id).desc())
        )
        with self.reading() as connection:
            return [(row.label, row.signature) for row in connection.execute(query)]

    def pair_runs(self, limit: int) -> list[tuple[str, str]]:
        """Return the pairs of runs that some judge compared, the latest first."""
        which = pair_scores.c
        query = (
            select(which.baseline_run, which.candidate_run)
            .where(_WHOLE)
            .group_by(which.baseline_run, which.candidate_run)
            .order_by(func.max(which.id).desc())
            .limit(limit)
        )
        with self.reading() as connection:
            return [(row.baseline_run, row.candidate_run) for row in connection.execute(query)]
