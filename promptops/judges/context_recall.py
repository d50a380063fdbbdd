"""Share of the reference's statements that the context holds: was it all retrieved? (RAGAS)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from promptops.judges import Ask, Judge
from promptops.judges._places import Place, missing_at, task_of, texts_at
from promptops.judges._statements import share_supported, statements_of
from promptops.types import Completion, Message, Prompt, Sample, Score


class ContextRecall(Judge):
    """Statements are taken from the first target, then looked for in the context; two calls a sample.

    As `context_recall` of RAGAS (arXiv 2309.15217 and its library). The output is not looked at.
    """

    prompt_file: ClassVar[str] = "context_recall.prompt.yaml"
    more_prompts: ClassVar[Mapping[str, str]] = {"statements_prompt": "statements.prompt.yaml"}
    shows_candidate: ClassVar[bool] = False
    needs_target: ClassVar[bool] = True
    unit: ClassVar[str] = "share found"

    context: Place = "inputs.context"
    statements_prompt: Prompt

    def check(self, sample: Sample) -> str | None:
        """Return where a sample lacks its target or context."""
        return super().check(sample) or missing_at(sample, self.context, "context", "context")

    def not_asked(self, completion: Completion, sample: Sample) -> Score | None:
        """Ask whatever the output is: it is the context that is judged."""
        return None

    async def judge(self, completion: Completion, sample: Sample, ask: Ask) -> Score:
        """Ask for the reference's statements, then for each whether the context holds it."""
        context = texts_at(sample, self.context)
        if not context:
            return Score.missing(f"there is no context at {self.context}")
        if not sample.references:
            return Score.missing("there is no target to look for in the context")
        task = task_of(sample, [self.context])
        statements = await statements_of(ask, self.statements_prompt, task, sample.references[0])
        if isinstance(statements, Score):
            return statements
        if not statements:
            return Score.missing("the target states nothing that a context could hold")
        return await share_supported(ask, self.prompt, task, statements, context)

    @classmethod
    def example(cls) -> ContextRecall:
        """Return a judge with prompts of one line."""
        prompt = Prompt(messages=(Message(role="user", content="x"),))
        return cls(prompt=prompt, statements_prompt=prompt)
