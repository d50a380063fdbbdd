"""Strengths of systems from pairs of them: logit P(i beats j) = b_i - b_j, a tie is half a win for each.

Bradley & Terry 1952, by maximum likelihood (Newton). Strengths sum to zero; `Strengths.relative_to` states
them against a reference. Standard errors are the sandwich's, clustered (one cluster a prompt), for verdicts
on one prompt hang together. Where some systems only ever won against the others, their strength is infinite;
then Firth's 1993 penalty, half the log determinant of the information, keeps it finite, with a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.bootstrap import drawings
from promptops.stats.clusters import Labels, TooFewClustersError
from promptops.stats.games import Games, check_joined, inverse_of, one_sided, strongly_connected
from promptops.stats.many import Differences
from promptops.stats.student import normal_cdf, t_quantile

ELO = 400 / math.log(10)
"""Points of the Elo scale in one unit of strength."""

_DRAWS = 20_000
_AT_ONCE = 8_000_000
"""Drawn differences that are held at a time, 64 MB an array."""
_UNDEFINED = 0.05
_ROUNDING = 1e-7
"""A difference of strengths that is no smaller than this is more than rounding."""


@dataclass(frozen=True)
class Strengths:
    """Strengths (K,) that sum to zero, with the sandwich's covariance (K, K) and that of the model."""

    strengths: Floats
    covariance: Floats
    model_covariance: Floats
    wins: Floats
    """(K, K) how often the row beat the column, ties half."""
    n: int
    clusters: int
    penalised: bool
    warning: str | None
    """Why a penalty was needed; the errors are then too small."""
    never_lost: tuple[int, ...] = ()
    """With a penalty: systems that never lost to one of the others, nor tied."""

    @property
    def errors(self) -> Floats:
        """The standard errors (K,) of the strengths around their mean of zero."""
        errors: Floats = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        return errors

    @property
    def elo(self) -> Floats:
        """The strengths on the scale of Elo, around 1000: 400 points are ten to one."""
        return 1000 + ELO * self.strengths

    def relative_to(self, reference: int, *, model: bool = False) -> tuple[Floats, Floats]:
        """Return strengths less that of a reference (K,), with their errors; `model` trusts the model's."""
        return self.strengths - self.strengths[reference], self._difference_errors(model)[:, reference]

    def differences(self, level: float = 0.95, seed: int = 0) -> Differences:
        """Return all differences (K, K), row less column, in intervals that all hold with `level`.

        The largest of the studentised differences is drawn from the normal with this covariance, and put on
        Student's t scale by the number of clusters. `many.rank_sets` makes ranks of them.
        """
        found = self.strengths[:, None] - self.strengths
        errors = self._difference_errors(False)
        reach = self._critical(level, errors, seed) * errors + _ROUNDING * (1 - np.eye(len(found)))
        return Differences(found, found - reach, found + reach)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends (K,) of each strength's own interval; it promises nothing of the others."""
        reach = t_quantile(0.5 + level / 2, self.clusters - 1) * self.errors
        return self.strengths - reach, self.strengths + reach

    def _difference_errors(self, model: bool) -> Floats:
        covariance = self.model_covariance if model else self.covariance
        own = np.diag(covariance)
        errors: Floats = np.sqrt(np.maximum(own[:, None] + own - 2 * covariance, 0.0))
        # Systems that always tie have no error but that of rounding.
        errors[errors < _ROUNDING * errors.max(initial=1.0)] = 0.0
        np.fill_diagonal(errors, 0.0)
        return errors

    def _critical(self, level: float, errors: Floats, seed: int) -> float:
        values, vectors = np.linalg.eigh(self.covariance)
        normal = np.random.default_rng(seed).standard_normal((_DRAWS, len(values)))
        moved = (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        first, second = np.nonzero(np.triu(errors))
        if not len(first):
            return 0.0
        scale = errors[first, second]
        blocks = np.array_split(moved, 1 + len(first) * _DRAWS // _AT_ONCE)
        largest = np.concatenate(
            [(np.abs(block[:, first] - block[:, second]) / scale).max(axis=1) for block in blocks]
        )
        return t_quantile(normal_cdf(float(np.quantile(largest, level))), self.clusters - 1)


@dataclass(frozen=True)
class Resampled:
    """Strengths (B, K) on resampled prompts, each one's percentile interval, and how many had none."""

    drawn: Floats
    low: Floats
    high: Floats
    errors: Floats
    undefined: int
    """Resamples on which some system only won or only lost; with over 5 % of them the ends are NaN."""


def bradley_terry(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    score: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    systems: int | None = None,
) -> Strengths:
    """Fit comparisons (m,) of system `first` with `second`, numbered from 0.

    `score` is 1 where the first won, 0 where the second did, 0.5 for a tie or anything between; `weights` are
    how often each comparison counts, `clusters` its prompt. Raises NotConnectedError where systems were
    never compared, TooFewClustersError for one cluster, and ValueError for other input.
    """
    games = _games(first, second, score, clusters, weights, systems)
    wins, totals = games.totals()
    table = games.table(wins, totals)
    check_joined(table[0])
    penalised = not bool(strongly_connected(table)[0])
    above = one_sided(table[0]) if penalised else ()
    strengths = games.solve(wins, totals, penalised)
    inverse = inverse_of(games.information(strengths, totals))[0]
    scores = games.cluster_scores(strengths[0])
    meat = scores.T @ scores * games.clusters / (games.clusters - 1)
    return Strengths(
        strengths=strengths[0],
        covariance=inverse @ meat @ inverse,
        model_covariance=inverse,
        wins=table[0],
        n=len(games.score),
        clusters=games.clusters,
        penalised=penalised,
        warning=_one_sided(above) if penalised else None,
        never_lost=above,
    )


def resampled_strengths(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    score: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    systems: int | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Resampled:
    """Return the bootstrap by cluster of `bradley_terry`, whose arguments and errors it shares."""
    games = _games(first, second, score, clusters, weights, systems)
    check_joined(games.table(*games.totals())[0])
    sums = games.by_cluster()
    found: list[Floats] = []
    for block in drawings(games.clusters, resamples, seed):
        wins, totals = np.split(block @ sums, 2, axis=1)
        defined = strongly_connected(games.table(wins, totals))
        found.append(games.solve(wins[defined], totals[defined], False))
    drawn = np.concatenate(found)
    undefined = resamples - len(drawn)
    if undefined > _UNDEFINED * resamples:
        none = np.full(games.systems, np.nan)
        return Resampled(drawn, none, none, none, undefined)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Resampled(drawn, low, high, drawn.std(axis=0, ddof=1), undefined)


def _one_sided(above: tuple[int, ...]) -> str:
    return (
        f"systems {list(above)} never lost to one of the others, so that no finite strength fits best; "
        "Firth's penalty holds it back, and the errors are too small"
    )


def _games(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    score: npt.ArrayLike,
    clusters: Labels | None,
    weights: npt.ArrayLike | None,
    systems: int | None,
) -> Games:
    games = Games.of(first, second, score, clusters, weights, systems)
    if games.clusters < 2:
        raise TooFewClustersError(games.clusters)
    return games
