"""What is told of answers that did not come, above everything else: silence may be what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from promptops.analysis.comparison import Pairing
from promptops.analysis.summary import Bools, Column, Side
from promptops.stats.binary import mcnemar_p
from promptops.texts.figures import counted, p_value, signed
from promptops.verdicts import Delta

ALPHA = 0.05
"""Missing rates that differ by a test at this level are told first."""


def missing_warnings(pairing: Pairing, deltas: Sequence[Delta], *, tested: bool = True) -> list[str]:
    """Say how many answers and scores are missing, what that means, and what the changes were without them.

    Of changes on slices it speaks only where their metric's change on the whole set is not among them. No
    test is `tested` on a run that stopped when it suited.
    """
    whole = {delta.label for delta in deltas if delta.slice is None}
    told = [delta for delta in deltas if delta.slice is None or delta.label not in whole]
    notes: list[str] = []
    for name in dict.fromkeys(delta.slice for delta in told):
        notes += _rates(_Gaps.of(pairing, pairing.candidate.table.mask(name)), _where(name))
    notes += [_complete_case(pairing, delta) for delta in told if _has_gaps(pairing, delta)]
    whole_runs = {side.run.status for side in (pairing.baseline, pairing.candidate)} == {"finished"}
    notes += [_unscored(delta, whole_runs) for delta in told if delta.unscored]
    return list(dict.fromkeys([*(unequal_missing(pairing) if tested else []), *notes]))


def unequal_missing(pairing: Pairing) -> list[str]:
    """Say so where one side fails to answer more often than the other (exact McNemar test over samples)."""
    gaps = _Gaps.of(pairing, pairing.candidate.table.mask(None))
    lost = int((gaps.after.whole & ~gaps.before.whole).sum())
    gained = int((gaps.before.whole & ~gaps.after.whole).sum())
    p = mcnemar_p(lost, gained)
    if p >= ALPHA:
        return []
    how, n = ("more" if lost > gained else "less"), gaps.n
    shown = p_value(p)
    return [
        f"The candidate fails to answer {how} often: {gaps.after.count} of {n} against "
        f"{gaps.before.count} of {n} (exact McNemar p {shown if shown.startswith('<') else f'= {shown}'})."
    ]


@dataclass(frozen=True)
class _Silence:
    """Which samples one side has no answer to: on all of their repeats, or on some only."""

    whole: Bools
    partly: Bools

    @classmethod
    def of(cls, side: Side, mask: Bools) -> _Silence:
        # Where one metric could not score an answer, another one tells that there was one.
        whole, partly = np.zeros(len(mask), dtype=bool), np.zeros(len(mask), dtype=bool)
        for column in side.table.columns.values():
            silent = (column.failed >= 1.0) & (column.blank == 0.0)
            whole |= silent
            partly |= (column.failed > 0) & ~silent
        return cls(whole & mask, partly & mask & ~whole)

    @property
    def count(self) -> int:
        return int(self.whole.sum())


@dataclass(frozen=True)
class _Gaps:
    """Both sides' missing answers among the n samples that have a result on both."""

    before: _Silence
    after: _Silence
    n: int

    @classmethod
    def of(cls, pairing: Pairing, mask: Bools) -> _Gaps:
        sides = (pairing.baseline, pairing.candidate)
        for side in sides:
            mask = mask & _with_result(side.table.columns.values())
        before, after = (_Silence.of(side, mask) for side in sides)
        return cls(before, after, int(mask.sum()))


def _with_result(columns: Iterable[Column]) -> Bools:
    """Return which samples have a result; what no metric could score looks like one that is still to come."""
    found: Bools = np.logical_or.reduce([column.scored | (column.failed > 0) for column in columns])
    return found


def _rates(gaps: _Gaps, where: str) -> list[str]:
    notes: list[str] = []
    before, after, n = gaps.before.count, gaps.after.count, gaps.n
    if before or after:
        worst = ": they count as worst" if after else ""
        best = ": PASS holds with their best too" if before else ""
        notes.append(
            f"{after} of {n} samples got no answer from the candidate{where} ({after / n:.1%}{worst}), "
            f"{before} from the baseline ({before / n:.1%}{best})."
        )
    for silence, name, how in (
        (gaps.after, "candidate", "these repeats count as worst"),
        (gaps.before, "baseline", "PASS holds with the best in their place too"),
    ):
        partly = int(silence.partly.sum())
        if partly:
            notes.append(
                f"{counted(partly, 'sample')}{where} got no answer from the {name} on some repeats only: "
                f"{how}."
            )
    return notes


def _has_gaps(pairing: Pairing, delta: Delta) -> bool:
    return delta.label in pairing.metrics and bool(delta.candidate_missing or delta.baseline_missing)


def _complete_case(pairing: Pairing, delta: Delta) -> str:
    """Say the change beside the one that is left if only what was answered on both sides counts."""
    table, metric = pairing.candidate.table, pairing.metrics[delta.label]
    a, b = (side.table.columns[delta.label] for side in (pairing.baseline, pairing.candidate))
    used = table.mask(delta.slice) & a.scored & b.scored
    name = f"{delta.label}{_where(delta.slice)}"
    if not used.any():
        return f"{name}: no sample was answered and scored on both sides."
    weights = table.weights[used]
    before, after = (
        float(metric.combine((column.counts[used] * weights[:, None]).sum(axis=0), np.asarray(weights.sum())))
        for column in (a, b)
    )
    told = "can't be told" if delta.difference is None else f"is {signed(delta.difference)}"
    return (
        f"{name}: the change {told}; with missing answers left out it would be {signed(after - before)} "
        f"({counted(int(used.sum()), 'sample')})."
    )


def _unscored(delta: Delta, whole_runs: bool) -> str:
    left_out = "is left out" if delta.unscored == 1 else "are left out"
    samples = counted(delta.unscored, "sample")
    if not whole_runs:
        return f"{samples} without a score in one of the runs yet {left_out}."
    return f"{samples} could not be scored by {delta.label}{_where(delta.slice)}, and {left_out}."


def _where(name: str | None) -> str:
    return "" if name is None else f" on slice {name!r}"
