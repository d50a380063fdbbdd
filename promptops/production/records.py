"""The nouns of production: a record of one answer that users got, and what was said of it afterwards."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field, JsonValue

from promptops.noun import Noun
from promptops.types import FinishReason

Thumb = Literal["up", "down"]


class Record(Noun):
    """One answer in production: what was asked of which version, what came back and what it took.

    Unknown figures are None, never zero.
    """

    id: str = Field(min_length=1, max_length=200)
    at: str
    """When the call began: UTC, ISO 8601 to the microsecond."""
    prompt: str | None = None
    """The prompt's name, without its version."""
    version: int | None = None
    alias: str | None = None
    """The alias by which the version was found, such as `production`."""
    model: str | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    output: str | None = None
    """None where there was no answer."""
    error: str | None = None
    """The class of what went wrong, such as `timeout`; None where there was an answer."""
    finish_reason: FinishReason | None = None
    tokens_in: int | None = Field(default=None, ge=0)
    tokens_out: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """US dollars."""
    outcome: str | None = None
    """What became of it in the application's own words, such as `resolved`."""
    subject: str | None = None
    """Whose data it is, as `subject_mark` writes it: by this all of a person's records can be deleted."""
    session: str | None = None
    parent: str | None = None
    """The record within which this call was made."""
    tags: tuple[str, ...] = ()
    rate: float = Field(default=1.0, gt=0, le=1)
    """The share of calls of which this one was kept: it stands for 1 / rate of them."""
    source: str = "log"
    """How it came here: `log`, or the name of the file that was imported."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def reference(self) -> str | None:
        """The version by its short name, such as `reply@3`; None where the prompt is not known."""
        if self.prompt is None:
            return None
        return self.prompt if self.version is None else f"{self.prompt}@{self.version}"


class Feedback(Noun):
    """What somebody said of one record; later words of the same person add, they replace nothing."""

    id: str = Field(min_length=1, max_length=200)
    record: str = Field(min_length=1, max_length=200)
    at: str
    thumb: Thumb | None = None
    stars: int | None = Field(default=None, ge=1, le=5)
    comment: str = ""
    edit: str | None = None
    """The answer as the person would have had it."""
    outcome: str | None = None
    """What became of the answer, where that was only known later."""
    by: str | None = None
    """Who said it, as `subject_mark` writes it, or a reviewer's name."""

    @property
    def good(self) -> bool | None:
        """Whether the answer was liked: by the thumb, else by four stars or more; None where that is open.

        Three stars say neither; an edit without a thumb or stars says that the answer had to be changed.
        """
        if self.thumb is not None:
            return self.thumb == "up"
        if self.stars is not None:
            return None if self.stars == 3 else self.stars > 3
        return False if self.edit is not None else None


class RecordScore(Noun):
    """One metric on one record; `signature` says by which metric exactly."""

    record: str
    label: str
    signature: str
    value: float | None = Field(default=None, allow_inf_nan=False)
    unscored: str | None = None
    reason: str = ""
    at: str


class RecordFilter(Noun):
    """Which records are wanted; what is None or empty chooses nothing away."""

    id: str | None = None
    """The whole id of one record."""
    since: str | None = None
    """From this moment on: UTC, ISO 8601; a date is its first moment."""
    until: str | None = None
    """Before this moment."""
    prompt: str | None = None
    version: int | None = None
    alias: str | None = None
    """Records that name it, and those without an alias of the version to which it pointed at their moment."""
    model: str | None = None
    subject: str | None = None
    """As `subject_mark` writes it."""
    session: str | None = None
    tag: str | None = None
    failed: bool | None = None
    good: bool | None = None
    """Only records of which somebody said that they were good, or bad."""
    with_feedback: bool = False


class Deletion(Noun):
    """What was deleted, or would be."""

    records: int
    feedback: int
    """What was said of these records, and what the person said of others."""
    spooled: int = 0
    """Lines of the person in the spool, in files of running processes: they are dropped, not brought in."""
    unread: int = 0
    """Lines of the person that were put aside, as they can't be read: the files are to be deleted by hand."""
    held: int = 0
    """Files of running processes, where it is not known whose they are: what they hold comes in later."""
    dry_run: bool = False
    rewritten: bool = False
    """The database's tables were written anew, so that no copy of a deleted text is left in them."""
    erased: bool = False
    """No deleted text is left in the database's write-ahead log: nobody read it at that moment. False on a
    PostgreSQL server, whose own log and replicas are not ours to empty."""
    busy: bool = False
    """Somebody read an SQLite file at that moment, so that its write-ahead log could not be emptied."""


def subject_mark(subject: str) -> str:
    """Return what is stored for a person: a digest, so that no name or address is in the database.

    Whoever knows the name finds its records again; it is no protection from guessing a name.
    """
    return hashlib.sha256(f"promptops subject\n{subject}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
