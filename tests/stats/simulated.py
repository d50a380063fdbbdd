"""Simulated comparisons: five score shapes, a true change, clusters, and what a gate makes of them.

Shapes and the way of drawing are those that the project decided on: |d| from a shape, its sign + with
probability (1 + Delta/E|d|)/2, so that the true mean is exactly Delta. In a cluster half of the cases share
one sign, as answers about one document do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import decision

SHAPES = {
    "binary 10 %": np.repeat([1.0, 0.0], [10, 90]),
    "binary 30 %": np.repeat([1.0, 0.0], [30, 70]),
    "ROUGE": np.array([0, 0.011, 0.019, 0.025, 0.045, 0.053, 0.072, 0.092, 0.118, 0.145, 0.49]),
    "Likert": np.repeat([0, 0.25, 0.5, 0.75, 1.0], [67, 23, 5, 3, 2]),
    "preference": np.array([0, 0, 0.002, 0.012, 0.038, 0.099, 0.202, 0.351, 0.561, 0.833, 0.999]),
}
MARGINS = {"binary 10 %": 0.05, "binary 30 %": 0.05, "ROUGE": 0.02, "Likert": 0.05, "preference": 0.05}
ENOUGH = {"binary 10 %": 250, "binary 30 %": 750, "ROUGE": 200, "Likert": 250, "preference": 500}
"""How many cases a set of each shape has, for its margin to be resolved more often than not."""
CLUSTERS = ("1", "5", "unequal")

Decide = Callable[[npt.NDArray[np.float64], float, npt.NDArray[np.intp]], decision.Stopped]


@dataclass(frozen=True)
class Rates:
    """Shares of runs, and the mean number of cases that were used."""

    passed: float
    failed: float
    cases: float


def grouping(clusters: str, n: int) -> npt.NDArray[np.intp]:
    """(n,) the cluster of each case: alone, in fives, or in sizes 1, 2, 3, 5, 8 by turns."""
    sizes = {"1": [1], "5": [5], "unequal": [1, 2, 3, 5, 8]}[clusters]
    repeated = np.resize(sizes, n)
    return np.repeat(np.arange(n), repeated)[:n]


def drawn(
    shape: str, groups: npt.NDArray[np.intp], true: float, runs: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """(n, runs) differences whose true mean is `true`."""
    values, n = SHAPES[shape], len(groups)
    chance = (1 + true / values.mean()) / 2
    together = (rng.random((groups.max() + 1, runs)) < chance)[groups]
    alone = rng.random((n, runs)) < chance
    in_company = np.bincount(groups)[groups] > 1
    positive = np.where((rng.random((n, runs)) < 0.5) & in_company[:, None], together, alone)
    magnitude = rng.choice(values, size=(n, runs))
    return np.where(positive, magnitude, -magnitude)


def fixed(d: npt.NDArray[np.float64], margin: float, groups: npt.NDArray[np.intp]) -> decision.Stopped:
    """Decide as the gate does on all cases."""
    outcome = decision.decide(d, margin, groups)
    return decision.Stopped(outcome, np.full(len(outcome), len(d)), np.zeros(len(outcome), dtype=bool))


def early(d: npt.NDArray[np.float64], margin: float, groups: npt.NDArray[np.intp]) -> decision.Stopped:
    """Decide as the gate does with --early-stop."""
    return decision.decide_early(d, margin, groups)


def stages(d: npt.NDArray[np.float64], margin: float, groups: npt.NDArray[np.intp]) -> decision.Stopped:
    """Decide as the gate does with --first at half of the cases, and --inconclusive extend."""
    return decision.decide_in_stages(d, margin, len(d) // 2, groups)


def rates(
    shape: str, n: int, clusters: str, true: float, runs: int, decide: Decide, margin: float | None = None
) -> Rates:
    """Return how often a gate passes and fails where the true change is `true`."""
    groups = grouping(clusters, n)
    limit = MARGINS[shape] if margin is None else margin
    found = [decide(d, limit, groups) for d in _blocks(shape, groups, true, runs)]
    outcome = np.concatenate([each.outcome for each in found])
    cases = np.concatenate([each.cases for each in found])
    return Rates(
        float((outcome == decision.PASS).mean()),
        float((outcome == decision.FAIL).mean()),
        float(cases.mean()),
    )


def _blocks(
    shape: str, groups: npt.NDArray[np.intp], true: float, runs: int
) -> Iterator[npt.NDArray[np.float64]]:
    rng = np.random.default_rng([len(groups), int(groups.max()), runs, round(1000 * abs(true))])
    for start in range(0, runs, 1000):
        yield drawn(shape, groups, true, min(1000, runs - start), rng)
