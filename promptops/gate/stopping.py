"""When is a verdict certain? A run's results in an order that was drawn before, and the bets on them.

Answers come in the order of their latency, and latency goes with difficulty. So groups of samples are put
into an order by a hash before the first is asked, and evidence counts in that order only: a result that came
early waits for those before it. The same claims are bet on while a run goes on (`stopper.py`) and when a
stored run is judged (`end_of`), so that both stop at the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from promptops.analysis.comparison import Cell, Pairing
from promptops.analysis.summary import Floats, cluster_codes, slice_mask
from promptops.gate.filled import with_missing
from promptops.gate.rules import GateRule
from promptops.stats import decision
from promptops.types import MetricRecord, Sample

Ints: TypeAlias = npt.NDArray[np.intp]
Bools: TypeAlias = npt.NDArray[np.bool_]
Sums: TypeAlias = Floats | Ints | float | int

UNSCORED_LIMIT = 0.05
"""Of the answers of a gated cell: with more that could not be scored nothing is decided."""
NEVER = np.iinfo(np.intp).max


@dataclass(frozen=True)
class Claim:
    """One bet on a rule: that the mean of a series lies above a bound, on a range of 1.

    "Below" is the same with the series' sign turned.
    """

    series: Literal["change", "strict", "level"]
    sign: float
    bound: float
    low: float
    enough: float
    """The wealth at which it is certain."""


@dataclass(frozen=True)
class Stake:
    """One cell of the gate as bets see it: what would make it pass, and what would make the whole fail."""

    rule: GateRule
    mask: Bools
    """(n,) the samples that it is about."""
    largest: float
    """The weight of its heaviest group."""
    passing: tuple[Claim, ...]
    """All of them are needed."""
    failing: tuple[Claim, ...]
    """Any of them is enough."""
    why_not: str = ""
    """Why no bet can be placed, where none can."""


@dataclass(frozen=True)
class Series:
    """(m,) values on a range of 1, where their samples stand in the set, and their weights."""

    values: Floats
    places: Ints
    weights: Floats


@dataclass(frozen=True)
class Order:
    """The order that was drawn for a run, and how far it has come."""

    seed: str
    rank: Ints
    """(n,) the place of each sample's group."""
    complete: Bools
    """(n,) whether all results of a sample are there."""
    first: int | None = None
    """How many samples the first of two stages is to have, at least; None where bets end the run."""
    cut: bool = False
    """Whether the run may still go on: it was ended by its budget or a signal, not by certainty."""

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.rank.max(initial=-1)) + 1

    @property
    def ready(self) -> int:
        """How many groups, from the first on, are complete."""
        return int(self.rank[~self.complete].min(initial=self.groups))

    @property
    def until(self) -> int:
        """How many groups the first stage has: whole ones, until there are `first` samples."""
        return first_groups(self.rank, self.first or len(self.rank))


@dataclass(frozen=True)
class End:
    """Where the evidence ends: after so many groups, by certainty or because there are no more."""

    groups: int
    certain: bool


def first_groups(rank: Ints, samples: int) -> int:
    """Return how many groups, from the first on, have so many samples together."""
    seen = np.cumsum(np.bincount(rank))
    return int(np.searchsorted(seen, min(samples, len(rank)))) + 1


def drawn(samples: Sequence[Sample], seed: str) -> Ints:
    """(n,) the place of each sample's group in the order that a seed draws.

    By hashes of the groups' names: the same whatever the order of lines or the version of a library.
    """
    codes = cluster_codes(samples)
    names: dict[int, str] = {}
    for code, sample in zip(codes.tolist(), samples, strict=True):
        names.setdefault(code, f"s:{sample.id}" if sample.group is None else f"g:{sample.group}")
    hashed = {
        code: hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest()
        for code, name in names.items()
    }
    rank = np.empty(len(names), dtype=np.intp)
    rank[sorted(hashed, key=hashed.__getitem__)] = np.arange(len(names))
    return rank[codes]


def parts_of(rules: Sequence[GateRule]) -> list[GateRule]:
    """Return the rules, each that has a margin and bounds as two: these are the cells of the gate.

    Rules with `worst_slice_margin` must have been spread over their slices before.
    """
    found: list[GateRule] = []
    for rule in rules:
        bounds = (rule.min, rule.max) != (None, None)
        if rule.margin is not None:
            found.append(rule.model_copy(update={"min": None, "max": None}) if bounds else rule)
        if bounds:
            found.append(rule.model_copy(update={"margin": None}))
        if rule.margin is None and not bounds:
            found.append(rule)
    return found


def stakes_of(
    parts: Sequence[GateRule], samples: Sequence[Sample], records: Mapping[str, MetricRecord]
) -> list[Stake]:
    """Return each cell of the gate as bets see it."""
    codes = cluster_codes(samples)
    weights = np.array([sample.weight for sample in samples], dtype=np.float64)
    found: list[Stake] = []
    for part in parts:
        mask = slice_mask(samples, part.slice)
        largest = float(np.bincount(codes[mask], weights=weights[mask]).max(initial=0.0)) or 1.0
        passing, failing, why_not = _claims(part, records.get(part.metric), len(parts))
        found.append(Stake(part, mask, largest, passing, failing, why_not))
    return found


def end_of(pairing: Pairing, stakes: Sequence[Stake], order: Order) -> End:
    """Return where the evidence of a stored run ends: the first group after which the verdict is certain."""
    ready = order.ready
    times = np.arange(ready)
    failing, passing = np.zeros(ready, dtype=bool), np.full(ready, bool(stakes))
    sound, lost = np.ones(ready, dtype=bool), np.zeros(ready, dtype=bool)
    for stake in stakes:
        reached = [
            [_first(series_of(pairing, stake, claim), claim, stake, order, ready) for claim in claims]
            for claims in (stake.passing, stake.failing)
        ]
        passes, fails = max(reached[0], default=NEVER), min(reached[1], default=NEVER)
        passing &= times >= passes
        failing |= (times >= fails) & (times < passes)
        seen = grounds(pairing, stake)
        inside = stake.mask & (order.rank < ready)
        blank, count, answered = (
            np.cumsum(np.bincount(order.rank[inside], weights=each[inside], minlength=ready))
            for each in (seen.blank, np.ones(len(inside)), seen.answered.astype(np.float64))
        )
        of_use = np.zeros(ready, dtype=bool)
        of_use[order.rank[inside & seen.usable]] = True
        sound &= is_sound(stake, blank, count, answered, np.cumsum(of_use))
        lost |= blank > UNSCORED_LIMIT * int(stake.mask.sum())
    certain = np.flatnonzero(lost | (sound & (passing | failing)))
    return End(int(certain[0]) + 1, True) if len(certain) else End(ready, False)


@dataclass(frozen=True)
class Grounds:
    """What a cell's samples give to stand on, each (n,)."""

    blank: Floats
    """The share of a sample's answers that the instrument could not score."""
    answered: Bools
    usable: Bools
    """Whether the sample is among those that the cell's figure is made of."""


def grounds(pairing: Pairing, stake: Stake) -> Grounds:
    """Return what each sample gives a cell: a change needs both sides, a level the candidate alone."""
    label = stake.rule.metric
    if label not in pairing.metrics:
        none = np.zeros(len(stake.mask), dtype=bool)
        return Grounds(none.astype(np.float64), none, none)
    a, b = pairing.baseline.table.columns[label], pairing.candidate.table.columns[label]
    there = b.scored | (b.failed > 0)
    if stake.rule.margin is None:
        return Grounds(b.blank, b.failed < 1, there)
    return Grounds(pairing.blank(label), b.failed < 1, a.scored & there)


def is_sound(stake: Stake, blank: Sums, count: Sums, answered: Sums, groups: Sums) -> Bools:
    """Say whether a cell can be decided after so much: scored well enough, and by two groups at least.

    One that no bet is about is left open at a stop, and needs only to be scored well enough.
    """
    scored: Bools = np.asarray(blank <= UNSCORED_LIMIT * count)
    return scored if stake.why_not else scored & np.asarray((answered > 0) & (groups >= 2))


def series_of(pairing: Pairing, stake: Stake, claim: Claim) -> Series | None:
    """Return what a claim is about; None where it can't be had, so that nothing is claimed.

    An answer that did not come counts as the worst one, but no run is ended as worse because of it: an outage
    sits in time, and so does the order. There it counts as no change.
    """
    rule = stake.rule
    column = pairing.candidate.table.columns[rule.metric]
    if claim.series == "level":
        found = levels(pairing, rule)
    else:
        cell: Cell | None = pairing.cell(rule.metric, rule.slice)
        if claim.series == "strict" and cell is not None and cell.delta.baseline_missing:
            cell = cell.strict
        if cell is None or cell.d is None or cell.places is None or cell.weights is None:
            return None
        found = Series(cell.d, cell.places, cell.weights)
    if found is None or claim in stake.passing:
        return found
    silent = column.failed[found.places] > 0
    no_change = claim.sign * np.minimum(claim.sign * found.values, claim.bound)
    return replace(found, values=np.where(silent, no_change, found.values))


def levels(pairing: Pairing, rule: GateRule) -> Series | None:
    """Return the candidate's own scores as shares of the range, a missing answer as the worst."""
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    column = table.columns[rule.metric]
    mask = table.mask(rule.slice)
    counts = with_missing(column, metric, table.samples, mask)
    low, high = column.record.low, column.record.high
    if counts is None or low is None or high is None:
        return None
    places = np.flatnonzero(mask & (column.scored | (column.failed > 0)))
    values = metric.combine(counts[places], np.ones(len(places)))
    return Series((values - low) / (high - low), places, table.weights[places])


def _claims(
    rule: GateRule, record: MetricRecord | None, cells: int
) -> tuple[tuple[Claim, ...], tuple[Claim, ...], str]:
    """Return what would make a cell pass and what would make the whole fail, or why nothing can be bet on."""
    why_not = _no_bet(rule, record)
    if why_not or record is None:
        return (), (), why_not
    low, high = record.low or 0.0, record.high or 0.0
    spent = rule.alpha if rule.exact else decision.bets_alpha(rule.alpha)
    if rule.margin is not None:
        margin = min(rule.margin / (high - low), decision.WIDEST)
        passing = (
            Claim("strict", 1.0, -margin, -1.0, 1 / spent),
            Claim("change", 1.0, -margin, -1.0, 1 / spent),
        )
        return passing, (Claim("change", -1.0, 0.0, -1.0, cells / spent),), ""
    bounds = [(rule.min, 1.0), (rule.max, -1.0)]
    asked = [((bound - low) / (high - low), sign) for bound, sign in bounds if bound is not None]
    # A level lies in [0, 1], and with its sign turned in [-1, 0].
    passes = tuple(Claim("level", sign, sign * at, min(sign, 0.0), 1 / spent) for at, sign in asked)
    enough = len(asked) * cells / spent
    fails = tuple(Claim("level", -sign, -sign * at, min(-sign, 0.0), enough) for at, sign in asked)
    return passes, fails, ""


def _no_bet(rule: GateRule, record: MetricRecord | None) -> str:
    if record is None:
        return "it was not measured"
    if record.corpus:
        return "a figure of all texts together is no mean that one could bet on"
    if record.low is None or record.high is None:
        return "the metric has no range"
    if rule.estimand == "suite":
        return "a rule about these very samples needs all of them"
    if rule.corrected:
        return "people's ratings are of the whole run"
    if rule.margin is None and (rule.min, rule.max) == (None, None):
        return "no slice is large enough to judge"
    return ""


def _first(series: Series | None, claim: Claim, stake: Stake, order: Order, ready: int) -> int:
    """Return the place of the group after which a claim is first certain."""
    if series is None:
        return NEVER
    rank = order.rank[series.places]
    places = np.argsort(rank, kind="stable")
    places = places[rank[places] < ready]
    if not len(places):
        return NEVER
    ranks = rank[places]
    found = int(
        decision.first_certain(
            claim.sign * series.values[places],
            claim.bound,
            ranks,
            claim.enough,
            low=claim.low,
            largest=stake.largest,
            weights=series.weights[places],
        )
    )
    groups = np.unique(ranks)
    return int(groups[found]) if found < len(groups) else NEVER
