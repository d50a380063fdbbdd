"""Samples that a model writes: from documents, from present samples, or from a description.

Whatever is generated is marked as synthetic, checked by a second call, and written as candidates for a
person to review; nothing goes into a set by itself.
"""

from __future__ import annotations

from typing import Literal

from promptops.errors import UsageError
from promptops.noun import Noun
from promptops.types import Sample

HOWS = ("paraphrase", "harder", "edge", "adversarial", "language:CODE")
"""What can be made of present samples."""

Rejection = Literal[
    "repeated",
    "canary",
    "in_prompt",
    "not_answerable",
    "wrong_target",
    "not_as_asked",
    "not_checked",
    "unreadable",
]
"""Why a sample that a model wrote is no candidate."""


class Rejected(Noun):
    """A sample that a model wrote and that is no candidate."""

    how: str
    source: str
    """The document, the sample's id, or `description`."""
    kind: Rejection
    reason: str
    text: str
    """The beginning of what was written."""


class Unheard(Noun):
    """A call that gave no samples at all."""

    how: str
    source: str
    wanted: int
    """Samples that were asked for."""
    reason: str
    reply: str = ""
    """The beginning of a reply that can't be read."""


class Variety(Noun):
    """How different some texts are from one another."""

    texts: int
    effective: float
    """Effective number of different texts, 1 to `texts` (the Vendi score of cosines of TF-IDF)."""
    distance: float | None
    """Mean of 1 - cosine over all pairs."""


class Nearness(Noun):
    """How far some texts lie from those of production, in one space with all others."""

    texts: int
    nearest: float
    """Mean over these texts of 1 - cosine to the nearest text of production."""
    discrepancy: float
    """Unbiased squared MMD: about 0 where both come from one distribution."""
    p_value: float


class Generated(Noun):
    """What came of asking a model for samples; every one that was asked for is accounted for."""

    evalset: str
    model: str
    checker: str
    hows: tuple[str, ...]
    """`document`, `description`, or what was made of present samples."""
    wanted: int
    """Samples that were asked for."""
    short: int = 0
    """Passages of documents that were not asked about, as they hold too few letters."""
    candidates: tuple[Sample, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unheard: tuple[Unheard, ...] = ()
    fewer: int = 0
    """Samples that replies lack, though they can be read."""
    surplus: int = 0
    """Samples beyond what was asked for; they are passed over."""
    left: int = 0
    """Samples that were not asked for or not checked because a limit ended it."""
    variety: Variety | None = None
    human_variety: Variety | None = None
    """Of as many human samples of the set, chosen by lot; fewer where it has fewer."""
    production: str | None = None
    nearness: Nearness | None = None
    human_nearness: Nearness | None = None
    calls: int = 0
    reused: int = 0
    """Replies that had been written down before, or stood in the cache."""
    cost: float | None = None
    stopped: str | None = None
    file: str | None = None
    """Where candidates were written to."""
    notes: tuple[str, ...] = ()
    sentence: str = ""


def checked_hows(hows: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is to be made of present samples, each once. Raises UsageError."""
    known = [how for how in HOWS if ":" not in how]
    for how in hows:
        kind, colon, code = how.partition(":")
        fits = how in known or (kind == "language" and colon and _is_code(code))
        if not fits:
            raise UsageError(
                f"Nobody makes {how!r} of a sample. There is: {', '.join(HOWS)}, where CODE is a language's, "
                "as in language:de."
            )
    return tuple(dict.fromkeys(hows))


def _is_code(code: str) -> bool:
    parts = code.split("-")
    return 2 <= len(parts[0]) <= 3 and all(
        part.isascii() and part.isalnum() and len(part) <= 8 for part in parts
    )
