"""Does the gate keep its word on this set? Tried out on the user's own stored answers.

No change: for each group a coin says which of two runs counts as the new one, so that both are equally
good by construction, and whatever the gate then calls worse is a false alarm. Planted losses: on top of that,
the new one's scores of some groups, drawn by chance, become the worst there are, so many that the mean
falls by what was chosen. The gate's own functions decide (promptops.stats.decision).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.analysis.comparison import Pairing
from promptops.analysis.grid import Grid
from promptops.analysis.summary import Bools, Floats
from promptops.gate.cells import name_of
from promptops.gate.decision import spread
from promptops.gate.planting import disturbed, scores_of
from promptops.gate.rules import GateRule
from promptops.gate.stopping import parts_of
from promptops.noun import Noun
from promptops.stats import decision
from promptops.stats.intervals import wilson_interval
from promptops.types import EvalSet

TRIALS = 2000
CORPUS_TRIALS = 200
"""A bootstrap in each trial: fewer of them."""
BLOCK = 500
"""Trials that are decided in one go."""
BLOCK_IN_ORDER = 50
"""The same where they share an order of groups, which is drawn anew for each block."""
LITTLE = 0.9
"""An early stop that takes more than this share of the cases saves little."""
SIZES = (0.0, 0.5, 1.0, 2.0)
"""Planted losses, in margins."""


class Share(Noun):
    """How often something came out, with a Wilson interval of 95 %."""

    share: float
    low: float
    high: float


class Trial(Noun):
    """What the gate said of one rule at one planted loss, over all trials."""

    metric: str
    slice: str | None
    source: Literal["swapped", "repeats"]
    """Whether two runs' answers were swapped by coins, or one run's repeats split into two halves."""
    margin: float
    loss: float
    """The planted loss, in the metric's unit; for corpus metrics the mean of what came of it."""
    margins: float
    """The same in margins, as it was aimed at."""
    n: int
    clusters: int
    trials: int
    passed: Share
    failed: Share
    inconclusive: Share
    promise: str
    """What these shares should be, in words; empty where nothing is promised."""
    kept: bool | None
    """Whether the measured share can be reconciled with the promise; None where nothing is promised."""
    cases: float | None = None
    """The mean number of cases after which the rule was certain; None for a gate that uses all."""


class SelfTest(Noun):
    """How often the gate was wrong, and how often it saw, on a set's own answers."""

    evalset: str
    runs: tuple[str, str]
    seed: int
    trials: tuple[Trial, ...]
    left_out: tuple[str, ...]
    """Rules that could not be tried, and why."""
    early_stop: bool = False
    """Whether the gate was one that stops as soon as it is certain."""


@dataclass(frozen=True)
class _Gate:
    """One rule as it decides trials: with all cases, or as soon as bets are certain."""

    rule: GateRule
    margin: float
    """On a range of 1."""
    cells: int
    """How many tests for harm the whole gate makes."""
    early: bool

    @property
    def block(self) -> int:
        return BLOCK_IN_ORDER if self.early else BLOCK

    def decide(
        self, d: Floats, groups: npt.NDArray[np.int64], weights: Floats, largest: float
    ) -> decision.Stopped:
        alpha, exact = self.rule.alpha, self.rule.exact
        if self.early:
            return decision.decide_early(
                d,
                self.margin,
                groups,
                alpha=alpha,
                cells=self.cells,
                weights=weights,
                largest=largest,
                exact=exact,
            )
        outcome = decision.decide(d, self.margin, groups, alpha=alpha, weights=weights, exact=exact)
        return _unstopped(outcome, len(d))


def self_test(
    pairing: Pairing,
    evalset: EvalSet,
    grid: Grid | None = None,
    *,
    trials: int,
    seed: int,
    early_stop: bool = False,
) -> SelfTest:
    """Try out every rule with a margin; the same seed gives the same figures.

    `grid` holds a run's repeats where it has several: two halves of them are the same version, too. With
    `early_stop` each rule is decided as soon as it is certain, as one of all the gate's rules.
    """
    found: list[Trial] = []
    left_out: list[str] = []
    rules = spread(evalset.gate, evalset.samples, evalset.slices)[0]
    cells = len(parts_of(rules))
    for number, rule in enumerate(rules):
        name = name_of(rule)
        if rule.margin is None:
            continue
        if rule.estimand == "suite":
            left_out.append(f"{name}: it is about these very samples, which no coin can draw anew")
            continue
        if rule.corrected:
            left_out.append(f"{name}: it hangs on people's ratings, which no coin can draw anew")
            continue
        if rule.metric not in pairing.metrics:
            left_out.append(f"{name}: it was not measured in both runs")
            continue
        record = pairing.candidate.table.columns[rule.metric].record
        rng = np.random.default_rng([seed, number])
        if record.corpus:
            done = _corpus_trials(pairing, rule, min(trials, CORPUS_TRIALS), rng)
            # No bet can be placed on it, so it takes the whole run.
            found += [_with_cases(trial, trial.n) for trial in done] if early_stop else done
        elif record.low is None or record.high is None:
            left_out.append(f"{name}: it has no range")
        else:
            gate = _Gate(rule, rule.margin / (record.high - record.low), cells, early_stop)
            tried = _mean_trials(pairing, gate, trials, rng)
            if isinstance(tried, str):
                left_out.append(f"{name}: {tried}")
                continue
            found += tried
            if grid is not None:
                found += _split_trials(pairing, grid, gate, record.high - record.low, trials, rng)
    runs = (pairing.baseline.run.id, pairing.candidate.run.id)
    return SelfTest(
        evalset=evalset.name,
        runs=runs,
        seed=seed,
        trials=tuple(found),
        left_out=tuple(left_out),
        early_stop=early_stop,
    )


def _mean_trials(pairing: Pairing, gate: _Gate, trials: int, rng: np.random.Generator) -> list[Trial] | str:
    rule = gate.rule
    scores = scores_of(pairing, rule.metric, rule.slice)
    if scores.clusters < 2:
        return "it needs two groups at least"
    if np.array_equal(scores.a, scores.b):
        return "both runs have the same scores, so there is no noise to try the gate with"
    found: list[Trial] = []
    for size in SIZES:
        loss = size * gate.margin
        if loss > scores.level:
            continue  # so much can't be lost: the scores are too low already
        done: list[decision.Stopped] = []
        for start in range(0, trials, gate.block):
            asked = scores.in_order(rng.permutation(scores.clusters)) if gate.early else scores
            coins = rng.random((scores.clusters, min(gate.block, trials - start))) < 0.5
            spoilt = rng.random(coins.shape) < loss / scores.level if size else None
            d = asked.changes(coins, spoilt)
            done.append(gate.decide(d, asked.groups, asked.weights, scores.largest))
        lost = loss * (rule.margin or 0.0) / gate.margin
        found.append(_trial(gate, _joined(done), size, lost, len(scores.a), scores.clusters))
    return found


def _split_trials(
    pairing: Pairing, grid: Grid, gate: _Gate, scale: float, trials: int, rng: np.random.Generator
) -> list[Trial]:
    """Hold one half of a run's repeats against the other: each case's answers are dealt out anew."""
    rule, table = gate.rule, pairing.candidate.table
    own = grid.scores[rule.metric].own
    used = table.mask(rule.slice) & np.isfinite(own).all(axis=1)
    values, half, weights = own[used] / scale, own.shape[1] // 2, table.weights[used]
    _, groups = np.unique(table.clusters[used], return_inverse=True)
    clusters = int(groups.max(initial=-1)) + 1
    if half < 1 or clusters < 2 or np.ptp(values, axis=1).max() == 0:
        return []
    sign = 1.0 if pairing.candidate.table.columns[rule.metric].record.higher_is_better else -1.0
    largest = float(np.bincount(groups, weights=weights).max())
    done: list[decision.Stopped] = []
    for start in range(0, trials, gate.block):
        places = np.arange(len(values))
        if gate.early:
            places = np.argsort(rng.permutation(clusters)[groups], kind="stable")
        d = np.empty((len(values), min(gate.block, trials - start)))
        for column in d.T:
            dealt = rng.permuted(values, axis=1)
            column[:] = sign * (dealt[:, :half].mean(axis=1) - dealt[:, half : 2 * half].mean(axis=1))
        done.append(gate.decide(d[places], groups[places], weights[places], largest))
    return [_trial(gate, _joined(done), 0.0, 0.0, len(values), clusters, source="repeats")]


def _corpus_trials(pairing: Pairing, rule: GateRule, trials: int, rng: np.random.Generator) -> list[Trial]:
    """Try a corpus metric: both runs' counts are swapped or spoilt, and the cell is made anew each time."""
    table = pairing.candidate.table
    used = table.mask(rule.slice)
    _, groups = np.unique(table.clusters, return_inverse=True)
    figure = pairing.cell(rule.metric, rule.slice, rule.alpha).delta
    level = abs((figure.baseline or 0.0) + (figure.candidate or 0.0)) / 2
    margin = rule.margin or 0.0
    gate = _Gate(rule, margin, cells=1, early=False)
    found: list[Trial] = []
    for size in SIZES:
        share = size * margin / level if level else 0.0
        if share >= 1.0:
            continue
        outcomes, losses = np.zeros(trials, dtype=np.intp), np.zeros(trials)
        for place in range(trials):
            coins = (rng.random(groups.max() + 1) < 0.5)[groups]
            spoilt = (rng.random(groups.max() + 1) < share)[groups] & used
            delta = (
                disturbed(pairing, rule.metric, coins, spoilt).cell(rule.metric, rule.slice, rule.alpha).delta
            )
            sign = 1.0 if delta.higher_is_better else -1.0
            low, high = sorted((sign * (delta.low or 0.0), sign * (delta.high or 0.0)))
            few = delta.clusters < decision.SMALL
            outcomes[place] = decision.INCONCLUSIVE if few else int(decision.settle(low, high, margin))
            losses[place] = -sign * (delta.difference or 0.0)
        clusters = len(np.unique(groups[used]))
        n = int(used.sum())
        done = _unstopped(outcomes, n)
        found.append(_trial(gate, done, size, float(losses.mean()), n, clusters))
    return found


def _unstopped(outcome: npt.NDArray[np.intp], n: int) -> decision.Stopped:
    return decision.Stopped(outcome, np.full(len(outcome), n), np.zeros(len(outcome), dtype=bool))


def _joined(blocks: Sequence[decision.Stopped]) -> decision.Stopped:
    return decision.Stopped(
        np.concatenate([block.outcome for block in blocks]),
        np.concatenate([block.cases for block in blocks]),
        np.concatenate([block.early for block in blocks]),
    )


def _with_cases(trial: Trial, cases: float) -> Trial:
    return trial.model_copy(update={"cases": float(cases)})


def _trial(
    gate: _Gate,
    done: decision.Stopped,
    size: float,
    loss: float,
    n: int,
    clusters: int,
    *,
    source: Literal["swapped", "repeats"] = "swapped",
) -> Trial:
    rule, outcomes = gate.rule, done.outcome
    passed, failed = _share(outcomes == decision.PASS), _share(outcomes == decision.FAIL)
    promise, kept = "", None
    if size == 0.0:
        promise, kept = f"FAIL in {rule.alpha:.0%} at most", failed.low <= rule.alpha
    elif size >= 1.0 and loss >= 0.999 * (rule.margin or 0.0):
        promise, kept = f"PASS in {rule.alpha:.0%} at most", passed.low <= rule.alpha
    return Trial(
        metric=rule.metric,
        slice=rule.slice,
        source=source,
        margin=rule.margin or 0.0,
        loss=loss,
        margins=size,
        n=n,
        clusters=clusters,
        trials=len(outcomes),
        passed=passed,
        failed=failed,
        inconclusive=_share(outcomes == decision.INCONCLUSIVE),
        promise=promise,
        kept=kept,
        cases=float(done.cases.mean()) if gate.early else None,
    )


def _share(hits: Bools) -> Share:
    found = wilson_interval(int(hits.sum()), len(hits))
    return Share(share=float(hits.mean()), low=found.low, high=found.high)


def verdict(found: SelfTest) -> str:
    """Say in one sentence whether the gate kept its promises."""
    broken = [trial for trial in found.trials if trial.kept is False]
    if not found.trials:
        return "No rule could be tried out."
    if broken:
        names = ", ".join(_names(broken))
        return f"The gate was wrong more often than it promises on {names}: look at the table."
    seen = [trial for trial in found.trials if trial.margins == 2.0]
    weak = [trial for trial in seen if trial.failed.share < 0.8]
    told = "The gate kept its promises: it was not wrong more often than it says."
    if weak:
        told += f" It is weak on {', '.join(_names(weak))}: a loss of two margins is often not found."
    elif seen:
        told += " A loss of two margins is found in 80 % or more of the trials."
    return " ".join([told, *_savings(found)])


def _savings(found: SelfTest) -> list[str]:
    """Say for each rule how many cases an early stop takes."""
    by_rule: dict[str, dict[float, Trial]] = {}
    for trial in found.trials:
        if trial.source == "swapped" and trial.cases is not None:
            by_rule.setdefault(_name(trial), {})[trial.margins] = trial
    told = []
    for name, trials in by_rule.items():
        equal, worse = trials.get(0.0), trials.get(2.0)
        if equal is None or equal.cases is None:
            continue
        where = f" on {name}" if len(by_rule) > 1 else ""
        if equal.cases == equal.n and worse is not None and worse.cases == equal.n:
            told.append(f"An early stop saves nothing{where}.")
            continue
        start = f"With an early stop{where} "
        if worse is None or worse.cases is None:
            start += f"an equal version takes {equal.cases:.0f} of {equal.n} samples on average"
        else:
            start += (
                f"a loss of two margins takes {worse.cases:.0f} of {equal.n} samples on average; "
                f"an equal version takes {equal.cases:.0f}"
            )
        told.append(start + (": it saves little there." if equal.cases > LITTLE * equal.n else "."))
    return told


def _names(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(map(_name, trials)))


def _name(trial: Trial) -> str:
    return f"{trial.metric} on {trial.slice!r}" if trial.slice else trial.metric
