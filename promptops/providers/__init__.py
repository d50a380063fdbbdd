"""Who answers? The contract of the wing; each neighbour file knows how to reach one kind of Model.

A Model is written `provider/model`, split at the first slash: `openai/gpt-4o-mini` is asked through
`openai.py`. A provider makes one attempt and tells what happened; retries, limits, storing and the
cache live in `promptops/calls/call.py`, once for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from promptops.errors import CallFailed
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
    stream: bool = False
    """Whether answers are streamed, which tells when they began."""
    ca_file: str | None = Field(default=None, min_length=1)
    """Certificates in PEM form of authorities to believe beside the system's."""
    folder: str | None = Field(default=None, min_length=1)
    """Where the folders of encoders lie; None: the cache of the hub's client."""
    rpm: int | None = Field(default=None, ge=1, le=10**9)
    """Requests a minute, at most."""
    tpm: int | None = Field(default=None, ge=1, le=10**12)
    """Tokens a minute, at most, read and written."""
    concurrency: int | None = Field(default=None, ge=1, le=4096)
    """Calls at a time, at most."""
    price_in: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens read."""
    price_out: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens written."""
    price_cached_in: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens read that the server had in its own cache; None: as `price_in`."""
    batch_share: float | None = Field(default=None, ge=0, le=1)
    """The share of these prices that answers in a batch cost; None: unknown."""
    batch_cached_in: float | None = Field(default=None, ge=0)
    """As `price_cached_in`, in a batch; None: their share of it."""


AllowanceKind = Literal["requests", "tokens", "input-tokens", "output-tokens"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a server says is left of one of its limits, told with an answer."""

    kind: AllowanceKind
    limit: int | None
    """The whole of it; None where the server doesn't say."""
    remaining: int
    reset: float | None
    """Seconds until the whole is there again; None where the server doesn't say."""


BatchStatus = Literal["pending", "completed", "failed", "expired", "cancelled"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that a server works on by itself, as it tells of them."""

    id: str
    status: BatchStatus
    told: str
    """The status in the server's own word."""
    metadata: Mapping[str, str]
    input_file: str | None
    result_files: tuple[str, ...]
    """Answers, and failures of single requests."""
    total: int
    completed: int
    failed: int
    errors: tuple[str, ...]
    """Why the whole file was refused."""
    created_at: float
    """Seconds since 1970, by the server's clock."""


class BatchServer(ABC):
    """A server that takes requests in files."""

    max_requests: ClassVar[int]
    max_bytes: ClassVar[int]
    """Of one file."""

    @abstractmethod
    def line(self, custom_id: str, body: Mapping[str, JsonValue]) -> bytes:
        """Return one request as it stands in a file."""

    @abstractmethod
    async def submit(self, file: BinaryIO, name: str, metadata: Mapping[str, str], window: str) -> Batch:
        """Upload a file of requests and have it worked on. Raises CallFailed."""

    @abstractmethod
    async def listed(self, metadata: Mapping[str, str]) -> list[Batch]:
        """Return the batches with all of this metadata, the oldest first. Raises CallFailed."""

    @abstractmethod
    async def batch(self, batch_id: str) -> Batch | None:
        """Return one batch; None where the server knows none of that id. Raises CallFailed."""

    @abstractmethod
    async def cancel(self, batch_id: str) -> Batch:
        """Have a batch worked on no more. Raises CallFailed."""

    @abstractmethod
    async def download(self, file_id: str, target: BinaryIO) -> None:
        """Write a file to `target`. Raises CallFailed."""

    @abstractmethod
    def read(self, line: bytes) -> tuple[str, Completion | CallFailed]:
        """Return whose result a line is, and the result. Raises ValueError where it is nobody's."""

    @abstractmethod
    def unanswered(self, line: bytes) -> bool:
        """Tell whether a line only says that the batch ended before the request's turn came."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Texts as points, one row each in their order, and the tokens that were read for them (if told)."""

    rows: Sequence[Sequence[float]]
    tokens: int | None


class Embedder(ABC):
    """A server that turns texts into points. Makes one attempt; embedding.py asks again."""

    max_texts: ClassVar[int]
    """Of one request."""
    max_characters: ClassVar[int]
    """Of one request, all texts together."""

    @property
    def about(self) -> str:
        """What tells its points from those of another model of this name; nothing where nobody knows."""
        return ""

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a point for each text, all of one length. Raises CallFailed."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


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
    free: ClassVar[bool] = False
    """True where nobody ever pays for an answer."""
    by_usage: ClassVar[bool] = False
    """True where an answer's cost is its tokens times the prices in the settings."""
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
        self.tell: Callable[[tuple[Allowance, ...]], None] | None = None
        """Set by who asks; called within `generate`, in its task, with what an answer says is left."""

    @property
    def origin(self) -> str:
        """Where answers come from; part of the cache key."""
        return ""

    @property
    def account(self) -> str | None:
        """Whose limits a call counts against: the server and a digest of the key; None if nobody's."""
        return None

    @property
    def patience(self) -> float | None:
        """Seconds after which `generate` ends by itself; None where it may take for ever."""
        return None

    def unfit(self, parameters: Mapping[str, JsonValue]) -> str:
        """Return why a prompt's parameters can't be sent, as a sentence; nothing where they can."""
        return ""

    @property
    def priced(self) -> bool:
        """Whether answers are expected to tell what they cost; a limit in money needs that."""
        known = self.settings.price_in is not None and self.settings.price_out is not None
        return self.free or (self.by_usage and known)

    @abstractmethod
    async def generate(self, request: Request) -> Completion:
        """Ask once. Raises CallFailed with the kind of failure."""

    def batches(self) -> BatchServer | None:
        """Return the server's batches; None where it has none."""
        return None

    def embedder(self) -> Embedder | None:
        """Return who turns texts into points by this model; None where nobody does.

        Raises UsageError or FileProblems for a model on this machine that is not there or can't be run.
        """
        return None

    def body(self, request: Request) -> dict[str, JsonValue]:
        """Return what is sent for a request, as it stands in a batch's file."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of connections."""
        return

    @classmethod
    def example(cls, folder: Path) -> tuple[str, ProviderSettings] | None:
        """Return a model name and settings that work offline, for the contract tests; None if none can."""
        return None
