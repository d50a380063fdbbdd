"""Who answers? The contract of the wing; each neighbour file knows how to reach one kind of Model.

A Model is written `provider/model`, split at the first slash: `openai/gpt-4o-mini` is asked through
`openai.py`. A provider makes one attempt and tells what happened; retries, limits, storing and the
cache live in `promptops/calls.py`, once for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from promptops.types import Completion, Request


class ProviderSettings(BaseModel):
    """`[providers.NAME]` of promptops.toml. Keys are named, never written: `api_key_env`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    headers: dict[str, str] = {}
    body: dict[str, JsonValue] = {}
    timeout: float = Field(default=120.0, gt=0)
    max_bytes: int = Field(default=8_000_000, gt=0)
    price_in: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens read."""
    price_out: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens written."""


class Model(ABC):
    """Something that answers."""

    stand_in: ClassVar[bool] = False
    """True where answers come from rules and only stand in for an LLM."""
    cacheable: ClassVar[bool] = True
    """False where an answer is free or where the same request need not mean the same thing."""
    local: ClassVar[bool] = False
    """True where answers come from rules or a file: without a network, a key or a program."""
    key_variable: ClassVar[str | None] = None
    """The environment variable that holds its key where the settings name none."""
    runs_code: ClassVar[bool] = False
    """True where naming the model runs a program of the user; a prompt or set may not do that by itself."""

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Prepare to ask `model` (the part after the slash); nothing is contacted yet.

        Raises SettingsError or UsageError where the model can't be asked at all.
        """
        self.model = model
        self.settings = settings
        self.environment = environment
        self.root = root

    @property
    def origin(self) -> str:
        """Where answers come from; part of the cache key."""
        return ""

    @property
    def patience(self) -> float | None:
        """Seconds after which `generate` ends by itself; None where it may take for ever."""
        return None

    @abstractmethod
    async def generate(self, request: Request) -> Completion:
        """Ask once. Raises CallFailed with the kind of failure."""

    async def close(self) -> None:
        """Let go of connections."""
        return

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings] | None:
        """Return a model name and settings that work offline, for the contract tests; None if none can."""
        return None
