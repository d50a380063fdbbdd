"""What comes out of two runs: changes, comparisons, and the gate's verdicts. Nouns like those in types.py."""

from __future__ import annotations

from promptops.gate.rules import GateRule
from promptops.instruments import JudgeFacts, Preference
from promptops.noun import Noun
from promptops.types import Estimate, Outcome, Result


class Delta(Noun):
    """One metric's change between two runs, in the metric's printed unit."""

    label: str
    slice: str | None = None
    baseline: float | None
    candidate: float | None
    difference: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_swap: float | None = None
    """Of a corpus metric on the whole set of a comparison: two-sided, by approximate randomisation."""
    n: int
    clusters: int
    baseline_missing: int = 0
    candidate_missing: int = 0
    unscored: int = 0
    alpha: float = 0.05
    strict_low: float | None = None
    """The oriented lower bound that also holds with every missing baseline at the best value."""
    resolves: float | None = None
    """The smallest loss that this set can tell from none at this alpha with 80 % power."""
    method: str = ""
    higher_is_better: bool = True
    note: str = ""
    rated: int | None = None
    """Samples rated by people, whose ratings correct the change; none where nobody's do."""


class Correction(Noun):
    """What people's ratings make of a judged figure (a run's mean, or a change), in the metric's unit.

    Where there are too few ratings, `why` says so and there is no `value`.
    """

    label: str
    slice: str | None = None
    judge: float | None = None
    """What the judge says of all samples, between `judge_low` and `judge_high`."""
    judge_low: float | None = None
    judge_high: float | None = None
    people: float | None = None
    """The mean of people's ratings alone."""
    people_low: float | None = None
    people_high: float | None = None
    value: float | None = None
    """Both together: PPI++, right whatever the judge is worth if the rated samples are a random part."""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    """Of all three intervals, two-sided; bounds of a change are one-sided, each wrong half as often."""
    lam: float | None = None
    """How much the judge is believed: 0 not at all, 1 as if it were a person but for its bias."""
    rated: int = 0
    """Samples whose ratings are used."""
    groups: int = 0
    """Independent groups of these."""
    unrated: int | None = None
    """Independent groups without any rating, for which the judge can stand in."""
    samples: int = 0
    """All samples that the judge scored."""
    drawn: int = 0
    """Samples of the part that was drawn at random, rated or not."""
    left_out: int = 0
    """Rated samples outside of that part, which are not used."""
    raters: int = 0
    worth: float | None = None
    """How many groups rated without the judge would have told as much."""
    halve: int | None = None
    """Groups to be rated in all for an interval half as wide; none where all of them would not do."""
    needed: int | None = None
    """Groups to be rated in all that would show a gate's PASS if nothing changed; none as above."""
    at_random: bool = False
    """Whether the ratings that are used are of samples that the tool drew."""
    seed: int | None = None
    """Of that draw."""
    same_judge: bool = True
    """Whether they were drawn for this very judge."""
    file: str = ""
    why: str = ""

    @property
    def more(self) -> int | None:
        """How many further groups would show a gate's PASS if nothing changed."""
        return None if self.needed is None else max(self.needed - self.groups, 0)


class CorrectedShare(Noun):
    """A binary judge's share of yes, corrected by its errors on rated samples (Rogan & Gladen 1978)."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    youden: float | None = None
    why: str = ""
    """Why it is refused, where it is."""


class CaseChange(Noun):
    """One sample in two runs."""

    sample_id: str
    repeat: int = 0
    change: float | None
    baseline: Result | None
    candidate: Result | None


class Comparison(Noun):
    """Two runs on the same samples: what was found in one plain sentence, and every metric's change."""

    baseline: str
    candidate: str
    evalset: str
    deltas: tuple[Delta, ...]
    sentence: str = ""
    identical: bool = False
    warnings: tuple[str, ...] = ()
    judges: tuple[JudgeFacts, ...] = ()
    """What belongs beside the figures of judges, first the baseline's."""


class Stopping(Noun):
    """How a run that may stop early came to its end, and what was not spent."""

    seed: str
    """What the order of the samples was drawn from, before the first was asked."""
    stopped: bool
    """Whether the verdict stands on fewer samples than were planned."""
    samples: int
    """How many samples the verdict stands on: all that came first in the drawn order."""
    planned: int
    first: int | None = None
    """How many samples the first of two stages has; None where bets end the run."""
    cut: bool = False
    """Whether the run ended before it was certain, by its budget or a signal, and may still go on."""
    left_open: bool = False
    """Whether the first stage could not decide, so that the rest may still be asked."""
    more: str = ""
    """The command that asks the rest, where it may still be asked."""
    in_flight: int = 0
    """Answers beyond those: they were under way when the verdict became certain."""
    later: int = 0
    """Answers beyond those that were asked for when the run was resumed; they don't count either."""
    calls: int = 0
    """Answers and judgements that were asked for and not found in the cache, those in flight among them."""
    calls_saved: int = 0
    cost_saved: float | None = None
    """US dollars, at what a sample cost so far; None where a price is not known."""
    alpha_early: float
    """Of the strictest rule: what may be spent before the end, on bets or on the first stage."""
    alpha_end: float
    sentence: str = ""
    """All of it in plain words."""
    whole_run: tuple[str, ...] = ()
    """Rules that can't be decided early, and why: with one of them only a FAIL can come early."""

    @property
    def by_bets(self) -> bool:
        """Whether the run ended when it suited, so that of its samples bets alone may speak."""
        return self.stopped and self.first is None

    @property
    def share(self) -> float:
        """What of each rule's alpha was spent where the verdict stands; 1 with bets, which know their own."""
        if self.first is None:
            return 1.0
        spent = self.alpha_early if self.stopped else self.alpha_end
        return spent / (self.alpha_early + self.alpha_end)


class CellVerdict(Noun):
    """One rule's outcome and the evidence for it."""

    rule: GateRule
    outcome: Outcome
    label: str = ""
    sentence: str
    delta: Delta | None = None
    """What decides: of a rule with `corrected` the change by people's ratings and the judge."""
    judged: Delta | None = None
    """What the judge alone says, where the change is corrected."""
    correction: Correction | None = None
    """What people, the judge and both say, where the change is corrected."""
    preference: Preference | None = None
    """Of a rule about pairs: what the judge said, and what the order of answers did to it."""
    estimate: Estimate | None = None
    p_harm: float | None = None
    p_harm_adjusted: float | None = None
    needed: int | None = None


class Verdict(Noun):
    """The gate's answer, its reason in figures, its sentence in plain words, and a row for every rule."""

    outcome: Outcome
    reason: str
    sentence: str = ""
    cells: tuple[CellVerdict, ...]
    warnings: tuple[str, ...] = ()
    baseline: str = ""
    candidate: str = ""
    stopping: Stopping | None = None
    """Of a run that may stop early."""
    look: int | None = None
    judge_model: str | None = None
    """Which model the judge of pairs was, where another than the set's was named."""
