"""The same question asked several times: at a temperature, a reply is a sample, and its noise can be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from promptops.judges import Ask
from promptops.judges._asking import Field, Shown, Verdict, verdict_of
from promptops.types import Prompt, Score

LEAST_READ = 0.5
"""Share of replies that must be read; with fewer there is no score."""


@dataclass(frozen=True)
class Polled:
    """What was replied to one question, as far as it could be read."""

    verdicts: tuple[Verdict, ...]
    unread: tuple[Score, ...]

    @property
    def evidence(self) -> dict[str, Any]:
        """What is kept of replies that could not be read."""
        if not self.unread:
            return {}
        first = self.unread[0]
        return {"unread": len(self.unread), "unread_why": first.unscored, **first.evidence}


async def polled(
    ask: Ask,
    prompt: Prompt,
    slots: Mapping[str, JsonValue],
    fields: Mapping[str, Field],
    shown: Shown,
    polls: int,
    before: Sequence[Verdict | Score] = (),
) -> Polled | Score:
    """Ask `polls` times, less those that were asked `before`; a missing Score where too few can be read."""
    said = list(before)
    while len(said) < polls:
        said.append(await verdict_of(ask, prompt, slots, fields, shown, poll=len(said)))
    verdicts = tuple(each for each in said if isinstance(each, Verdict))
    unread = tuple(each for each in said if isinstance(each, Score))
    if not verdicts or len(verdicts) < LEAST_READ * len(said):
        first = unread[0]
        return Score.missing(
            f"{len(unread)} of {len(said)} replies can't be read: {first.unscored}", **first.evidence
        )
    return Polled(verdicts, unread)


def refuse_sure(prompt: Prompt, polls: int) -> None:
    """Raise ValueError where the prompt says temperature 0, at which polls only repeat each other."""
    if polls > 1 and prompt.parameters.get("temperature") == 0:
        raise ValueError(
            "the prompt's temperature is 0, at which several polls say the same; write temperature: 1"
        )


def noise_of(votes: Iterable[Sequence[float]]) -> tuple[str, ...]:
    """Tell how much a judge's votes on one answer vary, from the votes of many; nothing where none has two.

    The variance within answers, pooled: the sum of squares over the sum of degrees of freedom.
    """
    kept = [each for each in votes if len(each) > 1]
    freedom = sum(len(each) - 1 for each in kept)
    if not freedom:
        return ()
    squares = sum(sum((vote - sum(each) / len(each)) ** 2 for vote in each) for each in kept)
    one = math.sqrt(squares / freedom)
    polls = sum(len(each) for each in kept) / len(kept)
    split = sum(len(set(each)) > 1 for each in kept)
    return (
        f"judge noise: one poll varies by {one:.3g} (standard deviation), the mean of {polls:.3g} by "
        f"{one / math.sqrt(polls):.3g}; polls differ on {split} of {len(kept)} answers",
    )


def votes_in(scores: Iterable[Score], key: str = "votes") -> list[list[float]]:
    """Return the votes that scores keep as evidence."""
    kept = (score.evidence.get(key) for score in scores if score.counts)
    return [[float(str(vote)) for vote in each] for each in kept if isinstance(each, list)]
