"""Does the gate keep its word on this set? Tried out on the user's own stored answers.

No change: for each group a coin says which of two runs counts as the new one, so that both are equally
good by construction, and whatever the gate then calls worse is a false alarm. Planted losses: on top of that,
the new one's scores of some groups, drawn by chance, become the worst there are, so many that the mean
falls by what was chosen. The gate's own functions decide (promptops.stats.decision).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from promptops.comparison import Pairing
from promptops.gate import spread
from promptops.grid import Grid
from promptops.stats import decision
from promptops.stats.intervals import wilson_interval
from promptops.summary import Bools, Column, Floats, Tally, sample_values, slice_mask
from promptops.types import EvalSet, GateRule, Noun

TRIALS = 2000
CORPUS_TRIALS = 200
"""A bootstrap in each trial: fewer of them."""
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


class SelfTest(Noun):
    """How often the gate was wrong, and how often it saw, on a set's own answers."""

    evalset: str
    runs: tuple[str, str]
    seed: int
    trials: tuple[Trial, ...]
    left_out: tuple[str, ...]
    """Rules that could not be tried, and why."""


@dataclass(frozen=True)
class _Scores:
    """Both runs' scores on a range of 1, higher is better, of the cases that both have."""

    a: Floats
    b: Floats
    groups: np.ndarray[tuple[int], np.dtype[np.int64]]
    weights: Floats


def self_test(
    pairing: Pairing, evalset: EvalSet, grid: Grid | None = None, *, trials: int, seed: int
) -> SelfTest:
    """Try out every rule with a margin; the same seed gives the same figures.

    `grid` holds a run's repeats where it has several: two halves of them are the same version, too.
    """
    found: list[Trial] = []
    left_out: list[str] = []
    for number, rule in enumerate(spread(evalset.gate, evalset.samples, evalset.slices)[0]):
        name = f"{rule.metric} on {rule.slice!r}" if rule.slice else rule.metric
        if rule.margin is None:
            continue
        if rule.estimand == "suite":
            left_out.append(f"{name}: it is about these very samples, which no coin can draw anew")
            continue
        if rule.metric not in pairing.metrics:
            left_out.append(f"{name}: it was not measured in both runs")
            continue
        record = pairing.candidate.table.columns[rule.metric].record
        rng = np.random.default_rng([seed, number])
        if record.corpus:
            found += _corpus_trials(pairing, rule, min(trials, CORPUS_TRIALS), rng)
        elif record.low is None or record.high is None:
            left_out.append(f"{name}: it has no range")
        else:
            done = _mean_trials(pairing, rule, record.high - record.low, trials, rng)
            if isinstance(done, str):
                left_out.append(f"{name}: {done}")
            else:
                found += done
            if grid is not None and not isinstance(done, str):
                found += _split_trials(pairing, grid, rule, record.high - record.low, trials, rng)
    runs = (pairing.baseline.run.id, pairing.candidate.run.id)
    return SelfTest(evalset=evalset.name, runs=runs, seed=seed, trials=tuple(found), left_out=tuple(left_out))


def _mean_trials(
    pairing: Pairing, rule: GateRule, scale: float, trials: int, rng: np.random.Generator
) -> list[Trial] | str:
    scores = _scores(pairing, rule)
    margin = (rule.margin or 0.0) / scale
    clusters = int(scores.groups.max(initial=-1)) + 1
    if clusters < 2:
        return "it needs two groups at least"
    if np.array_equal(scores.a, scores.b):
        return "both runs have the same scores, so there is no noise to try the gate with"
    level = float(np.average((scores.a + scores.b) / 2, weights=scores.weights))
    found: list[Trial] = []
    for size in SIZES:
        loss = size * margin
        if loss > level:
            continue  # so much can't be lost: the scores are too low already
        outcomes = []
        for start in range(0, trials, 500):
            coins = rng.random((clusters, min(500, trials - start))) < 0.5
            swapped = coins[scores.groups]
            before = np.where(swapped, scores.b[:, None], scores.a[:, None])
            after = np.where(swapped, scores.a[:, None], scores.b[:, None])
            spoilt = (
                (rng.random(coins.shape) < loss / level)[scores.groups] if size else np.zeros_like(swapped)
            )
            d = np.where(spoilt, 0.0, after) - before
            outcomes.append(
                decision.decide(
                    d, margin, scores.groups, alpha=rule.alpha, weights=scores.weights, exact=rule.exact
                )
            )
        found.append(_trial(rule, np.concatenate(outcomes), size, loss * scale, len(scores.a), clusters))
    return found


def _split_trials(
    pairing: Pairing, grid: Grid, rule: GateRule, scale: float, trials: int, rng: np.random.Generator
) -> list[Trial]:
    """Hold one half of a run's repeats against the other: each case's answers are dealt out anew."""
    table = pairing.candidate.table
    own = grid.scores[rule.metric].own
    used = slice_mask(table.samples, rule.slice) & np.isfinite(own).all(axis=1)
    values, half = own[used] / scale, own.shape[1] // 2
    _, groups = np.unique(table.clusters[used], return_inverse=True)
    if half < 1 or len(np.unique(groups)) < 2 or np.ptp(values, axis=1).max() == 0:
        return []
    sign = 1.0 if pairing.candidate.table.columns[rule.metric].record.higher_is_better else -1.0
    outcomes = []
    for _ in range(trials):
        dealt = rng.permuted(values, axis=1)
        d = sign * (dealt[:, :half].mean(axis=1) - dealt[:, half : 2 * half].mean(axis=1))
        margin = (rule.margin or 0.0) / scale
        outcomes.append(
            int(
                decision.decide(
                    d, margin, groups, alpha=rule.alpha, weights=table.weights[used], exact=rule.exact
                )
            )
        )
    clusters = int(groups.max()) + 1
    return [_trial(rule, np.array(outcomes), 0.0, 0.0, len(values), clusters, source="repeats")]


def _scores(pairing: Pairing, rule: GateRule) -> _Scores:
    a, b = (side.table.columns[rule.metric] for side in (pairing.baseline, pairing.candidate))
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    used = slice_mask(table.samples, rule.slice) & a.scored & b.scored
    low, high = a.record.low or 0.0, a.record.high or 1.0
    first, second = ((sample_values(column, metric)[used] - low) / (high - low) for column in (a, b))
    if not a.record.higher_is_better:
        first, second = 1.0 - first, 1.0 - second
    _, groups = np.unique(table.clusters[used], return_inverse=True)
    return _Scores(first, second, groups, table.weights[used])


def _corpus_trials(pairing: Pairing, rule: GateRule, trials: int, rng: np.random.Generator) -> list[Trial]:
    """Try a corpus metric: both runs' counts are swapped or spoilt, and the cell is made anew each time."""
    table = pairing.candidate.table
    used = slice_mask(table.samples, rule.slice)
    _, groups = np.unique(table.clusters, return_inverse=True)
    figure = pairing.cell(rule.metric, rule.slice, rule.alpha).delta
    level = abs((figure.baseline or 0.0) + (figure.candidate or 0.0)) / 2
    margin = rule.margin or 0.0
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
                _disturbed(pairing, rule.metric, coins, spoilt)
                .cell(rule.metric, rule.slice, rule.alpha)
                .delta
            )
            sign = 1.0 if delta.higher_is_better else -1.0
            low, high = sorted((sign * (delta.low or 0.0), sign * (delta.high or 0.0)))
            outcomes[place] = int(decision.settle(low, high, margin))
            losses[place] = -sign * (delta.difference or 0.0)
        clusters = len(np.unique(groups[used]))
        found.append(_trial(rule, outcomes, size, float(losses.mean()), int(used.sum()), clusters))
    return found


def _disturbed(pairing: Pairing, label: str, coins: Bools, spoilt: Bools) -> Pairing:
    a, b = (side.table.columns[label] for side in (pairing.baseline, pairing.candidate))
    first, second = _mixed(a, b, coins), _mixed(b, a, coins)
    # An answer that is missing counts as the worst one, which is what is planted.
    second = replace(second, failed=np.where(spoilt, 1.0, second.failed), scored=second.scored & ~spoilt)
    sides = [
        replace(side, table=_with(side.table, label, column))
        for side, column in ((pairing.baseline, first), (pairing.candidate, second))
    ]
    return replace(pairing, baseline=sides[0], candidate=sides[1])


def _mixed(one: Column, other: Column, coins: Bools) -> Column:
    return replace(
        one,
        counts=np.where(coins[:, None], other.counts, one.counts),
        scored=np.where(coins, other.scored, one.scored),
        failed=np.where(coins, other.failed, one.failed),
        unscored=np.where(coins, other.unscored, one.unscored),
        blank=np.where(coins, other.blank, one.blank),
    )


def _with(table: Tally, label: str, column: Column) -> Tally:
    return replace(table, columns={**table.columns, label: column})


def _trial(
    rule: GateRule,
    outcomes: np.ndarray[tuple[int], np.dtype[np.intp]],
    size: float,
    loss: float,
    n: int,
    clusters: int,
    *,
    source: Literal["swapped", "repeats"] = "swapped",
) -> Trial:
    passed, failed = _share(outcomes == decision.PASS), _share(outcomes == decision.FAIL)
    promise, kept = "", None
    if size == 0.0:
        promise, kept = f"FAIL in {rule.alpha:.0%} at most", failed.low <= rule.alpha
    elif size >= 1.0:
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
    return told


def _names(trials: Sequence[Trial]) -> list[str]:
    return list(
        dict.fromkeys(f"{each.metric} on {each.slice!r}" if each.slice else each.metric for each in trials)
    )
