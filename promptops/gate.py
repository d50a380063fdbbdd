"""May this version pass? One verdict from paired evidence, and a row for every rule.

PASS claims that the change is above minus the margin, FAIL that it is below zero, each with error rate
alpha; what neither can claim is INCONCLUSIVE; what can't be known is CANNOT_MEASURE. The whole passes
only if every cell passes (intersection-union, Berger 1982) and fails only through a cell that did not
pass and whose harm survives Holm's correction over all cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from promptops.comparison import Cell, Pairing, with_missing
from promptops.errors import UsageError
from promptops.stats import decision
from promptops.stats.multiplicity import holm
from promptops.stats.paired import terminal_bound
from promptops.stats.power import cases_needed, design_effect, upper_sd
from promptops.summary import cluster_codes, estimate, slice_mask, slice_names
from promptops.types import CellVerdict, Delta, Estimate, GateRule, Outcome, Sample, Verdict

UNSCORED_LIMIT = 0.05


def judge(
    pairing: Pairing, rules: Sequence[GateRule], *, slices: Sequence[str] = (), identical: bool = False
) -> Verdict:
    """Decide all rules, and name the slices (the set's own, else every tag) that got worse.

    Raises UsageError where a rule states neither a margin nor a bound.
    """
    _refuse_without_margin(pairing, rules)
    samples = pairing.candidate.table.samples
    rules, warnings = spread(rules, samples, slices)
    cells: list[CellVerdict] = []
    if identical:
        warnings.append(
            "Both runs gave the same output, byte for byte, on every sample. Is it the same run twice?"
        )
    for rule in rules:
        if rule.metric not in pairing.metrics:
            cells.append(_unmeasured(rule, f"{rule.metric} was not measured in both runs"))
            continue
        if rule.worst_slice_margin is not None:
            cells.append(_unmeasured(rule, "no slice is large enough to judge"))
            continue
        if rule.margin is not None:
            cells.append(_margin_cell(pairing, rule, identical))
        if rule.min is not None or rule.max is not None:
            cells.append(_bound_cell(pairing, rule))
    cells = _corrected(cells)
    warnings.extend(missing_warnings([cell.delta for cell in cells if cell.delta is not None]))
    warnings.extend(worse_slices(pairing, rules, slices))
    outcome, reason = _overall(cells, pairing)
    return Verdict(
        outcome=outcome,
        reason=reason,
        cells=tuple(cells),
        warnings=tuple(warnings),
        baseline=pairing.baseline.run.id,
        candidate=pairing.candidate.run.id,
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
        each = GateRule(metric=rule.metric, margin=rule.worst_slice_margin, alpha=rule.alpha)
        found += [each.model_copy(update={"slice": name}) for name in judged]
        if not judged:
            found.append(rule.model_copy(update={"margin": None, "min": None, "max": None}))
    return found, list(small)


def missing_warnings(deltas: Sequence[Delta]) -> list[str]:
    """Say how many answers and scores of the whole set are missing, and what that means."""
    found: dict[str, None] = {}
    for delta in deltas:
        if delta.slice is not None:
            continue
        if delta.candidate_missing:
            found[
                f"{delta.candidate_missing} samples got no answer from the candidate: they count as worst."
            ] = None
        if delta.baseline_missing:
            found[
                f"{delta.baseline_missing} samples have no baseline answer: PASS holds with their best too."
            ] = None
        if delta.unscored:
            found[f"{delta.unscored} samples could not be scored by {delta.label}; they are left out."] = None
    return list(found)


def worse_slices(pairing: Pairing, rules: Sequence[GateRule], slices: Sequence[str] = ()) -> list[str]:
    """Name the slices, gated or not, that got worse beyond Holm's correction over slices."""
    gated = dict.fromkeys(rule.metric for rule in rules if rule.metric in pairing.metrics and rule.margin)
    samples = pairing.candidate.table.samples
    found: list[str] = []
    for label in gated:
        cells = [pairing.cell(label, name) for name in slice_names(samples, slices)]
        tested = [cell for cell in cells if cell.p_harm is not None and cell.delta.clusters >= decision.SMALL]
        if not tested:
            continue
        adjusted = holm(np.array([cell.p_harm for cell in tested], dtype=np.float64))
        for cell, p in zip(tested, adjusted, strict=True):
            if p < 0.05:
                found.append(
                    f"{label} is worse on slice {cell.delta.slice!r}: {_change(cell.delta)}"
                    f" (p = {p:.2g} after Holm over {len(tested)} slices)."
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
                _advice(pairing, rule.metric, rule.slice) for rule in bare if rule.metric in pairing.metrics
            )
        )


def _advice(pairing: Pairing, label: str, name: str | None = None) -> str:
    cell = pairing.cell(label, name)
    smallest = cell.delta.resolves
    told = "can't be told yet" if smallest is None else f"{_rounded_up(smallest):g}"
    where = f' slice = "{name}"' if name else ""
    return f'  [[gate]] metric = "{label}"{where}   the smallest margin that this set can resolve: {told}'


def _margin_cell(pairing: Pairing, rule: GateRule, identical: bool) -> CellVerdict:
    cell = pairing.cell(rule.metric, rule.slice, rule.alpha)
    delta, record = cell.delta, pairing.candidate.table.columns[rule.metric].record
    margin = rule.margin or 0.0
    if bool((pairing.candidate.table.columns[rule.metric].failed >= 1.0).all()):
        return _unmeasured(rule, "the candidate gave no answer at all", delta)
    trouble = _trouble(cell, record.low, record.high, record.corpus)
    if trouble:
        return _unmeasured(rule, trouble, delta)
    if identical:
        return CellVerdict(
            rule=rule,
            outcome="PASS",
            label="identical",
            sentence=f"{_name(rule)}: every output is the same as before.",
            delta=delta,
            p_harm=1.0,
        )
    if delta.low is None or delta.high is None:
        return _unmeasured(rule, delta.note or "no interval can be had", delta)
    low, high = (delta.low, delta.high) if delta.higher_is_better else (-delta.high, -delta.low)
    strict = low
    if delta.strict_low is not None:
        strict = min(low, delta.strict_low if delta.higher_is_better else -delta.strict_low)
    elif delta.baseline_missing:
        strict = -np.inf  # no best value is known, so nothing rules out that the missing ones had it
    if delta.clusters < decision.SMALL:
        outcome = _by_betting(cell, margin, record.low, record.high, rule.alpha)
    else:
        outcome = _name_of(decision.settle(strict, high, margin))
    needed = _needed(cell, margin, record.low, record.high, rule.alpha) if outcome == "INCONCLUSIVE" else None
    label = ""
    if outcome == "PASS":
        label = "improved" if low > 0 else "worse within margin" if high < 0 else ""
    return CellVerdict(
        rule=rule,
        outcome=outcome,
        label=label,
        sentence=_sentence(rule, outcome, label, delta, needed),
        delta=delta,
        p_harm=cell.p_harm,
        needed=needed,
    )


def _bound_cell(pairing: Pairing, rule: GateRule) -> CellVerdict:
    table, metric = pairing.candidate.table, pairing.metrics[rule.metric]
    column, mask = table.columns[rule.metric], slice_mask(table.samples, rule.slice)
    bare = rule.model_copy(update={"margin": None})
    missing, total = int((mask & (column.failed > 0)).sum()), int(mask.sum())
    counts = with_missing(column, metric, table.samples, mask)
    if counts is not None and missing:
        whole = replace(column, counts=counts, scored=column.scored | (mask & (column.failed > 0)))
        table = replace(table, columns={**table.columns, rule.metric: whole})
    found = estimate(table, metric, rule.metric, rule.slice, level=1.0 - 2.0 * rule.alpha)
    if counts is None and float(column.failed[mask].mean()) > UNSCORED_LIMIT:
        why = f"{missing} of {total} samples got no answer, and the metric has no worst value for them"
        return _unmeasured(bare, why).model_copy(update={"estimate": found})
    blank = float(column.blank[mask].mean()) if total else 0.0
    if found.n == total > 0 and blank > UNSCORED_LIMIT:
        return _unmeasured(bare, f"{blank:.0%} of the answers could not be scored").model_copy(
            update={"estimate": found}
        )
    if found.low is None or found.high is None or blank > UNSCORED_LIMIT:
        return _unmeasured(bare, f"{found.n} of {total} samples could be scored").model_copy(
            update={"estimate": found}
        )
    above = rule.min is None or found.low >= rule.min
    below = rule.max is None or found.high <= rule.max
    broken = (rule.min is not None and found.high < rule.min) or (
        rule.max is not None and found.low > rule.max
    )
    outcome: Outcome = "PASS" if above and below else "FAIL" if broken else "INCONCLUSIVE"
    how = "are left out" if counts is None else "count as worst"
    told = f" {missing} samples without an answer {how}." if missing else ""
    return CellVerdict(
        rule=bare, outcome=outcome, sentence=_bound_sentence(bare, outcome, found) + told, estimate=found
    )


def _by_betting(cell: Cell, margin: float, low: float | None, high: float | None, alpha: float) -> Outcome:
    if cell.d is None or low is None or high is None:
        return "INCONCLUSIVE"
    share = min(margin / (high - low), 0.999)
    sides = [cell, cell.strict] if cell.delta.baseline_missing else [cell]
    found = [
        _name_of(decision.bet(side.d, share, side.clusters, alpha=alpha, weights=side.weights))
        if side is not None and side.d is not None
        else "INCONCLUSIVE"
        for side in sides
    ]
    if all(outcome == "PASS" for outcome in found):
        return "PASS"
    return "FAIL" if found[0] == "FAIL" else "INCONCLUSIVE"


def _name_of(code: npt.NDArray[np.intp]) -> Outcome:
    names: tuple[Outcome, ...] = ("INCONCLUSIVE", "PASS", "FAIL")
    return names[int(code)]


def _trouble(cell: Cell, low: float | None, high: float | None, corpus: bool) -> str | None:
    if cell.delta.n == 0:
        return "no sample could be compared"
    if cell.unscored_share > UNSCORED_LIMIT:
        # With repeats a sample may have lost some of its scores and not all.
        part = f"{cell.unscored_share:.0%}"
        what = f"{cell.delta.unscored} samples ({part})" if cell.delta.unscored else f"{part} of the answers"
        return f"{what} could not be scored, more than {UNSCORED_LIMIT:.0%}"
    if not corpus and (low is None or high is None):
        return "a metric without a range has no margin; give the rule `min` or `max`"
    return None


def _needed(cell: Cell, margin: float, low: float | None, high: float | None, alpha: float) -> int | None:
    """Return how many more samples would show PASS with 80 % power if nothing has changed."""
    if cell.d is None or low is None or high is None or len(cell.d) < 2:
        return None
    spread = upper_sd(float(np.std(cell.d, ddof=1)), len(cell.d))
    if spread == 0:
        return None
    plain, grouped = terminal_bound(cell.d), terminal_bound(cell.d, cell.clusters)
    deff = design_effect(grouped.se, plain.se)
    more = cases_needed(spread, margin / (high - low), alpha, deff=deff) - len(cell.d)
    # There are enough already to show that nothing changed; it is the change that keeps it open.
    return more if more > 0 else None


def _corrected(cells: list[CellVerdict]) -> list[CellVerdict]:
    """Note for each cell its p-value of harm after Holm over all gated cells."""
    adjusted = decision.holm_over([cell.p_harm for cell in cells])
    return [
        cell if p is None else cell.model_copy(update={"p_harm_adjusted": p})
        for cell, p in zip(cells, adjusted, strict=True)
    ]


def _overall(cells: Sequence[CellVerdict], pairing: Pairing) -> tuple[Outcome, str]:
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
    n = len(pairing.candidate.table.samples)
    if all(cell.label == "identical" for cell in cells):
        return "PASS", f"Nothing changed: all {n} outputs are the same."
    told = (
        f"All {len(cells)} rules hold on {n} samples" if len(cells) > 1 else f"The rule holds on {n} samples"
    )
    if improved:
        told += ", and " + ", ".join(_name(cell.rule) for cell in improved) + " improved"
    return "PASS", told + "."


def _unmeasured(rule: GateRule, why: str, delta: Delta | None = None) -> CellVerdict:
    return CellVerdict(rule=rule, outcome="CANNOT_MEASURE", sentence=f"{_name(rule)}: {why}.", delta=delta)


def _sentence(rule: GateRule, outcome: Outcome, label: str, delta: Delta, needed: int | None) -> str:
    told = f"{_name(rule)} changed by {_change(delta)}"
    if outcome == "PASS":
        extra = f" ({label})" if label else ""
        return f"{told}: a loss beyond the margin of {rule.margin:g} is ruled out{extra}."
    if outcome == "FAIL":
        return f"{told}: it got worse, and a loss beyond the margin of {rule.margin:g} can't be ruled out."
    more = f" If nothing changed, about {needed} more samples would show it." if needed else ""
    if delta.clusters < decision.SMALL:
        more = (
            f" Under {decision.SMALL} groups only a very clear change decides; there are {delta.clusters}, "
            "so add samples of other groups."
        )
    return f"{told}: neither a loss beyond the margin of {rule.margin:g} nor its absence is shown.{more}"


def _bound_sentence(rule: GateRule, outcome: Outcome, found: Estimate) -> str:
    limits = [
        f"at least {rule.min:g}" if rule.min is not None else "",
        f"at most {rule.max:g}" if rule.max is not None else "",
    ]
    asked = " and ".join(limit for limit in limits if limit)
    how = {"PASS": "holds", "FAIL": "is broken", "INCONCLUSIVE": "is not certain"}[outcome]
    return f"{_name(rule)} is {found.value:.4g} [{found.low:.4g}, {found.high:.4g}]: {asked} {how}."


def _name(rule: GateRule) -> str:
    return f"{rule.metric} on {rule.slice!r}" if rule.slice else rule.metric


def _change(delta: Delta) -> str:
    if delta.difference is None or delta.low is None or delta.high is None:
        return "an unknown amount"
    return f"{delta.difference:+.4g} [{delta.low:+.4g}, {delta.high:+.4g}]"


def _rounded_up(value: float) -> float:
    """Round up to two digits, so that the advice is not below what the set can resolve."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / step) * step)
