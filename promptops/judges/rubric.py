"""Grade one output by a rubric on a scale, with a reason (an LLM judge)."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import JsonValue, model_validator

from promptops.canonical import canonical_json
from promptops.judges import CANDIDATE_LIMIT, Ask, Judge, enclosed, mark_for, read_score, read_verdict
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

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask once and read the verdict; an unreadable one is unscored and keeps the reply."""
        task = canonical_json(sample.inputs)
        references = sample.references if self.show_reference else ()
        if len(completion.text) > CANDIDATE_LIMIT:
            return Score.missing(
                f"the answer has {len(completion.text)} characters, more than a judge is shown"
            )
        mark = mark_for(completion.text, task, *references)
        low, high = self.scale
        reply = await ask(
            self.prompt,
            {
                "task": enclosed("task", task, mark),
                "references": _references(references, mark),
                "candidate": enclosed("candidate", completion.text, mark),
                "criteria": self.criteria,
                "low": low,
                "high": high,
            },
            _reply_format(low, high),
        )
        judged = (completion.text, task, *references)
        verdict = read_verdict(reply.text, frozenset({"score"}), mark, judged)
        if isinstance(verdict, str):
            return Score.missing(verdict, reply=reply.text[:2000])
        score = read_score(verdict["score"], low, high)
        if isinstance(score, str):
            return Score.missing(score, reply=reply.text[:2000])
        return Score.of(score, reason=str(verdict.get("reason", ""))[:2000])

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


def _references(references: tuple[str, ...], mark: str) -> str:
    if not references:
        return "There is no reference answer."
    return "Reference answers:\n" + "\n".join(enclosed("reference", text, mark) for text in references)


def _reply_format(low: int, high: int) -> dict[str, JsonValue]:
    return {
        "type": "json_schema",
        "name": "verdict",
        "schema": {
            "type": "object",
            "properties": {
                "reason": {"type": "string"},
                "score": {"type": "integer", "minimum": low, "maximum": high},
            },
            "required": ["reason", "score"],
            "additionalProperties": False,
        },
    }
