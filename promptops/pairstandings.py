"""What a ranking by pairs says: strengths, the ranks that systems can have, and who beat whom."""

from __future__ import annotations

from dataclasses import dataclass

from promptops.types import Noun

ELO_ANCHOR = 1000.0


@dataclass(frozen=True)
class Anchor:
    """What strengths are stated against."""

    system: str | None = None
    """None: the mean of all."""
    elo: float = ELO_ANCHOR


class PairStanding(Noun):
    """One system among those that it was compared with."""

    system: str
    """A recorded system's name, or a run's id."""
    name: str
    strength: float
    """On the logit scale, less the anchor's: a system that is 1 stronger wins 73 % of all comparisons."""
    low: float | None
    high: float | None
    """Its own interval, which promises nothing of the others; null for the anchor itself."""
    elo: float
    elo_low: float | None
    elo_high: float | None
    best_rank: int
    worst_rank: int
    """The ranks from best to worst that the system can have; those of all systems hold together."""
    n: int
    wins: int
    ties: int
    losses: int
    share: float
    """What it won of its own comparisons, a tie counts half."""


class PairGap(Noun):
    """Two systems' strengths, system less other, in an interval that holds together with all others."""

    system: str
    other: str
    difference: float
    low: float | None
    high: float | None
    """Null where there is no end on that side."""


class PairRanking(Noun):
    """Systems ranked by judgements of pairs, the strongest first."""

    source: str
    """The file, or the evaluation set."""
    judges: tuple[str, ...]
    style: str
    """In whose format they were recorded; `runs` where they were judged here."""
    group: str | None
    """The key of the question by which intervals are clustered; null where each judgement stands alone."""
    n: int
    """Judgements, each with its score."""
    ties: int
    unscored: int
    unscored_why: dict[str, int]
    groups: int
    level: float
    anchor: str | None
    """Whose strength is 0; null where the mean of all is."""
    anchor_elo: float
    penalised: bool
    """Whether no finite strengths fit best: Firth's penalty holds them, and they have no intervals."""
    standings: tuple[PairStanding, ...]
    gaps: tuple[PairGap, ...]
    wins: tuple[tuple[float, ...], ...]
    """How often the row beat the column, in the order of the standings; a tie is half."""
    games: tuple[tuple[float, ...], ...]
    first_rate: float | None
    """Share that whoever is named first wins, where pairs stand in both orders; 0.5 if order does nothing."""
    first_low: float | None
    first_high: float | None
    method: str
    sentence: str
    warnings: tuple[str, ...]
