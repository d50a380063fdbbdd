"""The nouns of monitoring: figures of production by day, version or model, and where they changed."""

from __future__ import annotations

from typing import Literal

from promptops.instruments import Found
from promptops.noun import Noun

Unit = Literal["day", "hour"]
By = Literal["day", "hour", "version", "alias", "model"]


class Costs(Noun):
    """What answers cost in US dollars; what is not known is not counted as nothing."""

    total: float | None
    """Of all calls for which the kept records with a known cost stand; None where none is known."""
    each: float | None
    """The mean of an answer whose cost is known."""
    known: float | None
    """The share of records whose cost is known."""


class Figures(Noun):
    """Figures of some records. Intervals hold at every number of records, however often one looks."""

    name: str
    """The day, hour, version, alias or model; `all` for all."""
    records: int
    calls: float
    """How many calls the records stand for: more where only a share of calls is kept."""
    costs: Costs
    measures: dict[str, Found]
    """By name: `errors`, `refusals`, `truncated`, `good` (shares), `p50`, `p95` (seconds), and checks and
    judges by their labels."""
    errors: dict[str, float]
    """The share of calls by the class of what went wrong."""
    told: float | None
    """The share of records of which somebody said whether they were good."""
    unscored: dict[str, int]
    """By the label of a check or judge how many of its records have no score."""


class Change(Noun):
    """A moment at which a measure changed, by a test over the whole series."""

    measure: str
    at: str
    """The first day or hour with the new figure."""
    before: float
    after: float
    p: float
    deployed: tuple[str, ...] = ()
    """Versions that came on that day or hour, or the one before."""


class FarDay(Noun):
    """A day on which a measure lies farther off the other days than they do from one another."""

    measure: str
    day: str
    value: float
    n: int
    low: float
    """Between `low` and `high` lie 95 % of the days with as many records, by the other days."""
    high: float
    p: float
    """Over all days and measures."""
    worse: bool | None
    """Whether it lies on the worse side; None where the measure says neither."""


class Deploy(Noun):
    """One measure before and after a version came, by its own records and those of what ran before it."""

    version: str
    previous: str
    since: str
    until: str
    previous_since: str
    """From when to when the predecessor ran without another version in between, up to the new one."""
    previous_until: str
    measure: str
    before: Found
    after: Found
    low: float | None
    high: float | None
    """Bounds of the change that hold at every look; None where one side has none."""


class Monitor(Noun):
    """Production over a time."""

    prompt: str | None
    since: str
    until: str
    by: By
    unit: Unit
    """The unit of the series in which changes are looked for."""
    whole: Figures
    rows: tuple[Figures, ...]
    changes: tuple[Change, ...]
    far_days: tuple[FarDay, ...]
    """Single days that stand out, whatever the rows are."""
    too_few_days: tuple[str, ...]
    """Measures of which too few days have a figure for a single one to stand out."""
    deploys: tuple[Deploy, ...]
    lower_is_better: tuple[str, ...]
    notes: tuple[str, ...] = ()


class JudgedRecords(Noun):
    """A judge that was asked about a sample of production's answers."""

    evalset: str
    label: str
    judge: str
    """The models that it asks."""
    signature: str
    certificate: str
    """valid, weak, void, none or unknown: whether people's ratings say that its scores mean something."""
    why: str
    stand_in: bool
    answers: int
    """Of which the sample was drawn."""
    sample: int
    known: int
    """Of these, how many it had scored before."""
    scored: int
    unscored: int
    calls: int
    cost: float | None
    stopped: str | None
