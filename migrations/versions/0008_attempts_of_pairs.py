"""Attempts and halves of pairs in columns of their own; one number held them and the repeat before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PLACE = "uq_pair_scores_place"
BEFORE = ["baseline_run", "candidate_run", "label", "signature", "sample_id", "repeat"]


def upgrade() -> None:
    """Go one schema up: a million times the attempt, plus the repeat, and below zero for a half."""
    op.add_column("pair_scores", sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("pair_scores", sa.Column("half", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE pair_scores SET half = true WHERE repeat < 0")
    _place([*BEFORE, "attempt", "half"])
    op.execute("UPDATE pair_scores SET repeat = -1 - repeat WHERE half")
    op.execute(
        "UPDATE pair_scores SET attempt = repeat / 1000000, repeat = repeat % 1000000 WHERE repeat >= 1000000"
    )


def downgrade() -> None:
    """Go one schema down."""
    op.execute("UPDATE pair_scores SET repeat = attempt * 1000000 + repeat")
    op.execute("UPDATE pair_scores SET repeat = -1 - repeat WHERE half")
    _place(BEFORE)
    with op.batch_alter_table("pair_scores") as batch:
        batch.drop_column("half")
        batch.drop_column("attempt")


def _place(columns: list[str]) -> None:
    """Have other columns tell rows apart."""
    with op.batch_alter_table("pair_scores") as batch:
        batch.drop_constraint(PLACE, type_="unique")
        batch.create_unique_constraint(PLACE, columns)
        if "half" in columns:
            batch.alter_column("attempt", server_default=None)
            batch.alter_column("half", server_default=None)
