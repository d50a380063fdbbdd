"""What a replay, a verification and a recording say. Nouns like those in types.py."""

from __future__ import annotations

from typing import Literal

from promptops.noun import Noun

Replayed = Literal["equal", "different", "incomplete"]
"""`incomplete`: something that is needed is not stored, or a metric can't be made any more."""
CheckState = Literal["ok", "altered", "missing", "unknown"]
"""`unknown`: written by an earlier promptops, which kept nothing that could tell."""


class Difference(Noun):
    """One place in which a replay and what is stored differ."""

    sample_id: str | None = None
    """None where the whole run is meant."""
    repeat: int = 0
    label: str | None = None
    """The metric; None where it is about the answer or the request."""
    stored: str = ""
    now: str = ""
    why: str


class Replay(Noun):
    """A run made again from what is stored, beside the run."""

    run: str
    outcome: Replayed
    results: int
    stored_sha256: str
    """Of the canonical form as it is stored."""
    sha256: str | None
    """Of the canonical form as it is now; None where it can't be told."""
    differing: int
    """Samples and repeats, and metrics, that differ."""
    differences: tuple[Difference, ...] = ()
    """The first of them."""
    missing: tuple[Difference, ...] = ()
    """The first things that were needed and aren't stored."""
    missing_count: int = 0
    unchecked: int = 0
    """Requests of which nobody can tell whether they are those that were sent."""


class Check(Noun):
    """One thing that a verification looked at."""

    name: str
    state: CheckState
    told: str


class Verification(Noun):
    """Whether a run is what it was when it was stored."""

    run: str
    outcome: Literal["proven", "altered", "incomplete"]
    sha256: str | None
    """Of the canonical form as it is stored; None where the run can't be read."""
    checks: tuple[Check, ...]
    differences: tuple[Difference, ...] = ()
    missing: tuple[Difference, ...] = ()


class Recording(Noun):
    """A cassette that was written."""

    file: str
    runs: tuple[str, ...]
    entries: int
    """Distinct requests."""
    bytes: int
    sha256: str
    """Of the file."""
    redacted: tuple[str, ...] = ()
    """Samples in which a secret was found and replaced, in the question or in an answer."""
    unanswered: int = 0
    """Samples and repeats without an answer, which are not in the cassette."""


class CacheModel(Noun):
    """Answers of one model, or its points of texts, that would be used again."""

    model: str
    entries: int
    bytes: int
    hits: int
    """Calls that were answered so far without being paid for."""
    oldest: str | None
    newest: str | None


class Forgotten(Noun):
    """How many stored answers, and points of texts, will not be used again."""

    answers: int
    points: int
