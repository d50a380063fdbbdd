"""Numbers on the command line, of which `nan` and `inf` are none."""

from __future__ import annotations

import math
from typing import Any

import click


class Finite(click.types.FloatParamType):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fails as click's own types do."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number that anything can be held against.", param, ctx)
        return number


class FiniteRange(Finite, click.FloatRange):
    """A finite number within a range; click's own ranges let `nan` through, which lies in none."""
