"""Does the answer answer the question? Asked by making questions back from it (RAGAS)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from promptops.judges import Ask, Judge
from promptops.judges._asking import Choice, Listed, Shown, Verdict, Words, numbered, verdict_of
from promptops.judges._places import Place, listed, missing_at, task_of, texts_at
from promptops.types import Completion, Message, Prompt, Sample, Score

CREDIT = {"yes": 1.0, "partly": 0.5, "no": 0.0}


class AnswerRelevance(Judge):
    """The judge sees the answer alone and writes questions that it answers; these are held against the task.

    The paper (arXiv 2309.15217) compares by embeddings. Here `similarity = "judge"` asks in a second call
    whether each asks the same (yes 1, partly 0.5, no 0), and `"tokens"` takes the F1 of words with the text
    at `question`. The score is the mean over questions; an answer that commits itself to nothing
    ("I don't know") scores 0.
    """

    prompt_file: ClassVar[str] = "answer_relevance.prompt.yaml"
    more_prompts: ClassVar[Mapping[str, str]] = {"same_prompt": "answer_relevance.same.prompt.yaml"}
    unit: ClassVar[str] = "mean similarity"

    questions: int = Field(default=3, ge=1, le=10)
    similarity: Literal["judge", "tokens"] = "judge"
    question: Place | None = None
    """Where the question stands; all inputs but the context, if not given."""
    context: Place = "inputs.context"
    same_prompt: Prompt

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its question."""
        if self.question is None:
            needs = 'needs to know where the question stands: question = "inputs.NAME"'
            return (
                f'{needs}, as similarity = "tokens" compares words' if self.similarity == "tokens" else None
            )
        return missing_at(sample, self.question, "question", "question")

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for questions, then compare them with the task."""
        shown = Shown(candidate=completion.text)
        fields = {"questions": Listed(Words(), most=self.questions), "noncommittal": Choice(("yes", "no"))}
        slots: dict[str, JsonValue] = {"candidate": shown["candidate"], "count": self.questions}

        def fault(found: Verdict) -> str | None:
            told = found.values["noncommittal"] == "yes" or any(map(str.strip, found.values["questions"]))
            return None if told else "the judge found no question that the answer answers"

        found = await verdict_of(ask, self.prompt, slots, fields, shown, fault=fault)
        if isinstance(found, Score):
            return found
        asked = [each for each in found.values["questions"] if each.strip()]
        if found.values["noncommittal"] == "yes":
            return Score.of(0.0, reason="The answer commits itself to nothing.", questions=asked)
        if self.similarity == "tokens":
            task = " ".join(texts_at(sample, self.question or ""))
            return _mean([word_f1(each, task) for each in asked], asked)
        return await self._compared(asked, sample, ask)

    async def _compared(self, asked: Sequence[str], sample: Sample, ask: Ask) -> Score:
        place = self.question
        task = task_of(sample, [self.context]) if place is None else "\n".join(texts_at(sample, place))
        shown = Shown(task=task, questions=listed(asked))
        fields = numbered(len(asked), reason=Words(), same=Choice(tuple(CREDIT)))
        slots = {"task": shown["task"], "questions": shown["questions"]}
        found = await verdict_of(ask, self.same_prompt, slots, fields, shown)
        if isinstance(found, Score):
            return found
        return _mean([CREDIT[found.values[f"same_{n}"]] for n in range(1, len(asked) + 1)], asked)

    @classmethod
    def example(cls) -> AnswerRelevance:
        """Return a judge with prompts of one line."""
        prompt = Prompt(messages=(Message(role="user", content="x"),))
        return cls(prompt=prompt, same_prompt=prompt)


def word_f1(first: str, second: str) -> float:
    """Return the F1 of two texts' words, as multisets in lower case; 0 where they share none."""
    a, b = (Counter(re.findall(r"\w+", text.casefold())) for text in (first, second))
    return 2 * sum((a & b).values()) / max(a.total() + b.total(), 1)


def _mean(values: Sequence[float], asked: Sequence[str]) -> Score:
    told = "; ".join(f"{question} ({value:.2g})" for question, value in zip(asked, values, strict=True))
    return Score.of(
        sum(values) / len(values), reason=told[:2000], questions=list(asked), similar=list(values)
    )
