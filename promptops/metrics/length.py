"""Words or characters of an output, or the share of outputs within limits."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from promptops.metrics import Metric
from promptops.metrics._tokenizers import count_words
from promptops.types import Completion, Sample, Score


class Length(Metric):
    """The length itself, which has no range, or with `min` or `max` 1 where it lies within them.

    `unit` is words (by spaces; by characters in scripts without spaces) or characters (code points). Without
    limits less counts as better, which is only a convention.
    """

    # `unit` is the option's name; the field has another because a metric's unit is what its figure is in.
    model_config = ConfigDict(populate_by_name=True)

    needs_target: ClassVar[bool] = False

    counted: Literal["words", "characters"] = Field(default="words", alias="unit")
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check_limits(self) -> Length:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min} and max is {self.max}; no length lies between them")
        return self

    @property
    def limited(self) -> bool:
        """Whether there are limits, so that the figure is a share."""
        return self.min is not None or self.max is not None

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]  # what the figure is depends on the options
        return self.limited

    @property
    def high(self) -> float | None:  # type: ignore[override]
        return 1.0 if self.limited else None

    @property
    def unit(self) -> str:  # type: ignore[override]
        return "" if self.limited else self.counted

    def score(self, completion: Completion, sample: Sample) -> Score:
        length = count_words(completion.text) if self.counted == "words" else len(completion.text)
        if not self.limited:
            return Score.of(length)
        within = (self.min is None or length >= self.min) and (self.max is None or length <= self.max)
        return Score.of(within, reason="" if within else f"{length} {self.counted}")
