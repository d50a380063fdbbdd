"""Coins for permutation tests of pairs: one bit a unit (case or cluster), all patterns if they are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.wholes import adds_in_single

EXACT_UNITS = 14
"""Up to here all 2^units patterns are tried."""
_CHUNK = 2_000_000
"""Bits that are drawn at one time."""
_STRIP = 100_000
"""Bits that are held as floats at one time (0.8 MB): these stay in the processor's cache."""
_STRIPS = 10
"""So many are multiplied at one time where single precision will do: each product wakes threads."""


def exact(units: int) -> bool:
    """Tell whether all patterns are tried instead of random ones."""
    return units <= EXACT_UNITS


def rows(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield the patterns as blocks (rows, units) of 0.0 and 1.0; `resamples` of them unless exact."""
    for strip in _packed(units, resamples, seed, _STRIP):
        yield np.unpackbits(strip, axis=1, count=units).astype(np.float64)


def totals(table: Floats, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield what each pattern sums up of a table (units, k): its rows with a 1, as blocks (patterns, k)."""
    if not adds_in_single(table):
        yield from (block @ table for block in rows(len(table), resamples, seed))
        return
    factors = table.astype(np.float32)
    for strip in _packed(len(table), resamples, seed, _STRIPS * _STRIP):
        bits = np.unpackbits(strip, axis=1, count=len(table)).astype(np.float32)
        yield (bits @ factors).astype(np.float64)


def _packed(units: int, resamples: int, seed: int, strip: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the patterns, eight bits a byte, `strip` bits at a time."""
    if exact(units):
        patterns = np.arange(2**units)[:, None] >> np.arange(units)
        yield np.packbits((patterns & 1).astype(np.uint8), axis=1)
        return
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // units)
    for start in range(0, resamples, step):
        height = min(step, resamples - start)
        packed = rng.integers(0, 256, size=(height, (units + 7) // 8), dtype=np.uint8)
        yield from np.array_split(packed, -(-height * units // strip))


def p_value(extreme: Floats, units: int, resamples: int) -> Floats:
    """Turn the number of patterns at least as extreme as what was seen into a p-value."""
    if exact(units):
        return extreme / 2.0**units
    return (1.0 + extreme) / (resamples + 1.0)
