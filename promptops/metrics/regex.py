"""Share of outputs in which a regular expression is found."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from promptops.metrics import Metric
from promptops.texts.patterns import TooSlow, fault, found
from promptops.types import Completion, Sample, Score

LONGEST_TEXT = 100_000
"""Characters."""


class Regex(Metric):
    """1 where `pattern` (read as Python's `re` does, searched anywhere; flags inside: `(?i)yes`) is found."""

    needs_target: ClassVar[bool] = False

    pattern: str = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compile(cls, value: str) -> str:
        wrong = fault(value)
        if wrong is not None:
            raise ValueError(f"{value!r} is no regular expression: {wrong}; see Python's re module")
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        if len(completion.text) > LONGEST_TEXT:
            return Score.missing(
                f"output has {len(completion.text)} characters; regex reads at most {LONGEST_TEXT}"
            )
        try:
            return Score.of(found(self.pattern, completion.text))
        except TooSlow as error:
            return Score.missing(str(error))

    @classmethod
    def example(cls) -> Regex:
        return cls(pattern=r"\d+")
