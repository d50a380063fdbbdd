"""May this version pass? One verdict from paired evidence, and a row for every rule.

PASS claims that the change is above minus the margin, FAIL that it is below zero, each with error rate
alpha; what neither can claim is INCONCLUSIVE; what can't be known is CANNOT_MEASURE. The whole passes
only if every cell passes (intersection-union, Berger 1982) and fails only through a cell that did not
pass and whose harm survives Holm's correction over all cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from promptops.analysis.comparison import Pairing
from promptops.analysis.grid import Grid
from promptops.analysis.summary import cluster_codes, slice_mask, slice_names
from promptops.errors import UsageError
from promptops.gate.bounds import Early, bare_evidence
from promptops.gate.cells import Ratings, bound_cell, change_of, left_open, margin_cell, name_of, unmeasured
from promptops.gate.missing import missing_warnings
from promptops.gate.rules import GateRule
from promptops.gate.sight import resolved
from promptops.gate.stopping import End, Order, Stake, end_of, parts_of, stakes_of
from promptops.stats import decision
from promptops.stats.multiplicity import holm
from promptops.texts.mends import IN_BOTH
from promptops.types import Outcome, Sample
from promptops.verdicts import CellVerdict, Stopping, Verdict


def judge(
    pairing: Pairing,
    rules: Sequence[GateRule],
    *,
    slices: Sequence[str] = (),
    identical: bool = False,
    order: Order | None = None,
    grids: tuple[Grid, Grid] | None = None,
    unfit: Mapping[GateRule, str] | None = None,
    texts: Sequence[CellVerdict] = (),
    people: Ratings | None = None,
) -> Verdict:
    """Decide all rules, and name the slices (the set's own, else every tag) that got worse.

    `order` is that of a run that may stop early: then the first groups decide, as many as make bets certain,
    or the first of two stages, and all of them where it leaves the verdict open. `grids` hold every repeat,
    for rules about these very samples. `unfit` are rules whose judge lacks the certificate that they ask for,
    with the reason. `texts` are the cells of rules about texts. `people` holds the ratings for rules with
    `corrected`, or why there are none. Raises UsageError where a rule states neither a margin nor a bound.
    """
    if rules or not texts:
        _refuse_without_margin(pairing, rules)
    samples = pairing.candidate.table.samples
    void = {rule.metric: why for rule, why in (unfit or {}).items()}
    rules, warnings = spread(rules, samples, slices)
    names = slice_names(samples, slices)
    asked = _Question(rules, names, samples, identical, grids, void, texts, people or {})
    if order is None:
        return _judged(pairing, asked, warnings)
    return (
        _judged_in_stages(pairing, asked, order, warnings)
        if order.first
        else _judged_early(pairing, asked, order, warnings)
    )


@dataclass(frozen=True)
class _Question:
    """What is asked of two runs, on whatever part of them it will be decided."""

    rules: Sequence[GateRule]
    names: Sequence[str]
    """Slices that are looked at though no rule is about them."""
    samples: Sequence[Sample]
    """All of the set's."""
    identical: bool
    grids: tuple[Grid, Grid] | None
    void: Mapping[str, str]
    """Metrics whose judge lacks the certificate that a rule asks for, and why: no rule on them is decided."""
    texts: Sequence[CellVerdict] = ()
    """Cells of rules about texts, decided already."""
    people: Ratings = field(default_factory=dict)
    """People's ratings for rules with `corrected`."""

    def stakes(self, pairing: Pairing, share: float = 1.0) -> list[Stake]:
        """Return the cells of the gate where each rule may spend a share of its alpha.

        One that needs all samples is looked at once, when they are there, and keeps the whole.
        """
        rules = [
            rule if rule.whole else rule.model_copy(update={"alpha": round(rule.alpha * share, 12)})
            for rule in self.rules
        ]
        records = {label: pairing.candidate.table.columns[label].record for label in pairing.metrics}
        return stakes_of(parts_of(rules), self.samples, records)


def _judged_early(pairing: Pairing, asked: _Question, order: Order, warnings: list[str]) -> Verdict:
    """Decide by the first groups in an order, as many as make bets certain."""
    stakes = asked.stakes(pairing)
    if not any(stake.passing for stake in stakes):
        if order.ready < order.groups:
            return _cut_off(pairing)
        waiting = "; ".join(_whole_run(stakes))
        warnings.append(f"No rule could end the run early, so it is decided as a plain one: {waiting}.")
        return _judged(pairing, asked, warnings)
    end = end_of(pairing, stakes, order)
    cut = not end.certain and end.groups < order.groups
    if cut and not (order.cut and end.groups):
        return _cut_off(pairing)
    # Bets may be looked at at any time, so that a run may be cut off at any, whatever made it end there.
    places = np.flatnonzero(order.rank < end.groups)
    early = Early(order.rank[places], end.certain or cut)
    stopping = _stopping(order, stakes, end, len(places))
    return _judged(pairing.only(places), asked, warnings, early=early, stopping=stopping)


def _judged_in_stages(pairing: Pairing, asked: _Question, order: Order, warnings: list[str]) -> Verdict:
    """Decide by the first stage; where it leaves the verdict open and all were asked, by all samples."""
    if order.ready < order.until:
        return _cut_off(pairing)
    places = np.flatnonzero(order.rank < order.until)
    share, rest = decision.stage_alphas(1.0, len(places) / len(order.rank))
    waiting = _whole_run([stake for stake in asked.stakes(pairing) if stake.rule.whole])
    least = min((rule.alpha for rule in asked.rules), default=0.05)
    stopping = Stopping(
        seed=order.seed,
        stopped=True,
        samples=len(places),
        planned=len(order.rank),
        first=len(places),
        alpha_early=least * share,
        alpha_end=least * rest,
        whole_run=waiting,
    )
    # That a part came out the same says little of the others: only the bound may decide a stage.
    part = replace(asked, identical=False)
    begun = _judged(pairing.only(places), part, list(warnings), stopping=stopping)
    if begun.outcome in ("PASS", "FAIL"):
        return begun
    if order.ready < order.groups:
        return begun.model_copy(update={"stopping": stopping.model_copy(update={"left_open": True})})
    update = {"stopped": False, "samples": len(order.rank), "whole_run": ()}
    return _judged(pairing, asked, warnings, stopping=stopping.model_copy(update=update))


def _judged(
    pairing: Pairing,
    asked: _Question,
    warnings: list[str],
    *,
    early: Early | None = None,
    stopping: Stopping | None = None,
) -> Verdict:
    """Decide by the samples that are here."""
    share = 1.0 if stopping is None else stopping.share
    stakes = asked.stakes(pairing, share)
    cells: list[CellVerdict] = []
    if asked.identical:
        warnings.append(
            "Both runs gave the same output, byte for byte, on every sample. Is it the same run twice?"
        )
    for stake in stakes:
        rule = stake.rule
        if rule.metric not in pairing.metrics:
            cells.append(unmeasured(rule, f"{rule.metric} {IN_BOTH}"))
        elif rule.metric in asked.void:
            cells.append(unmeasured(rule, asked.void[rule.metric]))
        elif rule.whole and stopping is not None and stopping.stopped:
            cells.append(left_open(rule, stake))
        elif rule.margin is not None:
            cells.append(
                margin_cell(
                    pairing,
                    rule,
                    stake,
                    identical=asked.identical,
                    early=early,
                    grids=asked.grids,
                    people=asked.people,
                    advise=stopping is None or stopping.first is None or not stopping.stopped,
                )
            )
        elif (rule.min, rule.max) != (None, None):
            cells.append(bound_cell(pairing, rule, stake, early, asked.people))
        else:
            cells.append(unmeasured(rule, "no slice is large enough to judge"))
    cells = _corrected([*cells, *asked.texts])
    deltas = [delta for cell in cells if (delta := cell.judged or cell.delta) is not None]
    warnings.extend(missing_warnings(pairing, deltas, tested=stopping is None or not stopping.by_bets))
    warnings.extend(_worse_slices(pairing, asked, early, 0.05 * share))
    outcome, reason = _overall(cells, len(pairing.candidate.table.samples))
    return Verdict(
        outcome=outcome,
        reason=reason,
        cells=tuple(cells),
        warnings=tuple(warnings),
        baseline=pairing.baseline.run.id,
        candidate=pairing.candidate.run.id,
        stopping=stopping,
    )


def spread(
    rules: Sequence[GateRule], samples: Sequence[Sample], slices: Sequence[str] = ()
) -> tuple[list[GateRule], list[str]]:
    """Replace each `worst_slice_margin` by a rule for every slice; also say which slices are too small.

    Where no slice is large enough the rule stays, for nothing holds that nobody could look at.
    """
    found: list[GateRule] = []
    small: dict[str, None] = {}
    codes = cluster_codes(samples)
    for rule in rules:
        if rule.worst_slice_margin is None:
            found.append(rule)
            continue
        if any(bound is not None for bound in (rule.margin, rule.min, rule.max)):
            found.append(rule.model_copy(update={"worst_slice_margin": None}))
        judged = []
        for name in slice_names(samples, slices):
            groups = len(np.unique(codes[slice_mask(samples, name)]))
            if groups >= decision.SMALL:
                judged.append(name)
            else:
                small[f"Slice {name!r} has {groups} groups, too few for `worst_slice_margin`."] = None
        alone: dict[str, object] = {"worst_slice_margin": None, "min": None, "max": None}
        each = rule.model_copy(update={**alone, "margin": rule.worst_slice_margin})
        found += [each.model_copy(update={"slice": name}) for name in judged]
        if not judged:
            found.append(rule.model_copy(update={"margin": None, "min": None, "max": None}))
    return found, list(small)


def _stopping(order: Order, stakes: Sequence[Stake], end: End, samples: int) -> Stopping:
    """Return how a run that may stop early ended; what it cost is for those who can look it up."""
    rules = [stake.rule for stake in stakes if stake.passing]
    bets = [rule.alpha if rule.exact else decision.bets_alpha(rule.alpha) for rule in rules]
    return Stopping(
        seed=order.seed,
        stopped=end.groups < order.groups,
        cut=not end.certain and end.groups < order.groups,
        samples=samples,
        planned=len(order.rank),
        alpha_early=min(bets),
        alpha_end=min(rule.alpha - spent for rule, spent in zip(rules, bets, strict=True)),
        whole_run=_whole_run(stakes),
    )


def _whole_run(stakes: Sequence[Stake]) -> tuple[str, ...]:
    """Say which rules no bet can decide, and why."""
    return tuple(
        dict.fromkeys(f"{name_of(stake.rule)} ({stake.why_not})" for stake in stakes if stake.why_not)
    )


def _cut_off(pairing: Pairing) -> Verdict:
    """Return the verdict on a run whose samples are not all answered though nothing is certain yet."""
    run = pairing.candidate.run
    return Verdict(
        outcome="CANNOT_MEASURE",
        reason=(
            f"Run {run.id} ended before all samples were asked, and by these rules and this baseline its "
            f"answers decide nothing. Ask the others too: promptops resume {run.id}"
        ),
        cells=(),
        baseline=pairing.baseline.run.id,
        candidate=run.id,
    )


def _worse_slices(pairing: Pairing, asked: _Question, early: Early | None, alpha: float) -> list[str]:
    """Name the slices, gated or not, that got worse beyond Holm's correction over slices."""
    rules = asked.rules
    gated = dict.fromkeys(rule.metric for rule in rules if rule.metric in pairing.metrics and rule.margin)
    found: list[str] = []
    for label in gated:
        if bool((pairing.candidate.table.columns[label].failed >= 1.0).all()):
            continue  # nobody answered, which is told once and not for each slice
        fell = {name: pairing.fell(label, name) for name in asked.names}
        names = [name for name, worse in fell.items() if worse]
        # What did not fall is tested too, but its p-value is above a half and never of interest.
        others = sum(worse is False for worse in fell.values())
        cells = [pairing.cell(label, name) for name in names]
        if early is not None and early.stopped:
            cells = bare_evidence(pairing, label, names, asked.samples, early)
        tested = [cell for cell in cells if cell.p_harm is not None]
        adjusted = holm([cell.p_harm or 0.0 for cell in tested] + [1.0] * others)
        for cell, p in zip(tested, adjusted, strict=False):
            if p < alpha:
                found.append(
                    f"{label} is worse on slice {cell.delta.slice!r}: {change_of(cell.delta)}"
                    f" (p = {p:.2g} after Holm over {len(tested) + others} slices)."
                )
    return found


def _refuse_without_margin(pairing: Pairing, rules: Sequence[GateRule]) -> None:
    if not rules:
        raise UsageError(
            "The evaluation set has no gate rule, so nothing can be decided. Add to evalset.toml:\n"
            + "\n".join(_advice(pairing, label) for label in list(pairing.metrics)[:3])
        )
    bare = [rule for rule in rules if not rule.decides]
    if bare:
        raise UsageError(
            "A margin is never guessed: state the largest loss that you accept, in the metric's own unit.\n"
            + "\n".join(
                _advice(pairing, rule.metric, rule.slice, exact=rule.exact)
                for rule in bare
                if rule.metric in pairing.metrics
            )
        )


def _advice(pairing: Pairing, label: str, name: str | None = None, *, exact: bool = False) -> str:
    cell = pairing.cell(label, name)
    smallest = resolved(cell, pairing.candidate.table.columns[label].record, exact=exact)
    told = "can't be told yet" if smallest is None else f"{_rounded_up(smallest):g}"
    where = f' slice = "{name}"' if name else ""
    return f'  [[gate]] metric = "{label}"{where}   the smallest margin that this set can resolve: {told}'


def _corrected(cells: list[CellVerdict]) -> list[CellVerdict]:
    """Note for each cell its p-value of harm after Holm over all gated cells."""
    adjusted = decision.holm_over([cell.p_harm for cell in cells])
    return [
        cell if p is None else cell.model_copy(update={"p_harm_adjusted": p})
        for cell, p in zip(cells, adjusted, strict=True)
    ]


def _overall(cells: Sequence[CellVerdict], n: int) -> tuple[Outcome, str]:
    if not cells:
        return "CANNOT_MEASURE", "There was nothing to decide."
    unknown = [cell for cell in cells if cell.outcome == "CANNOT_MEASURE"]
    if unknown:
        return "CANNOT_MEASURE", unknown[0].sentence
    failed = [cell for cell in cells if cell.outcome == "FAIL"]
    certain = decision.certain_losses(
        [decision.NAMES.index(cell.outcome) for cell in cells],
        [cell.p_harm for cell in cells],
        [cell.rule.alpha for cell in cells],
    )
    if certain:
        return "FAIL", " ".join(cells[place].sentence for place in certain[:3])
    if failed:
        return (
            "INCONCLUSIVE",
            f"{failed[0].sentence} Taken alone that is a loss, but with {len(cells)} rules it may be chance.",
        )
    open_ = [cell for cell in cells if cell.outcome == "INCONCLUSIVE"]
    if open_:
        return "INCONCLUSIVE", open_[0].sentence
    improved = [cell for cell in cells if cell.label == "improved"]
    if all(cell.label == "identical" for cell in cells):
        return "PASS", f"Nothing changed: all {n} outputs are the same."
    told = (
        f"All {len(cells)} rules hold on {n} samples" if len(cells) > 1 else f"The rule holds on {n} samples"
    )
    if improved:
        told += ", and " + ", ".join(name_of(cell.rule) for cell in improved) + " improved"
    return "PASS", told + "."


def _rounded_up(value: float) -> float:
    """Round up to two digits, so that the advice is not below what the set can resolve."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / step) * step)
