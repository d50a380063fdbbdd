"""What a set can see in one metric: the smallest change, the cases or repeats that a margin takes.

Everything scales from one thing that history knows: the standard error of a paired change. It falls with
the square root of the number of cases. Where bets decide (`exact`, or few groups) groups are drawn again and
bet on; a rule about these very samples has only the noise between repeats, which falls with the repeats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptops.analysis.comparison import Cell, Pairing
from promptops.analysis.grid import Grid
from promptops.analysis.summary import cluster_codes, slice_mask
from promptops.calls.pricing import Extra
from promptops.gate.bounds import change_evidence
from promptops.gate.decision import spread
from promptops.gate.expectation import Expected
from promptops.gate.rules import GateRule
from promptops.gate.sight import power_of
from promptops.gate.stopping import stakes_of
from promptops.noun import Noun
from promptops.stats import decision
from promptops.stats.power import smallest_margin, upper_sd
from promptops.stats.student import normal_cdf, normal_quantile
from promptops.types import EvalSet, MetricRecord

Method = Literal["bound", "bets", "repeats"]

BY_RATINGS = "people's ratings decide it: `promptops judge correct` with --baseline tells what they can see"


class Reach(Noun):
    """What a set can see in one metric, in the metric's printed unit."""

    label: str
    slice: str | None = None
    method: Method = "bound"
    """What decides: the usual bound, bets (exact), or the noise between repeats (these very samples)."""
    n: int
    clusters: int
    sd: float | None = None
    """Standard deviation of the paired differences of single cases; None for corpus metrics."""
    se: float | None = None
    resolves: float | None = None
    """The smallest margin at which an equal version passes, and smallest loss that is found, with `power`."""
    margin: float | None = None
    chance: float | None = None
    """How likely an equal version passes at the margin."""
    needed: int | None = None
    """Cases in all at which it passes with `power`; careful: the sd is taken at its upper 80 % bound."""
    needed_repeats: int | None = None
    """The same in repeats of these very cases, where the rule is about them."""
    change: float | None = None
    to_see: int | None = None
    """Cases in all at which a change of `change` is found with `power`."""
    early: Expected | None = None
    """What `--early-stop` would take on average; None where it can't be told or brings nothing."""
    extra: Extra | None = None
    """What the cases that the margin needs beyond these take in each evaluation; None where none are."""
    extra_to_see: Extra | None = None
    """The same for the change."""
    note: str = ""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a set: changes to be seen, by metric, and how surely."""

    changes: Mapping[str, float]
    alpha: float
    power: float


@dataclass(frozen=True)
class _Place:
    """One metric on one slice with the rule about it, if there is one."""

    label: str
    slice: str | None
    n: int
    clusters: int
    rule: GateRule | None
    change: float | None
    alpha: float
    power: float

    @property
    def facts(self) -> dict[str, object]:
        margin = self.rule.margin if self.rule else None
        return {
            "label": self.label,
            "slice": self.slice,
            "n": self.n,
            "clusters": self.clusters,
            "margin": margin,
            "change": self.change,
        }

    def unknown(self, note: str, **more: object) -> Reach:
        return Reach.model_validate({**self.facts, "note": note, **more})

    def by_bound(self, se: float, sd: float | None, careful: float) -> Reach:
        """Return what the usual bound sees with this standard error."""
        quantile, margin = normal_quantile(1 - self.alpha), self.rule.margin if self.rule else None
        chance = None if margin is None else (normal_cdf(margin / se - quantile) if se > 0 else 1.0)
        found = {
            "sd": sd,
            "se": se,
            "resolves": smallest_margin(se, self.alpha, self.power),
            "chance": chance,
            "needed": None if margin is None else self._cases(se * careful, margin),
            "to_see": None if self.change is None else self._cases(se * careful, self.change),
        }
        return Reach.model_validate({**self.facts, **found})

    def by_bets(self, plain: Reach, cell: Cell, scale: float, careful: float) -> Reach:
        """Return what bets see on groups like these; `plain` is what the usual bound sees."""
        margin = self.rule.margin if self.rule else None
        power = power_of(cell, self.alpha)
        widest = power.smallest_margin(self.power, decision.WIDEST)
        exact = self.rule is not None and self.rule.exact
        found: dict[str, object] = {
            "method": "bets",
            "resolves": None if widest is None else widest * scale,
            "chance": None if margin is None else power.passes(_share(margin, scale), self.clusters),
        }
        if widest is None:
            found["note"] = f"not even a margin of the whole range can be passed with {self.n} cases"
        for key, wanted, harm in (("needed", margin, False), ("to_see", self.change, True)):
            if wanted is None:
                continue
            usual = plain.needed if key == "needed" else plain.to_see
            groups = power.clusters_for(_share(wanted, scale), self.power, harm=harm)
            by_bets = None if groups is None else math.ceil(groups * careful**2 * self.n / self.clusters)
            if not exact:
                # With enough groups the usual bound decides, so no more than these are needed.
                enough = max(usual or 0, math.ceil(decision.SMALL * self.n / self.clusters))
                by_bets = enough if by_bets is None else min(by_bets, enough)
            found[key] = by_bets
        return plain.model_copy(update=found)

    def by_repeats(self, resolves: float, repeats: float) -> Reach:
        """Return what is seen on these very samples, where only the noise between repeats counts."""
        se, margin = resolves / smallest_margin(1.0, self.alpha), self.rule.margin if self.rule else None
        seen = smallest_margin(se, self.alpha, self.power)
        plain = self.by_bound(se, None, 1.0)
        needed = None if margin is None else max(2, math.ceil(repeats * (seen / margin) ** 2 - 1e-9))
        found = {"method": "repeats", "needed": None, "to_see": None, "needed_repeats": needed}
        return plain.model_copy(update=found)

    def _cases(self, se: float, wanted: float) -> int:
        """Return the cases at which the standard error, which falls with their root, is small enough."""
        seen = smallest_margin(se, self.alpha, self.power)
        return max(2, math.ceil(self.n * (seen / wanted) ** 2 - 1e-9))


def from_history(
    pairing: Pairing,
    evalset: EvalSet,
    wanted: Wanted,
    grids: tuple[Grid, Grid] | None = None,
) -> tuple[Reach, ...]:
    """Return what the set can see, by how two runs of it differed: each metric, and each ruled slice.

    `grids` hold every repeat, for rules about these very samples.
    """
    cells: dict[tuple[str, str | None], GateRule | None] = {(label, None): None for label in pairing.metrics}
    for rule in spread(evalset.gate, evalset.samples, evalset.slices)[0]:
        if rule.metric in pairing.metrics and rule.margin is not None:
            cells[rule.metric, rule.slice] = rule
    return tuple(
        _from_cell(pairing, label, name, rule, wanted, grids) for (label, name), rule in cells.items()
    )


def from_declared(evalset: EvalSet, sds: Mapping[str, float], wanted: Wanted) -> tuple[Reach, ...]:
    """Return what the set can see if paired differences have these standard deviations.

    A group counts as one case: the careful end, as nothing is known of how alike its cases are.
    """
    ruled = spread(evalset.gate, evalset.samples, evalset.slices)[0]
    rules = {(rule.metric, rule.slice): rule for rule in ruled if rule.margin is not None}
    found: list[Reach] = []
    for label, sd in sds.items():
        slices = [name for metric, name in rules if metric == label and name is not None]
        for name in (None, *slices):
            mask = slice_mask(evalset.samples, name)
            clusters = len(np.unique(cluster_codes(evalset.samples)[mask]))
            rule, change = rules.get((label, name)), wanted.changes.get(label)
            place = _Place(label, name, int(mask.sum()), clusters, rule, change, wanted.alpha, wanted.power)
            found.append(_declared(place, sd))
    return tuple(found)


def _declared(place: _Place, sd: float) -> Reach:
    rule = place.rule
    if rule is not None and rule.estimand == "suite":
        note = (
            "it is about these very samples, so repeats decide; what they bring only runs with repeats tell"
        )
        return place.unknown(note, method="repeats")
    if rule is not None and rule.corrected:
        return place.unknown(BY_RATINGS)
    found = place.by_bound(sd / math.sqrt(max(place.clusters, 1)), sd, 1.0)
    if rule is not None and rule.exact:
        note = "these figures are about the usual bound; bets (`exact`) take more, two runs tell how many"
        return found.model_copy(update={"note": note})
    if place.clusters < decision.SMALL:
        note = f"these figures hold from {decision.SMALL} groups on; under that bets decide, which see less"
        return found.model_copy(update={"note": note})
    return found


def _from_cell(
    pairing: Pairing,
    label: str,
    name: str | None,
    rule: GateRule | None,
    wanted: Wanted,
    grids: tuple[Grid, Grid] | None,
) -> Reach:
    level = rule.alpha if rule else wanted.alpha
    cell = pairing.cell(label, name, level)
    delta, record = cell.delta, pairing.candidate.table.columns[label].record
    change = wanted.changes.get(label)
    place = _Place(label, name, delta.n, delta.clusters, rule, change, level, wanted.power)
    if rule is not None and rule.estimand == "suite":
        return _on_these(pairing, place, rule, record, grids)
    if rule is not None and rule.corrected:
        return place.unknown(BY_RATINGS)
    if rule is not None and rule.exact and record.corpus:
        return place.unknown("`exact` bets on single samples, and this is a figure of all texts together")
    if delta.resolves is None:
        return place.unknown(delta.note or "no interval can be had from the runs")
    se, sd = delta.resolves / smallest_margin(1.0, level), None
    careful = upper_sd(1.0, delta.clusters) if delta.clusters > 1 else 1.0
    if cell.d is None or record.low is None or record.high is None:
        return place.by_bound(se, sd, careful)
    scale = record.high - record.low
    if len(cell.d) > 1:
        sd = float(np.std(cell.d, ddof=1)) * scale
    found = place.by_bound(se, sd, careful)
    if (rule is not None and rule.exact) or delta.clusters < decision.SMALL:
        return place.by_bets(found, cell, scale, careful)
    return found


def _on_these(
    pairing: Pairing,
    place: _Place,
    rule: GateRule,
    record: MetricRecord,
    grids: tuple[Grid, Grid] | None,
) -> Reach:
    """Return what a rule about these very samples sees."""
    stake = stakes_of([rule], pairing.candidate.table.samples, {rule.metric: record})[0]
    delta = change_evidence(pairing, rule, stake, grids=grids).delta
    if delta.resolves is None:
        return place.unknown(delta.note or "nothing is known of the noise between repeats", method="repeats")
    a, b = pairing.baseline.run.repeats, pairing.candidate.run.repeats
    return place.by_repeats(delta.resolves, 2 / (1 / a + 1 / b))


def _share(wanted: float, scale: float) -> float:
    return min(wanted / scale, decision.WIDEST)
