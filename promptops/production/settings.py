"""How production is logged: the table `[logging]` of promptops.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class LoggingSettings(BaseModel):
    """What of production is kept, for how long, and what is taken out of it before it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """PROMPTOPS_LOG=off says no to it, too."""
    database: str | None = Field(default=None, min_length=1)
    """An SQLAlchemy URL; None: the project's database."""
    sample: Share = 1.0
    """The share of calls that is kept."""
    prompts: dict[str, Share] = {}
    """The same for single prompts, by name."""
    keep_errors: bool = True
    """Whether all calls without an answer are kept, whatever the share."""
    redact: tuple[str, ...] = ()
    """Regular expressions: what they find is never written."""
    keep_people: bool = False
    """Whether e-mail addresses, telephone numbers, bank accounts and cards stay in texts."""
    spool: str = Field(default=".promptops/spool", min_length=1)
    """The folder of what is not in the database yet, relative to the root."""
    spool_megabytes: int = Field(default=256, ge=1, le=1_000_000)
    """How much that folder may hold; what comes then is dropped and counted."""
    flush_milliseconds: int = Field(default=100, ge=10, le=60_000)
    """How long a record may be in memory only."""
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    """After how many days `promptops records prune` deletes; None: never by itself."""

    @field_validator("redact")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        # Slow to import, and needed only where there are patterns.
        from promptops.texts.patterns import fault

        for pattern in patterns:
            wrong = fault(pattern)
            if wrong is not None:
                raise ValueError(f"{pattern!r} is no regular expression: {wrong}; see Python's re module")
        return patterns

    def share(self, prompt: str | None) -> float:
        """Return the share of a prompt's calls that is kept."""
        return self.sample if prompt is None else self.prompts.get(prompt, self.sample)
