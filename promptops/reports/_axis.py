"""From figures to places on a drawing, and round figures to mark them by."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """Maps figures from `low` to `high` on places from `start` to `end`; what lies beyond is cut."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a figure lies."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round figures (1, 2 or 5 times a power of ten apart), at most about so many."""
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]
