"""Alerts about production: when a rule rang and when it fell quiet, and whether that was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go one schema up."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", plain_text, nullable=False),
        sa.Column("digest", plain_text, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("sentence", plain_text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_rule", "alerts", ["rule"])


def downgrade() -> None:
    """Go one schema down: what rules rang about is lost."""
    op.drop_index("ix_alerts_rule", table_name="alerts")
    op.drop_table("alerts")
