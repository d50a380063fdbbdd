"""Whom an alert reached; and whose records were deleted, so that no spool brings them back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go one schema up: alerts that are there don't say whom they reached."""
    op.add_column("alerts", sa.Column("told_channels", sa.Text(), nullable=True))
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", plain_text, nullable=False),
        sa.Column("before", plain_text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_subject", "deletions", ["subject"])


def downgrade() -> None:
    """Go one schema down: an alert that reached one channel of two is told to both again."""
    op.drop_index("ix_deletions_subject", table_name="deletions")
    op.drop_table("deletions")
    op.drop_column("alerts", "told_channels")
