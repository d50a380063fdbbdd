"""One metric's change in every group of the samples, told so that the luck of many groups is no finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from promptops.analysis.comparison import Cell, Pairing
from promptops.analysis.slicefinder import FEWEST, differences
from promptops.gate.stopping import UNSCORED_LIMIT
from promptops.noun import Noun
from promptops.sets.facets import TAGS, Group
from promptops.stats.groups import shrunken, simultaneous, worst_by_halves
from promptops.stats.multiplicity import benjamini_hochberg, holm
from promptops.stats.power import smallest_margin
from promptops.types import MetricRecord

Standing = Literal["confirmatory", "exploratory"]


class GroupChange(Noun):
    """One metric's change in one group of samples, in the metric's unit."""

    name: str
    facet: str
    """`tags`, `origin`, or the metadata field."""
    standing: Standing
    judged: bool
    """Whether there is enough to judge by; if not, `note` says why."""
    n: int
    clusters: int
    change: float | None
    low: float | None = None
    high: float | None = None
    joint_low: float | None = None
    """With `joint_high`: bounds of all judged groups hold together with 1 - alpha each way."""
    joint_high: float | None = None
    shrunken: float | None = None
    """The change, pulled to its facet's mean by how little is known of it; None if alone in its facet."""
    p_harm: float | None = None
    adjusted_p: float | None = None
    """Holm's where confirmatory, the q-value of Benjamini & Hochberg where exploratory."""
    note: str = ""


class WorstGroup(Noun):
    """The judged group with the worst change, and what of that is not the luck of being the worst."""

    name: str
    change: float
    """As it stands in the table: too bad on average, as it was picked for being the worst."""
    unbiased: float | None
    """Half of the samples choose a group, the other half say its change; None for corpus metrics."""
    shrunken: float | None
    low: float
    """Bounds for the change of the truly worst group, whichever that is, 1 - alpha each way."""
    high: float


def group_changes(
    pairing: Pairing,
    label: str,
    groups: Sequence[Group],
    *,
    declared: Sequence[str] = (),
    alpha: float = 0.05,
) -> list[GroupChange]:
    """Return one metric's change in each group, in the order of groups; `declared` tags are confirmatory."""
    record = pairing.candidate.table.columns[label].record
    told, errors, freedoms = [], [], []
    for group in groups:
        cell = pairing.cell_of(label, group.members, group.name, alpha)
        standing: Standing = "exploratory"
        if group.facet == TAGS and group.name in declared:
            standing = "confirmatory"
        found = _told(cell, group, standing)
        told.append(found)
        if found.judged:
            errors.append((cell.delta.resolves or 0.0) / smallest_margin(1.0, alpha))
            # A mean's bound has two pseudo-cases, each a cluster; a bootstrap has none.
            freedoms.append(max(found.clusters + (-1 if record.corpus else 1), 1))
    judged = [found for found in told if found.judged]
    joint = _joint(judged, errors, freedoms, record, alpha)
    more = iter(zip(joint, _pulled(judged, errors), _adjusted(judged), strict=True))
    return [_with(found, *next(more)) if found.judged else found for found in told]


def worst_group(
    pairing: Pairing, label: str, groups: Sequence[Group], changes: Sequence[GroupChange], *, seed: int = 0
) -> WorstGroup | None:
    """Return the judged group with the worst change; None where fewer than two can be judged.

    Bounds: the truly worst group's own lower bound holds at alpha, and the least of all lower bounds lies
    under it; from above, any group's joint bound holds for the worst as well.
    """
    record = pairing.candidate.table.columns[label].record
    sign = 1.0 if record.higher_is_better else -1.0
    judged = [(group, told) for group, told in zip(groups, changes, strict=True) if told.judged]
    if len(judged) < 2:
        return None
    worst = min((told for _, told in judged), key=lambda told: sign * (told.change or 0.0))
    low = min(min(sign * (told.low or 0.0), sign * (told.high or 0.0)) for _, told in judged)
    high = min(max(sign * (told.joint_low or 0.0), sign * (told.joint_high or 0.0)) for _, told in judged)
    ends = sorted((sign * low, sign * high))
    unbiased = None if record.corpus else _by_halves(pairing, label, [group for group, _ in judged], seed)
    return WorstGroup(
        name=worst.name,
        change=worst.change or 0.0,
        unbiased=unbiased,
        shrunken=worst.shrunken,
        low=ends[0],
        high=ends[1],
    )


def _told(cell: Cell, group: Group, standing: Standing) -> GroupChange:
    delta = cell.delta
    note = delta.note
    if delta.n < FEWEST:
        note = "too small to judge"
    elif cell.unscored_share > UNSCORED_LIMIT:
        note = f"{cell.unscored_share:.0%} could not be scored"
    elif delta.clusters < FEWEST and not note:
        note = f"only {delta.clusters} clusters: bounds are somewhat too narrow"
    judged = delta.n >= FEWEST and cell.p_harm is not None and cell.unscored_share <= UNSCORED_LIMIT
    return GroupChange(
        name=group.name,
        facet=group.facet,
        standing=standing,
        judged=judged,
        n=delta.n,
        clusters=delta.clusters,
        change=delta.difference,
        low=delta.low if judged else None,
        high=delta.high if judged else None,
        p_harm=cell.p_harm if judged else None,
        note=note,
    )


def _with(told: GroupChange, joint: tuple[float, float], mean: float | None, p: float) -> GroupChange:
    return told.model_copy(
        update={"joint_low": joint[0], "joint_high": joint[1], "shrunken": mean, "adjusted_p": p}
    )


def _joint(
    judged: Sequence[GroupChange],
    errors: Sequence[float],
    freedoms: Sequence[float],
    record: MetricRecord,
    alpha: float,
) -> list[tuple[float, float]]:
    lows = np.array([told.low for told in judged], dtype=np.float64)
    highs = np.array([told.high for told in judged], dtype=np.float64)
    found = simultaneous(lows, highs, errors, freedoms, alpha)
    reach = np.inf if record.low is None or record.high is None else record.high - record.low
    ends = zip(found.low.tolist(), found.high.tolist(), strict=True)
    return [(max(low, -reach), min(high, reach)) for low, high in ends]


def _pulled(judged: Sequence[GroupChange], errors: Sequence[float]) -> list[float | None]:
    """Shrink within each facet: values of a field share no samples and are of one kind."""
    found: list[float | None] = [None] * len(judged)
    for facet in {told.facet for told in judged}:
        places = [at for at, told in enumerate(judged) if told.facet == facet and errors[at] > 0]
        if len(places) > 1:
            changes = np.array([judged[at].change for at in places], dtype=np.float64)
            pulled = shrunken(changes, [errors[at] ** 2 for at in places])
            for at, mean in zip(places, pulled.means.tolist(), strict=True):
                found[at] = mean
    return found


def _adjusted(judged: Sequence[GroupChange]) -> list[float]:
    p = np.array([told.p_harm for told in judged], dtype=np.float64)
    confirmatory = np.array([told.standing == "confirmatory" for told in judged], dtype=bool)
    adjusted = np.empty(len(p))
    adjusted[confirmatory] = holm(p[confirmatory])
    adjusted[~confirmatory] = benjamini_hochberg(p[~confirmatory])
    return [float(value) for value in adjusted]


def _by_halves(pairing: Pairing, label: str, groups: Sequence[Group], seed: int) -> float | None:
    cases = differences(pairing, label)
    if cases is None:
        return None
    _, clusters = np.unique(cases.clusters, return_inverse=True)
    sums = np.zeros((int(clusters.max()) + 1, len(groups)))
    sizes = np.zeros_like(sums)
    for place, group in enumerate(groups):
        members = group.members[cases.used]
        np.add.at(sums[:, place], clusters[members], (cases.weights * cases.d)[members])
        np.add.at(sizes[:, place], clusters[members], cases.weights[members])
    found = worst_by_halves(sums, sizes, seed=seed)
    return cases.sign * found if np.isfinite(found) else None
