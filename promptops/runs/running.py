"""A run's main metric while the run goes on: its figure and interval over the results that are there by now.

It is no verdict, and stopping when it looks good makes it wrong: whoever wants to stop early has the gate's
`--early-stop`, whose bets allow for being looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic

import numpy as np

from promptops.analysis.summary import Floats, Ints, Page, bounded_interval, clusters_and_weights
from promptops.metrics import Metric
from promptops.sets.places import Places
from promptops.types import Estimate, Result, Run, Sample

EVERY = 1.0
"""Seconds for which a figure stands before it is worked out again."""
SHARE = 0.02
"""Of the time, at most, that working it out may take."""

TOGETHER = 4096
"""Results that are kept apart until they are summed: also where nobody looks, memory stays flat."""


class Running:
    """Sums of one metric's counts by sample; taking a result in costs next to nothing."""

    def __init__(
        self, run: Run, samples: Sequence[Sample], metric: Metric, earlier: Iterable[Page] = ()
    ) -> None:
        """Begin with the run's first metric and with what is stored of it from before, as pages of scores."""
        self.run = run
        self.record = run.metrics[0]
        self._metric = metric
        self._samples = samples
        self._new: list[tuple[int, tuple[float, ...]]] = []
        self._times = np.zeros(len(samples))
        self._counts: Floats | None = None
        self._last: Estimate | None = None
        self._again = 0.0
        where: Places | None = None
        for ids, _, measured in earlier:
            where = where or Places(samples)
            places = where.find(ids)
            for rows, vectors in measured.get(self.record.label, ()):
                known = places[rows] >= 0
                self._fold(places[rows][known], vectors[known])

    def add(self, result: Result, place: int) -> None:
        """Take in the result of the sample at a place."""
        score = result.scores.get(self.record.label)
        if result.failure is None and score is not None and score.unscored is None:
            self._new.append((place, score.counts))
            if len(self._new) >= TOGETHER:
                self._summed()

    def estimate(self, *, fresh: bool = False) -> Estimate | None:
        """Return the figure with its 95 % interval, None before the first score; a second old unless `fresh`.

        Repeats are averaged within a sample, samples of a group count as one cluster. A corpus metric has the
        figure of its summed counts and no interval here: its bootstrap takes too long to be run each second.
        """
        now = monotonic()
        if fresh or now >= self._again:
            self._last = self._worked_out()
            self._again = monotonic() + max(EVERY, (monotonic() - now) / SHARE)
        return self._last

    def _summed(self) -> None:
        """Add what came since to the sums."""
        width = len(self._new[0][1]) if self._new else 0
        # A metric that gives other numbers of counts is told of when the run is over.
        alike = [(place, counts) for place, counts in self._new if len(counts) == width]
        if alike:
            places = np.array([place for place, _ in alike], dtype=np.intp)
            self._fold(places, np.array([counts for _, counts in alike]))
        self._new = []

    def _worked_out(self) -> Estimate | None:
        self._summed()
        used = np.flatnonzero(self._times)
        if self._counts is None or not len(used):
            return None
        counts = self._counts[used] / self._times[used, None]
        weights = self._weights[used]
        value = float(
            self._metric.combine((counts * weights[:, None]).sum(axis=0), np.asarray(weights.sum()))
        )
        found = Estimate(label=self.record.label, value=value, n=len(used))
        clusters = self._clusters[used]
        if self.record.corpus or len(used) < 2 or (clusters == clusters[0]).all():
            return found
        values = self._metric.combine(counts, np.ones(len(counts)))
        low, high = bounded_interval(
            values, clusters, weights, found.level, low=self.record.low, high=self.record.high
        )
        return found.model_copy(update={"low": low, "high": high})

    def _fold(self, places: Ints, vectors: Floats) -> None:
        """Add rows of counts to the sums of the samples at some places."""
        if self._counts is None:
            self._clusters, self._weights = clusters_and_weights(self._samples)
            self._counts = np.zeros((len(self._samples), vectors.shape[1]))
        if vectors.shape[1] == self._counts.shape[1]:
            np.add.at(self._times, places, 1.0)
            np.add.at(self._counts, places, vectors)
