"""What a verdict hangs on, as rows that every face shows alike: what was asked, found, and concluded."""

from __future__ import annotations

from promptops.gate.headline import about, leading, limits, reason, settled
from promptops.judging.correctionwords import judge_alone
from promptops.noun import Noun
from promptops.texts.figures import figure, interval, signed
from promptops.types import Outcome
from promptops.verdicts import CellVerdict, Verdict


class Evidence(Noun):
    """One rule with what was found, in the words and figures that are shown."""

    metric: str
    slice: str | None
    asked: str
    outcome: Outcome
    """With the correction over all rules."""
    alone: Outcome
    """What it would be as the only rule."""
    remark: str
    found: str
    bounds: str
    n: str
    sees: str
    """The smallest change that this evidence shows in 80 of 100 comparisons."""
    beside: str
    """What the judge alone says, where people's ratings correct it; else empty."""
    why: str
    """The statistician's sentence."""
    leads: bool
    """Whether this is the rule to look at first: what a verdict hangs on, of a PASS the first one."""

    @property
    def name(self) -> str:
        """The metric, and the slice if the rule is about one."""
        return f"{self.metric} on {self.slice}" if self.slice else self.metric


def evidence_of(verdict: Verdict) -> tuple[Evidence, ...]:
    """Return a row for each of a verdict's rules."""
    first = leading(verdict)
    return tuple(_row(cell, len(verdict.cells), cell is first) for cell in verdict.cells)


def _row(cell: CellVerdict, rules: int, leads: bool) -> Evidence:
    rule, outcome = cell.rule, settled(cell)
    found, bounds, n = _found(cell)
    return Evidence(
        metric=rule.metric,
        slice=rule.slice,
        asked=(f"may lose {rule.margin:g}" if rule.margin is not None else limits(rule)) + about(rule),
        outcome=outcome,
        alone=cell.outcome,
        remark=cell.label if outcome == cell.outcome else "FAIL alone, may be chance among so many rules",
        found=found,
        bounds=bounds,
        n=n,
        sees=figure(cell.delta.resolves if cell.delta is not None else None),
        beside=f"judge alone {judge_alone(cell.correction, change=rule.margin is not None)}"
        if cell.correction
        else "",
        why=reason(cell, rules),
        leads=leads,
    )


def _found(cell: CellVerdict) -> tuple[str, str, str]:
    if cell.delta is not None:
        bounds = interval(cell.delta.low, cell.delta.high, sign=True)
        rated = "" if cell.delta.rated is None else f"{cell.delta.rated:,} of "
        return signed(cell.delta.difference), bounds, f"{rated}{cell.delta.n:,}"
    if cell.estimate is not None:
        bounds = interval(cell.estimate.low, cell.estimate.high)
        return figure(cell.estimate.value), bounds, f"{cell.estimate.n:,}"
    return "-", "-", "-"
