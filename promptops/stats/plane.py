"""Points of many dimensions on a plane, to be looked at: their first two principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats


@dataclass(frozen=True)
class Plane:
    """Where each point lies, (n, 2), and the share of all variance that both axes hold."""

    places: Floats
    share: float


def plane(points: Floats) -> Plane:
    """Return points (n, d) on their first two principal components (Pearson 1901).

    Each axis points to where its farthest point lies, so that no library's choice of signs shows. Points that
    are all one have nothing to lose: their share is 1.
    """
    centred = points - points.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(points), 2))
    found = centred @ axes[:2].T
    places[:, : found.shape[1]] = found
    farthest = places[np.abs(places).argmax(axis=0), [0, 1]]
    variances = sizes**2
    whole = float(variances.sum())
    return Plane(
        places * np.where(farthest < 0, -1.0, 1.0), float(variances[:2].sum()) / whole if whole else 1.0
    )
