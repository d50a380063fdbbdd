"""Share of outputs in which a regular expression is found."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score

LONGEST_TEXT = 100_000
"""Characters. Bounds the time of patterns that grow with the square of the text; Python's `re` has no
timeout, so a pattern with nested repeats, such as `(a+)+$`, can still be slow on a short text."""


class Regex(Metric):
    """1 where `pattern` (Python's `re`, searched anywhere; flags inside, as in `(?i)yes`) is found."""

    needs_target: ClassVar[bool] = False

    pattern: str = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compile(cls, value: str) -> str:
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(
                f"{value!r} is no regular expression: {error}; see Python's re module"
            ) from error
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        if len(completion.text) > LONGEST_TEXT:
            return Score.missing(
                f"output has {len(completion.text)} characters; regex reads at most {LONGEST_TEXT}"
            )
        return Score.of(re.search(self.pattern, completion.text) is not None)

    @classmethod
    def example(cls) -> Regex:
        return cls(pattern=r"\d+")
