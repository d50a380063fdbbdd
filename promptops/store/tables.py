"""The tables. What may change in them is said in `triggers.py`; how they came about, in `migrations/`."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from promptops.store.columns import PlainText

# Batch migrations on SQLite can only drop constraints that have a name.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _Row(SQLModel):
    metadata: ClassVar[MetaData] = metadata


class _PromptVersion(_Row, table=True):
    __tablename__ = "prompt_versions"
    __table_args__ = (UniqueConstraint("name", "number"), UniqueConstraint("name", "digest"))

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=PlainText)
    number: int
    digest: str = Field(sa_type=PlainText)
    content: str = Field(sa_type=Text)
    note: str = Field(sa_type=PlainText)
    author: str = Field(sa_type=PlainText)
    created_at: str = Field(sa_type=Text)


class _Alias(_Row, table=True):
    __tablename__ = "aliases"
    __table_args__ = (
        ForeignKeyConstraint(["name", "number"], ["prompt_versions.name", "prompt_versions.number"]),
    )

    name: str = Field(sa_type=PlainText, primary_key=True)
    alias: str = Field(sa_type=PlainText, primary_key=True)
    number: int


class _AliasMove(_Row, table=True):
    __tablename__ = "alias_moves"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=PlainText, index=True)
    alias: str = Field(sa_type=PlainText)
    from_number: int | None
    to_number: int | None
    actor: str = Field(sa_type=PlainText)
    reason: str = Field(sa_type=PlainText)
    moved_at: str = Field(sa_type=Text)


class _EvalsetSnapshot(_Row, table=True):
    __tablename__ = "evalset_snapshots"

    digest: str = Field(sa_type=PlainText, primary_key=True)
    name: str = Field(sa_type=PlainText)
    card: str = Field(sa_type=Text)
    created_at: str = Field(sa_type=Text)


class _SnapshotSample(_Row, table=True):
    __tablename__ = "snapshot_samples"
    __table_args__ = (UniqueConstraint("digest", "sample_id"),)

    digest: str = Field(sa_type=PlainText, primary_key=True, foreign_key="evalset_snapshots.digest")
    position: int = Field(primary_key=True)
    sample_id: str = Field(sa_type=PlainText)
    content: str = Field(sa_type=Text)


class _Run(_Row, table=True):
    __tablename__ = "runs"

    id: str = Field(sa_type=PlainText, primary_key=True)
    number: int = Field(unique=True)
    """The order in which runs were made, whatever the clock said."""
    created_at: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    evalset: str = Field(sa_type=PlainText, index=True)
    evalset_digest: str = Field(sa_type=PlainText)
    prompt: str = Field(sa_type=Text)
    prompt_digest: str = Field(sa_type=PlainText)
    prompt_ref: str = Field(sa_type=PlainText)
    model: str = Field(sa_type=PlainText)
    metrics: str = Field(sa_type=Text)
    repeats: int
    samples: int
    parent: str | None = Field(sa_type=PlainText)
    actor: str = Field(sa_type=PlainText)
    config: str = Field(sa_type=Text)
    lease_owner: str | None = Field(sa_type=PlainText)
    lease_until: float | None
    """Seconds since 1970."""
    lease_seconds: float | None
    finished_at: str | None = Field(sa_type=Text)


class _Call(_Row, table=True):
    __tablename__ = "calls"
    __table_args__ = (UniqueConstraint("run_id", "sample_id", "repeat", "purpose", "attempt"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(sa_type=PlainText, foreign_key="runs.id")
    sample_id: str = Field(sa_type=PlainText)
    repeat: int
    purpose: str = Field(sa_type=PlainText)
    attempt: int
    cache_key: str | None = Field(sa_type=PlainText)
    cached: bool
    content: str = Field(sa_type=Text)
    created_at: str = Field(sa_type=Text)
    address: str | None = Field(sa_type=PlainText)
    """The content address where it is no cache key: an answer that must not be used again, or no longer."""
    seal: str | None = Field(sa_type=Text)
    """Binds the content to its address; None in rows of earlier schemas."""


class _Result(_Row, table=True):
    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("run_id", "sample_id", "repeat", "attempt"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(sa_type=PlainText, foreign_key="runs.id")
    sample_id: str = Field(sa_type=PlainText)
    repeat: int
    attempt: int
    failure_kind: str | None = Field(sa_type=Text)
    failure: str | None = Field(sa_type=Text)
    scores: str = Field(sa_type=Text)
    """Counts as JSON where `figures` has none; reasons and evidence are in `remarks`."""
    figures: bytes | None = Field(sa_type=LargeBinary)
    """Counts as bytes, so that statistics needn't read text."""
    remarks: str | None = Field(sa_type=Text)
    cached: bool
    created_at: str = Field(sa_type=Text)


class _PairScore(_Row, table=True):
    __tablename__ = "pair_scores"
    __table_args__ = (
        # Named by hand: PostgreSQL cuts names at 63 characters.
        UniqueConstraint(
            "baseline_run",
            "candidate_run",
            "label",
            "signature",
            "sample_id",
            "repeat",
            "attempt",
            "half",
            name="uq_pair_scores_place",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    # No foreign keys: a baseline may be a file in git that this database has never run.
    baseline_run: str = Field(sa_type=PlainText)
    candidate_run: str = Field(sa_type=PlainText)
    sample_id: str = Field(sa_type=PlainText)
    repeat: int
    attempt: int
    """How often the pair was judged before."""
    half: bool
    """Whether one order was asked only: no verdict, but what was replied is known."""
    label: str = Field(sa_type=PlainText)
    signature: str = Field(sa_type=PlainText)
    score: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    created_at: str = Field(sa_type=Text)


class _Submission(_Row, table=True):
    __tablename__ = "submissions"

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(sa_type=PlainText, foreign_key="runs.id", index=True)
    batch_id: str = Field(sa_type=PlainText)
    """The server's own name for it."""
    event: str = Field(sa_type=Text)
    """`handed_in`, `ended`, `cancelled` or `given_up`; the newest one of a batch tells how it stands."""
    requests: int | None
    """How many it has, where that is known."""
    created_at: str = Field(sa_type=Text)


class _Record(_Row, table=True):
    __tablename__ = "records"
    __table_args__ = (Index(None, "prompt", "at"),)

    id: str = Field(sa_type=PlainText, primary_key=True)
    at: str = Field(sa_type=PlainText, index=True)
    prompt: str | None = Field(sa_type=PlainText)
    version: int | None
    alias: str | None = Field(sa_type=PlainText)
    model: str | None = Field(sa_type=PlainText)
    subject: str | None = Field(sa_type=PlainText)
    session: str | None = Field(sa_type=PlainText)
    parent: str | None = Field(sa_type=PlainText)
    error: str | None = Field(sa_type=PlainText)
    finish_reason: str | None = Field(sa_type=Text)
    tokens_in: int | None
    tokens_out: int | None
    seconds: float | None
    cost: float | None
    outcome: str | None = Field(sa_type=PlainText)
    rate: float
    source: str = Field(sa_type=PlainText)
    tags: str = Field(sa_type=Text)
    """A JSON list of names."""
    content: str = Field(sa_type=Text)
    """Texts: inputs, output and metadata. Last, so that figures are read without it."""


class _Feedback(_Row, table=True):
    __tablename__ = "feedback"

    id: str = Field(sa_type=PlainText, primary_key=True)
    # No foreign key: what is said of an answer may come before the answer itself, or of one not kept.
    record_id: str = Field(sa_type=PlainText, index=True)
    at: str = Field(sa_type=PlainText)
    thumb: str | None = Field(sa_type=Text)
    stars: int | None
    outcome: str | None = Field(sa_type=PlainText)
    by: str | None = Field(sa_type=PlainText)
    edited: bool
    content: str = Field(sa_type=Text)
    """Texts: the comment and the edited answer."""


class _RecordScore(_Row, table=True):
    __tablename__ = "record_scores"
    __table_args__ = (UniqueConstraint("record_id", "label", "signature"),)

    id: int | None = Field(default=None, primary_key=True)
    record_id: str = Field(sa_type=PlainText, foreign_key="records.id")
    label: str = Field(sa_type=PlainText)
    signature: str = Field(sa_type=PlainText)
    value: float | None
    unscored: str | None = Field(sa_type=PlainText)
    reason: str = Field(sa_type=PlainText)
    at: str = Field(sa_type=Text)


class _Alert(_Row, table=True):
    __tablename__ = "alerts"

    id: int | None = Field(default=None, primary_key=True)
    rule: str = Field(sa_type=PlainText, index=True)
    digest: str = Field(sa_type=PlainText)
    state: str = Field(sa_type=Text)
    """`firing` or `quiet`; the newest one of a rule tells how it stands."""
    delivered: bool
    at: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=PlainText)
    told_channels: str | None = Field(sa_type=Text)
    """A JSON list of whom this state reached so far; None in rows of earlier schemas."""


class _Deletion(_Row, table=True):
    __tablename__ = "deletions"

    id: int | None = Field(default=None, primary_key=True)
    subject: str = Field(sa_type=PlainText, index=True)
    """A digest of the person's mark, or of a record's id, which themselves are gone."""
    before: str = Field(sa_type=PlainText)
    """What the person's mark stands on and is older is not taken from a spool any more; of a record, when it
    was deleted."""


def _table(name: str) -> Table:
    return metadata.tables[name]


prompt_versions = _table("prompt_versions")
aliases = _table("aliases")
alias_moves = _table("alias_moves")
evalset_snapshots = _table("evalset_snapshots")
snapshot_samples = _table("snapshot_samples")
runs = _table("runs")
calls = _table("calls")
results = _table("results")
pair_scores = _table("pair_scores")
submissions = _table("submissions")
records = _table("records")
feedback = _table("feedback")
record_scores = _table("record_scores")
alerts = _table("alerts")
deletions = _table("deletions")


@cache
def whole_metadata() -> MetaData:
    """Return the schema with its partial indexes, which only those need who make or compare a schema.

    A condition in an index has SQLAlchemy import every dialect that it may be meant for.
    """
    for table, columns, filled in (
        (calls, ("cache_key", "id"), "cache_key"),
        (records, ("subject",), "subject"),
    ):
        there = text(f"{filled} IS NOT NULL")
        Index(None, *(table.c[name] for name in columns), sqlite_where=there, postgresql_where=there)
    return metadata
