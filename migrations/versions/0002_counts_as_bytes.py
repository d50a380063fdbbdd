"""Counts of results as bytes, which are read as arrays; rows that are there keep their JSON."""

from __future__ import annotations

import json
import struct

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

results = sa.table(
    "results", sa.column("id", sa.Integer), sa.column("scores", sa.Text), sa.column("figures", sa.LargeBinary)
)


def upgrade() -> None:
    """Go one schema up."""
    op.add_column("results", sa.Column("figures", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Go one schema down: what is in bytes alone becomes JSON again."""
    connection = op.get_bind()
    told = sa.select(results.c.id, results.c.figures).where(results.c.figures.is_not(None))
    for row in connection.execute(told).all():
        connection.execute(
            sa.update(results).where(results.c.id == row.id).values(scores=json_of(row.figures))
        )
    op.drop_column("results", "figures")


def json_of(figures: bytes) -> str:
    """Return scores as the first schema has them."""
    start = 5 + struct.unpack_from("<I", figures, 1)[0]
    counts = iter(number for (number,) in struct.iter_unpack("<d", figures[start:]))
    scores = {
        label: {"counts": [], "unscored": told}
        if isinstance(told, str)
        else {"counts": [next(counts) for _ in range(told)], "unscored": None}
        for label, told in json.loads(figures[5:start]).items()
    }
    return json.dumps(scores, separators=(",", ":"))
