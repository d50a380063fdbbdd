"""Where a change lies: one metric in every group of the samples, published so that luck is not a finding.

Groups that the set declares are confirmatory (Holm); all others are exploratory (Benjamini-Hochberg) and
have to be confirmed on new samples. Groups of under 20 pairs are listed and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence

from promptops.analysis.comparison import Pairing
from promptops.analysis.groupchanges import GroupChange, WorstGroup, group_changes, worst_group
from promptops.analysis.slicefinder import FEWEST, Finding, FoundSlice, find_worse
from promptops.gate.bounds import unbound
from promptops.gate.missing import missing_warnings
from promptops.noun import Noun
from promptops.sets.facets import grouped
from promptops.texts.figures import interval, p_value, signed
from promptops.verdicts import Delta


class Slices(Noun):
    """One metric's change by group, and where it was asked for, the search for a slice that got worse."""

    baseline: str
    candidate: str
    evalset: str
    label: str
    higher_is_better: bool
    alpha: float
    seed: int
    sentence: str
    """What was found and how sure."""
    whole: Delta
    groups: tuple[GroupChange, ...]
    """Confirmatory, then exploratory, the worst first; those that are too small at the end."""
    worst: WorstGroup | None = None
    finding: Finding | None = None
    notes: tuple[str, ...] = ()


def slice_up(
    pairing: Pairing,
    label: str,
    *,
    declared: Sequence[str] = (),
    by: Sequence[str] = (),
    find: bool = False,
    alpha: float = 0.05,
    seed: int = 0,
) -> Slices:
    """Return one metric's change in every group by tag, origin and metadata (or the fields in `by`).

    `declared` tags are confirmatory. Intervals and p-values are those of the gate, one-sided at `alpha`;
    `find` searches all groups and their pairs for one that got worse. Raises UnknownName for a field
    that the samples don't have.
    """
    table = pairing.candidate.table
    record = table.columns[label].record
    grouping = grouped(table.samples, by, declared)
    whole = pairing.cell(label, None, alpha).delta
    changes = group_changes(pairing, label, grouping.groups, declared=declared, alpha=alpha)
    finding = find_worse(pairing, label, grouping.groups, alpha=alpha, seed=seed) if find else None
    groups = tuple(_in_order(changes, record.higher_is_better))
    sentence = _of_groups(label, groups, alpha) if finding is None else _of_finding(label, whole, finding)
    return Slices(
        baseline=pairing.baseline.run.id,
        candidate=pairing.candidate.run.id,
        evalset=pairing.candidate.run.evalset,
        label=label,
        higher_is_better=record.higher_is_better,
        alpha=alpha,
        seed=seed,
        sentence=sentence,
        whole=whole,
        groups=groups,
        worst=worst_group(pairing, label, grouping.groups, changes, seed=seed),
        finding=finding,
        notes=(*grouping.notes, *missing_warnings(pairing, [whole]), *_of_search(finding)),
    )


def without_bounds(found: Slices) -> Slices:
    """Return the changes alone, where a run ended when it suited: as `compare` does, no group is judged."""
    whole = unbound(found.whole)
    bare = dict.fromkeys(("low", "high", "joint_low", "joint_high", "shrunken", "p_harm", "adjusted_p"))
    groups = (
        group.model_copy(update={**bare, "judged": False, "note": whole.note if group.judged else group.note})
        for group in found.groups
    )
    searched = found.finding
    return found.model_copy(
        update={
            "sentence": "No group can be judged: a run ended before all was asked, and which answers are "
            "there depends on how quick they were. Finish it first: promptops resume RUN",
            "whole": whole,
            "groups": tuple(groups),
            "worst": None,
            "finding": searched
            and Finding(alpha=searched.alpha, seed=searched.seed, reason="a run ended before all was asked"),
        }
    )


def _in_order(changes: Sequence[GroupChange], higher_is_better: bool) -> list[GroupChange]:
    sign = 1.0 if higher_is_better else -1.0

    def place(told: GroupChange) -> tuple[bool, bool, float]:
        if not told.judged:
            return (True, False, -float(told.n))
        return (False, told.standing == "exploratory", sign * (told.change or 0.0))

    return sorted(changes, key=place)


def _of_groups(label: str, groups: Sequence[GroupChange], alpha: float) -> str:
    """Say what the groups show and how sure that is."""
    judged = [group for group in groups if group.judged]
    small = len(groups) - len(judged)
    beside = f" {small} more groups can't be judged." if small else ""
    if not judged:
        return f"No group can be judged: each needs {FEWEST} pairs from two clusters.{beside}"
    sure = [group for group in judged if group.adjusted_p is not None and group.adjusted_p < alpha]
    for standing, verb in (("confirmatory", "got worse"), ("exploratory", "looks worse")):
        named = [group for group in sure if group.standing == standing]
        if named:
            by = "Holm's correction" if standing == "confirmatory" else "Benjamini and Hochberg's q-value"
            letter = "p" if standing == "confirmatory" else "q"
            told = ", ".join(
                f"{group.name!r} ({signed(group.change)}, {_p(letter, group.adjusted_p)})"
                for group in named[:3]
            )
            count = sum(group.standing == standing for group in judged)
            more = f" and {len(named) - 3} more" if len(named) > 3 else ""
            doubt = (
                "" if standing == "confirmatory" else "; nobody declared these groups: confirm on new samples"
            )
            return f"{label} {verb} on {told}{more} by {by} over {count} {standing} groups{doubt}.{beside}"
    return f"None of {len(judged)} groups is shown to be worse in {label}.{beside}"


def _of_finding(label: str, whole: Delta, finding: Finding) -> str:
    """Say what the search found, whether the slice or the whole is meant, and how sure that is."""
    if finding.reason:
        return f"No slice could be searched for: {finding.reason}."
    fell = f"{label} got worse on the whole ({_change(whole)}, {_p('p', finding.whole_p)})"
    standing = [found for found in finding.found if found.within is None]
    if not standing and finding.whole_worse:
        return f"{fell}; no slice of {finding.tested} is shown to be worse than the rest."
    if not standing:
        least = _p("p", finding.smallest_p)
        return (
            f"No slice is shown to be worse in {label}: {finding.tested} were tried, and the worst has "
            f"{least} after the correction for all of them."
        )
    named = "; ".join(_slice(found, finding.whole_worse) for found in standing[:3])
    more = f"; and {len(standing) - 3} more" if len(standing) > 3 else ""
    head = f"{fell}, and more than the rest on" if finding.whole_worse else f"{label} got worse on"
    return f"{head} {named}{more}. P-values are corrected for all {finding.tested} slices tried."


def _slice(found: FoundSlice, whole_worse: bool) -> str:
    told = f"{found.name!r}: {_change(found)} on {found.n} pairs"
    if whole_worse:
        return f"{told}, {signed(found.gap)} beside the rest ({_p('p', found.gap_p)})"
    told += f" ({_p('p', found.adjusted_p)})"
    if found.worse_than_rest:
        return f"{told}, and {signed(found.gap)} beside the rest ({_p('p', found.gap_p)})"
    return f"{told}; that it is worse than the rest is not shown"


def _of_search(finding: Finding | None) -> list[str]:
    """Say what a reader of the search has to know."""
    if finding is None:
        return []
    notes = []
    if finding.per_sample:
        notes.append(
            "The search went by each sample's own figure, as this metric is of the whole corpus; the table "
            "shows the corpus figure."
        )
    if finding.merged:
        notes.append(f"{finding.merged} slices hold the very same samples as simpler ones and were merged.")
    if finding.untried:
        notes.append(f"{finding.untried} pairs of groups, the smallest, were too many to try; name fields.")
    return notes


def _change(told: Delta | FoundSlice) -> str:
    value = told.difference if isinstance(told, Delta) else told.change
    return f"{signed(value)} {interval(told.low, told.high, sign=True)}"


def _p(letter: str, value: float | None) -> str:
    shown = "unknown" if value is None else p_value(value)
    return f"{letter} {shown}" if shown.startswith("<") else f"{letter} = {shown}"
