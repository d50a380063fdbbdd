"""How do an answer's facts stand to the reference: subset, superset, same, disagreement, immaterial?"""

from __future__ import annotations

from typing import ClassVar, Literal, Self, get_args

from pydantic import model_validator

from promptops.canonical import canonical_json
from promptops.judges import Ask, Judge, Rung, in_words
from promptops.judges._asking import Choice, Listed, Shown, Words, verdict_of
from promptops.types import Completion, Message, Prompt, Sample, Score

Relation = Literal["subset", "superset", "same", "disagreement", "immaterial"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
SCORES: dict[Relation, float] = {
    "subset": 0.4,
    "superset": 0.6,
    "same": 1.0,
    "disagreement": 0.0,
    "immaterial": 1.0,
}
"""As autoevals scores the classes of OpenAI Evals."""


class Factuality(Judge):
    """A class, not a grade (`fact.yaml` of OpenAI Evals; `Factuality` of autoevals).

    The judge says how the two texts' facts stand to each other; `scores` says what that is worth. The class
    is kept with the score, so that another mapping needs no new call.
    """

    prompt_file: ClassVar[str] = "factuality.prompt.yaml"
    needs_target: ClassVar[bool] = True

    scores: dict[Relation, float] = SCORES

    @model_validator(mode="after")
    def _all_classes(self) -> Self:
        left = [name for name in RELATIONS if name not in self.scores]
        if left:
            raise ValueError(
                f"scores says nothing of {', '.join(left)}; give each class a number from 0 to 1"
            )
        if not all(0 <= value <= 1 for value in self.scores.values()):
            raise ValueError(f"scores must lie between 0 and 1, not {canonical_json(dict(self.scores))}")
        return self

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Return the classes by what they are worth."""
        return in_words(self.scores.items())

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for the class."""
        if not sample.references:
            return Score.missing("there is no target to compare the facts with")
        task = canonical_json(sample.inputs)
        shown = Shown(task=task, reference=sample.references, candidate=completion.text)
        fields = {"reason": Words(), "quotes": Listed(Words()), "relation": Choice(RELATIONS)}
        slots = {name: shown[name] for name in ("task", "reference", "candidate")}
        found = await verdict_of(ask, self.prompt, slots, fields, shown)
        if isinstance(found, Score):
            return found
        relation: Relation = found.values["relation"]
        told = {"relation": relation, **found.evidence}
        return Score.of(self.scores[relation], reason=f"{relation}: {found.reason}", **told)

    @classmethod
    def example(cls) -> Factuality:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))
