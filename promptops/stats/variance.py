"""Where the spread of a score comes from: which cases were drawn, what was generated, who judged.

Values are (n, K): one row a case, one column a repeat, NaN where a repeat has no score. Repeats of a case
are independent draws; those of two runs are independent of each other too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels, TooFewClustersError, case_weights, numbered, summed
from promptops.stats.intervals import mean_interval
from promptops.stats.student import t_quantile

REPEATED_SHARE = 0.9
"""Share of the cases that must have two repeats; the others are taken to be as noisy as these."""
_ROUNDING = 1e-12


class NoRepeatsError(ValueError):
    """Without two scored repeats of the same case nothing is known of the noise between repeats."""


@dataclass(frozen=True)
class Part:
    """A variance component with its two-sided interval, of which an end may be NaN (unknown)."""

    variance: float
    """The moments' figure, or 0 where that lies below 0."""
    moment: float
    """The method of moments' own, unbiased figure; it may lie below 0."""
    low: float
    high: float


@dataclass(frozen=True)
class Components:
    """The variance of one case's true mean over cases, and of one repeat around it."""

    case: Part
    noise: tuple[Part, ...]
    """What adds up to the variance of one repeat: generation and judge, or the two runs of a change."""
    cases: int
    clusters: int
    design: float = 1.0
    """How many times its plain share the case part has in a mean's squared error: clusters and weights."""
    kish: float = 1.0
    """The same for the noise: n * sum w^2 / (sum w)^2."""

    @property
    def within(self) -> float:
        """The variance of one repeat around its case's true mean."""
        return sum(part.variance for part in self.noise)


@dataclass(frozen=True)
class SuiteInterval:
    """The mean on these very cases with an interval for generation noise alone."""

    mean: float
    low: float
    high: float
    se: float
    df: float


def components(
    values: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    answers: npt.NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Components:
    """Return the case and noise components of one run: one-way ANOVA, repeats may be unequal.

    s2_w = MSW; w2 = (MSB - MSW)/n0 with n0 = (N - sum K_i^2/N)/(n - 1) (Searle, Casella & McCulloch 1992,
    3.6). With `answers` (n, K), equal numbers for equal answers of a case, the noise is (generation,
    judge): the judge's is the pooled variance of scores of the same answer, the rest is generation's.
    Intervals, as scores are seldom normal and chi-square won't do: each mean square by the
    delete-one-cluster jackknife of its logarithm, t with G - 1 degrees of freedom; a difference of two by
    MOVER (Zou & Donner 2008) with the jackknife's correlation, cut at 0. Coverage is simulated in
    tests/stats/test_variance.py. Raises NoRepeatsError (with `answers` also where no answer came twice)
    and TooFewClustersError.
    """
    table = _checked(values)
    repeats, means, squares = _cases(table)
    moved = means - means.mean()
    columns = [np.ones(len(table)), repeats, repeats**2, repeats * moved, repeats * moved**2, squares]
    if answers is not None:
        columns += list(_same_answers(table, answers))
    if repeats.sum() <= len(table) or (answers is not None and not columns[-1].any()):
        raise NoRepeatsError(
            "no case has two scored repeats" + (" of one answer" if answers is not None else "")
        )
    parts, groups = _jackknifed(np.stack(columns, axis=1), _one_way, clusters, level)
    if answers is not None:
        case, generation, judge = parts
        # Where chance has the judge's part above all noise that there is, it is all of it.
        most = generation.moment + judge.moment
        parts = (case, generation, replace(judge, variance=min(judge.variance, most)))
    return _with_design(parts, groups, means, (1 / repeats,), clusters, weights)


def nested_components(
    values: npt.ArrayLike, clusters: Labels | None = None, *, level: float = 0.95
) -> Components:
    """Return case, generation and judge of values (n, K, J), J judgements of each of K answers a case.

    Balanced nested ANOVA: judge = MS(judgements), generation = (MS(answers) - MS(judgements))/J,
    case = (MS(cases) - MS(answers))/(K J). Raises NoRepeatsError unless K and J are 2 or more, and
    ValueError where a value is missing.
    """
    cube = np.asarray(values, dtype=np.float64)
    if cube.ndim != 3 or not np.all(np.isfinite(cube)):
        raise ValueError("values are finite, one a case, answer and judgement")
    n, answers, judgements = cube.shape
    if answers < 2 or judgements < 2:
        raise NoRepeatsError(
            f"{answers} answers a case with {judgements} judgements each can't be told apart"
        )
    cube = cube - cube.mean()
    each = cube.mean(axis=2)
    means = each.mean(axis=1)
    columns = np.stack(
        [
            np.ones(n),
            means,
            means**2,
            ((each - means[:, None]) ** 2).sum(axis=1) / (answers - 1),
            ((cube - each[:, :, None]) ** 2).sum(axis=(1, 2)) / (answers * (judgements - 1)),
        ],
        axis=1,
    )

    def parts(totals: Floats) -> Floats:
        count, total, squares, between, judge = totals.T
        spread = (squares - total**2 / count) / (count - 1)
        return _pairs(
            (spread, between / count / answers),
            (between / count, judge / count / judgements),
            (judge / count, 0 * judge),
        )

    (case, *noise), groups = _jackknifed(columns, parts, clusters, level)
    return Components(case, tuple(noise), n, groups)


def change_components(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Components:
    """Return the components of second - first: of the cases' true changes, and each run's noise.

    w2 = Var(d_i) - s2_A mean(1/K_A) - s2_B mean(1/K_B), each run's s2 its own MSW: with equal repeats the
    one-way ANOVA of the differences. Raises NoRepeatsError where either run has no repeats.
    """
    a, b = _checked(first), _checked(second)
    (ka, ma, sa), (kb, mb, sb) = _cases(a), _cases(b)
    if ka.sum() <= len(a) or kb.sum() <= len(b):
        raise NoRepeatsError("one of the runs has no case with two scored repeats")
    d = mb - ma
    centred = d - d.mean()
    columns = np.stack([np.ones(len(d)), centred, centred**2, sa, ka - 1, 1 / ka, sb, kb - 1, 1 / kb], axis=1)

    def parts(totals: Floats) -> Floats:
        count, total, squares, *arms = totals.T
        with np.errstate(divide="ignore", invalid="ignore"):
            noise = [arms[0] / arms[1], arms[3] / arms[4]]
        spread = (squares - total**2 / count) / (count - 1)
        taken = (noise[0] * arms[2] + noise[1] * arms[5]) / count
        return _pairs((spread, taken), (noise[0], 0 * count), (noise[1], 0 * count))

    found, groups = _jackknifed(columns, parts, clusters, level)
    return _with_design(found, groups, d, (1 / ka, 1 / kb), clusters, weights)


def suite_interval(
    *sides: npt.ArrayLike, weights: npt.ArrayLike | None = None, level: float = 0.95
) -> SuiteInterval:
    """Return the mean on these cases of one run, or of second - first, with generation noise only.

    SE^2 = sum_i w_i^2 (s2_Ai/K_Ai + s2_Bi/K_Bi) / (sum w)^2. It says nothing about other cases. Welch and
    Satterthwaite's degrees of freedom, with K_i + 1 in place of K_i - 1: s2_i^2 overestimates the fourth
    power of sigma_i by (K_i + 1)/(K_i - 1), threefold at two repeats. A case with one repeat is taken to
    be as noisy as the others. Raises NoRepeatsError where over a tenth have one only, or where all
    repeats of every case scored alike: then no noise was seen, which is not an error of 0.
    """
    tables = [_checked(side) for side in sides]
    w = case_weights(weights, len(tables[0]))
    share = w / w.sum()
    total, spread = 0.0, 0.0
    for table in tables:
        repeats, _, squares = _cases(table)
        known = repeats > 1
        if known.mean() < REPEATED_SHARE:
            raise NoRepeatsError("over a tenth of the cases have one scored repeat only")
        factor = share[known] ** 2 / repeats[known] + (share[~known] ** 2).sum() / known.sum()
        terms = factor * squares[known] / (repeats[known] - 1)
        total += float(terms.sum())
        spread += float((terms**2 / (repeats[known] + 1)).sum())
    if total == 0:
        raise NoRepeatsError("all repeats of every case scored alike: no noise was seen")
    means = [_cases(table)[1] @ share for table in tables]
    mean = float(means[-1] - means[0] if len(means) > 1 else means[0])
    se, df = math.sqrt(total), total**2 / spread
    reach = t_quantile(0.5 + level / 2, df) * se
    return SuiteInterval(mean, mean - reach, mean + reach, se, df)


def _checked(values: npt.ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or np.isinf(table).any() or not np.isfinite(table).any(axis=1).all():
        raise ValueError("values are (cases, repeats) with a finite one in each row; NaN where there is none")
    if len(table) < 2:
        raise TooFewClustersError(len(table))
    return table


def _cases(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each case's repeats, mean, and sum of squares around the mean (0 where all are equal)."""
    there = np.isfinite(table)
    repeats = there.sum(axis=1).astype(np.float64)
    # Relative to one of its own values, repeats that are equal have deviations of exactly 0.
    base = table[np.arange(len(table)), there.argmax(axis=1)]
    moved = np.where(there, table - base[:, None], 0.0)
    means = moved.sum(axis=1) / repeats
    squares = (np.where(there, moved - means[:, None], 0.0) ** 2).sum(axis=1)
    return repeats, base + means, squares


def _same_answers(table: Floats, answers: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return each case's sum of squares within equal answers, and its degrees of freedom."""
    squares, freedom = np.zeros(len(table)), np.zeros(len(table))
    for place, (row, codes) in enumerate(zip(table, answers, strict=True)):
        there = np.isfinite(row)
        for code in np.unique(codes[there]):
            same = row[there & (codes == code)]
            squares[place] += float(((same - same[0] - (same - same[0]).mean()) ** 2).sum())
            freedom[place] += len(same) - 1
    return squares, freedom


def _pairs(*pairs: tuple[Floats, Floats]) -> Floats:
    """Return components, each a mean square and what is taken from it, as (G, parts, 2)."""
    return np.stack([np.stack(pair, axis=1) for pair in pairs], axis=1)


def _one_way(totals: Floats) -> Floats:
    """Turn sums over cases (G, 6 or 8) into pairs for case and noise, or case, generation and judge."""
    n, count, of_squares, total, squares, inside, *judged = totals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        within = inside / (count - n)
        between = (squares - total**2 / count) / (n - 1)
        each = (count - of_squares / count) / (n - 1)
        case = (between / each, within / each)
        if not judged:
            return _pairs(case, (within, 0 * n))
        judge = judged[0] / judged[1]
    return _pairs(case, (within, judge), (judge, 0 * n))


def _jackknifed(
    columns: Floats, pairs: Callable[[Floats], Floats], clusters: Labels | None, level: float
) -> tuple[tuple[Part, ...], int]:
    """Return the parts of all cases with their intervals, and the number of clusters."""
    numbers, groups = numbered(clusters, len(columns))
    if groups < 2:
        raise TooFewClustersError(groups)
    sums = summed(columns, numbers, groups)
    whole = sums.sum(axis=0, keepdims=True)
    squares, left = pairs(whole)[0], pairs(whole - sums) if groups > 2 else None
    moments = squares[:, 0] - squares[:, 1]
    ends = np.full((len(moments), 2), math.nan)
    if left is not None:
        reach = t_quantile(0.5 + level / 2, groups - 1)
        ends = np.array([_ends(pair, left[:, place], reach) for place, pair in enumerate(squares)])
    return tuple(
        Part(max(float(moment), 0.0), float(moment), float(low), float(high))
        for moment, (low, high) in zip(moments, ends, strict=True)
    ), groups


def _ends(pair: Floats, left: Floats, reach: float) -> tuple[float, float]:
    """Return the ends for a difference of two mean squares: MOVER, Zou & Donner 2008, Stat. Med. 27."""
    first = _square_ends(float(pair[0]), left[:, 0], reach)
    if pair[1] == 0:
        return first
    second = _square_ends(float(pair[1]), left[:, 1], reach)
    together = _correlation(left)
    down, up = (pair[0] - first[0], second[1] - pair[1]), (first[1] - pair[0], pair[1] - second[0])
    difference = float(pair[0] - pair[1])
    low = difference - _joined(*down, together)
    return max(low, 0.0), max(difference + _joined(*up, together), 0.0)


def _square_ends(value: float, left: Floats, reach: float) -> tuple[float, float]:
    """Return the ends for one mean square; without an upper one where nothing was seen."""
    if value <= 0 or not np.all(np.isfinite(left)):
        return 0.0, math.nan
    shrink = (len(left) - 1) / len(left)
    if np.all(left > 0):
        logs = np.log(left)
        factor = math.exp(reach * math.sqrt(shrink * float(((logs - logs.mean()) ** 2).sum())))
        return value / factor, value * factor
    # All of it comes from one cluster, whose logarithm left out is infinite.
    error = reach * math.sqrt(shrink * float(((left - left.mean()) ** 2).sum()))
    return max(value - error, 0.0), value + error


def _joined(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(first**2 + second**2 - 2 * correlation * first * second, 0.0))


def _correlation(left: Floats) -> float:
    spread = left.std(axis=0)
    if not np.all(spread > 0):
        return 0.0
    moved = left - left.mean(axis=0)
    return float((moved[:, 0] * moved[:, 1]).mean() / (spread[0] * spread[1]))


def _with_design(
    parts: tuple[Part, ...],
    groups: int,
    means: Floats,
    shares: tuple[Floats, ...],
    clusters: Labels | None,
    weights: npt.ArrayLike | None,
) -> Components:
    """Add what clusters and weights do to a mean: what its robust error has beyond the noise, over w2/n.

    `shares` are each noise's 1/K_i; where there is one only, all noise has it.
    """
    case, *rest = parts
    noise = tuple(rest)
    n = len(means)
    w = case_weights(weights, n)
    even = bool(np.all(w == w[0]))
    if even and groups == n:
        return Components(case, noise, n, groups)
    kish = n * float(w @ w) / float(w.sum()) ** 2
    robust = n * mean_interval(means, clusters, weights=w).se ** 2
    several = shares if len(shares) == len(noise) else shares * len(noise)
    known = sum(
        part.variance * n * float(w**2 @ share) / float(w.sum()) ** 2
        for part, share in zip(noise, several, strict=True)
    )
    design = max(1.0, (robust - known) / case.variance) if case.variance > _ROUNDING else 1.0
    return Components(case, noise, n, groups, design, kish)
