"""One plain sentence for people who don't read statistics: what was found, how sure, what to do next."""

from __future__ import annotations

import math
from collections.abc import Callable

from promptops.gate.rules import GateRule
from promptops.gate.shortfall import more_cases, oriented
from promptops.judging.certificates import MENDS
from promptops.judging.correctionwords import settling
from promptops.labels.labels import DRAW
from promptops.stats.decision import SMALL
from promptops.texts.figures import counted
from promptops.texts.mends import BASELINE_MENDS, IN_BOTH
from promptops.types import Estimate, Outcome, Run
from promptops.verdicts import CellVerdict, Comparison, Delta, Verdict

Written = Callable[[str], str]
"""How a name (of a metric, slice or prompt) is written in the sentence; a form may have to escape it."""

LONG = 80
"""Characters of a name that are written out: a sentence with more of them is none."""
PRACTICAL = 50
"""Times as many samples as there are: beyond that a number of samples is no advice."""


def headline(verdict: Verdict, prompt: str = "", written: Written = str) -> str:
    """Return the verdict's word and its sentence; `prompt` is what would be promoted."""
    return f"{outcome_word(verdict.outcome)}: {finding(verdict, prompt, written)}"


def outcome_word(outcome: Outcome) -> str:
    """Return an outcome as people read it."""
    return outcome.replace("_", " ")


def finding(verdict: Verdict, prompt: str = "", written: Written = str) -> str:
    """Return what a verdict found, how sure that is and what to do next, without the verdict's word."""
    cell = deciding(verdict)
    if cell is None:
        return verdict.reason
    tell = {"PASS": _passed, "FAIL": _failed, "INCONCLUSIVE": _open, "CANNOT_MEASURE": _unmeasured}
    return tell[verdict.outcome](verdict, cell, prompt, lambda name: written(_shortened(name)))


def compared(comparison: Comparison, label: str, before: str, after: str, written: Written = str) -> str:
    """Return what a comparison without rules found in one metric."""
    found = (each for each in comparison.deltas if each.label == label and each.slice is None)
    delta = next(found, None)
    name, old, new = (written(_shortened(each)) for each in (label, before, after))
    if delta is None or delta.difference is None:
        return f"{name} can't be compared from {old} to {new}. No rule was applied: `promptops gate` decides."
    how = _evidence(delta, None)
    if delta.low is None or delta.high is None:
        why = delta.note or "there is no interval"
        return f"How surely {name} changed from {old} to {new} can't be told: {why} ({how})."
    clear = not delta.low <= 0 <= delta.high
    told = "changed" if clear else "did not change clearly"
    return f"{name} {told} from {old} to {new} ({how}). No rule was applied: `promptops gate` decides."


def told_apart(before: Run, after: Run) -> tuple[str, str]:
    """Return what two runs differ in, as far as a name tells: their prompts, or else their models."""
    if before.prompt_ref == after.prompt_ref and before.model != after.model:
        return before.model, after.model
    return before.prompt_ref, after.prompt_ref


def smallest_change(delta: Delta) -> str:
    """Say how small a change in one metric could have been seen, and what it takes to see a smaller one."""
    name = f"{delta.label} on {_shortened(delta.slice)}" if delta.slice else delta.label
    if not delta.resolves or delta.n == 0:
        why = "there are none" if delta.n == 0 else delta.note or "they did not differ, or too few did"
        return f"How small a change of {name} the cases could show can't be told: {why}."
    what, count = ("groups", delta.clusters) if delta.clusters < delta.n else ("cases", delta.n)
    size = _two_digits(delta.resolves)
    told = (
        f"The smallest change of {name} that {_cases(delta)} can show is about {size}: "
        "four in five changes of that size are noticed, and a smaller one may be there unseen."
    )
    if count < SMALL:
        return f"{told} Under {SMALL} {what} bets decide, which see large changes only: add {what} first."
    return f"{told} One half as large takes about {_rounded_up(3 * count):,} more {what}."


def settled(cell: CellVerdict) -> Outcome:
    """Return a cell's outcome with the correction over all rules: a loss that may be chance is open."""
    chance = cell.p_harm_adjusted is not None and cell.p_harm_adjusted >= cell.rule.alpha
    return "INCONCLUSIVE" if cell.outcome == "FAIL" and chance else cell.outcome


def reason(cell: CellVerdict, rules: int) -> str:
    """Return a cell's own sentence; where its loss did not survive the correction, that too."""
    if settled(cell) == cell.outcome:
        return cell.sentence
    return f"{cell.sentence} Taken alone that is a loss, but among {rules} rules it may be chance."


def deciding(verdict: Verdict) -> CellVerdict | None:
    """Return the cell that a verdict hangs on; of a PASS the one with the least room to its margin."""
    outcome = verdict.outcome
    if outcome == "FAIL":
        return next((cell for cell in verdict.cells if settled(cell) == "FAIL"), None)
    if outcome == "INCONCLUSIVE":
        failed = [cell for cell in verdict.cells if cell.outcome == "FAIL"]
        return next(iter(failed), None) or _first(verdict, outcome)
    if outcome == "PASS":
        return min(verdict.cells, key=_room, default=None)
    return _first(verdict, outcome)


def leading(verdict: Verdict) -> CellVerdict | None:
    """Return the cell whose cases one looks at first: what a verdict hangs on, of a PASS the first one."""
    return deciding(verdict) if verdict.outcome != "PASS" else next(iter(verdict.cells), None)


def limits(rule: GateRule) -> str:
    """Return what a rule asks of the figure itself."""
    least = f"at least {rule.min:g}" if rule.min is not None else ""
    most = f"at most {rule.max:g}" if rule.max is not None else ""
    worst = rule.worst_slice_margin
    slices = f"a loss of at most {worst:g} on any slice" if worst is not None else ""
    return " and ".join(limit for limit in (least, most, slices) if limit)


def about(rule: GateRule) -> str:
    """Return whom a rule is about where that is not the population, or by whom, where not by the metric."""
    ratings = " by people's ratings" if rule.corrected else ""
    return " on these very samples" if rule.estimand == "suite" else ratings


def _shortened(name: str) -> str:
    if len(name) <= LONG:
        return name
    # Of a path the end says which file it is.
    return f"…{name[1 - LONG :]}" if "/" in name else f"{name[: LONG - 1]}…"


def _first(verdict: Verdict, outcome: Outcome) -> CellVerdict | None:
    return next((cell for cell in verdict.cells if cell.outcome == outcome), None)


def _room(cell: CellVerdict) -> float:
    if cell.delta is None or cell.rule.margin is None:
        return math.inf
    low, _ = oriented(cell.delta)
    return math.inf if low is None else low / cell.rule.margin


def _passed(verdict: Verdict, cell: CellVerdict, prompt: str, written: Written) -> str:
    if all(each.label == "identical" for each in verdict.cells):
        count = cell.delta.n if cell.delta else 0
        return (
            f"nothing changed, all {count} outputs are the same as before, byte for byte. "
            f"Make sure that it is not the same run twice; {_promote(prompt, written)}."
        )
    held = _held(cell, written)
    count = len(verdict.cells)
    all_of = "both" if count == 2 else f"all {count}"
    told = held if count == 1 else f"{all_of} rules hold; the closest one: {held}"
    notes = len(verdict.warnings)
    allowed = _promote(prompt, written)
    if notes:
        return f"{told}. Read the {'note' if notes == 1 else f'{notes} notes'} first; then {allowed}."
    return f"{told}. {allowed[:1].upper()}{allowed[1:]}."


def _held(cell: CellVerdict, written: Written) -> str:
    name, rule = _name(cell.rule, written), cell.rule
    if cell.delta is None or rule.margin is None:
        return f"{name} is {limits(rule)} ({_level(cell.estimate, rule)})"
    worse, better = _verbs(cell.delta)
    how = _evidence(cell.delta, rule.margin)
    if cell.label == "identical":
        return f"{name} did not change"
    if cell.label == "improved":
        return f"{name} improved, it {better} ({how})"
    if cell.label == "worse within margin":
        return f"{name} {worse}, but by no more than the {rule.margin:g} that you accept ({how})"
    return f"{name} did not {_bare(worse)} by more than {rule.margin:g} ({how})"


def _failed(verdict: Verdict, cell: CellVerdict, prompt: str, written: Written) -> str:
    told = _lost(cell, written)
    others = [each for each in verdict.cells if settled(each) == "FAIL" and each is not cell]
    many = "1 more rule fails too" if len(others) == 1 else f"{len(others)} more rules fail too"
    also = f"; {many}" if others else ""
    what = f"Don't {_verb(prompt)} {written(prompt)}" if prompt else "Don't ship it"
    return f"{told}{also}. {what}: look at the cases that lost most, mend the prompt, run the gate again."


def _lost(cell: CellVerdict, written: Written) -> str:
    name, rule = _name(cell.rule, written), cell.rule
    if cell.delta is None or rule.margin is None:
        return f"{name} is {_beyond(cell.estimate, rule)} ({_level(cell.estimate, rule)})"
    worse, _ = _verbs(cell.delta)
    _, high = oriented(cell.delta)
    how = _evidence(cell.delta, rule.margin)
    if high is not None and high < -rule.margin:
        return f"{name} {worse} by more than the {rule.margin:g} that you accept ({how})"
    return f"{name} {worse}, perhaps by more than the {rule.margin:g} that you accept ({how})"


def _beyond(found: Estimate | None, rule: GateRule) -> str:
    if rule.min is not None and (found is None or found.high is None or found.high < rule.min):
        return f"below the {rule.min:g} that you ask for"
    return f"above the {rule.max:g} that you allow"


def _open(verdict: Verdict, cell: CellVerdict, prompt: str, written: Written) -> str:
    name, rule = _name(cell.rule, written), cell.rule
    if rule.margin is None:
        told = f"whether {name} is {limits(rule)} can't be told yet ({_level(cell.estimate, rule)})"
    elif cell.delta is None:
        told = f"whether {name} got worse by more than {rule.margin:g} can't be told by a part of the samples"
    elif cell.outcome == "FAIL":
        worse, _ = _verbs(cell.delta)
        how, count = _evidence(cell.delta, rule.margin), len(verdict.cells)
        told = f"{name} {worse} ({how}), but with {count} rules one such result may be chance"
    else:
        worse, _ = _verbs(cell.delta)
        how = _evidence(cell.delta, rule.margin)
        told = f"whether {name} {worse} by more than {rule.margin:g} can't be told yet ({how})"
    what = f"Don't {_verb(prompt)} {written(prompt)} yet" if prompt else "Don't ship it yet"
    stopping = verdict.stopping
    if stopping is not None and stopping.cut:
        return f"{told}. {what}: have the rest asked (promptops resume {verdict.candidate})."
    if stopping is not None and stopping.left_open:
        left = stopping.planned - stopping.samples
        asked = f" ({stopping.more})" if stopping.more else ""
        return f"{told}. {what}: ask the other {left:,} samples{asked}."
    return f"{told}. {what}: {_advice(cell)}."


def _advice(cell: CellVerdict) -> str:
    """Say how many more cases would settle it, and on which assumption."""
    if cell.correction is not None and cell.outcome != "FAIL":
        return settling(cell.correction)
    if cell.delta is not None and cell.delta.clusters < SMALL:
        what = "groups" if cell.delta.clusters < cell.delta.n else "cases"
        bets = "bets" in cell.delta.method
        who = "only a very clear change decides" if bets else "no figure of all texts together decides"
        return f"under {SMALL} {what} {who}, so add at least {SMALL - cell.delta.clusters} more {what}"
    level = cell.estimate if cell.delta is None else None
    if level is not None and level.clusters is not None and level.clusters < SMALL:
        what = "groups" if level.clusters < level.n else "cases"
        others = ": cases of other people or documents" if level.clusters < level.n else ""
        few = f"under {SMALL} {what} only a very clear figure decides"
        return f"{few}, so add at least {SMALL - level.clusters} more {what}{others}"
    more, assumed = more_cases(cell)
    n = cell.delta.n if cell.delta else cell.estimate.n if cell.estimate else 0
    if more is None or more > PRACTICAL * max(n, SMALL):
        return "more cases alone are not likely to settle it; look at the cases, or accept a larger loss"
    return f"about {max(_rounded_up(more), 1):,} more cases would settle it if {assumed}"


def _unmeasured(verdict: Verdict, cell: CellVerdict, prompt: str, written: Written) -> str:
    name = f"{cell.rule.metric} on {cell.rule.slice!r}" if cell.rule.slice else cell.rule.metric
    why = cell.sentence.removeprefix(f"{name}: ").rstrip(".")
    run = verdict.candidate
    if cell.rule.worst_slice_margin is not None and cell.delta is None:
        what = "Add cases to the slices, or take `worst_slice_margin` away"
    elif mend := next((each for each in (*MENDS, DRAW, *BASELINE_MENDS) if each in why), ""):
        why, _, what = why.partition(mend)
        what = f"{mend[2:]}`{what}`"
    elif cell.delta is None and cell.estimate is None and why.endswith(IN_BOTH):
        why = f"it {IN_BOTH}"
        what = "Evaluate again, or accept a baseline that has it: `promptops accept RUN`"
    elif cell.delta is None and cell.estimate is None:
        what = "Mend that, or the rule in evalset.toml"
    elif cell.delta and cell.delta.candidate_missing and cell.delta.n == cell.delta.candidate_missing:
        what = f"See why the model gave no answer (`promptops show {run}`) and evaluate again"
    elif (cell.delta and cell.delta.unscored) or cell.estimate is not None:
        what = f"See what could not be scored (`promptops show {run}`), mend it, `promptops score {run}`"
    elif cell.delta and cell.delta.clusters == 1 and cell.delta.n:
        what = "Give the samples more than one group"
    else:
        what = f"Look at the run (`promptops show {run}`) and at the rule in evalset.toml"
    end = "" if why.endswith("?") else "."
    return f"{_name(cell.rule, written)} can't be judged: {why}{end} {what}."


def _name(rule: GateRule, written: Written) -> str:
    name = f"{written(rule.metric)} on {written(rule.slice)}" if rule.slice else written(rule.metric)
    return name + about(rule)


def _promote(prompt: str, written: Written) -> str:
    return f"you can {_verb(prompt)} {written(prompt)}" if prompt else "you can ship it"


def _verb(prompt: str) -> str:
    # A file has no alias that could move.
    return "promote" if "@" in prompt else "ship"


def _verbs(delta: Delta) -> tuple[str, str]:
    """Return how getting worse and getting better are called."""
    return ("fell", "rose") if delta.higher_is_better else ("rose", "fell")


def _bare(verb: str) -> str:
    return {"fell": "fall", "rose": "rise"}[verb]


def _level(found: Estimate | None, rule: GateRule) -> str:
    if found is None or found.value is None or found.low is None or found.high is None:
        return "no figure"
    told = _decimals((found.value, found.low, found.high), found.high - found.low)
    value, low, high = (f"{each:.{told}f}" for each in (found.value, found.low, found.high))
    sure = _sure((1 - found.level) / 2)
    return f"found {value}, between {low} and {high} with {sure}; {_counted(found.n, found.clusters)}"


def _evidence(delta: Delta, margin: float | None) -> str:
    cases = _cases(delta)
    if delta.difference is None:
        return cases
    if delta.low is None or delta.high is None:
        return f"change {delta.difference:+.4g}; {cases}"
    told = _decimals((delta.difference, delta.low, delta.high), margin or delta.high - delta.low)
    change, low, high = (_signed(each, told) for each in (delta.difference, delta.low, delta.high))
    return f"change {change}, between {low} and {high} with {_sure(delta.alpha)}; {cases}"


def _cases(delta: Delta) -> str:
    rated = "" if delta.rated is None else f"people's ratings of {delta.rated:,} of "
    return rated + _counted(delta.n, delta.clusters)


def _counted(n: int, clusters: int | None) -> str:
    grouped = clusters is not None and clusters < n
    return counted(n, "case") + (f" in {counted(clusters, 'group')}" if grouped and clusters else "")


def _sure(alpha: float) -> str:
    return f"{100 * (1 - alpha):g} % confidence each way"


def _decimals(values: tuple[float, ...], scale: float) -> int:
    """Return so many decimals that a tenth of the scale shows, and no bound beside zero looks like zero."""
    found = max(0, 1 - math.floor(math.log10(scale))) if scale > 0 else 3
    found = min(found, 6)
    while found < 6 and any(value and round(value, found) == 0 for value in values):
        found += 1
    return found


def _signed(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}" if round(value, decimals) else f"{0:.{decimals}f}"


def _two_digits(value: float) -> str:
    """Write a size with two digits, rounded up and without an exponent."""
    decimals = max(1 - math.floor(math.log10(value)), 0)
    return f"{math.ceil(round(value * 10**decimals, 6)) / 10**decimals:.{decimals}f}"


def _rounded_up(value: float) -> int:
    """Round up to two digits."""
    if value <= 0:
        return 0
    step = int(10 ** max(math.floor(math.log10(value)) - 1, 0))
    # Without the rounding, 100.0000001 would be 110.
    return math.ceil(round(value / step, 6)) * step
