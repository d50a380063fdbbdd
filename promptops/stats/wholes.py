"""Whole numbers, which single precision adds without any rounding and twice as fast."""

from __future__ import annotations

import numpy as np

from promptops.stats import Floats

WHOLE = 2**24
"""Below it every whole number has a place in single precision."""


def whole(table: Floats) -> bool:
    """Tell whether all numbers of a table are whole."""
    return bool((table == np.rint(table)).all())


def adds_in_single(table: Floats) -> bool:
    """Tell whether the sum of any rows of a table (n, k) is the same in single precision."""
    return float(np.abs(table).sum(axis=0).max(initial=0.0)) < WHOLE and whole(table)
