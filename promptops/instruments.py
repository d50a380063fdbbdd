"""What is told of judges as instruments: figures with their intervals, and a pairwise judge's say. Nouns."""

from __future__ import annotations

from typing import Literal

from promptops.noun import Noun
from promptops.stats.reweighting import Estimated


class Found(Noun):
    """A figure with its 95 % interval; null with a reason where there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str | None = None

    @classmethod
    def of(cls, each: Estimated) -> Found:
        """Return a bootstrap's figure."""
        return cls(value=each.value, low=each.low, high=each.high, n=each.n, reason=each.reason)


class BiasPart(Noun):
    """A judge's bias on a part of the cases; the intervals of all parts hold together at 95 %."""

    by: Literal["value", "length", "preference", "difference"]
    """Parted by the mean of what people say, or by the answer's length in characters. Of pairs these are
    called preference and difference, which is the output's length less that of the other one."""
    low: float
    high: float
    """Between which values of it the part lies."""
    bias: Found

    @property
    def clear(self) -> bool:
        """Whether it is clearly not 0."""
        return (
            self.bias.low is not None
            and self.bias.high is not None
            and not self.bias.low <= 0 <= self.bias.high
        )


class PairFigures(Noun):
    """What belongs beside a judge of pairs that was held against people, on their cases."""

    judge: float
    """Its net preference for the newer outputs: those that it says are better less those that are worse."""
    people: float
    """The same of people: the mean over cases, of the mean over raters."""
    flips: int
    """Pairs whose verdict changed with the order."""
    flip: Found
    """Their share."""
    first: Found
    """Share of the decided replies that chose the answer shown first; 0.5 means no position bias."""
    first_both: int
    """Pairs whose answer shown first was chosen in both orders."""
    second_both: int
    order_p: float | None = None
    """Exact two-sided p-value of as many `first_both` as `second_both`; null where there are none."""


class LengthBias(Noun):
    """What the length of answers does to preferences, over the samples whose two answers differ.

    Lengths are in characters; those of repeats are averaged.
    """

    overlap: float | None
    """Share of these samples whose answers are about equally long (|log ratio| < 0.2)."""
    rate: Found
    """Share won by the candidate on these samples."""
    controlled: Found
    """The same with lengths held equal; refused, with the reason, where the overlap is under a tenth."""
    correlation: Found
    """Spearman's, of the share won and the candidate's length less the baseline's; above 0 where longer
    answers win."""


class Preference(Noun):
    """Which of two runs a pairwise judge prefers, asked in both orders on every sample."""

    label: str
    judge: str
    baseline: str
    candidate: str
    n: int
    unscored: int
    identical: int
    """Samples with the same answer in both runs; they count as ties and the judge is not asked."""
    unanswered: int = 0
    """Of the unscored, those to which the judge gave no answer; they are asked again."""
    unmeasured: str | None = None
    """Why there is no share, where the judge gave too few answers or none that can be read; else null."""
    left: int = 0
    """Pairs that were not asked, because a limit ended it."""
    share: float | None
    """Share won by the candidate, a tie counts half; 0.5 means no preference."""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    wins: int
    losses: int
    ties: int
    half_wins: int = 0
    """Of the wins those that count half: a tie in the other order (or not the same in all repeats)."""
    half_losses: int = 0
    flips: int
    """Samples where the verdict changed with the order."""
    flip_rate: float | None = None
    flip_low: float | None = None
    flip_high: float | None = None
    first_rate: float | None = None
    """Share of the decided replies that chose the answer shown first; 0.5 means no position bias."""
    first_low: float | None = None
    first_high: float | None = None
    first_both: int = 0
    """Pairs whose answer shown first was chosen in both orders."""
    second_both: int = 0
    order_p: float | None = None
    """Exact two-sided p-value of as many `first_both` as `second_both`; null where no pair was asked."""
    length: LengthBias | None = None
    """Null where no two answers differ."""
    stand_in: bool = False
    anchors: str = ""
    """What the judge's anchors showed just before it was asked; empty where they were not judged."""
    warnings: tuple[str, ...] = ()
    stopped: str | None = None
    """Why no further call was made, where a limit ended it; else null."""
    calls: int = 0
    """Calls that this command made; what was judged before is not asked again."""
    cost: float | None = None
    """US dollars of these calls; null where it is unknown."""


class Diversity(Noun):
    """How much a run's outputs differ: one output a question, the first that was answered.

    Two outputs are the same if they are alike after Unicode's NFKC, without case, with each run of white
    space as one space. Questions with the same inputs count once.
    """

    questions: int
    """Different questions with an output."""
    distinct: int
    most: int
    """Questions that got the most frequent output."""

    @property
    def share(self) -> float | None:
        """Share of distinct outputs."""
        return self.distinct / self.questions if self.questions else None


class JudgeFacts(Noun):
    """What belongs beside a pointwise judge's figure on a run, so that it isn't read for more than it is."""

    run: str
    """`baseline` for an accepted file."""
    side: Literal["", "baseline", "candidate"] = ""
    """Of a comparison, which of its runs it is."""
    label: str
    judges: tuple[str, ...]
    """The models that it asks."""
    judged: int
    """Answers that it was to score, repeats counted."""
    unscored: int
    """Of these, how many have no score: a reply that can't be read, an answer that says nothing, a call that
    failed."""
    reasons: tuple[tuple[str, int], ...] = ()
    """The most frequent reasons, and how often."""
    unread: int = 0
    """Of the unscored, those to which the judge replied what can't be read."""
    diversity: Diversity | None = None
    """Null where the outputs are not kept."""
    length: Found
    """Spearman's correlation of score and length of the output in characters, over samples."""
    length_at_equal: Found | None = None
    """The same at an equal human rating; null where people rated none of these outputs."""
    noise: Found | None = None
    """Standard deviation of one asking about the same answer; null where `judge noise` didn't measure it."""
    warnings: tuple[str, ...] = ()


class JudgeNoise(Noun):
    """How much a judge differs from itself, asked several times about the same answers."""

    evalset: str
    label: str
    judge: str
    """Its models, joined by ` + `."""
    signature: str
    run: str
    """Whose answers they are."""
    n: int
    """Answers with two scores or more."""
    times: int
    unscored: int
    """Askings without a score."""
    differ: Found
    """Share of the answers on which askings differ; Wilson's interval."""
    one: Found
    """Standard deviation of one asking about the same answer."""
    between: float | None
    """Standard deviation of the answers' own scores, without noise; null where it can't be told."""
    share: float | None
    """Share of the variance of single scores that is noise; null where they don't vary."""
    stand_in: bool = False
    sentence: str = ""
    file: str = ""
    """Where each asking's score stands."""
    calls: int = 0
    cost: float | None = None
    """US dollars; null where it is unknown."""
    stopped: str | None = None
    """Why no further call was made, where a limit ended it; else null."""


class ReferenceEffect(Noun):
    """What seeing the reference does to a judge's scores, on the same answers."""

    evalset: str
    label: str
    judge: str
    signature: str
    run: str
    n: int
    """Answers with a score both ways."""
    unscored_with: int
    unscored_without: int
    with_mean: float | None
    without_mean: float | None
    difference: Found
    """Mean of the score with the reference less that without."""
    moved: Found
    """Share of the answers whose score is another; Wilson's interval."""
    correlation: Found
    """Spearman's, of both scores."""
    stand_in: bool = False
    sentence: str = ""
    file: str = ""
    calls: int = 0
    cost: float | None = None
    stopped: str | None = None


class DriftPoint(Noun):
    """One reading of a judge's anchors."""

    date: str
    difference: Found
    """The mean of its scores less the frozen ones, paired by case, in units of the scale."""
    before: str | None = None
    """Where this reading raised the alarm: the last one before the change."""
    since: str | None = None
    """Where this reading raised the alarm: the first one after the change."""

    @property
    def alarm(self) -> bool:
        """Whether it raised the alarm."""
        return self.since is not None


class Drift(Noun):
    """What a judge said of its anchors over time, the oldest reading first."""

    label: str
    frozen_at: str
    anchors: int
    """How many cases."""
    points: tuple[DriftPoint, ...]
    others: int = 0
    """Readings of other anchors, or by another judge: another model, prompt or scale."""
