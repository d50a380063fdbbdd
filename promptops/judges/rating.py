"""Rate an instruction and its answer from 0 to 5, to filter data by (AlpaGasus, arXiv 2307.08701)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field, JsonValue

from promptops.judges import Ask, Judge, Rung
from promptops.judges._asking import Grade, Shown, Verdict, Words, verdict_of
from promptops.judges._places import task_of
from promptops.types import Completion, Message, Prompt, Sample, Score


class Rating(Judge):
    """Says what a training pair is worth: the answer by one `dimension`, in halves, without a reference.

    The paper keeps pairs of 4.5 and more of 5. What is told of a run is therefore the histogram and how many
    would be kept, not the mean alone.
    """

    prompt_file: ClassVar[str] = "rating.prompt.yaml"
    unit: ClassVar[str] = "points"
    high: ClassVar[float | None] = 5.0

    dimension: str = "accuracy"
    keep: float = Field(default=4.5, ge=0, le=5)
    """From which rating on a pair would be kept."""

    @property
    def asked_of_people(self) -> str:
        """Return the dimension."""
        return f"What the answer is worth as training data: {self.dimension}."

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return whole and half points."""
        return tuple(Rung(step / 2) for step in range(11))

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for the rating."""
        shown = Shown(instruction=task_of(sample), answer=completion.text)
        slots: dict[str, JsonValue] = {
            "instruction": shown["instruction"],
            "answer": shown["answer"],
            "dimension": self.dimension,
        }
        fields = {"score": Grade(0, 5, whole=False), "reason": Words()}

        def fault(found: Verdict) -> str | None:
            score = found.values["score"]
            return None if score * 2 == int(score * 2) else f"the score {score:g} is no whole or half one"

        found = await verdict_of(ask, self.prompt, slots, fields, shown, fault=fault)
        if isinstance(found, Score):
            return found
        value = found.values["score"]
        return Score.of(value, reason=found.reason, kept=value >= self.keep)

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell how often each rating was given, and how many pairs would be kept."""
        values = [score.counts[0] for score in scores if score.counts]
        if not values:
            return ()
        counts = Counter(values)
        told = ", ".join(f"{value:g}: {counts[value]}" for value in sorted(counts))
        kept = sum(value >= self.keep for value in values)
        return (
            f"ratings {told}",
            f"{kept} of {len(values)} pairs ({kept / len(values):.0%}) are rated {self.keep:g} or more",
        )

    @classmethod
    def example(cls) -> Rating:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
