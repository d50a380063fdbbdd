"""A run and its baseline before a judge of pairs: what is known, and whether that is enough to decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptops.gate.stopping import UNSCORED_LIMIT
from promptops.judges.pairwise import Pairwise
from promptops.pairs.preference import Scores
from promptops.pairs.rules import PairRule
from promptops.pairs.summary import Hearing, Pair
from promptops.types import Score
from promptops.verbs.preferences import Opposed


@dataclass(frozen=True)
class Contest:
    """A run and its baseline before the judge that a set's rules on pairs name."""

    rules: tuple[PairRule, ...]
    judge: Pairwise
    opposed: Opposed
    again: str
    """The command that asks what is missing, and decides."""

    @property
    def label(self) -> str:
        """The judge's label."""
        return self.rules[0].metric

    @property
    def hearing(self) -> Hearing:
        """By what stored verdicts are known."""
        return self.opposed.before(self.label, self.judge)

    @property
    def pairs(self) -> Sequence[Pair]:
        """Each two answers."""
        return self.opposed.pairs

    @property
    def ties(self) -> Scores:
        """The scores of equal answers, about which nobody is asked."""
        return {pair.place: Score.of(0.5) for pair in self.pairs if pair.same}

    def enough(self, scores: Scores) -> bool:
        """Tell whether each pair was asked about, and enough of them have a verdict."""
        return not self.left(scores) and not self.unread(scores)

    def left(self, scores: Scores) -> list[Pair]:
        """Return the pairs that nobody was asked about."""
        return [pair for pair in self.pairs if not pair.same and pair.place not in scores]

    def unread(self, scores: Scores) -> str:
        """Say that too many pairs have no verdict, and why; empty where enough of them have one."""
        found = (scores[pair.place].unscored for pair in self.pairs if pair.place in scores)
        blank, n = [why for why in found if why is not None], len(self.pairs)
        if len(blank) <= UNSCORED_LIMIT * n:
            return ""
        reason, count = Counter(blank).most_common(1)[0]
        return (
            f"{len(blank)} of {n} pairs ({len(blank) / n:.0%}) have no verdict that can be read, more than "
            f"{UNSCORED_LIMIT:.0%} ({count} x {reason[:200]}); only they are asked again"
        )
