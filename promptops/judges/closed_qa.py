"""Does the answer meet one criterion, yes or no? (closed question answering of OpenAI Evals)"""

from __future__ import annotations

from typing import ClassVar

from promptops.judges import YES_NO, Ask, Judge, Rung
from promptops.judges._asking import Choice, Shown, Words, verdict_of
from promptops.judges._places import Place, missing_at, task_of, texts_at
from promptops.types import Completion, Message, Prompt, Sample, Score

CRITERION = "The answer is correct: right, accurate and factual."


class ClosedQa(Judge):
    """1 where the criterion is met, 0 where not (`closedqa.yaml` of OpenAI Evals); nothing in between.

    The criterion is the set's (`criterion`) or each sample's own (`criterion_at`). No reference is shown:
    what the answer must hold belongs into the criterion.
    """

    prompt_file: ClassVar[str] = "closed_qa.prompt.yaml"
    unit: ClassVar[str] = "share met"

    criterion: str = CRITERION
    criterion_at: Place | None = None

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its own criterion."""
        if self.criterion_at is None:
            return None
        return missing_at(sample, self.criterion_at, "criterion", "criterion_at")

    @property
    def asked_of_people(self) -> str:
        """Return the criterion, or where a sample has its own."""
        return self.criterion if self.criterion_at is None else f"Is this met: {self.criterion_at}?"

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return no and yes."""
        return YES_NO

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask whether the criterion is met."""
        own = () if self.criterion_at is None else (self.criterion_at,)
        criteria = [text for place in own for text in texts_at(sample, place)] or [self.criterion]
        shown = Shown(task=task_of(sample, own), candidate=completion.text)
        slots = {**{name: shown[name] for name in ("task", "candidate")}, "criterion": "\n".join(criteria)}
        found = await verdict_of(
            ask, self.prompt, slots, {"reason": Words(), "met": Choice(("yes", "no"))}, shown
        )
        if isinstance(found, Score):
            return found
        return Score.of(found.values["met"] == "yes", reason=found.reason)

    @classmethod
    def example(cls) -> ClosedQa:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
