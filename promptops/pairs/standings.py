"""What a ranking by pairs says: strengths, the ranks that systems can have, and who beat whom."""

from __future__ import annotations

from dataclasses import dataclass

from promptops.noun import Noun

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


class PairsAsked(Noun):
    """What a judge was asked about runs, for a ranking of them."""

    label: str
    judge: str
    stand_in: bool
    schedule: str
    """`all` pairs, or `adaptive`: where ranks are unsure."""
    pairs: int
    """Pairs of answers that there are; each asked one takes two calls."""
    judged: int
    """Of these, what has a verdict."""
    identical: int
    """Of these, the same text twice: a tie, and nobody was asked."""
    forfeited: int
    """Of these, one gave no answer and lost: nobody was asked."""
    absent: int
    """Samples times repeats that neither of two runs answered; they are no pairs."""
    left: int
    """Pairs that were not asked about, by the schedule or because a limit ended it."""
    looks: int
    """How often the schedule looked whether all orders were sure, of the `planned` times."""
    planned: int
    flips: int
    """Pairs whose verdict changed with the order."""
    flip_rate: float | None = None
    flip_low: float | None = None
    flip_high: float | None = None
    first_rate: float | None = None
    """Share of the decided replies that chose the answer shown first; 0.5 means no position bias."""
    first_low: float | None = None
    first_high: float | None = None
    calls: int = 0
    """Calls that this command made; what was judged before is not asked again."""
    cost: float | None = None
    """US dollars of these calls; null where it is unknown."""
    stopped: str | None = None
    """Why no further call was made, where a limit ended it; else null."""
    anchors: str = ""
    """What the judge's anchors showed just before it was asked; empty where they were not judged."""


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
    asked: PairsAsked | None = None
    """What the judge was asked; null for recorded judgements."""

    @property
    def zero(self) -> str:
        """Whose strength is 0, in words."""
        named = (one.name for one in self.standings if one.system == self.anchor)
        return next(named, "the mean of all")
