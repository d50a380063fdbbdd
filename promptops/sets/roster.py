"""What figures need of a set's samples, from one look at each: places by id, groups, weights and tags."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from promptops.sets.origins import SYNTHETIC, SYNTHETIC_SLICE, is_synthetic
from promptops.sets.places import Places, facts_of
from promptops.types import Facts, Sample

Ints = npt.NDArray[np.intp]
_NOWHERE: Ints = np.empty(0, dtype=np.intp)
PAGE = 2_000
"""Samples that are looked at together."""
_LOOK = attrgetter("id", "tags", "group", "weight", "origin")


@dataclass(frozen=True)
class Roster:
    """What figures need of all samples, in the set's order."""

    places: Places
    clusters: npt.NDArray[np.int64]
    """(n,) a number for each sample's group; a sample without one is its own."""
    weights: npt.NDArray[np.float64]
    tagged: dict[str, Ints]
    """Where each tag's samples stand; tags in order of appearance."""
    synthetic: Ints
    """Where samples stand that a model wrote."""

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Roster:
        """Look at samples, a page at a time."""
        hashes, weights, codes = array("q"), array("d"), array("q")
        groups: dict[str, int] = {}
        # Few combinations of tags stand for all: each is taken apart once.
        kinds: dict[tuple[str, ...], int] = {}
        kind_of = array("q")
        number = 0
        for ids, tags, groupings, heavy in _pages(facts_of(samples)):
            for own in dict.fromkeys(tags):
                kinds.setdefault(own, len(kinds))
            kind_of.extend(map(kinds.__getitem__, tags))
            hashes.extend(map(hash, ids))
            weights.extend(heavy)
            if groupings.count(None) == len(groupings):
                codes.extend(range(number, number + len(groupings)))
                number += len(groupings)
                continue
            for group in groupings:
                code = number if group is None else groups.setdefault(group, number)
                number += code == number
                codes.append(code)
        tagged = _by_tag(kinds, np.array(kind_of, dtype=np.intp))
        written = [tagged.pop(SYNTHETIC_SLICE, _NOWHERE), tagged.get(SYNTHETIC, _NOWHERE)]
        return cls(
            Places(samples, np.array(hashes, dtype=np.int64)),
            np.array(codes, dtype=np.int64),
            np.array(weights, dtype=np.float64),
            tagged,
            _once(np.concatenate(written)),
        )


def _pages(
    samples: Iterable[Sample | Facts],
) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str | None, ...], tuple[float, ...]]]:
    """Yield ids, tags, groups and weights of a page of samples at a time.

    What a model wrote by its origin has one tag more.
    """
    looked = iter(samples)
    while page := tuple(islice(looked, PAGE)):
        ids, tags, groups, weights, origins = zip(*map(_LOOK, page), strict=True)
        if origins.count(None) < len(page):
            tags = tuple(each.tags if each.origin is None else _marked(each) for each in page)
        yield ids, tags, groups, weights


def _marked(sample: Sample | Facts) -> tuple[str, ...]:
    return (*sample.tags, SYNTHETIC_SLICE) if is_synthetic(sample) else sample.tags


def _by_tag(kinds: dict[tuple[str, ...], int], kind_of: Ints) -> dict[str, Ints]:
    """Return where each tag stands, from the number of each combination of tags and that of each sample."""
    order = np.argsort(kind_of, kind="stable")
    ends = np.searchsorted(kind_of[order], np.arange(len(kinds) + 1))
    found: dict[str, list[Ints]] = {}
    for tags, kind in kinds.items():
        for tag in tags:
            found.setdefault(tag, []).append(order[ends[kind] : ends[kind + 1]])
    return {tag: _once(np.concatenate(places)) for tag, places in found.items()}


def _once(places: Ints) -> Ints:
    """Return numbers in order, each once: what np.unique gives, without the masked arrays that it loads."""
    ordered = np.sort(places)
    return ordered[np.diff(ordered, prepend=-1) > 0]
