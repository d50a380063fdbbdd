"""What can this set see? The smallest change, the cases a margin needs, the price: before it is paid.

Everything scales from one thing that history knows: the standard error of a paired change. It falls with
the square root of the number of cases; repeats only take the generation's noise out of it (see noise.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from promptops.comparison import Pairing
from promptops.errors import UsageError
from promptops.gate import spread
from promptops.stats.power import smallest_margin, upper_sd
from promptops.stats.student import normal_cdf, normal_quantile
from promptops.summary import cluster_codes, slice_mask
from promptops.types import EvalSet, GateRule, Noun, Result


class Reach(Noun):
    """What a set can see in one metric, in the metric's printed unit."""

    label: str
    slice: str | None = None
    n: int
    clusters: int
    sd: float | None
    """Standard deviation of the paired differences of single cases; None for corpus metrics."""
    se: float | None
    resolves: float | None
    """The smallest margin at which an equal version passes, and smallest loss that is found, with `power`."""
    margin: float | None = None
    chance: float | None = None
    """How likely an equal version passes at the margin."""
    needed: int | None = None
    """Cases in all at which it passes with `power`; careful: the sd is taken at its upper 80 % bound."""
    change: float | None = None
    to_see: int | None = None
    """Cases in all at which a change of `change` is found with `power`."""
    note: str = ""


class Price(Noun):
    """What one evaluation of the set takes, from what its last run took."""

    run: str
    answers: int
    cost: float | None
    """US dollars for all answers; None where any of them has no price."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float | None
    """Seconds of waiting for answers, added up; divide by the concurrency."""


class Plan(Noun):
    """What an evaluation set can see, and what it would take to see more."""

    evalset: str
    samples: int
    history: str
    alpha: float
    power: float
    reaches: tuple[Reach, ...]
    price: Price | None
    advice: tuple[str, ...]


def from_history(
    pairing: Pairing, evalset: EvalSet, *, changes: Mapping[str, float], alpha: float, power: float
) -> tuple[Reach, ...]:
    """Return what the set can see, by how two runs of it differed: each metric, and each ruled slice."""
    cells: dict[tuple[str, str | None], GateRule | None] = {(label, None): None for label in pairing.metrics}
    for rule in spread(evalset.gate, evalset.samples, evalset.slices)[0]:
        if rule.metric in pairing.metrics and rule.margin is not None:
            cells[rule.metric, rule.slice] = rule
    return tuple(
        _from_cell(pairing, label, name, rule, changes.get(label), alpha, power)
        for (label, name), rule in cells.items()
    )


def from_declared(
    evalset: EvalSet, sds: Mapping[str, float], *, changes: Mapping[str, float], alpha: float, power: float
) -> tuple[Reach, ...]:
    """Return what the set can see if paired differences have these standard deviations.

    A group counts as one case: the careful end, as nothing is known of how alike its cases are.
    """
    ruled = spread(evalset.gate, evalset.samples, evalset.slices)[0]
    rules = {(rule.metric, rule.slice): rule for rule in ruled if rule.margin is not None}
    found: list[Reach] = []
    for label, sd in sds.items():
        slices = [name for metric, name in rules if metric == label and name is not None]
        for name in (None, *slices):
            mask = slice_mask(evalset.samples, name)
            clusters = len(np.unique(cluster_codes(evalset.samples)[mask]))
            se = sd / math.sqrt(max(clusters, 1))
            rule = rules.get((label, name))
            found.append(
                _reach(
                    label,
                    name,
                    int(mask.sum()),
                    clusters,
                    sd,
                    se,
                    rule,
                    changes.get(label),
                    alpha,
                    power,
                    1.0,
                )
            )
    return tuple(found)


def price_of(run_id: str, results: Iterable[Result]) -> Price:
    """Return what a run's answers took; judges' calls are not in it."""
    completions = [result.completion for result in results if result.completion is not None]
    return Price(
        run=run_id,
        answers=len(completions),
        cost=_added([completion.cost for completion in completions]),
        tokens_in=_whole(_added([completion.tokens_in for completion in completions])),
        tokens_out=_whole(_added([completion.tokens_out for completion in completions])),
        seconds=_added([completion.seconds for completion in completions]),
    )


def advice(reaches: Sequence[Reach], power: float) -> tuple[str, ...]:
    """Say in plain sentences what to do."""
    told: list[str] = []
    for reach in reaches:
        name = f"{reach.label} on {reach.slice!r}" if reach.slice else reach.label
        if reach.resolves is None:
            told.append(f"{name}: {reach.note or 'nothing can be said'}.")
        elif reach.margin is not None and reach.chance is not None and reach.chance < power:
            more = (
                f" About {reach.needed} cases would pass it in {power:.0%}: {reach.needed - reach.n} more."
                if reach.needed and reach.needed > reach.n
                else ""
            )
            told.append(
                f"{name}: the margin of {reach.margin:g} is too fine for {reach.n} cases: an equal version "
                f"would pass in {reach.chance:.0%} of gates, else be INCONCLUSIVE.{more}"
            )
        elif reach.margin is not None:
            told.append(f"{name}: {reach.n} cases are enough for the margin of {reach.margin:g}.")
        if reach.change is not None and reach.to_see is not None:
            verdict = "enough" if reach.to_see <= reach.n else f"{reach.to_see - reach.n} too few"
            told.append(
                f"{name}: a change of {reach.change:g} is found in {power:.0%} with {reach.to_see} cases; "
                f"{reach.n} are {verdict}."
            )
    return tuple(told)


def _from_cell(
    pairing: Pairing,
    label: str,
    name: str | None,
    rule: GateRule | None,
    change: float | None,
    alpha: float,
    power: float,
) -> Reach:
    level = rule.alpha if rule else alpha
    cell = pairing.cell(label, name, level)
    delta, record = cell.delta, pairing.candidate.table.columns[label].record
    if delta.resolves is None:
        note = delta.note or "no interval can be had from the runs"
        return Reach(
            label=label,
            slice=name,
            n=delta.n,
            clusters=delta.clusters,
            sd=None,
            se=None,
            resolves=None,
            note=note,
        )
    se = delta.resolves / smallest_margin(1.0, level)
    sd = None
    if cell.d is not None and len(cell.d) > 1 and record.low is not None and record.high is not None:
        sd = float(np.std(cell.d, ddof=1)) * (record.high - record.low)
    careful = upper_sd(1.0, delta.clusters) if delta.clusters > 1 else 1.0
    return _reach(label, name, delta.n, delta.clusters, sd, se, rule, change, level, power, careful)


def _reach(
    label: str,
    name: str | None,
    n: int,
    clusters: int,
    sd: float | None,
    se: float,
    rule: GateRule | None,
    change: float | None,
    alpha: float,
    power: float,
    careful: float,
) -> Reach:
    margin = rule.margin if rule else None
    quantile = normal_quantile(1 - alpha)
    return Reach(
        label=label,
        slice=name,
        n=n,
        clusters=clusters,
        sd=sd,
        se=se,
        resolves=smallest_margin(se, alpha, power),
        margin=margin,
        chance=None if margin is None else (normal_cdf(margin / se - quantile) if se > 0 else 1.0),
        needed=None if margin is None else _cases(n, se * careful, margin, alpha, power),
        change=change,
        to_see=None if change is None else _cases(n, se * careful, change, alpha, power),
    )


def _cases(n: int, se: float, wanted: float, alpha: float, power: float) -> int:
    """Return the cases at which the standard error, which falls with their root, is small enough."""
    return max(2, math.ceil(n * (smallest_margin(se, alpha, power) / wanted) ** 2 - 1e-9))


def _added(parts: Sequence[float | int | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return float(sum(known)) if parts and len(known) == len(parts) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def refuse_unknown(given: Iterable[str], known: Sequence[str], option: str) -> None:
    """Raise UsageError where an option names a metric that the set doesn't measure."""
    for label in given:
        if label not in known:
            raise UsageError(f"{option} names {label!r}; the set measures {', '.join(known)}.")
