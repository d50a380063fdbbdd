"""What production gave: records of answers, what was said of them, and how metrics scored them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
of_a_person = sa.text("subject IS NOT NULL")


def upgrade() -> None:
    """Go one schema up."""
    op.create_table(
        "records",
        sa.Column("id", plain_text, nullable=False),
        sa.Column("at", plain_text, nullable=False),
        sa.Column("prompt", plain_text, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("alias", plain_text, nullable=True),
        sa.Column("model", plain_text, nullable=True),
        sa.Column("subject", plain_text, nullable=True),
        sa.Column("session", plain_text, nullable=True),
        sa.Column("parent", plain_text, nullable=True),
        sa.Column("error", plain_text, nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.Column("outcome", plain_text, nullable=True),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("source", plain_text, nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
    )
    op.create_index("ix_records_at", "records", ["at"])
    op.create_index("ix_records_prompt_at", "records", ["prompt", "at"])
    op.create_index(
        "ix_records_subject",
        "records",
        ["subject"],
        sqlite_where=of_a_person,
        postgresql_where=of_a_person,
    )
    op.create_table(
        "feedback",
        sa.Column("id", plain_text, nullable=False),
        sa.Column("record_id", plain_text, nullable=False),
        sa.Column("at", plain_text, nullable=False),
        sa.Column("thumb", sa.Text(), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("outcome", plain_text, nullable=True),
        sa.Column("by", plain_text, nullable=True),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_record_id", "feedback", ["record_id"])
    op.create_table(
        "record_scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", plain_text, nullable=False),
        sa.Column("label", plain_text, nullable=False),
        sa.Column("signature", plain_text, nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("unscored", plain_text, nullable=True),
        sa.Column("reason", plain_text, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name="fk_record_scores_record_id_records"),
        sa.PrimaryKeyConstraint("id", name="pk_record_scores"),
        sa.UniqueConstraint(
            "record_id", "label", "signature", name="uq_record_scores_record_id_label_signature"
        ),
    )


def downgrade() -> None:
    """Go one schema down: what production gave is lost."""
    op.drop_table("record_scores")
    op.drop_index("ix_feedback_record_id", table_name="feedback")
    op.drop_table("feedback")
    op.drop_index("ix_records_subject", table_name="records")
    op.drop_index("ix_records_prompt_at", table_name="records")
    op.drop_index("ix_records_at", table_name="records")
    op.drop_table("records")
