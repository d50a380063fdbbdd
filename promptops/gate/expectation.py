"""How many samples would a gate that may stop early take? Tried on two stored runs, before it is asked for.

Changes vary as the runs' own did around its mean, with a coin's sign for each group; groups come in a random
order, and for a loss some groups fall to the worst score there is. Bets then say where a rule is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.analysis.comparison import Pairing
from promptops.analysis.summary import Bools, Floats
from promptops.gate.cells import name_of
from promptops.gate.planting import Scores, scores_of
from promptops.gate.rules import GateRule
from promptops.gate.stopping import Stake
from promptops.noun import Noun
from promptops.stats import decision

Ints = npt.NDArray[np.int64]

LOSS = 2.0
"""The loss that is foretold, in margins."""
SEED = 1
ORDERS = 10
BUDGET = 60_000
"""Groups that are bet on at one loss, over all rules and trials: well under a second."""
FEWEST, MOST = 30, 1000
"""Trials, whatever the budget."""


class Expected(Noun):
    """How many samples `--early-stop` takes on average until it is certain."""

    samples: int
    """Without an early stop."""
    equal: float | None = None
    """Where nothing has changed; None where it can't be told."""
    worse: float | None = None
    """At a loss of two margins (in every rule at once); None where it can't be told."""
    rules: int = 1
    """How many rules must have passed, or may have failed."""
    note: str = ""


@dataclass(frozen=True)
class _Bet:
    """A rule with a margin that can be bet on, and its scores."""

    rule: GateRule
    margin: float
    """On a range of 1."""
    cells: int
    scores: Scores

    @property
    def chance(self) -> float:
        """How often a group is to be spoilt for the loss; above 1 where so much can't be lost."""
        level = self.scores.level
        return LOSS * self.margin / level if level > 0 else np.inf

    def crossed(self, rank: Ints, coins: Bools, spoilt: Bools | None) -> tuple[Ints, Ints, Ints]:
        """Return after which of the set's groups PASS and harm are certain, and how many cases decide."""
        own = rank[self.scores.ids]
        order = np.argsort(np.argsort(own))
        asked = self.scores.in_order(order)
        ids = self.scores.ids
        found = decision.crossings(
            asked.spread(coins[ids], None if spoilt is None else spoilt[ids]),
            self.margin,
            asked.groups,
            alpha=self.rule.alpha,
            cells=self.cells,
            weights=asked.weights,
            largest=self.scores.largest,
            exact=self.rule.exact,
        )
        places = np.append(np.sort(own), len(rank))
        seen = np.cumsum(np.bincount(asked.groups))
        first = np.minimum(np.minimum(found.passing, found.failing), len(seen) - 1)
        return places[found.passing], places[found.failing], seen[first]


def expectations(
    pairing: Pairing, stakes: Sequence[Stake]
) -> tuple[dict[tuple[str, str | None], Expected], Expected]:
    """Return what to expect of each rule that can be bet on, and of the gate as a whole.

    The gate stops when every rule has passed, or one that has not is certainly worse. One with a rule that
    can't be bet on never passes early; with a `min` or `max` nothing is foretold of the whole.
    """
    nothing = Expected(samples=len(pairing.candidate.table.samples), rules=len(stakes))
    margins = [stake for stake in stakes if stake.rule.margin is not None]
    bets = [bet for stake in margins if (bet := _bet(pairing, stake, len(stakes))) is not None]
    if not bets:
        return {}, nothing.model_copy(update={"note": _why_none(stakes)})
    equal, whole_equal = _tried(pairing, bets, planted=False)
    worse, whole_worse = _tried(pairing, bets, planted=True)
    each = {
        (bet.rule.metric, bet.rule.slice): Expected(samples=len(bet.scores.a), equal=same, worse=lost)
        for bet, same, lost in zip(bets, equal, worse, strict=True)
    }
    waiting = [f"{name_of(stake.rule)} ({stake.why_not})" for stake in stakes if stake.why_not]
    whole: dict[str, object] = {"equal": whole_equal, "worse": whole_worse}
    if waiting:
        note = f"PASS takes the whole run, for {'; '.join(dict.fromkeys(waiting))}"
        whole = {"equal": float(nothing.samples), "note": note}
    elif len(bets) < len(stakes):
        whole = {
            "note": "with `min` or `max`, or runs that scored alike, nothing is known of all rules together"
        }
    return each, nothing.model_copy(update=whole)


def _bet(pairing: Pairing, stake: Stake, cells: int) -> _Bet | None:
    rule = stake.rule
    if rule.metric not in pairing.metrics or stake.why_not or rule.margin is None:
        return None
    record = pairing.candidate.table.columns[rule.metric].record
    scores = scores_of(pairing, rule.metric, rule.slice)
    if record.low is None or record.high is None or scores.clusters < 2:
        return None
    if np.array_equal(scores.a, scores.b):
        return None
    return _Bet(rule, rule.margin / (record.high - record.low), cells, scores)


def _why_none(stakes: Sequence[Stake]) -> str:
    reasons = [f"{name_of(stake.rule)} ({stake.why_not})" for stake in stakes if stake.why_not]
    return f"no rule could end a run early: {'; '.join(reasons)}" if reasons else ""


def _tried(
    pairing: Pairing, bets: Sequence[_Bet], *, planted: bool
) -> tuple[list[float | None], float | None]:
    """Return the mean number of cases of each bet, and of samples of all of them together."""
    clusters = pairing.candidate.table.clusters
    groups = int(clusters.max()) + 1
    sizes = np.bincount(clusters, minlength=groups)
    rng = np.random.default_rng(SEED)
    trials = min(max(BUDGET // (groups * len(bets)), FEWEST), MOST) // ORDERS
    possible = [not planted or bet.chance <= 1 for bet in bets]
    used: list[list[Floats]] = [[] for _ in bets]
    whole: list[Floats] = []
    for _ in range(ORDERS):
        rank = rng.permutation(groups)
        coins, luck = rng.random((groups, trials)) < 0.5, rng.random((groups, trials))
        passing, failing = np.zeros(trials, dtype=np.int64), np.full(trials, groups)
        for bet, can, cases in zip(bets, possible, used, strict=True):
            if not can:
                continue
            passes, fails, decided = bet.crossed(rank, coins, luck < bet.chance if planted else None)
            cases.append(decided.astype(np.float64))
            passing = np.maximum(passing, passes)
            failing = np.minimum(failing, np.where(fails < passes, fails, groups))
        seen = np.cumsum(sizes[np.argsort(rank)])
        ends = np.minimum(np.minimum(passing, failing), groups - 1)
        whole.append(seen[ends].astype(np.float64))
    each = [float(np.concatenate(cases).mean()) if cases else None for cases in used]
    return each, float(np.concatenate(whole).mean()) if all(possible) else None
