"""When is a verdict certain? A run's results in an order that was drawn before, and the bets on them.

Answers come in the order of their latency, and latency goes with difficulty. So groups of samples are put
into an order by a hash before the first is asked, and evidence counts in that order only: a result that came
early waits for those before it. The same claims are bet on while a run goes on (`stopper.py`) and when a
stored run is judged (`end_of`), so that both stop at the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from promptops.comparison import Cell, Pairing, with_missing
from promptops.stats import decision
from promptops.summary import Floats, cluster_codes, slice_mask
from promptops.types import GateRule, MetricRecord, Sample

Ints: TypeAlias = npt.NDArray[np.intp]
Bools: TypeAlias = npt.NDArray[np.bool_]

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

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.rank.max(initial=-1)) + 1

    @property
    def ready(self) -> int:
        """How many groups, from the first on, are complete."""
        return int(self.rank[~self.complete].min(initial=self.groups))


@dataclass(frozen=True)
class End:
    """Where the evidence ends: after so many groups, by certainty or because there are no more."""

    groups: int
    certain: bool


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
        series = {
            claim.series: series_of(pairing, stake, claim.series)
            for claim in (*stake.passing, *stake.failing)
        }
        reached = [
            [_first(series[claim.series], claim, stake, order, ready) for claim in claims]
            for claims in (stake.passing, stake.failing)
        ]
        passes, fails = max(reached[0], default=NEVER), min(reached[1], default=NEVER)
        passing &= times >= passes
        failing |= (times >= fails) & (times < passes)
        blank, count, answered = _instrument(pairing, stake, order, ready)
        sound &= (blank <= UNSCORED_LIMIT * count) & (answered > 0)
        lost |= blank > UNSCORED_LIMIT * int(stake.mask.sum())
    certain = np.flatnonzero(lost | (sound & (passing | failing)))
    return End(int(certain[0]) + 1, True) if len(certain) else End(ready, False)


def series_of(pairing: Pairing, stake: Stake, kind: Literal["change", "strict", "level"]) -> Series | None:
    """Return what a claim is about; None where it can't be had, so that nothing is claimed."""
    if kind == "level":
        return levels(pairing, stake.rule)
    cell: Cell | None = pairing.cell_of(stake.rule.metric, stake.mask, stake.rule.slice)
    if kind == "strict" and cell is not None and cell.delta.baseline_missing:
        cell = cell.strict
    if cell is None or cell.d is None or cell.places is None or cell.weights is None:
        return None
    return Series(cell.d, cell.places, cell.weights)


def levels(pairing: Pairing, rule: GateRule) -> Series | None:
    """Return the candidate's own scores as shares of the range, a missing answer as the worst."""
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    column = table.columns[rule.metric]
    mask = slice_mask(table.samples, rule.slice)
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
        passing = Claim("strict", 1.0, -margin, -1.0, 1 / spent)
        return (passing,), (Claim("change", -1.0, 0.0, -1.0, cells / spent),), ""
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


def _instrument(pairing: Pairing, stake: Stake, order: Order, ready: int) -> tuple[Floats, Floats, Floats]:
    """Return what a cell could not score, how many samples it had and how many answers, after each group."""
    label = stake.rule.metric
    if label not in pairing.metrics:
        return np.zeros(ready), np.ones(ready), np.ones(ready)
    answered = pairing.candidate.table.columns[label].failed < 1
    inside = stake.mask & (order.rank < ready)
    rank = order.rank[inside]
    columns = (pairing.blank(label), np.ones(len(inside)), answered.astype(np.float64))
    found: list[Floats] = [
        np.cumsum(np.bincount(rank, weights=column[inside], minlength=ready)).astype(np.float64)
        for column in columns
    ]
    return found[0], found[1], found[2]
