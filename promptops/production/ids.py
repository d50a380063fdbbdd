"""Names of records: unique without asking anybody, and in the order of their time."""

from __future__ import annotations

import os
import random
import time


class Ids:
    """Makes UUIDs of version 7 (RFC 9562): milliseconds, their 4096ths, and 62 random bits.

    The random bits come from a generator of this process, seeded by the system: one call to the system
    for each id would be the slowest part of it. A forked child needs Ids of its own.
    """

    def __init__(self) -> None:
        self._random = random.Random(os.urandom(32))  # noqa: S311 - unique, not secret

    def new(self) -> str:
        """Return an id that sorts after those that were made a microsecond before."""
        nanoseconds = time.time_ns()
        milliseconds, rest = divmod(nanoseconds, 1_000_000)
        part = rest * 4096 // 1_000_000
        bits = self._random.getrandbits(62)
        low = f"{0x8000_0000_0000_0000 | bits:016x}"
        high = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
        return f"{high[:8]}-{high[8:]}-7{part:03x}-{low[:4]}-{low[4:]}"
