"""One rule of the gate on one slice: its evidence, and what that allows to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from promptops.analysis.comparison import BETS, Cell, Pairing
from promptops.analysis.grid import Grid
from promptops.analysis.summary import estimate
from promptops.gate.bounds import Early, change_evidence, kept, level_evidence
from promptops.gate.filled import with_missing
from promptops.gate.rules import GateRule
from promptops.gate.sight import with_sight
from promptops.gate.stopping import UNSCORED_LIMIT, Stake
from promptops.judging.corrected import corrected_change, corrected_level
from promptops.judging.correctionwords import by_ratings, halving, more_ratings
from promptops.labels.labels import DRAW
from promptops.labels.ratings import People
from promptops.stats import decision
from promptops.stats.paired import terminal_bound
from promptops.stats.power import cases_needed, design_effect, upper_sd
from promptops.texts.figures import counted
from promptops.types import Estimate, MetricRecord, Outcome
from promptops.verdicts import CellVerdict, Correction, Delta

Ratings: TypeAlias = Mapping[tuple[str, str | None, bool], People | str]
"""By a rule's metric, its file of labels, and whether it is about a change: people's ratings of both runs,
else of the candidate alone, or why they can't be used."""


def margin_cell(
    pairing: Pairing,
    rule: GateRule,
    stake: Stake,
    *,
    identical: bool = False,
    early: Early | None = None,
    grids: tuple[Grid, Grid] | None = None,
    people: Ratings | None = None,
    advise: bool = True,
) -> CellVerdict:
    """Decide whether the change of a metric keeps the rule's margin.

    Without `advise` nothing is said of more samples: of a first stage they are planned already.
    """
    cell = change_evidence(pairing, rule, stake, early, grids)
    record = pairing.candidate.table.columns[rule.metric].record
    delta = cell.delta
    if rule.estimand == "population":
        delta = with_sight(cell, record)
    margin = rule.margin or 0.0
    if bool((pairing.candidate.table.columns[rule.metric].failed >= 1.0).all()):
        return unmeasured(rule, "the candidate gave no answer at all", delta)
    trouble = _trouble(cell, rule, record)
    if trouble:
        return unmeasured(rule, trouble, delta)
    if identical:
        return CellVerdict(
            rule=rule,
            outcome="PASS",
            label="identical",
            sentence=f"{name_of(rule)}: every output is the same as before.",
            delta=delta,
            p_harm=1.0,
        )
    if early is not None and early.stopped and stake.why_not:
        return left_open(rule, stake, delta=delta)
    if rule.corrected:
        asked = (people or {}).get((rule.metric, rule.labels, True))
        return _corrected_cell(replace(cell, delta=delta), rule, record, asked)
    if delta.low is None or delta.high is None:
        return unmeasured(rule, delta.note or "no interval can be had", delta)
    outcome, label = _settled(rule, delta, delta.low, delta.high)
    few = record.corpus and delta.clusters < decision.SMALL
    if few:
        outcome, label = "INCONCLUSIVE", ""  # only bets decide there, and no bet can be placed
    needed = _needed(cell, margin, record, rule.alpha) if advise and outcome == "INCONCLUSIVE" else None
    return CellVerdict(
        rule=rule,
        outcome=outcome,
        label=label,
        sentence=_sentence(rule, outcome, label, delta, needed),
        delta=delta,
        p_harm=None if few else cell.p_harm,
        needed=needed,
    )


def bound_cell(
    pairing: Pairing,
    rule: GateRule,
    stake: Stake,
    early: Early | None = None,
    people: Ratings | None = None,
) -> CellVerdict:
    """Decide whether the candidate's own figure keeps the rule's `min` and `max`, by its whole interval."""
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    column, mask = table.columns[rule.metric], table.mask(rule.slice)
    bare = rule.model_copy(update={"margin": None})
    missing, total = int((mask & (column.failed > 0)).sum()), int(mask.sum())
    counts = with_missing(column, metric, table.samples, mask)
    if counts is not None and missing:
        whole = replace(column, counts=counts, scored=column.scored | (mask & (column.failed > 0)))
        table = replace(table, columns={**table.columns, rule.metric: whole})

    def figure(alpha: float) -> Estimate:
        return estimate(table, metric, rule.metric, rule.slice, level=1.0 - 2.0 * alpha)

    found = figure(rule.alpha)
    if counts is None and float(column.failed[mask].mean()) > UNSCORED_LIMIT:
        why = f"{missing} of {total} samples got no answer, and the metric has no worst value for them"
        return unmeasured(bare, why).model_copy(update={"estimate": found})
    blank = float(column.blank[mask].mean()) if total else 0.0
    if found.n == total > 0 and blank > UNSCORED_LIMIT:
        return unmeasured(bare, f"{blank:.0%} of the answers could not be scored").model_copy(
            update={"estimate": found}
        )
    if early is not None and early.stopped and stake.why_not and blank <= UNSCORED_LIMIT:
        bounds = {"low": None, "high": None}
        return left_open(bare, stake, estimate=found.model_copy(update=bounds))
    if found.low is None or found.high is None or blank > UNSCORED_LIMIT:
        return unmeasured(bare, f"{found.n} of {total} samples could be scored").model_copy(
            update={"estimate": found}
        )
    if rule.corrected:
        return _corrected_bound(pairing, bare, found, (people or {}).get((rule.metric, rule.labels, False)))
    found, p_broken = level_evidence(pairing, rule, stake, early, figure)
    outcome = kept(found, rule)
    groups = len(np.unique(table.clusters[mask & table.columns[rule.metric].scored]))
    few = bool(stake.why_not) and groups < decision.SMALL
    if few:
        outcome, p_broken = "INCONCLUSIVE", None
    several = missing != 1
    how = (
        ("are" if several else "is") + " left out"
        if counts is None
        else f"count{'' if several else 's'} as worst"
    )
    told = f" {counted(missing, 'sample')} without an answer {how}." if missing else ""
    told += f" Under {decision.SMALL} groups nothing is certain of it; there are {groups}." if few else ""
    return CellVerdict(
        rule=bare,
        outcome=outcome,
        sentence=_bound_sentence(bare, outcome, found) + told,
        estimate=found,
        p_harm=p_broken,
    )


def _corrected_cell(
    cell: Cell, rule: GateRule, record: MetricRecord, people: People | str | None
) -> CellVerdict:
    """Decide by the change as people's ratings correct it; the judge's own stands beside it."""
    if people is None or isinstance(people, str):
        why = people or "nobody's ratings are at hand"
        return unmeasured(rule, why, cell.delta)
    found = corrected_change(cell, record, people, margin=rule.margin, strictly=True)
    delta, correction = found.delta, found.correction
    beside = {"judged": cell.delta, "correction": correction}
    if delta.low is None or delta.high is None:
        return unmeasured(rule, correction.why + DRAW + people.draw, cell.delta).model_copy(update=beside)
    outcome, label = _settled(rule, delta, delta.low, delta.high)
    return CellVerdict(
        rule=rule,
        outcome=outcome,
        label=label,
        sentence=_sentence(rule, outcome, label, delta, None, correction),
        delta=delta,
        p_harm=found.p_harm,
        needed=correction.more if outcome == "INCONCLUSIVE" else None,
        judged=cell.delta,
        correction=correction,
    )


def _corrected_bound(
    pairing: Pairing, rule: GateRule, own: Estimate, people: People | str | None
) -> CellVerdict:
    """Decide by the candidate's figure as people's ratings correct it; the judge's own stands beside it."""
    if people is None or isinstance(people, str):
        why = people or "nobody's ratings are at hand"
        return unmeasured(rule, why).model_copy(update={"estimate": own})
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    level = corrected_level(table, metric, rule.metric, people, name=rule.slice, alpha=rule.alpha)
    correction, model = level.correction, level.model
    if model is None:
        told = unmeasured(rule, correction.why + DRAW + people.draw)
        return told.model_copy(update={"estimate": own, "correction": correction})
    bounds = {"value": correction.value, "low": correction.low, "high": correction.high}
    found = own.model_copy(update=bounds)
    outcome = kept(found, rule)
    broken = [
        *([] if rule.min is None else [model.p_below(rule.min)]),
        *([] if rule.max is None else [model.p_above(rule.max)]),
    ]
    told_more = f" {halving(correction)}" if outcome == "INCONCLUSIVE" else ""
    return CellVerdict(
        rule=rule,
        outcome=outcome,
        sentence=_bound_sentence(rule, outcome, found, correction) + told_more,
        estimate=found,
        correction=correction,
        p_harm=min(1.0, min(broken) * len(broken)),
    )


def _settled(rule: GateRule, delta: Delta, bottom: float, top: float) -> tuple[Outcome, str]:
    """Return what a change's bounds allow to say, and how a PASS is called."""
    low, high = (bottom, top) if delta.higher_is_better else (-top, -bottom)
    strict = low
    if delta.strict_low is not None:
        strict = min(low, delta.strict_low if delta.higher_is_better else -delta.strict_low)
    elif delta.baseline_missing and rule.estimand == "population":
        strict = -np.inf  # no best value is known, so nothing rules out that the missing ones had it
    outcome: Outcome = _OUTCOMES[int(decision.settle(strict, high, rule.margin or 0.0))]
    if outcome != "PASS":
        return outcome, ""
    return outcome, "improved" if low > 0 else "worse within margin" if high < 0 else ""


def unmeasured(rule: GateRule, why: str, delta: Delta | None = None) -> CellVerdict:
    """Return a cell that can't be known, with the reason."""
    return CellVerdict(rule=rule, outcome="CANNOT_MEASURE", sentence=f"{name_of(rule)}: {why}.", delta=delta)


def left_open(rule: GateRule, stake: Stake, **found: Delta | Estimate) -> CellVerdict:
    """Return the cell of a run that stopped before this rule, which needs all samples, could be decided."""
    why = f"{name_of(rule)} is not decided: the run stopped early, and {stake.why_not}."
    return CellVerdict(rule=rule, outcome="INCONCLUSIVE", sentence=why, **found)


def name_of(rule: GateRule) -> str:
    """Return how a rule's subject is called."""
    return f"{rule.metric} on {rule.slice!r}" if rule.slice else rule.metric


def change_of(delta: Delta) -> str:
    """Return a change with its bounds."""
    if delta.difference is None or delta.low is None or delta.high is None:
        return "an unknown amount"
    return f"{delta.difference:+.4g} [{delta.low:+.4g}, {delta.high:+.4g}]"


_OUTCOMES: tuple[Outcome, ...] = ("INCONCLUSIVE", "PASS", "FAIL")


def _trouble(cell: Cell, rule: GateRule, record: MetricRecord) -> str | None:
    if cell.delta.n == 0:
        return "no sample could be compared"
    if cell.unscored_share > UNSCORED_LIMIT:
        # With repeats a sample may have lost some of its scores and not all.
        part = f"{cell.unscored_share:.0%}"
        what = (
            f"{counted(cell.delta.unscored, 'sample')} ({part})"
            if cell.delta.unscored
            else f"{part} of the answers"
        )
        return f"{what} could not be scored, more than {UNSCORED_LIMIT:.0%}"
    if not record.corpus and (record.low is None or record.high is None):
        return "a metric without a range has no margin; give the rule `min` or `max`"
    if rule.exact and record.corpus:
        return "`exact` bets on single samples, and this is a figure of all texts together"
    return None


def _needed(cell: Cell, margin: float, record: MetricRecord, alpha: float) -> int | None:
    """Return how many more samples would show PASS with 80 % power if nothing has changed."""
    if cell.d is None or record.low is None or record.high is None or len(cell.d) < 2:
        return None
    spread = upper_sd(float(np.std(cell.d, ddof=1)), len(cell.d))
    if spread == 0:
        return None
    plain, grouped = terminal_bound(cell.d), terminal_bound(cell.d, cell.clusters)
    deff = design_effect(grouped.se, plain.se)
    more = cases_needed(spread, margin / (record.high - record.low), alpha, deff=deff) - len(cell.d)
    # There are enough already to show that nothing changed; it is the change that keeps it open.
    return more if more > 0 else None


def _sentence(
    rule: GateRule,
    outcome: Outcome,
    label: str,
    delta: Delta,
    needed: int | None,
    correction: Correction | None = None,
) -> str:
    told = f"{name_of(rule)} changed by {change_of(delta)}"
    if correction is not None:
        told += f" {by_ratings(correction)}"
    if rule.estimand == "suite":
        told += " on these very samples"
    if outcome == "PASS":
        extra = f" ({label})" if label else ""
        return f"{told}: a loss beyond the margin of {rule.margin:g} is ruled out{extra}."
    if outcome == "FAIL":
        return f"{told}: it got worse, and a loss beyond the margin of {rule.margin:g} can't be ruled out."
    more = f" If nothing changed, about {needed} more samples would show it." if needed else ""
    if correction is not None:
        more = f" {more_ratings(correction)}"
    elif rule.estimand == "suite":
        more = " More repeats would show it."
    elif delta.clusters < decision.SMALL:
        # No bet can be placed on a figure of all texts together.
        who = "nothing" if delta.method != BETS else "only a very clear change"
        more = (
            f" Under {decision.SMALL} groups {who} decides; there are {delta.clusters}, "
            "so add samples of other groups."
        )
    return f"{told}: neither a loss beyond the margin of {rule.margin:g} nor its absence is shown.{more}"


def _bound_sentence(
    rule: GateRule, outcome: Outcome, found: Estimate, correction: Correction | None = None
) -> str:
    limits = [
        f"at least {rule.min:g}" if rule.min is not None else "",
        f"at most {rule.max:g}" if rule.max is not None else "",
    ]
    asked = " and ".join(limit for limit in limits if limit)
    how = {"PASS": "holds", "FAIL": "is broken", "INCONCLUSIVE": "is not certain"}[outcome]
    by = "" if correction is None else f" {by_ratings(correction, change=False)}"
    return f"{name_of(rule)} is {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]{by}: {asked} {how}."
