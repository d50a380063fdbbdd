"""Whether a judge likes length: scores against length, and a win rate with length held equal.

Length-controlled win rate: logit p = theta + phi tanh(dlen / sd(dlen)) + psi gamma_i with the difference of
lengths and, if known, each instruction's difficulty gamma_i; LC = mean sigmoid(theta + psi gamma_i). Dubois
et al. 2024, arXiv 2404.04475, without its regulariser and its second model. So it is an extrapolation where
lengths hardly overlap, and is refused there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels
from promptops.stats.correlation import correlation_figure, pearson_rows, ranker
from promptops.stats.intervals import finite
from promptops.stats.newton import logistic_fits
from promptops.stats.reweighting import RESAMPLES, Estimated, Weighted, drawn, estimated

LEAST_OVERLAP = 0.1
"""Share of cases with about equal lengths below which no length-controlled rate is told."""
CLOSE = 0.2
"""Lengths are about equal where the logarithm of their ratio is below this."""

_NO_FIT = "length alone tells wins from losses, so that no finite coefficients fit best"


class NoOverlapError(ValueError):
    """Lengths differ nearly everywhere: a rate at equal lengths would be an extrapolation."""

    def __init__(self, share: float) -> None:
        super().__init__(
            f"the answers to {share:.0%} of the cases have about the same length; "
            f"a length-controlled rate needs {LEAST_OVERLAP:.0%}"
        )
        self.share = share


@dataclass(frozen=True)
class LengthCorrelation:
    """Spearman's correlation of scores with length; `partial` is what is left at an equal human score."""

    plain: Estimated
    partial: Estimated | None
    """None where there are no human scores."""


@dataclass(frozen=True)
class LengthControl:
    """A win rate as it is and with lengths held equal, with intervals of the case bootstrap that refits."""

    rate: Estimated
    controlled: Estimated
    theta: float | None
    phi: Estimated
    """What one unit of tanh(dlen / sd) adds to the log odds of winning; above 0 the judge likes length."""
    psi: Estimated | None
    """What the difficulty adds; None where none was given."""
    overlap: float
    """Share of the cases whose answers have about the same length."""
    spread: float
    """sd(dlen)."""


def length_correlation(
    score: npt.ArrayLike,
    length: npt.ArrayLike,
    human: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LengthCorrelation:
    """Correlate a judge's scores (n,) with lengths; with human scores also at an equal human score.

    NaN where missing; the partial figure is of the cases with a human score. It is above 0 where the judge
    rates long answers higher than people do. Raises TooFewClustersError.
    """
    x, y = np.asarray(score, dtype=np.float64), np.asarray(length, dtype=np.float64)
    people = np.full(len(x), np.nan) if human is None else np.asarray(human, dtype=np.float64)
    if not x.shape == y.shape == people.shape:
        raise ValueError("scores, lengths and human scores are one number a case each")
    plain, partial = correlation_figure(x, y, "spearman"), _partial(x, y, people)
    boots = drawn(
        lambda weights: np.column_stack([plain(weights), partial(weights)]),
        len(x),
        clusters,
        resamples=resamples,
        seed=seed,
    )
    why = "scores or lengths never vary"
    both = np.isfinite(x) & np.isfinite(y)
    return LengthCorrelation(
        estimated(boots[0], int(both.sum()), level, undefined=why),
        None
        if human is None
        else estimated(boots[1], int((both & np.isfinite(people)).sum()), level, undefined=why),
    )


def length_control(
    won: npt.ArrayLike,
    length: npt.ArrayLike,
    other_length: npt.ArrayLike,
    difficulty: npt.ArrayLike | None = None,
    clusters: Labels | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LengthControl:
    """Hold lengths equal in preferences (n,): 1 where the answer won over the other, 0.5 for a tie.

    Lengths are positive, in any unit. Raises NoOverlapError where under a tenth of the cases have about equal
    lengths, TooFewClustersError, and ValueError for other numbers.
    """
    y, own, other = finite(won), finite(length), finite(other_length)
    if not len(y) == len(own) == len(other) or not ((y >= 0) & (y <= 1)).all():
        raise ValueError("preferences are one share from 0 to 1 a case, with two lengths each")
    overlap = length_overlap(own, other)
    if overlap < LEAST_OVERLAP:
        raise NoOverlapError(overlap)
    gap = own - other
    gamma = None if difficulty is None else finite(difficulty)
    if gamma is not None and len(gamma) != len(y):
        raise ValueError(f"{len(gamma)} difficulties for {len(y)} cases")
    boots = drawn(_controlled(y, gap, gamma), len(y), clusters, resamples=resamples, seed=seed)
    rate, controlled, phi, psi = (estimated(boot, len(y), level, undefined=_NO_FIT) for boot in boots[:4])
    theta = boots[4].figure
    return LengthControl(
        rate=rate,
        controlled=controlled,
        theta=theta if np.isfinite(theta) else None,
        phi=phi,
        psi=None if gamma is None else psi,
        overlap=overlap,
        spread=float(gap.std(ddof=1)),
    )


def length_overlap(length: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the share of cases whose two lengths are about equal: |log ratio| < 0.2."""
    own, others = finite(length), finite(other)
    if not len(own) or len(own) != len(others) or not ((own > 0) & (others > 0)).all():
        raise ValueError("lengths are positive numbers, two a case")
    return float((np.abs(np.log(own / others)) < CLOSE).mean())


def _partial(score: Floats, length: Floats, human: Floats) -> Weighted:
    """Return the partial rank correlation of score and length at an equal human score."""
    known = np.flatnonzero(np.isfinite(score) & np.isfinite(length) & np.isfinite(human))
    if len(known) < 2:
        return lambda weights: np.full(len(weights), np.nan)
    rankers = [ranker(side[known]) for side in (score, length, human)]

    def figure(weights: Floats) -> Floats:
        kept = weights[:, known]
        a, b, c = (ranks(kept) for ranks in rankers)
        ab, ac, bc = pearson_rows(kept, a, b), pearson_rows(kept, a, c), pearson_rows(kept, b, c)
        # Where the judge or the length is the human score in other words nothing is left to correlate.
        left = (1 - ac**2) * (1 - bc**2)
        found: Floats = np.divide(
            ab - ac * bc, np.sqrt(np.maximum(left, 0.0)), out=np.full(len(ab), np.nan), where=left > 1e-12
        )
        return found

    return figure


def _controlled(won: Floats, gap: Floats, gamma: Floats | None) -> Weighted:
    """Return win rate, controlled rate, phi, psi and theta; the lengths' spread is that of each resample."""

    def figure(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        mean = weights @ gap / total
        squares = np.maximum(weights @ gap**2 - total * mean**2, 0.0)
        spread = np.sqrt(squares / np.maximum(total - 1, 1))[:, None]
        pull = np.tanh(np.divide(gap, spread, out=np.zeros_like(weights), where=spread > 0))
        parts = [np.ones_like(weights), pull]
        if gamma is not None:
            parts.append(np.broadcast_to(gamma, weights.shape))
        fits = logistic_fits(weights, np.stack(parts, axis=2), won)
        odds = fits[:, :1] + (0.0 if gamma is None else fits[:, 2:] * gamma)
        chances = 1 / (1 + np.exp(-np.broadcast_to(odds, weights.shape)))
        controlled = (weights * chances).sum(axis=1) / total
        last = fits[:, 1] if gamma is None else fits[:, 2]
        return np.column_stack([weights @ won / total, controlled, fits[:, 1], last, fits[:, 0]])

    return figure
