"""Content addresses and seals of calls; a call may be kept from being used again, and only that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

plain_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go one schema up: rows that are there have no seal, and no address where they have no key."""
    op.add_column("calls", sa.Column("address", plain_text, nullable=True))
    op.add_column("calls", sa.Column("seal", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go one schema down; what was not to be used again stays so."""
    op.drop_column("calls", "seal")
    op.drop_column("calls", "address")
