"""How well does a metric's score of an answer tell whether its user liked it?

Association by the area under the curve, Spearman and Kendall; as a probability by the reliability curve.
Persons are clusters: whoever likes everything says little of the metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from promptops.instruments import Found
from promptops.production.measures import Scale
from promptops.production.reliability import (
    MetricReliability,
    ScoreBin,
    SystemReliability,
    Trust,
    VersionPoint,
)
from promptops.production.traffic import Traffic
from promptops.stats import Bools, Floats, Ints
from promptops.stats.auc import auc_interval
from promptops.stats.calibration import Bin, calibration, reliability_curve
from promptops.stats.clusters import numbered
from promptops.stats.correlation import Coefficient, correlation, correlation_figure
from promptops.stats.reweighting import drawn, estimated

NEEDED = 50
NEEDED_EACH = 10
"""Liked answers, and others, below which nothing is said of a metric."""
TRUSTED = 0.7
"""The area from which on a metric is trusted, where its lower bound is over .6: see the guide."""
_SURELY = 0.6
_MOST = 2_000
"""Records of which correlations are resampled at most."""
_CELLS = 400
"""Cells of score and feedback above which Kendall's interval would take minutes."""
_RESAMPLES = 1_000


def metric_reliabilities(
    traffic: Traffic, scales: Mapping[str, Scale], labels: Sequence[str], *, seed: int = 0
) -> tuple[MetricReliability, ...]:
    """Hold scores of records against feedback, a label each, the most telling first."""
    found = [
        _reliability(label, traffic, scales.get(label, Scale(None, None)), len(labels), seed)
        for label in labels
    ]
    rank = {"trust": 0, "weak": 1, "reversed": 2, "no relation": 3, "too few": 4}
    return tuple(sorted(found, key=lambda each: (rank[each.trust], -abs((each.auc.value or 0.5) - 0.5))))


def system_reliability(
    label: str, points: Sequence[VersionPoint], higher_is_better: bool
) -> SystemReliability:
    """Hold a metric's means of versions against the shares of their answers that users liked."""
    offline = np.array([point.offline for point in points]) * (1 if higher_is_better else -1)
    good = np.array([point.good for point in points])
    first, second = np.triu_indices(len(points), 1)
    order = np.sign(offline[first] - offline[second]) * np.sign(good[first] - good[second])
    return SystemReliability(
        label=label,
        points=tuple(sorted(points, key=lambda point: -point.good)),
        spearman=correlation(offline, good, "spearman") if len(points) > 2 else None,
        agreed=int((order > 0).sum()),
        reversed=int((order < 0).sum()),
    )


def _reliability(label: str, traffic: Traffic, scale: Scale, tried: int, seed: int) -> MetricReliability:
    scores = traffic.scores[label]
    told = np.isfinite(scores.values) & np.isfinite(traffic.good)
    # Lower is better: turned round, so that more always means better here.
    x = scores.values[told] * (-1.0 if scale.higher_is_better is False else 1.0)
    y = traffic.good[told]
    persons = _persons(traffic, told)
    liked = y == 1
    n, good = len(y), int(liked.sum())
    enough = n >= NEEDED and min(good, n - good) >= NEEDED_EACH
    area = _area(x, liked, persons, 1 - 0.05 / max(tried, 1)) if enough else Found(n=n, reason=_few(n, good))
    gap, chance, bins = _calibration(x, y, scale)
    return MetricReliability(
        label=label,
        signature=scores.signature,
        trust=_trust(area) if enough else "too few",
        n=n,
        good=good,
        subjects=len(np.unique(persons)),
        auc=area,
        spearman=_coefficient(x, y, persons, "spearman", seed)
        if enough
        else Found(n=n, reason=_few(n, good)),
        kendall=_coefficient(x, y, persons, "kendall", seed) if enough else Found(n=n, reason=_few(n, good)),
        calibration_gap=gap if enough else None,
        gap_by_chance=chance if enough else None,
        bins=bins if enough else (),
    )


def _few(n: int, good: int) -> str:
    return f"{good} liked and {n - good} other answers; {NEEDED} with {NEEDED_EACH} of each are needed"


def _persons(traffic: Traffic, told: Bools) -> Ints:
    subjects = [
        f"record {name}" if subject is None else f"person {subject}"
        for name, subject in zip(traffic.ids[told], traffic.subjects[told], strict=True)
    ]
    return numbered(subjects, len(subjects))[0]


def _area(x: Floats, liked: Bools, persons: Ints, level: float) -> Found:
    ends = auc_interval(x[~liked], x[liked], level, persons[~liked], persons[liked])
    return Found(value=ends.value, low=ends.low, high=ends.high, n=len(x))


def _trust(area: Found) -> Trust:
    value, low, high = area.value or 0.5, area.low or 0.0, 1.0 if area.high is None else area.high
    if value >= TRUSTED and low > _SURELY:
        return "trust"
    if high < 0.5:
        return "reversed"
    return "weak" if low > 0.5 else "no relation"


def _coefficient(x: Floats, y: Floats, persons: Ints, coefficient: Coefficient, seed: int) -> Found:
    cells = 2 * len(np.unique(x))
    if coefficient == "kendall" and cells > _CELLS:
        value = correlation(x[:_MOST], y[:_MOST], coefficient)
        return Found(value=value, n=min(len(x), _MOST), reason="no interval for scores that hardly repeat")
    if len(x) > _MOST:
        chosen = np.random.default_rng(seed).choice(len(x), _MOST, replace=False)
        x, y, persons = x[chosen], y[chosen], persons[chosen]
    if len(np.unique(persons)) < 2:
        return Found(value=correlation(x, y, coefficient), n=len(x), reason="all of one person")
    (boot,) = drawn(correlation_figure(x, y, coefficient), len(x), persons, resamples=_RESAMPLES, seed=seed)
    return Found.of(
        estimated(boot, len(x), undefined="the scores, or the feedback, never vary", method="percentile")
    )


def _calibration(
    x: Floats, y: Floats, scale: Scale
) -> tuple[float | None, float | None, tuple[ScoreBin, ...]]:
    if not len(x):
        return None, None, ()
    if not scale.finite:
        return None, None, tuple(_bin(each) for each in reliability_curve(x, y))
    low, high = scale.low or 0.0, 1.0 if scale.high is None else scale.high
    share = (x - low) / (high - low) if scale.higher_is_better is not False else (high + x) / (high - low)
    found = calibration(np.clip(share, 0.0, 1.0), y)
    return found.gap, found.by_chance, tuple(_bin(each) for each in found.bins)


def _bin(each: Bin) -> ScoreBin:
    return ScoreBin(score=each.score, good=each.share, low=each.low, high=each.high, n=each.n)
