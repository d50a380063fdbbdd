"""Which classes a judge mistakes for which: the confusion table with precision and recall of each class.

A pair of ratings is one judge's and one human's of the same case; a case with three human ratings brings
three pairs, and its cluster is drawn as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.bootstrap import Bootstrap
from promptops.stats.clusters import Labels, numbered
from promptops.stats.intervals import wilson_interval
from promptops.stats.reweighting import RESAMPLES, Estimated, drawn, estimated


@dataclass(frozen=True)
class ClassFigures:
    """One class: how often a judge's word for it is right, and how often it is found."""

    label: float
    precision: Estimated
    recall: Estimated
    missed: int
    """Pairs that humans put into this class and the judge into another."""
    false: int
    """Pairs that the judge put into this class and humans into another."""


@dataclass(frozen=True)
class Confusion:
    """Pairs of ratings (k, k), a row for each human class and a column for each class of the judge."""

    labels: Floats
    table: Ints
    accuracy: Estimated
    classes: tuple[ClassFigures, ...]


def confusion(
    judge: npt.ArrayLike,
    humans: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    labels: npt.ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Confusion:
    """Count a judge's classes (n,) against human ones (n, raters); NaN where missing.

    `labels` are all classes, by default those that occur. Intervals are of the case bootstrap; a share of 0
    or 1, on which no resample differs, has Wilson's with as many trials as clusters. Raises ValueError for
    a rating that is no label, and TooFewClustersError.
    """
    own = np.asarray(judge, dtype=np.float64)
    others = np.asarray(humans, dtype=np.float64).reshape(len(own), -1)
    pairs = np.isfinite(others) & np.isfinite(own)[:, None]
    seen = np.unique(np.concatenate([own[pairs.any(axis=1)], others[pairs]]))
    names = seen if labels is None else np.asarray(labels, dtype=np.float64)
    if not np.isin(seen, names).all():
        raise ValueError(f"ratings {seen[~np.isin(seen, names)].tolist()} are none of {names.tolist()}")
    said = (own[:, None] == names).astype(np.float64)
    meant = ((others[:, :, None] == names) & pairs[:, :, None]).sum(axis=1).astype(np.float64)
    table = meant.T @ said
    parts = _parts(said, meant, pairs.sum(axis=1).astype(np.float64))
    width = len(names)

    def shares(weights: Floats) -> Floats:
        hits, called, actual, total = np.split(weights @ parts, [width, 2 * width, 3 * width], axis=1)
        return np.column_stack(
            [_share(hits, called), _share(hits, actual), _share(hits.sum(axis=1)[:, None], total)]
        )

    boots = drawn(shares, len(own), clusters, resamples=resamples, seed=seed)
    sums = parts.sum(axis=0)
    sizes = [*sums[width:], sums[-1]]
    numbers, count = numbered(clusters, len(own))
    independent = [
        len(np.unique(numbers[parts[:, width + place] > 0])) if count else 0 for place in range(2 * width + 1)
    ]
    found = [
        _estimated(boot, int(sizes[place]), independent[place], level) for place, boot in enumerate(boots)
    ]
    hits = np.diag(table)
    return Confusion(
        labels=names,
        table=np.rint(table).astype(np.intp),
        accuracy=found[-1],
        classes=tuple(
            ClassFigures(
                label=float(name),
                precision=found[place],
                recall=found[width + place],
                missed=round(table[place].sum() - hits[place]),
                false=round(table[:, place].sum() - hits[place]),
            )
            for place, name in enumerate(names)
        ),
    )


def _parts(said: Floats, meant: Floats, pairs: Floats) -> Floats:
    """(n, 3k + 1) hits, pairs that the judge and that humans put into each class, and all pairs."""
    return np.column_stack([said * meant, said * pairs[:, None], meant, pairs])


def _share(hits: Floats, of: Floats) -> Floats:
    found: Floats = np.divide(hits, of, out=np.full_like(of, np.nan), where=of > 0)
    return found


def _estimated(boot: Bootstrap, n: int, independent: int, level: float) -> Estimated:
    if n and boot.figure in (0.0, 1.0):
        ends = wilson_interval(independent if boot.figure else 0, independent, level)
        return Estimated(boot.figure, ends.low, ends.high, n)
    return estimated(boot, n, level, undefined="no rating of this class")
