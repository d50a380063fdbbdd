"""Grade one output by several criteria, in one call or in one each, on any scale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, FiniteFloat, JsonValue, StringConstraints, model_validator

from promptops.judges import Ask, Judge, Rung, in_words
from promptops.judges._asking import (
    Choice,
    Grade,
    Shown,
    Verdict,
    Words,
    in_steps,
    numbered,
    references_of,
    verdict_of,
)
from promptops.judges._asking import Field as ReplyField
from promptops.judges._places import listed, task_of
from promptops.types import Completion, Message, MetricRecord, Prompt, Sample, Score

DEFAULT_CRITERIA = {
    "right": "What the answer says is right, by the reference where there is one.",
    "complete": "The answer leaves out nothing that the task asks for.",
    "clear": "The answer is easy to follow and holds nothing that does not belong there.",
}
MOST_STEPS = 1000

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class Criteria(Judge):
    """A grade for each criterion; the score is their mean, or the lowest (analytic scoring, as opposed to the
    holistic one of `rubric`: Jonsson & Svingby, Educational Research Review 2, 2007; by LLMs, Prometheus 2,
    arXiv 2405.01535, which grades one criterion a call).

    `together` asks for all in one call, which is cheap and lets one grade colour the others; without it each
    is asked by itself. The scale has steps, such as whole or half points, or `words`, each with its number.
    The grades are counts of the score after the first, so that they add like any others.
    """

    prompt_file: ClassVar[str] = "criteria.prompt.yaml"
    unit: ClassVar[str] = "points"

    criteria: dict[Name, str] = Field(default=DEFAULT_CRITERIA, min_length=1, max_length=20)
    together: bool = True
    scale: tuple[FiniteFloat, FiniteFloat] = (1.0, 5.0)
    step: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    words: dict[Name, FiniteFloat] | None = None
    figure: Literal["mean", "lowest"] = "mean"
    show_reference: bool = True

    @model_validator(mode="after")
    def _scale_can_be_used(self) -> Self:
        low, high = self.scale
        if self.words is not None:
            if {"scale", "step"} & self.model_fields_set:
                raise ValueError("words are a scale of their own; leave scale and step out")
            if len(set(self.words.values())) < 2:
                raise ValueError("words need two different numbers at least, as in { bad = 0, good = 1 }")
            if len({word.casefold() for word in self.words}) < len(self.words):
                raise ValueError("words must differ in more than their case")
            return self
        if low >= high:
            raise ValueError(f"scale [{low:g}, {high:g}] must rise, as in [1, 5]")
        if not in_steps(high, low, self.step) or (high - low) / self.step > MOST_STEPS:
            raise ValueError(
                f"step {self.step:g} must divide the scale from {low:g} to {high:g} into whole steps, "
                f"{MOST_STEPS} at most"
            )
        return self

    @property
    def asked_of_people(self) -> str:
        """Return the criteria."""
        return listed([f"{name}: {told}" for name, told in self.criteria.items()])

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps of the scale, or its words."""
        if self.words is not None:
            return in_words(self.words.items())
        low, high = self.scale
        return tuple(
            Rung(round(low + step * self.step, 9)) for step in range(round((high - low) / self.step) + 1)
        )

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for all grades, or for one after the other; without each of them there is no score."""
        references = sample.references if self.show_reference else ()
        shown = Shown(task=task_of(sample), reference=references, candidate=completion.text)
        names = list(self.criteria)
        graded: dict[str, dict[str, Any]] = {}
        for some in [names] if self.together else [[name] for name in names]:
            found = await self._graded(some, shown, ask)
            if isinstance(found, Score):
                return found
            graded |= {
                name: {
                    "grade": self._number(found.values[f"grade_{n}"]),
                    "reason": found.values[f"reason_{n}"],
                }
                for n, name in enumerate(some, 1)
            }
        grades = [float(each["grade"]) for each in graded.values()]
        value = min(grades) if self.figure == "lowest" else sum(grades) / len(grades)
        worst = min(graded, key=lambda name: float(graded[name]["grade"]))
        return Score.of(value, *grades, reason=f"lowest, {worst}: {graded[worst]['reason']}", criteria=graded)

    async def _graded(self, names: list[str], shown: Shown, ask: Ask) -> Verdict | Score:
        slots: dict[str, JsonValue] = {
            "task": shown["task"],
            "references": references_of(shown),
            "candidate": shown["candidate"],
            "criteria": listed([f"{name}: {self.criteria[name]}" for name in names]),
            "scale": self._told,
        }
        fields = numbered(len(names), reason=Words(), grade=self._field)
        found = await verdict_of(ask, self.prompt, slots, fields, shown)
        if isinstance(found, Score) and not self.together:
            return found.model_copy(update={"unscored": f"{names[0]}: {found.unscored}"})
        return found

    @property
    def _field(self) -> ReplyField:
        if self.words is not None:
            return Choice(tuple(self.words))
        low, high = (int(end) if end.is_integer() else end for end in self.scale)
        return Grade(low, high, whole=isinstance(low, int) and self.step.is_integer(), step=self.step)

    @property
    def _told(self) -> str:
        """Return the scale in words, as it goes into the prompt."""
        if self.words is not None:
            return "one of these words: " + ", ".join(self.words)
        low, high = self.scale
        if self.step == 1 and low.is_integer():
            return f"a whole number from {low:g} (worst) to {high:g} (best)"
        return f"a number from {low:g} (worst) to {high:g} (best) in steps of {self.step:g}"

    def _number(self, grade: float | str) -> float:
        return float(grade) if self.words is None else self.words[str(grade)]

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell the mean of each criterion."""
        kept = [score.counts[1:] for score in scores if score.counts]
        if not kept:
            return ()
        means = {
            name: sum(grades) / len(kept)
            for name, grades in zip(self.criteria, zip(*kept, strict=True), strict=True)
        }
        return ("means: " + ", ".join(f"{name} {mean:.4g}" for name, mean in means.items()),)

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the scale as the range."""
        numbers = self.scale if self.words is None else tuple(self.words.values())
        ends = {"low": min(numbers), "high": max(numbers)}
        return super().record(label, name).model_copy(update=ends)

    @classmethod
    def example(cls) -> Criteria:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
