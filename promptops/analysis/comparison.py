"""Two runs on the same samples: what changed, by how much, and how sure that is.

Everything is paired by sample. A candidate that gave no answer counts as the worst value; a baseline
that gave none drops the pair; a score that the instrument could not give drops it too and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from promptops.analysis.summary import RESAMPLES, SEED, Bools, Column, Floats, Side, sample_values
from promptops.errors import NotComparable
from promptops.gate.filled import with_missing
from promptops.metrics import Metric
from promptops.stats import bootstrap
from promptops.stats.corpus import corpus_bound
from promptops.stats.decision import SMALL
from promptops.stats.paired import p_above, p_below, terminal_bound
from promptops.stats.power import smallest_margin
from promptops.stats.resampling import swap_test
from promptops.stats.sequential import bet_bounds
from promptops.types import MetricRecord, Sample
from promptops.verdicts import Delta

Ints: TypeAlias = npt.NDArray[np.int64]

BETS = "bets on each group (e-process)"
"""The method of bounds that are exact at any number of cases."""


@dataclass(frozen=True)
class Cell:
    """One metric on one slice, paired and ready for a test."""

    delta: Delta
    d: Floats | None
    """(n,) differences, higher is better, as a share of the range; None where there is no range."""
    clusters: Ints
    p_harm: float | None
    unscored_share: float
    weights: Floats | None = None
    """(n,) the samples' weights, beside d."""
    places: npt.NDArray[np.intp] | None = None
    """(n,) where the samples of d stand in the set."""
    strict: Cell | None = None
    """The same with each missing baseline at its best; None where none is missing or no best is known."""


@dataclass(frozen=True)
class Pairing:
    """Two sides that may be compared."""

    baseline: Side
    candidate: Side
    metrics: Mapping[str, Metric]
    _cells: dict[tuple[str, str | None, float], Cell] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def cell(self, label: str, name: str | None = None, alpha: float = 0.05) -> Cell:
        """Return the paired change of one metric on the whole set or on a slice; worked out once.

        Bounds are one-sided at `alpha` each: the gate's own [L, U].
        """
        key = (label, name, alpha)
        if key not in self._cells:
            mask = self.candidate.table.mask(name)
            self._cells[key] = self.cell_of(label, mask, name, alpha)
        return self._cells[key]

    def cell_of(self, label: str, mask: Bools, name: str | None, alpha: float = 0.05) -> Cell:
        """Return the paired change of one metric on any samples: a mask (n,), and what to call them."""
        a, b = self.baseline.table.columns[label], self.candidate.table.columns[label]
        samples, metric = self.candidate.table.samples, self.metrics[label]
        usable = mask & a.scored & (b.scored | (b.failed > 0))
        lost = mask & ~a.scored & (a.failed > 0)
        unscored = mask & (a.unscored | b.unscored) & ~lost
        blank = self.blank(label)
        clusters = self.candidate.table.clusters[usable]
        facts = Delta(
            label=label,
            slice=name,
            baseline=None,
            candidate=None,
            difference=None,
            n=int(usable.sum()),
            clusters=_number_of(clusters),
            baseline_missing=int((mask & (a.failed > 0)).sum()),
            candidate_missing=int((mask & (b.failed > 0)).sum()),
            unscored=int(unscored.sum()),
            alpha=alpha,
            higher_is_better=b.record.higher_is_better,
        )
        share = float(blank[mask].mean()) if mask.any() else 0.0
        sides = self._of(label, usable, a.counts) if facts.n else None
        if facts.n == 0:
            cell = Cell(facts, None, clusters, None, share)
        elif sides is None:
            note = "a missing answer has no worst value in this metric: no figure"
            return Cell(facts.model_copy(update={"note": note}), None, clusters, None, share)
        else:
            cell = replace(_cell(facts, sides, alpha, share), places=np.flatnonzero(usable))
        if not facts.baseline_missing:
            return cell
        best = with_missing(a, metric, samples, mask, best=True)
        used = mask & (a.scored | (a.failed > 0)) & (b.scored | (b.failed > 0))
        harder = None if best is None or not used.any() else self._of(label, used, best)
        if harder is None:
            return cell
        strict = _cell(
            facts.model_copy(update={"clusters": _number_of(harder.clusters)}), harder, alpha, share
        )
        bound = strict.delta.low if facts.higher_is_better else strict.delta.high
        strict = replace(strict, places=np.flatnonzero(used))
        return replace(cell, delta=cell.delta.model_copy(update={"strict_low": bound}), strict=strict)

    def fell(self, label: str, name: str | None) -> bool | None:
        """Tell whether a metric is worse on a slice, without bounds; None where they can't be had."""
        a, b = self.baseline.table.columns[label], self.candidate.table.columns[label]
        usable = self.candidate.table.mask(name) & a.scored & (b.scored | (b.failed > 0))
        sides = self._of(label, usable, a.counts) if usable.any() else None
        if sides is None or _number_of(sides.clusters) < SMALL:
            return None
        change = sides.figure(sides.b) - sides.figure(sides.a)
        return change < 0 if b.record.higher_is_better else change > 0

    def swap_p(self, label: str) -> float | None:
        """Return how often a metric's change is as large if each group's outputs are swapped by a coin.

        Approximate randomisation (Riezler & Maxwell 2005), two-sided; None where nothing can be compared.
        """
        a, b = self.baseline.table.columns[label], self.candidate.table.columns[label]
        usable = a.scored & (b.scored | (b.failed > 0))
        sides = self._of(label, usable, a.counts) if usable.any() else None
        if sides is None:
            return None
        # Of very many groups some are swapped together, which is as valid and a tenth of the work.
        groups = np.unique(sides.clusters, return_inverse=True)[1] % bootstrap.MOST
        return swap_test(
            sides.weighted(sides.a),
            sides.weighted(sides.b),
            sides.weights,
            groups,
            sides.metric.combine,
            swaps=RESAMPLES,
            seed=SEED,
        ).p

    def blank(self, label: str) -> Floats:
        """(n,) the share of each sample's answers that the instrument could not score, on the worse side."""
        a, b = self.baseline.table.columns[label], self.candidate.table.columns[label]
        lost = ~a.scored & (a.failed > 0)
        return np.where(lost, 0.0, np.maximum(a.blank, b.blank))

    def only(self, places: npt.NDArray[np.intp]) -> Pairing:
        """Return the same two sides on the samples at some places."""
        sides = [replace(side, table=side.table.only(places)) for side in (self.baseline, self.candidate)]
        return replace(self, baseline=sides[0], candidate=sides[1])

    def changes(self, label: str) -> list[tuple[Sample, float]]:
        """Return each sample's own change, the largest first."""
        a, b = self.baseline.table.columns[label], self.candidate.table.columns[label]
        metric = self.metrics[label]
        moved = sample_values(b, metric) - sample_values(a, metric)
        order = np.argsort(-np.abs(np.nan_to_num(moved)), kind="stable")
        samples = self.candidate.table.samples
        return [(samples[place], float(moved[place])) for place in order if np.isfinite(moved[place])]

    def _of(self, label: str, used: Bools, counts: Floats) -> _Sides | None:
        """Return both sides' counts of some samples; None where a missing answer has no worst value."""
        table, metric = self.candidate.table, self.metrics[label]
        column = table.columns[label]
        filled = with_missing(column, metric, table.samples, used)
        if filled is None or (used.any() and counts.shape[1] != filled.shape[1]):
            return None
        parts = (counts, filled, table.weights, table.clusters)
        if not used.all():  # else the arrays themselves will do: they are only looked at
            parts = (counts[used], filled[used], table.weights[used], table.clusters[used])
        return _Sides(*parts, metric, column)


def pair(baseline: Side, candidate: Side, metrics: Mapping[str, Metric]) -> Pairing:
    """Pair two sides; raises NotComparable with both values where their figures don't mean the same."""
    if baseline.run.evalset_digest != candidate.run.evalset_digest:
        raise NotComparable(
            f"The runs answer different questions: {baseline.run.evalset!r} at "
            f"{baseline.run.evalset_digest[:12]} and {candidate.run.evalset!r} at "
            f"{candidate.run.evalset_digest[:12]}. Evaluate both on the same state of the set."
        )
    theirs = {record.label: record for record in baseline.run.metrics}
    shared = [record for record in candidate.run.metrics if record.label in theirs]
    if not shared:
        raise NotComparable(
            "The runs share no metric. `promptops score RUN --metric ...` adds one to a stored run."
        )
    for record in shared:
        other = theirs[record.label].signature
        if other != record.signature:
            raise NotComparable(
                f"{record.label!r} does not mean the same in both runs:\n  baseline   {other}\n"
                f"  candidate  {record.signature}\nScore one of them again: `promptops score RUN`."
            )
    for record in shared:
        _refuse_unlike(baseline, candidate, record, metrics[record.label])
    return Pairing(baseline, candidate, {record.label: metrics[record.label] for record in shared})


def _refuse_unlike(baseline: Side, candidate: Side, record: MetricRecord, metric: Metric) -> None:
    """Raise NotComparable where stored scores can't be this metric's: a file may have been edited."""
    columns = [side.table.columns[record.label] for side in (baseline, candidate)]
    measured = [column for column in columns if column.scored.any()]
    if len({column.counts.shape[1] for column in measured}) > 1:
        raise NotComparable(
            f"The scores of {record.label!r} don't have the same number of counts in both runs. "
            "Evaluate the baseline's prompt again and `promptops accept` it."
        )
    if record.corpus or record.low is None or record.high is None:
        return
    slack = 1e-9 * (record.high - record.low)
    for column in measured:
        values = sample_values(column, metric)[column.scored]
        if not np.all((values >= record.low - slack) & (values <= record.high + slack)):
            raise NotComparable(
                f"Scores of {record.label!r} lie outside its range {record.low:g} to {record.high:g}. "
                "Score the run anew with `promptops score`, or evaluate and accept the baseline again."
            )


@dataclass(frozen=True)
class _Sides:
    a: Floats
    b: Floats
    weights: Floats
    clusters: Ints
    metric: Metric
    column: Column

    def weighted(self, counts: Floats) -> Floats:
        plain = bool((self.weights == 1.0).all())
        return counts if plain else counts * self.weights[:, None]

    def figure(self, counts: Floats) -> float:
        totals = self.weighted(counts).sum(axis=0)
        return float(self.metric.combine(totals, np.asarray(self.weights.sum())))


def _cell(facts: Delta, sides: _Sides, alpha: float, share: float) -> Cell:
    if sides.column.record.corpus:
        return _corpus_cell(facts, sides, alpha, share)
    return _mean_cell(facts, sides, alpha, share)


def _mean_cell(facts: Delta, sides: _Sides, alpha: float, share: float) -> Cell:
    record = sides.column.record
    ones = np.ones(len(sides.a))
    raw = sides.metric.combine(sides.b, ones) - sides.metric.combine(sides.a, ones)
    scale, sign = _range(record.low, record.high), 1.0 if record.higher_is_better else -1.0
    d = _oriented(raw, record.low, record.high, record.higher_is_better)
    before, after = sides.figure(sides.a), sides.figure(sides.b)
    shown = facts.model_copy(update={"baseline": before, "candidate": after, "difference": after - before})
    finite = record.low is not None and record.high is not None
    cell = Cell(shown, d if finite else None, sides.clusters, None, share, sides.weights)
    if facts.clusters < 2:
        note = "one group only: no interval"
        return replace(cell, delta=shown.model_copy(update={"note": note}))
    bound = terminal_bound(d, sides.clusters, alpha, weights=sides.weights)
    shown = shown.model_copy(update={"resolves": smallest_margin(bound.se, alpha) * scale})
    if finite and facts.clusters < SMALL:
        return with_bets(replace(cell, delta=shown), scale)
    low, high = sorted((sign * bound.low * scale, sign * bound.high * scale))
    if finite:
        low, high = max(low, -scale), min(high, scale)  # no difference lies beyond the range
    harm, gain = p_below(bound, 0.0), p_above(bound, 0.0)
    method = "paired cluster t with two pseudo-cases" + (", few clusters" if facts.clusters < SMALL else "")
    found = {"low": low, "high": high, "p_value": min(harm, gain), "method": method}
    return replace(cell, delta=shown.model_copy(update=found), p_harm=harm)


def with_bets(
    cell: Cell,
    scale: float,
    *,
    rank: Ints | None = None,
    silent: Bools | None = None,
    largest: float | None = None,
) -> Cell:
    """Return a cell of differences on a range, `scale` wide, with bounds that bets leave: exact at any n.

    For a run that may have stopped when it suited, `rank` (n,) is the place of each sample's group in the
    order that was drawn before, `silent` (n,) says which got no answer (no reason to call the run worse
    before its end), and `largest` is the weight of the heaviest group that could have come.
    """
    if cell.d is None:
        return cell
    delta, d, clusters, weights = cell.delta, cell.d, cell.clusters, cell.weights
    kind = np.zeros(len(d), dtype=bool) if silent is None else silent
    if rank is not None:
        order = np.argsort(rank, kind="stable")
        d, clusters, kind = d[order], rank[order], kind[order]
        weights = None if weights is None else weights[order]
    bound = bet_bounds(d, clusters, delta.alpha, weights=weights, largest=largest, ever=rank is not None)
    if kind.any():
        spoken = np.where(kind, 0.0, d)
        kinder = bet_bounds(
            spoken, clusters, delta.alpha, weights=weights, largest=largest, ever=rank is not None
        )
        bound = replace(bound, high=kinder.high, p_below=kinder.p_below)
    ends = (bound.low * scale, bound.high * scale)
    low, high = ends if delta.higher_is_better else (-ends[1], -ends[0])
    found = {"low": low, "high": high, "p_value": min(bound.p_below, bound.p_above), "method": BETS}
    return replace(cell, delta=delta.model_copy(update=found), p_harm=bound.p_below)


def _corpus_cell(facts: Delta, sides: _Sides, alpha: float, share: float) -> Cell:
    sign = 1.0 if sides.column.record.higher_is_better else -1.0
    before, after = sides.figure(sides.a), sides.figure(sides.b)
    shown = facts.model_copy(update={"baseline": before, "candidate": after, "difference": after - before})
    if facts.clusters < 2:
        note = "one group only: no interval"
        return Cell(shown.model_copy(update={"note": note}), None, sides.clusters, None, share)
    if np.array_equal(sides.a, sides.b):
        return _unchanged(shown, sides, alpha, share)
    found = corpus_bound(
        sides.weighted(sides.a),
        sides.weighted(sides.b),
        sides.weights,
        sides.clusters,
        sides.metric.combine,
        alpha,
        resamples=RESAMPLES,
        seed=SEED,
    )
    if not np.isfinite(found.low):
        note = "the figure is undefined on too many resamples: no interval"
        return Cell(shown.model_copy(update={"note": note}), None, sides.clusters, None, share)
    few = ", few clusters" if facts.clusters < SMALL else ""
    delta = shown.model_copy(
        update={
            "low": found.low,
            "high": found.high,
            "p_value": min(found.p_below, found.p_above),
            "resolves": smallest_margin(found.se, alpha),
            "method": f"BCa cluster bootstrap, {RESAMPLES} resamples, seed {SEED}, and two pseudo-cases{few}",
        }
    )
    return Cell(delta, None, sides.clusters, found.p_below if sign > 0 else found.p_above, share)


def _unchanged(shown: Delta, sides: _Sides, alpha: float, share: float) -> Cell:
    """Return the cell of counts that are all the same: a change may be just what was not drawn.

    Its width is that of the two pseudo-cases alone, each of which gains or loses the whole figure.
    """
    bound = terminal_bound(np.zeros(len(sides.a)), sides.clusters, alpha, weights=sides.weights)
    scale = abs(shown.candidate or 0.0)
    same = {
        "low": bound.low * scale,
        "high": bound.high * scale,
        "p_value": 1.0,
        "resolves": smallest_margin(bound.se, alpha) * scale,
        "method": "two pseudo-cases",
        "note": "no count changed",
    }
    return Cell(shown.model_copy(update=same), None, sides.clusters, 1.0, share)


def _number_of(clusters: Ints) -> int:
    return int(np.count_nonzero(np.bincount(clusters)))


def _range(low: float | None, high: float | None) -> float:
    return high - low if low is not None and high is not None else 1.0


def _oriented(raw: Floats, low: float | None, high: float | None, higher_is_better: bool) -> Floats:
    shares: Floats = raw / _range(low, high)
    return shares if higher_is_better else -shares
