"""Share of outputs that contain a text: given ones, or the targets."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from promptops.metrics import Metric
from promptops.metrics._folding import fold
from promptops.types import Completion, Sample, Score


class Contains(Metric):
    """1 where the output holds any (or all) of `text`, or of the targets if `text` is not given."""

    text: tuple[str, ...] = ()
    mode: Literal["any", "all"] = "any"
    ignore_case: bool = True

    @field_validator("text", mode="before")
    @classmethod
    def _accept_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("text")
    @classmethod
    def _refuse_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not item.strip() for item in value):
            raise ValueError("holds an empty text, which every output contains; write the text to look for")
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        answer = fold(completion.text, self.ignore_case)
        wanted = self.text or sample.references
        absent = [item for item in wanted if fold(item, self.ignore_case) not in answer]
        return Score.of(not absent if self.mode == "all" else len(absent) < len(wanted))

    def check(self, sample: Sample) -> str | None:
        if self.text:
            return None
        if any(not fold(target, self.ignore_case) for target in sample.references):
            return "has an empty target, which every output contains"
        return super().check(sample)
