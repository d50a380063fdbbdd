"""Share of polls that find made-up content in an answer, each with its reasoning (ChainPoll)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field, model_validator

from promptops.judges import YES_NO, Ask, Judge, Rung
from promptops.judges._asking import Choice, Shown, Words
from promptops.judges._places import Place, missing_at, task_of, texts_at
from promptops.judges._polls import noise_of, polled, refuse_sure, votes_in
from promptops.types import Completion, Message, Prompt, Sample, Score


class Chainpoll(Judge):
    """The same question, reasoned through step by step, `polls` times at temperature 1; the share of yes
    (Friel & Sanyal, arXiv 2310.18344: five polls, as here).

    With `context` a place in the sample, what the context does not bear out is made up (the paper's closed
    domain); without it, what is false by the judge's own knowledge (its open domain).
    """

    prompt_file: ClassVar[str] = "chainpoll.prompt.yaml"
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "share of polls"

    context: Place | None = None
    polls: int = Field(default=5, ge=1, le=100)

    @model_validator(mode="after")
    def _polls_may_differ(self) -> Self:
        refuse_sure(self.prompt, self.polls)
        return self

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its context."""
        return None if self.context is None else missing_at(sample, self.context, "context", "context")

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return no and yes; a person is one poll."""
        return YES_NO

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask as often as there are polls. All votes are kept, so that the judge's noise can be measured."""
        context = () if self.context is None else texts_at(sample, self.context)
        if self.context is not None and not context:
            return Score.missing(f"there is no context at {self.context}")
        without = () if self.context is None else (self.context,)
        shown = Shown(task=task_of(sample, without), context=context, candidate=completion.text)
        domain = f"The context:\n{shown['context']}" if context else "There is no context."
        slots = {"task": shown["task"], "context": domain, "candidate": shown["candidate"]}
        fields = {"reasoning": Words(), "made_up": Choice(("yes", "no"))}
        found = await polled(ask, self.prompt, slots, fields, shown, self.polls)
        if isinstance(found, Score):
            return found
        votes = [int(each.values["made_up"] == "yes") for each in found.verdicts]
        reasons = [each.values["reasoning"] for each in found.verdicts]
        most = max(votes, key=votes.count)
        return Score.of(
            sum(votes) / len(votes),
            reason=f"{sum(votes)} of {len(votes)} polls: {reasons[votes.index(most)]}",
            votes=votes,
            reasons=reasons,
            **found.evidence,
        )

    def notes(self, scores: Iterable[Score]) -> tuple[str, ...]:
        """Tell how much polls differ."""
        return noise_of(votes_in(scores))

    @classmethod
    def example(cls) -> Chainpoll:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
