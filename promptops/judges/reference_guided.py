"""Grade against an answer that the judge wrote itself first, or against the target (MT-Bench)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import JsonValue, model_validator

from promptops.canonical import canonical_json
from promptops.judges import CANDIDATE_LIMIT, Ask, Judge, Rung, whole_points
from promptops.judges._asking import Grade, Shown, Words, references_of, verdict_of
from promptops.types import Completion, Message, MetricRecord, Prompt, Sample, Score


class ReferenceGuided(Judge):
    """Reference-guided grading (arXiv 2306.05685): a solution without the answer in sight, then the grade.

    Judges solve a task and still let a wrong answer talk them into its solution; a solution of their own
    before they look helps (14 failures of 20 on mathematics became 3, table 4 of the paper). `reference =
    "own"` asks for it, `"target"` takes the sample's target, `"none"` shows none: the control, to be declared
    as a metric of its own beside it.
    """

    prompt_file: ClassVar[str] = "reference_guided.prompt.yaml"
    more_prompts: ClassVar[Mapping[str, str]] = {"solve_prompt": "reference_guided.solve.prompt.yaml"}
    unit: ClassVar[str] = "points"

    reference: Literal["own", "target", "none"] = "own"
    scale: tuple[int, int] = (1, 10)
    solve_prompt: Prompt

    @model_validator(mode="after")
    def _scale_rises(self) -> Self:
        if self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale {list(self.scale)} must rise, as in [1, 10]")
        return self

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks the target that is to be the reference."""
        if self.reference == "target" and not sample.target:
            return 'has no target; reference = "own" has the judge solve the task itself'
        return None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the points of its scale."""
        return whole_points(*self.scale)

    def unreferenced(self) -> Judge | None:
        """Return the control, which shows no reference; None where this is it."""
        return None if self.reference == "none" else self.changed(reference="none")

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for a solution where it is to be the judge's own, then for the grade."""
        references = sample.references if self.reference == "target" else ()
        task, own = canonical_json(sample.inputs), {}
        if self.reference == "own":
            solution = await self._solution(task, ask)
            if isinstance(solution, Score):
                return solution
            references, own = (solution,), {"solution": solution[:2000]}
        elif self.reference == "target" and not references:
            return Score.missing("there is no target to grade against")
        shown = Shown(task=task, reference=references, candidate=completion.text)
        low, high = self.scale
        slots: dict[str, JsonValue] = {
            "task": shown["task"],
            "references": references_of(shown),
            "candidate": shown["candidate"],
            "low": low,
            "high": high,
        }
        fields = {"mistakes": Words(), "reason": Words(), "score": Grade(low, high)}
        found = await verdict_of(ask, self.prompt, slots, fields, shown)
        if isinstance(found, Score):
            return found
        return Score.of(found.values["score"], reason=found.reason, mistakes=found.values["mistakes"], **own)

    async def _solution(self, task: str, ask: Ask) -> str | Score:
        """Return the judge's own answer: whatever it writes, as it is."""
        shown = Shown(task=task)
        if shown.too_long is not None:
            return Score.missing(shown.too_long)
        slots: dict[str, JsonValue] = {"task": shown["task"]}
        reply = await ask(self.solve_prompt, slots, None, reads=lambda reply: isinstance(_solved(reply), str))
        return _solved(reply)

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the scale as the range."""
        low, high = self.scale
        return super().record(label, name).model_copy(update={"low": float(low), "high": float(high)})

    @classmethod
    def example(cls) -> ReferenceGuided:
        """Return a judge with prompts of one line."""
        prompt = Prompt(messages=(Message(role="user", content="x"),))
        return cls(prompt=prompt, solve_prompt=prompt)


def _solved(reply: Completion) -> str | Score:
    text = reply.text.strip()
    if not text or reply.finish_reason == "refusal":
        return Score.missing("the judge gave no solution of its own", reply=reply.text[:2000])
    if reply.finish_reason == "length" or len(text) > CANDIDATE_LIMIT:
        return Score.missing("the judge's own solution was cut off; give it more tokens", reply=text[:2000])
    return text
