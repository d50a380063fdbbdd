"""Coins for permutation tests of pairs: one bit a unit (case or cluster), all patterns if they are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from promptops.stats import Floats

EXACT_UNITS = 14
"""Up to here all 2^units patterns are tried."""
_CHUNK = 2_000_000
"""Bits that are drawn at one time."""
_STRIP = 100_000
"""Bits that are held as floats at one time (0.8 MB): these stay in the processor's cache."""


def exact(units: int) -> bool:
    """Tell whether all patterns are tried instead of random ones."""
    return units <= EXACT_UNITS


def rows(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield the patterns as blocks (rows, units) of 0.0 and 1.0; `resamples` of them unless exact."""
    if exact(units):
        patterns = np.arange(2**units)[:, None] >> np.arange(units)
        yield (patterns & 1).astype(np.float64)
        return
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // units)
    for start in range(0, resamples, step):
        height = min(step, resamples - start)
        packed = rng.integers(0, 256, size=(height, (units + 7) // 8), dtype=np.uint8)
        for strip in np.array_split(packed, -(-height * units // _STRIP)):
            yield np.unpackbits(strip, axis=1, count=units).astype(np.float64)


def p_value(extreme: Floats, units: int, resamples: int) -> Floats:
    """Turn the number of patterns at least as extreme as what was seen into a p-value."""
    if exact(units):
        return extreme / 2.0**units
    return (1.0 + extreme) / (resamples + 1.0)
