"""Share of an answer's statements that its context supports, each checked by itself (RAGAS)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from promptops.judges import Ask, Judge
from promptops.judges._places import Place, missing_at, task_of, texts_at
from promptops.judges._statements import share_supported, statements_of
from promptops.types import Completion, Message, Prompt, Sample, Score


class Faithfulness(Judge):
    """Statements are taken from the answer, then held against the context; two calls a sample
    (arXiv 2309.15217).

    It asks whether the context bears out what was said, not whether that is true.
    """

    prompt_file: ClassVar[str] = "faithfulness.prompt.yaml"
    more_prompts: ClassVar[Mapping[str, str]] = {"statements_prompt": "statements.prompt.yaml"}
    unit: ClassVar[str] = "share supported"

    context: Place = "inputs.context"
    statements_prompt: Prompt

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its context."""
        return missing_at(sample, self.context, "context", "context")

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for the statements, then for each whether it is supported."""
        context = texts_at(sample, self.context)
        if not context:
            return Score.missing(f"there is no context at {self.context}")
        task = task_of(sample, [self.context])
        statements = await statements_of(ask, self.statements_prompt, task, completion.text)
        if isinstance(statements, Score):
            return statements
        if not statements:
            return Score.missing("the answer states nothing that a context could support")
        return await share_supported(ask, self.prompt, task, statements, context)

    @classmethod
    def example(cls) -> Faithfulness:
        """Return a judge with prompts of one line."""
        prompt = Prompt(messages=(Message(role="user", content="x"),))
        return cls(prompt=prompt, statements_prompt=prompt)
