"""Prompts, aliases, question sets, runs, calls and results: the first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go one schema up."""
    op.create_table(
        "alias_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", plain_text, nullable=False),
        sa.Column("alias", plain_text, nullable=False),
        sa.Column("from_number", sa.Integer(), nullable=True),
        sa.Column("to_number", sa.Integer(), nullable=True),
        sa.Column("actor", plain_text, nullable=False),
        sa.Column("reason", plain_text, nullable=False),
        sa.Column("moved_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias_moves")),
    )
    op.create_index(op.f("ix_alias_moves_name"), "alias_moves", ["name"], unique=False)

    op.create_table(
        "evalset_snapshots",
        sa.Column("digest", plain_text, nullable=False),
        sa.Column("name", plain_text, nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_evalset_snapshots")),
    )
    op.create_table(
        "pair_scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("baseline_run", plain_text, nullable=False),
        sa.Column("candidate_run", plain_text, nullable=False),
        sa.Column("sample_id", plain_text, nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("label", plain_text, nullable=False),
        sa.Column("signature", plain_text, nullable=False),
        sa.Column("score", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pair_scores")),
        sa.UniqueConstraint(
            "baseline_run",
            "candidate_run",
            "label",
            "signature",
            "sample_id",
            "repeat",
            name=op.f("uq_pair_scores_place"),
        ),
    )
    op.create_table(
        "prompt_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", plain_text, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", plain_text, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("note", plain_text, nullable=False),
        sa.Column("author", plain_text, nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_versions")),
        sa.UniqueConstraint("name", "digest", name=op.f("uq_prompt_versions_name_digest")),
        sa.UniqueConstraint("name", "number", name=op.f("uq_prompt_versions_name_number")),
    )
    op.create_table(
        "runs",
        sa.Column("id", plain_text, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("evalset", plain_text, nullable=False),
        sa.Column("evalset_digest", plain_text, nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("prompt_digest", plain_text, nullable=False),
        sa.Column("prompt_ref", plain_text, nullable=False),
        sa.Column("model", plain_text, nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("parent", plain_text, nullable=True),
        sa.Column("actor", plain_text, nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("lease_owner", plain_text, nullable=True),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("lease_seconds", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_runs_number")),
    )
    op.create_index(op.f("ix_runs_evalset"), "runs", ["evalset"], unique=False)

    op.create_table(
        "aliases",
        sa.Column("name", plain_text, nullable=False),
        sa.Column("alias", plain_text, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "number"],
            ["prompt_versions.name", "prompt_versions.number"],
            name=op.f("fk_aliases_name_number_prompt_versions"),
        ),
        sa.PrimaryKeyConstraint("name", "alias", name=op.f("pk_aliases")),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", plain_text, nullable=False),
        sa.Column("sample_id", plain_text, nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("purpose", plain_text, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("cache_key", plain_text, nullable=True),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_calls_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint(
            "run_id",
            "sample_id",
            "repeat",
            "purpose",
            "attempt",
            name=op.f("uq_calls_run_id_sample_id_repeat_purpose_attempt"),
        ),
    )
    op.create_index(
        op.f("ix_calls_cache_key_id"),
        "calls",
        ["cache_key", "id"],
        unique=False,
        sqlite_where=sa.text("cache_key IS NOT NULL"),
        postgresql_where=sa.text("cache_key IS NOT NULL"),
    )

    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", plain_text, nullable=False),
        sa.Column("sample_id", plain_text, nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=True),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_results_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint(
            "run_id",
            "sample_id",
            "repeat",
            "attempt",
            name=op.f("uq_results_run_id_sample_id_repeat_attempt"),
        ),
    )
    op.create_table(
        "snapshot_samples",
        sa.Column("digest", plain_text, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sample_id", plain_text, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["evalset_snapshots.digest"],
            name=op.f("fk_snapshot_samples_digest_evalset_snapshots"),
        ),
        sa.PrimaryKeyConstraint("digest", "position", name=op.f("pk_snapshot_samples")),
        sa.UniqueConstraint("digest", "sample_id", name=op.f("uq_snapshot_samples_digest_sample_id")),
    )


def downgrade() -> None:
    """Go one schema down."""
    op.drop_table("snapshot_samples")
    op.drop_table("results")
    op.drop_table("calls")
    op.drop_table("aliases")
    op.drop_table("runs")
    op.drop_table("prompt_versions")
    op.drop_table("pair_scores")
    op.drop_table("evalset_snapshots")
    op.drop_table("alias_moves")
