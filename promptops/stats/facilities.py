"""Which points stand for all best? Greedy facility location, at least 1 - 1/e as good as the best choice."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats
from promptops.stats.neighbours import distances


@dataclass(frozen=True)
class Pick:
    """A point that was picked: its place, how much nearer all points are on average, and the mass it covers.

    `covered` is the share of points that were far from all others and are within reach of this one.
    """

    place: int
    gain: float
    covered: float


def facilities(points: Floats, present: Floats, count: int, within: float) -> tuple[Pick, ...]:
    """Pick `count` of unit points (n, d) that, with those `present` (m, d), stand for all n of them.

    Maximises the mean of each point's similarity to the nearest of all picked and present ones, similarity
    1 - distance / 2. Lazy greedy (Minoux 1978): a gain can only shrink, so most are never worked out again.
    Fewer are picked where no other point comes nearer. `within` is how far a case reaches.
    """
    apart = distances(points, points).astype(np.float64)
    reached = (
        distances(points, present).min(axis=1).astype(np.float64)
        if len(present)
        else np.full(len(points), 2.0)
    )
    # The largest first; equal gains by place, so that the order is the same everywhere.
    waiting = [(-float(np.maximum(reached - row, 0.0).sum()), place, 0) for place, row in enumerate(apart)]
    heapq.heapify(waiting)
    found: list[Pick] = []
    while waiting and len(found) < count:
        gain, place, fresh = heapq.heappop(waiting)
        if -gain <= 1e-9:
            break
        if fresh < len(found):
            now = -float(np.maximum(reached - apart[place], 0.0).sum())
            heapq.heappush(waiting, (now, place, len(found)))
            continue
        covered = float(((reached > within) & (apart[place] <= within)).mean())
        reached = np.minimum(reached, apart[place])
        found.append(Pick(place, -gain / (2 * len(points)), covered))
    return tuple(found)
