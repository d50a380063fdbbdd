"""In which order samples, and repeats of one, come up when people are to rate a part of them.

The order is drawn by the SHA-256 of a seed and a sample's names: the same on every machine and for every run
of a set, so that anybody can tell later whether labels are of a random part, and two runs are rated on the
same samples. Of each group one sample comes up before any has its second: ratings of one group tell less
than as many of several.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from promptops.sets.places import facts_of
from promptops.types import Sample


def lots(samples: Sequence[Sample], seed: int) -> npt.NDArray[np.intp]:
    """(n,) the places of samples, in the order in which they come up."""
    own: list[str] = []
    groups: list[str] = []
    for sample in facts_of(samples):
        own.append(_lot(seed, f"s:{sample.id}"))
        groups.append(own[-1] if sample.group is None else _lot(seed, f"g:{sample.group}"))
    seen: dict[str, int] = {}
    keys: list[tuple[int, str, str, int]] = []
    for place in sorted(range(len(own)), key=own.__getitem__):
        before = seen[groups[place]] = seen.get(groups[place], -1) + 1
        keys.append((before, groups[place], own[place], place))
    return np.array([key[-1] for key in sorted(keys)], dtype=np.intp)


def turns(sample: str, repeats: int, seed: int) -> list[int]:
    """Return a sample's repeats in the order in which they come up; the first that can be rated is rated."""
    return sorted(range(repeats), key=lambda repeat: _lot(seed, f"r:{repeat}:{sample}"))


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()
