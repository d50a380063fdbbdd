"""A gate rule about texts: how well may they be told apart, and is that certain?

The figure is the larger of the classifier's area under the curve and of the best threshold of each feature
that changed significantly. FAIL and PASS are claims about it, each with error rate alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from promptops.distributions.rules import ShiftRule
from promptops.distributions.shift import FeatureShift, Shift
from promptops.gate.bounds import kept
from promptops.gate.cells import unmeasured
from promptops.gate.rules import GateRule
from promptops.stats.auc import area_above_p
from promptops.types import Estimate, Outcome
from promptops.verdicts import CellVerdict


def shift_cell(rule: ShiftRule, shift: Shift) -> CellVerdict:
    """Decide whether texts keep the rule's `max`; what could not be measured is CANNOT_MEASURE."""
    if not shift.measured or shift.separation is None or shift.auc_low is None or shift.auc_high is None:
        return unmeasured(rule, shift.reason)
    significant = shift.p_value is not None and shift.p_value < rule.alpha
    changed = [item for item in shift.features if item.adjusted_p < rule.alpha]
    tried = len(shift.features)
    low = max([shift.auc_low, *(_low(item, tried, rule.alpha, shift.paired) for item in changed)])
    high = max(shift.auc_high, shift.separation)
    estimate = Estimate(
        label=rule.metric,
        value=shift.separation,
        low=low,
        high=high,
        n=shift.current_used,
        level=1 - 2 * rule.alpha,
    )
    outcome = kept(estimate, rule)
    if outcome == "FAIL" and not significant:
        outcome = "INCONCLUSIVE"
    return CellVerdict(
        rule=rule,
        outcome=outcome,
        sentence=_sentence(rule, outcome, estimate, shift, changed),
        estimate=estimate,
        p_harm=_p_broken(rule, shift, changed),
    )


def left_for_later(rule: GateRule) -> CellVerdict:
    """Return the cell of a run that has not asked all samples."""
    why = f"{rule.metric} is not decided: it looks at the outputs of all samples, and some were not asked."
    return CellVerdict(rule=rule, outcome="INCONCLUSIVE", sentence=why)


def _low(item: FeatureShift, tried: int, alpha: float, paired: bool) -> float:
    """Return the separation that a feature has at least, at alpha over all features that were tried.

    Dvoretzky, Kiefer & Wolfowitz with Massart's 1990 constant for numbers, Weissman et al. 2003 for shares
    of names, Hoeffding 1963 for the signs of pairs.
    """
    factor, scale = _tail(item, tried, paired)
    return max(0.5, item.separation - math.sqrt(math.log(factor / alpha) / 2) * scale / 2)


def _tail(item: FeatureShift, tried: int, paired: bool) -> tuple[float, float]:
    """Return a and s of P(gap is over by e) <= a exp(-2 (e / s)^2)."""
    names = len({*item.reference_shares, *item.current_shares})
    if paired and not names:
        return 2.0 * tried, 2 / math.sqrt(item.reference_n)
    sides = 1 / math.sqrt(item.reference_n) + 1 / math.sqrt(item.current_n)
    return 2.0 * tried * 2.0 ** max(names, 1), sides


def _p_broken(rule: ShiftRule, shift: Shift, changed: Sequence[FeatureShift]) -> float:
    """Return the p-value of "no more than `max`": under alpha exactly where the lower bound lies above."""
    n, m = shift.auc_n or (1, 1)
    found = [area_above_p(shift.auc or 0.0, rule.max, n, m, paired=shift.paired)]
    for item in changed:
        factor, scale = _tail(item, len(shift.features), shift.paired)
        excess = 2 * (item.separation - rule.max)
        if excess > 0:
            found.append(min(1.0, factor * math.exp(-2 * (excess / scale) ** 2)))
    return max(min(found), shift.p_value or 0.0)


def _sentence(
    rule: ShiftRule, outcome: Outcome, found: Estimate, shift: Shift, changed: Sequence[FeatureShift]
) -> str:
    how = {"PASS": "holds", "FAIL": "is broken", "INCONCLUSIVE": "is not certain"}[outcome]
    told = (
        f"{rule.metric} is {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]: at most {rule.max:g} {how}."
    )
    names = [item.name for item in sorted(changed, key=lambda item: -item.separation)[:3]]
    if names:
        told += f" Changed: {', '.join(names)}."
    if shift.current_tokens and outcome != "PASS":
        told += f" More often now: {' '.join(shift.current_tokens[:5])}"
    return told
