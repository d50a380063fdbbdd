"""What is sent for a seed, and for the check of a sample: texts of others in marks, a form with a schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from promptops.generation.replies import CHECKED, Draft, sample_fields
from promptops.generation.seeds import Seed
from promptops.generation.shape import Shape, examples_of, told
from promptops.generation.wishes import wish_of
from promptops.judges._asking import Shown, object_schema
from promptops.prompts.files import read_prompt
from promptops.prompts.templates import Renderer
from promptops.runs.runner import judge_request
from promptops.types import EvalSet, Prompt, Request, Sample


@dataclass(frozen=True)
class Asked:
    """A request with the prompt that it was rendered from and the texts that it shows."""

    request: Request
    prompt: Prompt
    shown: Shown


@dataclass(frozen=True)
class Desk:
    """Renders requests for the samples of one set."""

    evalset: EvalSet
    shape: Shape
    examples: tuple[str, ...]
    renderer: Renderer

    @classmethod
    def of(cls, evalset: EvalSet, samples: Sequence[Sample], shape: Shape, renderer: Renderer) -> Desk:
        """Take examples from some samples of the set, those that people wrote."""
        return cls(evalset, shape, examples_of(samples, shape), renderer)

    def writing(self, number: int, seed: Seed) -> Asked:
        """Return the request for a seed's samples."""
        asked = self.shape.asked(seed.kind)
        shown = Shown(task=self.evalset.card.description, examples=self.examples, source=_source(seed))
        slots = {
            "examples": shown["examples"] if self.examples else "There are none yet.",
            "count": str(seed.count),
            "wish": wish_of(seed, self.shape),
            "form": asked.form(),
        }
        fields: dict[str, JsonValue] = {
            "samples": {"type": "array", "items": object_schema(sample_fields(asked))}
        }
        return self._asked(f"generate-{number}", prompt_for(seed.kind), slots, fields, shown, seed.poll)

    def checking(self, name: str, draft: Draft) -> Asked:
        """Return the request for the check of a draft."""
        target = draft.target or ""
        shown = Shown(
            task=self.evalset.card.description,
            source=_source(draft.seed),
            case=told(draft.inputs),
            target=[target] if target else [],
        )
        slots = {
            "case": shown["case"],
            "target": f"The answer that is held to be right:\n{shown['target']}" if target else "",
            "wish": wish_of(draft.seed, self.shape),
        }
        fields: dict[str, JsonValue] = {
            name: field.schema() for name, field in CHECKED.items() if target or name != "target_is_right"
        }
        return self._asked(name, prompt_for("check"), slots, fields, shown)

    def _asked(
        self,
        name: str,
        prompt: Prompt,
        slots: Mapping[str, str],
        fields: Mapping[str, JsonValue],
        shown: Shown,
        poll: int = 0,
    ) -> Asked:
        schema: dict[str, JsonValue] = {
            "type": "object",
            "properties": dict(fields),
            "required": list(fields),
            "additionalProperties": False,
        }
        form: dict[str, JsonValue] = {"type": "json_schema", "name": prompt.name or "reply", "schema": schema}
        given: dict[str, JsonValue] = {"task": shown["task"], "source": shown["source"], **slots}
        request = judge_request(self.renderer, prompt, given, form, name, 0, poll)
        return Asked(request, prompt, shown)


@cache
def prompt_for(kind: str) -> Prompt:
    """Return the shipped prompt for a kind of seed, or for the check."""
    return read_prompt(Path(__file__).parent / f"{kind}.prompt.yaml")


def _source(seed: Seed) -> str:
    if seed.passage is not None:
        return seed.passage.text
    if seed.sample is not None:
        target = seed.sample.target[0] if seed.sample.target else None
        return told(seed.sample.inputs, target)
    return seed.description
