"""Which batches a run was handed in as, and what became of them: a second record beside the server's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go one schema up: what was handed in before is written down when its server is next asked."""
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", plain_text, nullable=False),
        sa.Column("batch_id", plain_text, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_submissions_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
    )
    op.create_index("ix_submissions_run_id", "submissions", ["run_id"])


def downgrade() -> None:
    """Go one schema down: then the server alone knows what was handed in."""
    op.drop_index("ix_submissions_run_id", table_name="submissions")
    op.drop_table("submissions")
