"""What the evidence on one difference allows to say: PASS, FAIL, or nothing yet.

PASS claims that the true mean difference is above -margin, FAIL that it is below 0. Each claim is wrong
with probability alpha at most (guarantees and measured rates: docs/guide/promises.md). Everything here
works on a range of 1, higher is better, on one series of differences (n,) or on many at once (n, runs):
the gate and the simulations that measure its errors call the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Ints
from promptops.stats.clusters import Labels, numbered
from promptops.stats.multiplicity import holm
from promptops.stats.paired import terminal_bounds
from promptops.stats.sequential import e_above, e_harm, e_pass

INCONCLUSIVE, PASS, FAIL = 0, 1, 2
NAMES = ("INCONCLUSIVE", "PASS", "FAIL")

SMALL = 20
"""Fewer clusters than this are decided by bets alone: the t bound leans on many (docs/decisions/0018)."""
EARLY_SHARE = 0.2
"""Share of alpha that is spent on bets where a run may stop early; the rest is for the bound at the end."""
WIDEST = 0.999
"""A margin that is the whole range or more is bet on as this share of it."""


@dataclass(frozen=True)
class Stopped:
    """What was decided, after how many cases, and whether the bets decided it before the end."""

    outcome: Ints
    cases: Ints
    early: Bools


@dataclass(frozen=True)
class Crossings:
    """The cluster after which bets are first certain of either claim; the number of clusters where never."""

    passing: Ints
    failing: Ints


def settle(low: npt.ArrayLike, high: npt.ArrayLike, margin: float) -> Ints:
    """Return what bounds of the difference allow to say: PASS above -margin, else FAIL below 0."""
    passed = np.asarray(low) > -margin
    failed = ~passed & (np.asarray(high) < 0)
    return np.where(passed, PASS, np.where(failed, FAIL, INCONCLUSIVE))


def decide(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    weights: npt.ArrayLike | None = None,
    exact: bool = False,
) -> Ints:
    """Return the outcome for d (n,) or the outcomes for d (n, runs), with a fixed number of cases.

    Below SMALL clusters, or where it is to be `exact`, by bets, else by the terminal bound.
    """
    x = np.asarray(d, dtype=np.float64)
    numbers, count = numbered(clusters, len(x))
    if exact or count < SMALL:
        return bet(x, margin, numbers, alpha=alpha, weights=weights)
    bounds = terminal_bounds(x, numbers, alpha, weights=weights)
    return settle(bounds.low, bounds.high, margin)


def bet(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    weights: npt.ArrayLike | None = None,
) -> Ints:
    """Return the outcome by the wealth of bets after the last case: right at any number of cases."""
    groups = None if clusters is None else list(clusters)
    gained = e_pass(d, min(margin, WIDEST), groups, weights=weights)[-1]
    lost = e_harm(d, groups, weights=weights)[-1]
    passed = gained >= 1.0 / alpha
    return np.where(passed, PASS, np.where(lost >= 1.0 / alpha, FAIL, INCONCLUSIVE))


def bets_alpha(alpha: float) -> float:
    """Return what of alpha is spent on bets where a run may stop early."""
    return alpha * EARLY_SHARE


def end_alpha(alpha: float) -> float:
    """Return what of alpha is left for the bound at the end of such a run (union bound)."""
    return alpha - bets_alpha(alpha)


def crossings(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    cells: int = 1,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
    exact: bool = False,
) -> Crossings:
    """Return when bets are certain: of PASS at 1 over their share of alpha, of harm at `cells` times that.

    d is in the order that was drawn before the run. `cells` is the number of tests for harm in the whole
    gate (e-Holm, whose first step decides whether anything is worse). With `exact` bets get all of alpha.
    """
    spent = alpha if exact else bets_alpha(alpha)
    groups = None if clusters is None else list(clusters)
    x = np.asarray(d, dtype=np.float64)
    return Crossings(
        first_certain(x, -min(margin, WIDEST), groups, 1 / spent, largest=largest, weights=weights),
        first_certain(-x, 0.0, groups, cells / spent, largest=largest, weights=weights),
    )


def first_certain(
    values: npt.ArrayLike,
    bound: float,
    clusters: Labels | None,
    enough: float,
    *,
    low: float = -1.0,
    largest: float | None = None,
    weights: npt.ArrayLike | None = None,
) -> Ints:
    """Return the place of the cluster after which bets on a mean above `bound` first own `enough`.

    Their number where they never do. The arguments are those of `sequential.e_above`.
    """
    certain = e_above(values, bound, clusters, largest, low=low, weights=weights) >= enough
    place: Ints = np.where(certain.any(axis=0), certain.argmax(axis=0), len(certain))
    return place


def decide_early(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    cells: int = 1,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
    exact: bool = False,
) -> Stopped:
    """Return what is decided when one may stop as soon as the bets are certain.

    d is in the order that was drawn before the run, a cluster's cases beside one another. Bets get
    EARLY_SHARE of alpha and are looked at after each cluster (Ville); at the end the terminal bound
    gets the rest (union bound). FAIL through the bets needs `cells` times the evidence (e-Holm) to end the
    run, and once only at its end. `largest` is the weight of the heaviest cluster that could have come. With
    `exact` bets get all of alpha and no bound decides.
    """
    x = np.asarray(d, dtype=np.float64)
    numbers, count = numbered(clusters, len(x))
    if np.any(np.diff(numbers) < 0):
        raise ValueError("a cluster's cases stand beside one another in the order of an early stop")

    def found(tests: int) -> Crossings:
        return crossings(
            x, margin, numbers, alpha=alpha, cells=tests, weights=weights, largest=largest, exact=exact
        )

    certain = found(cells)
    when = np.minimum(certain.passing, certain.failing)
    early = when < count
    lost = (certain if cells == 1 else found(1)).failing < count
    at_end = np.where(lost, FAIL, INCONCLUSIVE)
    if not exact:
        bound = decide(x, margin, numbers, alpha=end_alpha(alpha), weights=weights)
        at_end = np.where(bound == PASS, PASS, np.where(lost, FAIL, bound))
    outcome = np.where(early, np.where(certain.passing <= certain.failing, PASS, FAIL), at_end)
    seen = np.cumsum(np.bincount(numbers, minlength=count))
    return Stopped(outcome, seen[np.minimum(when, count - 1)], early)


def stage_alphas(alpha: float, share: float) -> tuple[float, float]:
    """Return what of alpha the first stage spends, by its share of the cases, and what is left for all.

    Linear spending and a union bound: right whatever the dependence between both (Kim & DeMets 1987 spend
    by information like this; docs/decisions/0025).
    """
    return alpha * share, alpha * (1 - share)


def decide_in_stages(
    d: npt.ArrayLike,
    margin: float,
    first: int,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    weights: npt.ArrayLike | None = None,
    exact: bool = False,
) -> Stopped:
    """Return what is decided by the first cases, or by all of them where those leave it open.

    d is in the order that was drawn before the run. The first stage ends with the cluster of case `first`.
    Raises ValueError where a cluster is torn apart or a stage would have no case.
    """
    x = np.asarray(d, dtype=np.float64)
    numbers, _ = numbered(clusters, len(x))
    if np.any(np.diff(numbers) < 0):
        raise ValueError("a cluster's cases stand beside one another in the order of stages")
    if not 0 < first < len(x):
        raise ValueError(f"the first stage has between 1 and {len(x) - 1} cases, not {first}")
    until = int(np.searchsorted(numbers, numbers[first - 1], side="right"))
    spent, left = stage_alphas(alpha, until / len(x))
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    before = None if w is None else w[:until]
    begun = decide(x[:until], margin, numbers[:until], alpha=spent, weights=before, exact=exact)
    whole = decide(x, margin, numbers, alpha=left, weights=w, exact=exact) if left > 0 else begun
    early = begun != INCONCLUSIVE
    return Stopped(np.where(early, begun, whole), np.where(early, until, len(x)), early)


def overall(outcomes: Sequence[int], p_harm: Sequence[float | None], alphas: Sequence[float]) -> int:
    """Return the outcome of all cells: PASS if each passed, FAIL if a loss survives Holm over all cells.

    The first is an intersection-union test (Berger 1982) and needs no correction.
    """
    if certain_losses(outcomes, p_harm, alphas):
        return FAIL
    return PASS if len(outcomes) and all(outcome == PASS for outcome in outcomes) else INCONCLUSIVE


def certain_losses(
    outcomes: Sequence[int], p_harm: Sequence[float | None], alphas: Sequence[float]
) -> list[int]:
    """Return the places of failed cells whose p-value of harm survives Holm over all cells.

    A cell that passed can't fail the whole; one without a p-value counts among the cells and is never worse.
    """
    adjusted = holm_over(p_harm)
    return [
        place
        for place, (outcome, p, alpha) in enumerate(zip(outcomes, adjusted, alphas, strict=True))
        if outcome == FAIL and p is not None and p < alpha
    ]


def holm_over(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p-values, each in its place; one that is not there counts as 1."""
    adjusted = holm([1.0 if p is None else p for p in p_values])
    return [None if p is None else float(each) for p, each in zip(p_values, adjusted, strict=True)]
