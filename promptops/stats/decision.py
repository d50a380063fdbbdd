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

from promptops.stats import Bools, Floats, Ints
from promptops.stats.clusters import Labels, numbered
from promptops.stats.multiplicity import holm
from promptops.stats.paired import terminal_bounds
from promptops.stats.sequential import e_harm, e_pass

INCONCLUSIVE, PASS, FAIL = 0, 1, 2
NAMES = ("INCONCLUSIVE", "PASS", "FAIL")

SMALL = 20
"""Fewer clusters than this are decided by bets alone: the t bound leans on many (docs/decisions/0018)."""
EARLY_SHARE = 0.2
"""Share of alpha that is spent on bets where a run may stop early; the rest is for the bound at the end."""


@dataclass(frozen=True)
class Stopped:
    """What was decided, after how many cases, and whether the bets decided it before the end."""

    outcome: Ints
    cases: Ints
    early: Bools


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
) -> Ints:
    """Return the outcome for d (n,) or the outcomes for d (n, runs), with a fixed number of cases.

    Below SMALL clusters by bets, else by the terminal bound.
    """
    x = np.asarray(d, dtype=np.float64)
    numbers, count = numbered(clusters, len(x))
    if count < SMALL:
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
    """Return the outcome by the wealth of bets after the last case: right at any number of cases.

    With weights a bet is on the weighted mean: stakes are shares of the largest weight.
    """
    x = np.asarray(d, dtype=np.float64)
    stakes = _stakes(weights, x)
    groups = None if clusters is None else list(clusters)
    gained = e_pass((x + margin) * stakes - margin, margin, groups)[-1]
    lost = e_harm(x * stakes, groups)[-1]
    passed = gained >= 1.0 / alpha
    return np.where(passed, PASS, np.where(lost >= 1.0 / alpha, FAIL, INCONCLUSIVE))


def decide_early(
    d: npt.ArrayLike,
    margin: float,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    cells: int = 1,
) -> Stopped:
    """Return what is decided when one may stop as soon as the bets are certain.

    d is in the order that was drawn before the run, a cluster's cases beside one another. Bets get
    EARLY_SHARE of alpha and are looked at after each cluster (Ville); at the end the terminal bound
    gets the rest (union bound). FAIL through the bets needs `cells` times the evidence (e-Holm).
    """
    x = np.asarray(d, dtype=np.float64)
    numbers, count = numbered(clusters, len(x))
    if np.any(np.diff(numbers) < 0):
        raise ValueError("a cluster's cases stand beside one another in the order of an early stop")
    spent = alpha * EARLY_SHARE
    passing = _first(e_pass(x, margin, numbers) >= 1.0 / spent)
    failing = _first(e_harm(x, numbers) >= cells / spent)
    when = np.minimum(passing, failing)
    early = when < count
    at_end = decide(x, margin, numbers, alpha=alpha - spent)
    outcome = np.where(early, np.where(passing <= failing, PASS, FAIL), at_end)
    seen = np.cumsum(np.bincount(numbers, minlength=count))
    return Stopped(outcome, seen[np.minimum(when, count - 1)], early)


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

    A cell that passed can't fail the whole; a failed one without a p-value (an absolute rule, bets) counts.
    """
    adjusted = holm_over(p_harm)
    return [
        place
        for place, (outcome, p, alpha) in enumerate(zip(outcomes, adjusted, alphas, strict=True))
        if outcome == FAIL and (p is None or p < alpha)
    ]


def holm_over(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p-values of those that are there, each in its place."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _stakes(weights: npt.ArrayLike | None, x: Floats) -> Floats | float:
    if weights is None:
        return 1.0
    given = np.asarray(weights, dtype=np.float64)
    shares: Floats = given / given.max()
    return shares if x.ndim == 1 else shares[:, None]


def _first(crossed: Bools) -> Ints:
    """Return the place of the first True along the first axis; its length where there is none."""
    found: Ints = np.where(crossed.any(axis=0), crossed.argmax(axis=0), len(crossed))
    return found
