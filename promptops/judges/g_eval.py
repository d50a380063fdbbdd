"""Grade one output by steps, each rating weighted with its probability (G-Eval)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from promptops.judges import Ask, Judge, Rung, whole_points
from promptops.judges._asking import Grade, Reader, Shown, Verdict, form_of, references_of
from promptops.judges._places import listed, task_of
from promptops.judges._polls import noise_of, polled, refuse_sure, votes_in
from promptops.judges._ratings import mass_at
from promptops.types import Completion, Message, MetricRecord, Prompt, Sample, Score

CRITERIA = "The answer does what the task asks, is right by the reference, and leaves out nothing important."
STEPS = (
    "Read the task and note everything that it asks for.",
    "Read the reference answers, if there are any, and note what makes them right.",
    "Read the answer and hold each of its statements against task and reference: which are right, which are "
    "wrong, and what is missing?",
    "Rate the answer by the criterion.",
)
_RATED = re.compile(r'\s*(?:```(?:json)?\s*)?\{\s*"score"\s*:\s*"?(?P<score>-?\d+)"?\s*\}\s*(?:```)?\s*')


class GEval(Judge):
    """Score = sum of s * p(s) over the ratings, by the log-probabilities of the rating's tokens (Liu et al.,
    arXiv 2303.16634). The judge fills in the score alone, after evaluation steps.

    Where the ratings among the likeliest tokens cover less than `least_mass`, or the server tells no
    log-probabilities, the same is asked until there are `polls` replies, and their mean is the score: the
    paper's way for GPT-4 (n = 20, temperature 1). Steps are written once for a criterion, as in the paper,
    and belong to the set: a judge that made its own in each run would be another instrument each time.
    """

    prompt_file: ClassVar[str] = "g_eval.prompt.yaml"
    unit: ClassVar[str] = "points"

    criteria: str = CRITERIA
    steps: tuple[str, ...] = Field(default=STEPS, min_length=1)
    scale: tuple[int, int] = (1, 5)
    show_reference: bool = True
    weights: Literal["logprobs", "sampling"] = "logprobs"
    polls: int = Field(default=20, ge=2, le=200)
    least_mass: float = Field(default=0.9, gt=0, le=1)
    top_logprobs: int = Field(default=20, ge=1, le=20)
    """Likeliest tokens that are asked for; servers of the API give 20 at most."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale {list(self.scale)} must rise, as in [1, 5]")
        refuse_sure(self.prompt, self.polls)
        return self

    @property
    def outlook(self) -> str:
        """Say what can't be foretold of its calls."""
        if self.weights == "sampling":
            return ""
        return f"up to {self.polls} calls a sample where its server tells no log-probabilities, or too few"

    @property
    def asked_of_people(self) -> str:
        """Return the criterion."""
        return self.criteria

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the points of its scale."""
        return whole_points(*self.scale)

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask once where log-probabilities decide, else as often as there are polls."""
        references = sample.references if self.show_reference else ()
        shown = Shown(task=task_of(sample), reference=references, candidate=completion.text)
        if shown.too_long is not None:
            return Score.missing(shown.too_long)
        low, high = self.scale
        slots: dict[str, JsonValue] = {
            "task": shown["task"],
            "references": references_of(shown),
            "candidate": shown["candidate"],
            "criteria": self.criteria,
            "steps": listed(self.steps),
            "low": low,
            "high": high,
        }
        prompt, fields = self._asked, {"score": Grade(low, high, step=1)}
        before: list[Verdict | Score] = []
        why = ""
        if self.weights == "logprobs":
            reader = Reader(fields, shown)
            reply = await ask(prompt, slots, form_of(fields), reads=reader.can_read)
            found = reader.read(reply)
            if isinstance(found, Score):
                return found
            weighted = self._weighted(reply)
            if isinstance(weighted, Score):
                return weighted
            before, why = [found], weighted
        polls = await polled(ask, prompt, slots, fields, shown, self.polls, before)
        if isinstance(polls, Score):
            return polls
        votes = [each.values["score"] for each in polls.verdicts]
        told = ", ".join(f"{vote:g} x {votes.count(vote)}" for vote in sorted(set(votes)))
        sampled = {"by": "sampling", "votes": votes, **({"why": why} if why else {}), **polls.evidence}
        return Score.of(sum(votes) / len(votes), reason=f"{len(votes)} replies: {told}", **sampled)

    @property
    def _asked(self) -> Prompt:
        """Return the prompt with what asks for log-probabilities."""
        if self.weights == "sampling":
            return self.prompt
        asked: dict[str, JsonValue] = {"logprobs": True, "top_logprobs": self.top_logprobs}
        fields = self.prompt.model_dump()
        return Prompt.model_validate({**fields, "parameters": {**self.prompt.parameters, **asked}})

    def _weighted(self, reply: Completion) -> Score | str:
        """Return the score by the probabilities of ratings, or why they don't decide."""
        rated = _RATED.fullmatch(reply.text)
        if rated is None:
            return "the reply is not the score alone"
        ratings = frozenset(str(rating) for rating in range(self.scale[0], self.scale[1] + 1))
        mass = mass_at(reply, rated.start("score"), ratings)
        if isinstance(mass, str):
            return mass
        if mass.covered < self.least_mass:
            return f"the ratings among the likeliest tokens cover {mass.covered:.3f} of the probability"
        told = ", ".join(f"{rating} ({p:.2f})" for rating, p in mass.by_rating.items() if p >= 0.005)
        kept = {"by": "logprobs", "mass": mass.covered, "probabilities": mass.by_rating}
        return Score.of(mass.mean, reason=f"ratings by probability: {told}", **kept)

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell how the scores came about: the mass that was covered, or the noise of the replies."""
        kept = [score for score in scores if score.counts]
        masses = [float(str(score.evidence["mass"])) for score in kept if "mass" in score.evidence]
        found = []
        if masses:
            mean = sum(masses) / len(masses)
            found.append(
                f"{len(masses)} of {len(kept)} scores by log-probabilities: the ratings cover {mean:.3f} of "
                f"the probability in the mean, {min(masses):.3f} at least"
            )
        if len(masses) < len(kept):
            found.append(f"{len(kept) - len(masses)} of {len(kept)} scores by sampling")
        return (*found, *noise_of(votes_in(kept)))

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps, with the scale as the range."""
        low, high = self.scale
        return super().record(label, name).model_copy(update={"low": float(low), "high": float(high)})

    @classmethod
    def example(cls) -> GEval:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
