"""Find the slice that got worse, and say whether it is the slice or the whole.

All groups and pairs of groups are tried and one error rate is kept for all of them (`stats.maxstat`). A
slice is named if it got worse; where the whole got worse, only if it is also worse than the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptops.analysis.comparison import Ints, Pairing
from promptops.analysis.summary import Bools, Floats
from promptops.gate.filled import with_missing
from promptops.noun import Noun
from promptops.sets.facets import TAGS, Group
from promptops.stats.maxstat import FLIPS, MaxStat, gap_score, slices_below_the_rest, worse_slices
from promptops.stats.paired import p_below, terminal_bound
from promptops.stats.student import normal_cdf

FEWEST = 20
"""Pairs below which a group is too small to judge."""
MOST_CELLS = 10_000_000
"""Samples times slices that are held at a time (80 MB a table); conjunctions beyond it are not tried."""
MANY_CELLS = 2_000_000
"""Samples times slices from which on fewer flips are made: 2,000 tell a p of 0.05 to half a hundredth."""
FEWER_FLIPS = 2_000
MOST_FOUND = 20


class FoundSlice(Noun):
    """A slice that got worse; figures in the metric's unit, p-values corrected for all slices tried."""

    name: str
    parts: tuple[str, ...]
    """One group, or the two whose common samples are meant."""
    also: tuple[str, ...] = ()
    """Other groups of the very same samples."""
    n: int
    clusters: int
    change: float | None
    low: float | None
    high: float | None
    adjusted_p: float
    """Of "it got worse"."""
    gap: float | None
    """Its change less the rest's: of each sample's own figures."""
    gap_p: float | None
    """Of "it changed for the worse more than the rest"; None where the rest is too small."""
    worse_than_rest: bool
    within: str | None = None
    """The found slice that explains this one: without their common samples no loss is left to show."""


class Finding(Noun):
    """What the search for a slice that got worse has found, and what it tried."""

    alpha: float
    seed: int
    flips: int = 0
    tested: int = 0
    conjunctions: int = 0
    """How many of the tested slices are pairs of groups."""
    merged: int = 0
    """Slices left out because another one holds the very same samples."""
    untried: int = 0
    """Pairs of groups that were too many to try."""
    smallest_p: float | None = None
    whole_p: float | None = None
    whole_worse: bool = False
    per_sample: bool = False
    """The metric is of the corpus; the search went by each sample's own figure."""
    found: tuple[FoundSlice, ...] = ()
    """The surest first, those that another found one explains at the end; 20 at most."""
    unlisted: int = 0
    """Found slices beyond those 20."""
    reason: str = ""
    """Why nothing could be searched."""


@dataclass(frozen=True)
class Differences:
    """One metric's differences on the samples that can be paired, higher is better."""

    used: Bools
    """(n,) one a sample of the set."""
    d: Floats
    clusters: Ints
    weights: Floats
    sign: float


def find_worse(
    pairing: Pairing, label: str, groups: Sequence[Group], *, alpha: float = 0.05, seed: int = 0
) -> Finding:
    """Search all groups and pairs of groups of at least 20 pairs for slices that got worse.

    The family-wise error under "no slice is worse" is alpha, by sign flips of whole clusters with
    step-down. Pairs are of two tags or of two different fields. Slices of the same samples are one, with
    the simplest name.
    """
    record = pairing.candidate.table.columns[label].record
    blank = Finding(alpha=alpha, seed=seed, per_sample=record.corpus)
    cases = differences(pairing, label)
    if cases is None:
        why = "a missing answer has no worst value in this metric"
        return blank.model_copy(update={"reason": why})
    candidates = _candidates(groups, cases)
    tried = candidates.slices
    if not tried or len(np.unique(cases.clusters)) < 2:
        why = f"no group has {FEWEST} pairs from at least two clusters, with others beside it"
        return blank.model_copy(update={"reason": why})
    members = np.column_stack([each.members for each in tried])
    flips = FLIPS if members.size < MANY_CELLS else FEWER_FLIPS
    worse = worse_slices(cases.d, members, cases.clusters, weights=cases.weights, patterns=flips, seed=seed)
    whole_p = _harm(cases, np.ones(len(cases.d), dtype=bool))
    finding = blank.model_copy(
        update={
            "flips": worse.flips,
            "tested": len(tried),
            "conjunctions": sum(len(each.parts) > 1 for each in tried),
            "merged": candidates.merged,
            "untried": candidates.untried,
            "smallest_p": float(worse.adjusted.min()),
            "whole_p": whole_p,
            "whole_worse": whole_p < alpha,
        }
    )
    if worse.adjusted.min() >= alpha:
        return finding
    gaps = _gaps(cases, members, flips, seed)
    lost = worse.adjusted < alpha
    if finding.whole_worse:
        lost &= np.nan_to_num(gaps.adjusted, nan=1.0) < alpha
    order = sorted(map(int, np.flatnonzero(lost)), key=lambda at: (worse.adjusted[at], -worse.scores[at]))
    explained = _explained(cases, [tried[place] for place in order], finding.whole_worse, alpha)
    listed = sorted(zip(order, explained, strict=True), key=lambda each: each[1] is not None)
    found = [
        _told(pairing, label, cases, tried[place], worse.adjusted[place], gaps.adjusted[place], within, alpha)
        for place, within in listed[:MOST_FOUND]
    ]
    return finding.model_copy(update={"found": tuple(found), "unlisted": len(listed[MOST_FOUND:])})


def differences(pairing: Pairing, label: str) -> Differences | None:
    """Return each pair's difference of its own figures; None where a missing answer has no worst value."""
    first, table = pairing.baseline.table.columns[label], pairing.candidate.table
    second, metric = table.columns[label], pairing.metrics[label]
    used = first.scored & (second.scored | (second.failed > 0))
    filled = with_missing(second, metric, table.samples, used)
    if filled is None or (used.any() and first.counts.shape[1] != filled.shape[1]):
        return None
    ones = np.ones(len(filled))
    after, before = metric.combine(filled, ones), metric.combine(first.counts, ones)
    used &= np.isfinite(after) & np.isfinite(before)
    sign = 1.0 if second.record.higher_is_better else -1.0
    return Differences(used, sign * (after - before)[used], table.clusters[used], table.weights[used], sign)


@dataclass(frozen=True)
class _Slice:
    parts: tuple[str, ...]
    members: Bools
    """(pairs,) one a usable pair."""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " & ".join(self.parts)


@dataclass(frozen=True)
class _Candidates:
    slices: list[_Slice]
    merged: int
    untried: int


def _candidates(groups: Sequence[Group], cases: Differences) -> _Candidates:
    """Return the slices to try, single groups before pairs, each set of samples once."""
    kept: dict[bytes, _Slice] = {}
    facets: list[str] = []
    merged = 0
    for group in groups:
        members = group.members[cases.used]
        if not _testable(members, cases.clusters):
            continue
        key = np.packbits(members).tobytes()
        if key in kept:
            twin = kept[key]
            kept[key] = _Slice(twin.parts, twin.members, (*twin.also, group.name))
            merged += 1
        else:
            kept[key] = _Slice((group.name,), members)
            facets.append(group.facet)
    singles = list(kept.values())
    pairs, same = _conjunctions(singles, facets, set(kept), cases.clusters)
    room = max(0, MOST_CELLS // max(len(cases.d), 1) - len(singles))
    pairs.sort(key=lambda each: -int(each.members.sum()))
    return _Candidates([*singles, *pairs[:room]], merged + same, len(pairs[room:]))


def _conjunctions(
    singles: Sequence[_Slice], facets: Sequence[str], seen: set[bytes], clusters: Ints
) -> tuple[list[_Slice], int]:
    """Return the pairs of groups that hold other samples than any slice before, and how many did not."""
    if not singles:
        return [], 0
    table = np.column_stack([each.members for each in singles]).astype(np.float64)
    shared = table.T @ table
    found: list[_Slice] = []
    same = 0
    first, second = (ends.tolist() for ends in np.triu_indices(len(singles), 1))
    for i, j in zip(first, second, strict=True):
        if shared[i, j] < FEWEST or (facets[i] == facets[j] != TAGS):
            continue
        members = singles[i].members & singles[j].members
        key = np.packbits(members).tobytes()
        if key in seen:
            same += 1
        elif _testable(members, clusters):
            seen.add(key)
            found.append(_Slice((*singles[i].parts, *singles[j].parts), members))
    return found, same


def _testable(members: Bools, clusters: Ints) -> bool:
    n = int(members.sum())
    return FEWEST <= n < len(members) and bool((clusters[members] != clusters[members][0]).any())


def _gaps(cases: Differences, members: Bools, flips: int, seed: int) -> MaxStat:
    """Test every slice against its rest; NaN where the rest is too small to judge."""
    able = np.array([_testable(~column, cases.clusters) for column in members.T])
    scores, adjusted = np.full(len(able), np.nan), np.full(len(able), np.nan)
    part = slices_below_the_rest(
        cases.d, members[:, able], cases.clusters, weights=cases.weights, patterns=flips, seed=seed
    )
    scores[able], adjusted[able] = part.scores, part.adjusted
    return MaxStat(scores, adjusted, part.flips)


def _explained(
    cases: Differences, found: Sequence[_Slice], whole_worse: bool, alpha: float
) -> list[str | None]:
    """Name for each found slice (the surest first) the one that explains it, None where it stands alone.

    A pair of groups stands only if it is worse than what is left of each found parent. Then, from the
    surest on, a slice stands if it shows its loss also outside of those that stand before it. As each
    found slice is another try, each has its share of alpha.
    """
    alpha /= max(len(found), 1)
    parents = [
        [other for other in found if len(other.parts) == 1 and other.parts[0] in each.parts]
        if len(each.parts) > 1
        else []
        for each in found
    ]
    answers: list[str | None] = []
    standing: list[_Slice] = []
    for each, over in zip(found, parents, strict=True):
        plain = next((other for other in over if not _adds(cases, each, other, alpha)), None)
        others = [other for other in standing if other not in over]
        within = plain or _echoed(cases, each, others, whole_worse, alpha)
        answers.append(None if within is None else within.name)
        standing += [each] if within is None else []
    return answers


def _adds(cases: Differences, each: _Slice, parent: _Slice, alpha: float) -> bool:
    """Tell whether a slice is worse than what is left of its parent."""
    return _below(cases, each.members, parent.members & ~each.members, alpha)


def _echoed(
    cases: Differences, each: _Slice, others: Sequence[_Slice], whole_worse: bool, alpha: float
) -> _Slice | None:
    """Return the slice that shares most samples with this one, if outside of all others no loss shows."""
    if not others:
        return None
    outside = ~np.any([other.members for other in others], axis=0)
    left = each.members & outside
    if whole_worse:
        alone = _below(cases, left, outside & ~each.members, alpha)
    else:
        alone = _testable(left, cases.clusters) and _harm(cases, left) < alpha
    shared = [int((other.members & each.members).sum()) for other in others]
    return None if alone or not max(shared) else others[int(np.argmax(shared))]


def _below(cases: Differences, first: Bools, second: Bools, alpha: float) -> bool:
    """Tell whether the mean of some pairs lies below that of some others; no if either is one cluster."""
    if any(len(np.unique(cases.clusters[part])) < 2 for part in (first, second)):
        return False
    both = first | second
    score = gap_score(cases.d[both], first[both], cases.clusters[both], weights=cases.weights[both])
    return normal_cdf(-score) < alpha


def _harm(cases: Differences, members: Bools) -> float:
    bound = terminal_bound(cases.d[members], cases.clusters[members], weights=cases.weights[members])
    return p_below(bound, 0.0)


def _told(
    pairing: Pairing,
    label: str,
    cases: Differences,
    found: _Slice,
    p: float,
    gap_p: float,
    within: str | None,
    alpha: float,
) -> FoundSlice:
    mask = np.zeros(len(cases.used), dtype=bool)
    mask[np.flatnonzero(cases.used)[found.members]] = True
    delta = pairing.cell_of(label, mask, found.name, alpha).delta
    known = bool(np.isfinite(gap_p))
    return FoundSlice(
        name=found.name,
        parts=found.parts,
        also=found.also,
        n=delta.n,
        clusters=delta.clusters,
        change=delta.difference,
        low=delta.low,
        high=delta.high,
        adjusted_p=float(p),
        gap=cases.sign * (_mean(cases, found.members) - _mean(cases, ~found.members)) if known else None,
        gap_p=float(gap_p) if known else None,
        worse_than_rest=known and bool(gap_p < alpha),
        within=within,
    )


def _mean(cases: Differences, members: Bools) -> float:
    return float(np.average(cases.d[members], weights=cases.weights[members]))
