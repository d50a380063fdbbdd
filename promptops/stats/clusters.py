"""Cases that belong together (one document, one conversation): their labels and their sums."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints

Labels = Iterable[Hashable]


class TooFewClustersError(ValueError):
    """One cluster says nothing about how clusters differ, so there is no interval."""

    def __init__(self, clusters: int) -> None:
        super().__init__(f"an interval needs at least 2 independent clusters; there is {clusters}")
        self.clusters = clusters


def numbered(labels: Labels | None, n: int) -> tuple[Ints, int]:
    """Return a number for each of n cases, counted from 0 by first appearance, and how many clusters.

    Without labels each case is its own cluster. Raises ValueError where labels and cases differ in number.
    """
    if labels is None:
        return np.arange(n), n
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.shape == (n,):
        return _renumbered(labels)
    seen: dict[Hashable, int] = {}
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()  # plain objects hash several times as fast
    numbers = np.fromiter((seen.setdefault(label, len(seen)) for label in labels), dtype=np.intp)
    if len(numbers) != n:
        raise ValueError(f"{len(numbers)} cluster labels for {n} cases")
    return numbers, len(seen)


def _renumbered(labels: npt.NDArray[np.integer]) -> tuple[Ints, int]:
    """Number whole numbers by first appearance, without an object for each."""
    steps = labels[1:] > labels[:-1]
    if steps.all():  # each case is its own cluster, as in most sets
        return np.arange(len(labels)), len(labels)
    _, first, places = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first)] = np.arange(len(first))
    return order[places], len(first)


def summed(values: Floats, numbers: Ints, clusters: int) -> Floats:
    """Return each cluster's sum of values (n,) or (n, k), as (clusters,) or (clusters, k)."""
    if clusters == len(values):
        # Numbers count by first appearance, so that here they are 0 .. n-1 in order.
        return values
    if values.ndim == 1:
        return np.bincount(numbers, weights=values, minlength=clusters).astype(np.float64)
    columns = [np.bincount(numbers, weights=column, minlength=clusters) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((clusters, 0))


def case_weights(weights: npt.ArrayLike | None, n: int) -> Floats:
    """Return one positive weight a case; ones by default. Raises ValueError for any other weights."""
    if weights is None:
        return np.ones(n)
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != (n,) or not np.all(np.isfinite(checked) & (checked > 0)):
        raise ValueError(f"weights are {n} positive finite numbers, one a case")
    return checked
