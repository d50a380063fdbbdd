"""Grade one output by a rubric on a scale, with a reason (an LLM judge)."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import JsonValue, model_validator

from promptops.canonical import canonical_json
from promptops.judges import Ask, Judge, Rung, whole_points
from promptops.judges._asking import Grade, Shown, Words, references_of, verdict_of
from promptops.types import Completion, MetricRecord, Prompt, Sample, Score

DEFAULT_CRITERIA = (
    "The answer does what the task asks, is right by the reference, and leaves out nothing important."
)


class Rubric(Judge):
    """Pointwise grade (the direct assessment of G-Eval, arXiv 2303.16634, without token weights)."""

    prompt_file: ClassVar[str] = "rubric.prompt.yaml"
    unit: ClassVar[str] = "points"

    criteria: str = DEFAULT_CRITERIA
    scale: tuple[int, int] = (1, 5)
    show_reference: bool = True

    @model_validator(mode="after")
    def _scale_rises(self) -> Self:
        if self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale {list(self.scale)} must rise, as in [1, 5]")
        return self

    @property
    def asked_of_people(self) -> str:
        """Return the rubric."""
        return self.criteria

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the points of its scale."""
        return whole_points(*self.scale)

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask once and read the verdict; an unreadable one is unscored and keeps the reply."""
        references = sample.references if self.show_reference else ()
        shown = Shown(task=canonical_json(sample.inputs), reference=references, candidate=completion.text)
        low, high = self.scale
        slots: dict[str, JsonValue] = {
            "task": shown["task"],
            "references": references_of(shown),
            "candidate": shown["candidate"],
            "criteria": self.criteria,
            "low": low,
            "high": high,
        }
        found = await verdict_of(
            ask, self.prompt, slots, {"reason": Words(), "score": Grade(low, high)}, shown
        )
        if isinstance(found, Score):
            return found
        return Score.of(found.values["score"], reason=found.reason, **found.evidence)

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the scale as the range."""
        low, high = self.scale
        return super().record(label, name).model_copy(update={"low": float(low), "high": float(high)})

    @classmethod
    def example(cls) -> Rubric:
        """Return a judge with a prompt of one line."""
        return cls.model_validate(
            {"prompt": Prompt.model_validate({"messages": [{"role": "user", "content": "x"}]})}
        )
