"""Rules that stand in for an LLM where there is none: `offline/extractive`, and `offline/overlap` for judges.

No LLM: nothing here understands a word. `extractive` copies sentences, spans and codes out of the text in
the prompt, following the general instructions it finds (length, one word, JSON keys, what to cover);
`overlap` answers judge prompts from the words that an answer shares with its reference. They make demos and
tests run anywhere, always with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from promptops.errors import UnknownName
from promptops.providers import Model, ProviderSettings
from promptops.providers._offline_fields import object_from
from promptops.providers._offline_overlap import verdict_on
from promptops.providers._offline_question import answer_to
from promptops.providers._offline_sections import sections_of
from promptops.providers._offline_summary import summary_of
from promptops.providers._offline_wishes import wishes_in
from promptops.types import Completion, Request

KINDS = ("extractive", "overlap")


class Offline(Model):
    """Answers from the words of the prompt itself, the same every time, and knows nothing else."""

    stand_in: ClassVar[bool] = True
    cacheable: ClassVar[bool] = False
    local: ClassVar[bool] = True
    free: ClassVar[bool] = True
    version: ClassVar[str] = "1"
    """Raised when the same prompt would get another answer."""

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Take the rules by name. Raises UnknownName for any but extractive and overlap."""
        super().__init__(model, settings, environment, root)
        if model not in KINDS:
            raise UnknownName("offline model", model, KINDS)

    @property
    def origin(self) -> str:
        """The rules' version."""
        return f"rules-{self.version}"

    async def generate(self, request: Request) -> Completion:
        """Answer by rule. Raises CallFailed (rejected) where overlap is asked anything but to judge."""
        if self.model == "overlap":
            text = verdict_on(request.messages, request.response_format)
        else:
            text = _extracted(request)
        return Completion(text=text, cost=0.0, model=f"offline/{self.model}, rules and no LLM")

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings]:
        """Return the extractive rules."""
        return "extractive", ProviderSettings()


def _extracted(request: Request) -> str:
    sections = sections_of(request.messages)
    wishes = wishes_in(sections.instructions)
    wanted = (request.response_format or {}).get("type")
    if wishes.json or wanted in {"json_schema", "json_object"}:
        filled = object_from(sections, request.response_format)
        if filled is not None:
            return filled
    if sections.question:
        return answer_to(sections.question, sections.longest, wishes)
    return summary_of(sections.longest, wishes)
