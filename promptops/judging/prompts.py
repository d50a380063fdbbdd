"""Whether a judge's prompts can be rendered for a set's samples, found out without asking anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from promptops.errors import Problem, TemplateError
from promptops.judges import Judge, Reads, trial_completion
from promptops.prompts.templates import Renderer
from promptops.runs.eventloop import wait_for
from promptops.types import Completion, Prompt, Sample


def judge_problems(
    renderer: Renderer, label: str, judge: Judge, samples: Sequence[Sample]
) -> Iterator[Problem]:
    """Render all prompts of a judge for some samples, without asking anybody."""

    async def ask(
        prompt: Prompt,
        slots: Mapping[str, JsonValue],
        form: dict[str, JsonValue] | None,
        *,
        model: str = "",
        poll: int = 0,
        reads: Reads | None = None,
    ) -> Completion:
        renderer.render(prompt, slots)
        return trial_completion(prompt, form)

    for sample in samples:
        try:
            wait_for(judge.judge(Completion(text="-"), sample, ask))
        except TemplateError as error:
            yield Problem(file=f"the judge's prompt of [metrics.{label}]", reason=str(error))
        except Exception:  # noqa: S112 - a made-up reply proves nothing; in the run this is told and kept
            continue
