"""The nouns of test reliability: how well what is measured offline goes with what users say."""

from __future__ import annotations

from typing import Literal

from promptops.instruments import Found
from promptops.noun import Noun

Trust = Literal["trust", "weak", "no relation", "reversed", "too few"]


class ScoreBin(Noun):
    """Records with similar scores: their mean score, and the share that was liked with its 95 % interval."""

    score: float
    good: float
    low: float
    high: float
    n: int


class MetricReliability(Noun):
    """One metric against feedback, over records that have both."""

    label: str
    signature: str
    trust: Trust
    n: int
    good: int
    """Of these, how many users liked."""
    subjects: int
    """Persons that they come from, as far as these are known; each other record counts as one."""
    auc: Found
    """How often a liked answer scores better than one that was not; .5 is chance. The interval holds for all
    metrics of the table together."""
    spearman: Found
    kendall: Found
    calibration_gap: float | None
    """The mean distance of score (from 0, worst, to 1, best) and share liked; None without a range."""
    gap_by_chance: float | None
    """What that distance would be on average were the scores calibrated: it is never 0."""
    bins: tuple[ScoreBin, ...]


class VersionPoint(Noun):
    """A version offline and in production."""

    version: str
    run: str
    offline: float
    good: float
    n: int


class SystemReliability(Noun):
    """Whether one metric's means order versions as their users do."""

    label: str
    points: tuple[VersionPoint, ...]
    spearman: float | None
    """None below three versions, or where one side never varies."""
    agreed: int
    """Pairs of versions that both order alike."""
    reversed: int


class Reliability(Noun):
    """Which metric to trust."""

    evalset: str
    prompt: str | None
    since: str
    until: str
    records: int
    """With feedback that says good or bad, and an answer."""
    good: int
    metrics: tuple[MetricReliability, ...]
    """The most telling first."""
    systems: tuple[SystemReliability, ...]
    needed: int
    """Records from which on a metric is judged; and of either kind, `needed_each`."""
    needed_each: int
    notes: tuple[str, ...] = ()
