"""What goes into the store and comes out of it row by row, beside the nouns of promptops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from promptops.errors import FailureKind
from promptops.types import Completion, Result, Score


@dataclass(frozen=True, slots=True)
class CallRow:
    """One answered call to a model, for the candidate or for a judge."""

    run_id: str
    sample_id: str
    repeat: int
    purpose: str
    """`answer`, `judge:LABEL` or `judge:LABEL:2`."""
    attempt: int
    cache_key: str | None
    """None where the answer must not be used again for another run."""
    cached: bool
    completion: Completion
    address: str | None = None
    """The content address of the request; where there is a cache key, that is it."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One attempt at a sample, with its scores; its completion is the newest answer in the calls."""

    run_id: str
    attempt: int
    result: Result


@dataclass(frozen=True, slots=True)
class PairRow:
    """A judge's preference between two runs on one sample."""

    baseline_run: str
    candidate_run: str
    sample_id: str
    repeat: int
    label: str
    signature: str
    score: Score
    content: dict[str, JsonValue]
    """`judge` (its model), `stand_in`, `replies` with their content `address` and `completion`, and how many
    were known before (`cached`); empty in rows of old."""
    attempt: int = 0
    """How often the pair was judged before: a later verdict takes the place of an earlier one."""
    created_at: str = field(default="", compare=False)
    """When it was stored; empty before that."""


class ScoreFigures(TypedDict):
    """A Score without its texts."""

    counts: list[float]
    unscored: str | None


class ScoreRow(NamedTuple):
    """What statistics need of one Result."""

    sample_id: str
    repeat: int
    failure: FailureKind | None
    scores: dict[str, ScoreFigures]


Counts: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]
"""Places of rows in their page, and a row of counts for each; all of one width."""


class ScorePage(NamedTuple):
    """What statistics need of many Results, without an object for each."""

    sample_ids: Sequence[str]
    failures: Sequence[FailureKind | None]
    counts: dict[str, list[Counts]]
    """By label, of what was measured; rows of different widths come apart."""
