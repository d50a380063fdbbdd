"""Share of the context's sentences that the task needs: was little else retrieved? (RAGAS)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from promptops.judges import Ask, Judge
from promptops.judges._asking import Grade, Listed, Shown, Verdict, Words, verdict_of
from promptops.judges._places import Place, listed, missing_at, task_of, texts_at
from promptops.types import Completion, Message, Prompt, Sample, Score

MOST = 400
"""Sentences of a context that one call looks at; a longer one is unscored."""
_END = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019)\]]*\s+|(?<=[\u3002\uff01\uff1f])|\n+")


class ContextRelevance(Judge):
    """The context is cut into numbered sentences here, the judge names those that are needed; one call.

    The paper (arXiv 2309.15217) has the judge copy sentences; numbers can't be copied wrong. The output
    is not looked at.
    """

    prompt_file: ClassVar[str] = "context_relevance.prompt.yaml"
    shows_candidate: ClassVar[bool] = False
    unit: ClassVar[str] = "share needed"

    context: Place = "inputs.context"

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its context."""
        return missing_at(sample, self.context, "context", "context")

    def not_asked(self, completion: Completion, sample: Sample) -> Score | None:
        """Ask whatever the output is: it is the context that is judged."""
        return None

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask which sentences are needed."""
        sentences = sentences_of(texts_at(sample, self.context))
        if not sentences:
            return Score.missing(f"there is no context at {self.context}")
        if len(sentences) > MOST:
            return Score.missing(f"the context has {len(sentences)} sentences, more than a judge is shown")
        shown = Shown(task=task_of(sample, [self.context]), context=listed(sentences))
        fields = {"reason": Words(), "needed": Listed(Grade(1, len(sentences)), most=MOST)}
        slots = {"task": shown["task"], "context": shown["context"]}

        def fault(found: Verdict) -> str | None:
            whole = all(number == int(number) for number in found.values["needed"])
            return None if whole else "a sentence's number is no whole number"

        found = await verdict_of(ask, self.prompt, slots, fields, shown, fault=fault)
        if isinstance(found, Score):
            return found
        needed = {int(number) for number in found.values["needed"]}
        return Score.of(
            len(needed) / len(sentences),
            reason=found.reason,
            sentences=len(sentences),
            needed=[sentences[number - 1] for number in sorted(needed)],
        )

    @classmethod
    def example(cls) -> ContextRelevance:
        """Return a judge with a prompt of one line."""
        return cls(prompt=Prompt(messages=(Message(role="user", content="x"),)))


def sentences_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Cut texts into sentences: after a full stop, question or exclamation mark, and at line ends."""
    found = (piece.strip() for text in texts for piece in _END.split(text))
    return tuple(piece for piece in found if any(letter.isalnum() for letter in piece))
