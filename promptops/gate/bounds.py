"""The bounds by which a gate rule is decided: at the end of a fixed run, by bets, or by both together.

A run that may stop early spends a fifth of alpha on bets that are looked at after every group, and the rest
on the bound at its end. What both say together is their intersection, and the smaller of their p-values, each
on the scale of its share (union bound): so one table, one Holm correction and one verdict hold for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptops.analysis.comparison import BETS, Cell, Pairing, with_bets
from promptops.analysis.grid import Grid, with_worst
from promptops.analysis.summary import RESAMPLES, Floats
from promptops.gate.rules import GateRule
from promptops.gate.stopping import Ints, Series, Stake, drawn, levels, series_of, stakes_of
from promptops.stats.clusters import TooFewClustersError
from promptops.stats.decision import EARLY_SHARE, SMALL, bets_alpha, end_alpha
from promptops.stats.power import smallest_margin
from promptops.stats.sequential import BetBounds, bet_bounds, e_above
from promptops.stats.student import t_cdf, t_sf
from promptops.stats.variance import NoRepeatsError, suite_interval
from promptops.types import Estimate, Outcome, Sample
from promptops.verdicts import Delta, Stopping

_LEAST_P = 1e-12
_CLOSE = 1.001
"""A p-value that is found by trying levels is this close, in proportion."""

Figure = Callable[[float], Estimate]
"""A run's figure with the interval whose ends are each wrong with probability alpha."""


@dataclass(frozen=True)
class Early:
    """What is known of a run that may stop early: its order, and whether it did."""

    rank: Ints
    """(n,) the place of each sample's group in the order that was drawn."""
    stopped: bool


def early_of(stopping: Stopping | None, samples: Sequence[Sample]) -> tuple[Ints, Early | None] | None:
    """Return where the samples stand on which a verdict that came early stands; None for any other.

    With them comes their order where bets ended the run, so that they alone may tell bounds.
    """
    if stopping is None or not stopping.stopped:
        return None
    rank = drawn(samples, stopping.seed)
    places = np.sort(np.argsort(rank, kind="stable")[: stopping.samples])
    return places, Early(rank[places], stopped=True) if stopping.by_bets else None


def bare_evidence(
    pairing: Pairing, label: str, names: Sequence[str | None], samples: Sequence[Sample], early: Early
) -> list[Cell]:
    """Return a metric's change on slices of a run that stopped when it suited: only bets may tell bounds.

    `samples` are all of the set's. Where no bet can be placed there are no bounds.
    """
    record = pairing.candidate.table.columns[label].record
    asked = [GateRule(metric=label, slice=name, margin=1.0) for name in names]
    stakes = stakes_of(asked, samples, {label: record})
    return [change_evidence(pairing, rule, stake, early) for rule, stake in zip(asked, stakes, strict=True)]


def change_evidence(
    pairing: Pairing,
    rule: GateRule,
    stake: Stake,
    early: Early | None = None,
    grids: tuple[Grid, Grid] | None = None,
) -> Cell:
    """Return the change that a rule with a margin is about, with the bounds that decide it."""
    if rule.estimand == "suite" and not (early is not None and early.stopped):
        return _suite(pairing, rule, grids)
    cell = pairing.cell(rule.metric, rule.slice, rule.alpha)
    if early is not None and early.stopped and stake.why_not:
        return replace(cell, delta=unbound(cell.delta), p_harm=None, strict=None)
    column = pairing.candidate.table.columns[rule.metric]
    low, high = column.record.low, column.record.high
    if stake.why_not or low is None or high is None or cell.delta.clusters < 2:
        return cell

    def by_bets(alpha: float) -> Cell:
        return _by_bets(cell, high - low, stake, early, alpha, column.failed)

    if rule.exact:
        return by_bets(rule.alpha)
    if early is None:
        return cell
    bets = by_bets(bets_alpha(rule.alpha))
    if early.stopped:
        return replace(bets, p_harm=_shared(bets.p_harm, EARLY_SHARE))
    return _joined(pairing.cell(rule.metric, rule.slice, end_alpha(rule.alpha)), bets, rule.alpha)


def level_evidence(
    pairing: Pairing, rule: GateRule, stake: Stake, early: Early | None, figure: Figure
) -> tuple[Estimate, float | None]:
    """Return the candidate's own figure with the interval that decides, and the p-value of a broken bound.

    That is None where no bound is broken. Under SMALL groups bets decide, as they do of a change.
    """
    series = None if stake.why_not else levels(pairing, rule)
    if series is None:
        found = figure(rule.alpha)
        if early is not None and early.stopped:
            return found.model_copy(update={"low": None, "high": None}), None
        return found, _p_broken(found, rule, lambda: _p_of_interval(figure, rule, stake))
    bench = _Bench(pairing, stake, series, early, figure)
    if rule.exact:
        return bench.decided(rule.alpha, ever=early is not None)
    end = figure
    if len(np.unique(pairing.candidate.table.clusters[series.places])) < SMALL:
        end = bench.at_the_end
    if early is None:
        found = end(rule.alpha)
        return found, _p_broken(found, rule, lambda: _p_of_interval(end, rule, stake))
    bets, p_bets = bench.decided(bets_alpha(rule.alpha), ever=True)
    p_bets = None if p_bets is None else min(1.0, p_bets / EARLY_SHARE)
    if early.stopped:
        return bets, p_bets
    last = end(end_alpha(rule.alpha))
    lows, highs = (
        [x for x in ends if x is not None] for ends in ((last.low, bets.low), (last.high, bets.high))
    )
    joined = bets.model_copy(update={"low": max(lows), "high": min(highs), "level": 1.0 - 2.0 * rule.alpha})

    def p_of_both() -> float:
        p_end = _p_of_interval(end, rule, stake) / (1 - EARLY_SHARE)
        return min(1.0, p_end, 1.0 if p_bets is None else p_bets)

    return joined, _p_broken(joined, rule, p_of_both)


def kept(found: Estimate, rule: GateRule) -> Outcome:
    """Return whether a whole interval keeps a rule's `min` and `max`, or breaks one of them."""
    if found.low is None or found.high is None:
        return "INCONCLUSIVE"
    above = rule.min is None or found.low >= rule.min
    below = rule.max is None or found.high <= rule.max
    if above and below:
        return "PASS"
    under = rule.min is not None and found.high < rule.min
    return "FAIL" if under or (rule.max is not None and found.low > rule.max) else "INCONCLUSIVE"


def unbound(delta: Delta) -> Delta:
    """Return a change in a run that ended when it suited, where no bet tells its bounds."""
    unknown = dict.fromkeys(("low", "high", "strict_low", "p_value", "p_swap", "resolves"))
    return delta.model_copy(update={**unknown, "note": "no bounds: the run ended before all was asked"})


def _by_bets(
    cell: Cell, scale: float, stake: Stake, early: Early | None, alpha: float, failed: Floats
) -> Cell:
    """Return the cell with bounds by bets alone, and so its strict twin."""

    def bet(one: Cell) -> Cell:
        at = replace(one, delta=one.delta.model_copy(update={"alpha": alpha}))
        if early is None or one.places is None:
            return with_bets(at, scale, largest=stake.largest)
        rank, silent = early.rank[one.places], failed[one.places] > 0
        return with_bets(at, scale, rank=rank, silent=silent, largest=stake.largest)

    return _with_strict(bet(cell), None if cell.strict is None else bet(cell.strict))


def _with_strict(cell: Cell, strict: Cell | None) -> Cell:
    if strict is None:
        return cell
    bound = strict.delta.low if cell.delta.higher_is_better else strict.delta.high
    return replace(cell, delta=cell.delta.model_copy(update={"strict_low": bound}), strict=strict)


def _joined(end: Cell, bets: Cell, alpha: float) -> Cell:
    """Return what the bound at the end and the bets before it say together."""
    a, b = end.delta, bets.delta
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return end
    delta = a.model_copy(
        update={
            "low": max(a.low, b.low),
            "high": min(a.high, b.high),
            "p_value": _smaller(a.p_value, b.p_value),
            "alpha": alpha,
            "method": f"{a.method} at {a.alpha:g}, {BETS} at {b.alpha:g}",
        }
    )
    joined = replace(end, delta=delta, p_harm=_smaller(end.p_harm, bets.p_harm), strict=None)
    if end.strict is None or bets.strict is None:
        return joined
    return _with_strict(joined, _joined(end.strict, bets.strict, alpha))


def _smaller(p_end: float | None, p_bets: float | None) -> float | None:
    both = (_shared(p_end, 1 - EARLY_SHARE), _shared(p_bets, EARLY_SHARE))
    return min((p for p in both if p is not None), default=None)


def _shared(p: float | None, share: float) -> float | None:
    """Return a p-value that may spend a share of alpha only, on the scale of the whole."""
    return None if p is None else min(1.0, p / share)


def _suite(pairing: Pairing, rule: GateRule, grids: tuple[Grid, Grid] | None) -> Cell:
    """Return the change on these very samples: its bounds speak of the noise between repeats alone."""
    cell = pairing.cell(rule.metric, rule.slice, rule.alpha)
    unknown = {"low": None, "high": None, "p_value": None, "resolves": None, "strict_low": None}
    bare = cell.delta.model_copy(update=unknown)
    plain = replace(cell, delta=bare, p_harm=None, strict=None)
    if grids is None or bare.difference is None or any(rule.metric not in grid.scores for grid in grids):
        return plain
    a, b = grids[0].scores[rule.metric].values, with_worst(grids[1], rule.metric)
    if b is None:
        return plain
    used = pairing.candidate.table.mask(rule.slice)
    used = used & np.isfinite(a).any(axis=1) & np.isfinite(b).any(axis=1)
    weights = pairing.candidate.table.weights[used]
    try:
        found = suite_interval(a[used], b[used], weights=weights, level=1 - 2 * rule.alpha)
    except (NoRepeatsError, TooFewClustersError) as error:
        note = (
            f"nothing is known of the noise on these very samples ({error}); ask each of them twice or more"
        )
        return replace(plain, delta=bare.model_copy(update={"note": f"{note}, in both runs: --repeats 3"}))
    reach = found.high - found.mean
    lower, upper = t_cdf(bare.difference / found.se, found.df), t_sf(bare.difference / found.se, found.df)
    delta = bare.model_copy(
        update={
            "low": bare.difference - reach,
            "high": bare.difference + reach,
            "p_value": min(lower, upper),
            "resolves": smallest_margin(found.se, rule.alpha),
            "method": "noise between repeats on these very samples (Welch-Satterthwaite t)",
        }
    )
    return replace(plain, delta=delta, p_harm=lower if bare.higher_is_better else upper)


@dataclass(frozen=True)
class _Bench:
    """A level and the bets on it."""

    pairing: Pairing
    stake: Stake
    series: Series
    early: Early | None
    figure: Figure

    def at_the_end(self, alpha: float) -> Estimate:
        """Return the figure with the interval that bets leave after the last group."""
        return self._between(alpha, ever=False)

    def decided(self, alpha: float, *, ever: bool) -> tuple[Estimate, float | None]:
        """Return the figure with the bets' interval, and the p-value of the bound that is most broken."""
        found = self._between(alpha, ever=ever)
        return found, _p_broken(found, self.stake.rule, lambda: self._p_by_bets(ever=ever))

    def _between(self, alpha: float, *, ever: bool) -> Estimate:
        record = self.pairing.candidate.table.columns[self.stake.rule.metric].record
        low, scale = record.low or 0.0, (record.high or 0.0) - (record.low or 0.0)
        plain = self._bounds(self.series.values, alpha, ever=ever)
        ends = [plain.low, plain.high]
        if ever:
            # An end that could only say "broken" counts answers that did not come as being at the bound.
            for claim in self.stake.failing:
                spoken = series_of(self.pairing, self.stake, claim)
                if spoken is not None and not np.array_equal(spoken.values, self.series.values):
                    kinder = self._bounds(spoken.values, alpha, ever=ever)
                    ends = [kinder.low, ends[1]] if claim.sign > 0 else [ends[0], kinder.high]
        update = {"low": low + scale * ends[0], "high": low + scale * ends[1], "level": 1.0 - 2.0 * alpha}
        return self.figure(alpha).model_copy(update=update)

    def _bounds(self, values: Floats, alpha: float, *, ever: bool) -> BetBounds:
        order, groups = self._order()
        return bet_bounds(
            values[order],
            groups,
            alpha,
            weights=self.series.weights[order],
            largest=self.stake.largest,
            ever=ever,
            low=0.0,
        )

    def _p_by_bets(self, *, ever: bool) -> float:
        order, groups = self._order()
        most = _LEAST_P
        for claim in self.stake.failing:
            spoken = series_of(self.pairing, self.stake, claim) if ever else self.series
            wealth = e_above(
                claim.sign * (spoken or self.series).values[order],
                claim.bound,
                groups,
                self.stake.largest,
                low=claim.low,
                weights=self.series.weights[order],
            )
            most = max(most, float(wealth.max() if ever else wealth[-1]))
        return min(1.0, len(self.stake.failing) / most)

    def _order(self) -> tuple[Ints, Ints]:
        """Return the samples in the order that counts, and the group of each."""
        if self.early is None:
            groups = self.pairing.candidate.table.clusters[self.series.places]
            return np.arange(len(groups)), groups
        rank = self.early.rank[self.series.places]
        order = np.argsort(rank, kind="stable")
        return order, rank[order]


def _p_broken(found: Estimate, rule: GateRule, p: Callable[[], float]) -> float | None:
    return p() if kept(found, rule) == "FAIL" else None


def _p_of_interval(figure: Figure, rule: GateRule, stake: Stake) -> float:
    """Return the smallest alpha at which the interval lies beyond a bound, times the bounds that there are.

    The dual of the interval; no smaller than what a bootstrap of so many resamples can tell.
    """
    sides = (rule.min is not None) + (rule.max is not None)
    least, most = 1.0 / (RESAMPLES + 1) if stake.why_not else _LEAST_P, 0.499
    if kept(figure(most), rule) != "FAIL":
        return 1.0
    if kept(figure(least), rule) == "FAIL":
        return sides * least
    while most / least > _CLOSE:
        middle = math.sqrt(least * most)
        least, most = (least, middle) if kept(figure(middle), rule) == "FAIL" else (middle, most)
    return min(1.0, sides * most)
