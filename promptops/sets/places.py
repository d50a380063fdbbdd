"""Where samples stand in their set, found by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from promptops.types import Facts, KeptSamples, Sample

Ints = npt.NDArray[np.intp]


class Places:
    """Finds places by the hashes of ids: 16 bytes a sample, where a dictionary of texts takes 160.

    Where two ids of the set have one hash, there is a dictionary after all. An id that is not of the set is
    taken for one that is with a chance of n in 2^64.
    """

    def __init__(self, samples: Sequence[Sample], hashes: npt.NDArray[np.int64] | None = None) -> None:
        """Take in the samples' ids; `hashes` (n,) are those of the ids, where they are known already."""
        if hashes is None:
            hashes = _hashes(each.id for each in facts_of(samples))
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]
        self._named: dict[str, int] | None = None
        if (self._sorted[1:] == self._sorted[:-1]).any():
            self._named = {each.id: place for place, each in enumerate(facts_of(samples))}

    def find(self, ids: Sequence[str]) -> Ints:
        """(n,) the place of each id; -1 for one that is not there."""
        if self._named is not None:
            return np.fromiter(map(self._named.get, ids, repeat(-1)), np.intp, len(ids))
        if not len(self._sorted):
            return np.full(len(ids), -1, np.intp)
        wanted = _hashes(ids)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[at] == wanted, self._order[at], -1)


def _hashes(ids: Iterable[str]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, ids), np.int64)


def facts_of(samples: Sequence[Sample]) -> Iterable[Sample | Facts]:
    """Return what figures need of each sample, by the cheapest way."""
    return samples.facts() if isinstance(samples, KeptSamples) else samples


def at_places(samples: Sequence[Sample], places: Iterable[int]) -> Iterable[Sample]:
    """Return the samples at some places, in the order of these, by the cheapest way."""
    wanted = [int(place) for place in places]
    if isinstance(samples, KeptSamples):
        return samples.some(wanted)
    return [samples[place] for place in wanted]
