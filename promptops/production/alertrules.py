"""`[monitor]` in the settings: checks of production's answers, and rules that ring."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from promptops.noun import Noun

_LENGTH = re.compile(r"[1-9]\d{0,3}[hdw]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOURS = {"h": 1, "d": 24, "w": 168}

SUMS = ("calls", "cost_total")
"""Measures that are counted, not estimated."""
Limit = Literal["above", "below", "rise", "drop"]
_LIMITS: tuple[Limit, ...] = ("above", "below", "rise", "drop")
_DAYS_BEFORE = "28d"
_FEWEST_DAYS = 14
_LOOKS = 24
"""Looks in the time of a window: each may err, so fewer of them hear more."""


class AlertRule(Noun):
    """When to ring: a measure above or below a figure, risen or dropped, or a day far off the others."""

    name: str = Field(min_length=1, max_length=100)
    metric: str = Field(min_length=1)
    """A measure of `promptops monitor`: errors, error:timeout, refusals, truncated, good, p95, cost ..."""
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    rise: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """By how much, in the measure's own unit, it may be higher than in the time before."""
    drop: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    odd_day: Literal["above", "below", "either"] | None = None
    """On which side the last whole day may not lie far off the days of the time before."""
    prompt: str | None = None
    """As in `--prompt`: reply, reply@3 or reply@production."""
    model: str | None = None
    window: str = "1d"
    """The time that is looked at: 6h, 1d, 2w."""
    before: str = "7d"
    """The time before it that `rise`, `drop` and `odd_day` look at; of the latter 28d by default."""
    min_records: int = Field(default=30, ge=1)
    """Records in the window below which nothing is said."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance that the rule rings falsely within a year, however often one looks."""

    @field_validator("window", "before")
    @classmethod
    def _check_length(cls, value: str) -> str:
        if not _LENGTH.fullmatch(value):
            raise ValueError(f"{value!r} is no length of time. Write 6h, 1d or 2w")
        return value

    @model_validator(mode="before")
    @classmethod
    def _look_back(cls, value: object) -> object:
        return {"before": _DAYS_BEFORE, **value} if isinstance(value, dict) and "odd_day" in value else value

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        given = [name for name in (*_LIMITS, "odd_day") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("an alert has one of above, below, rise, drop and odd_day")
        if self.odd_day is None:
            return self
        if self.metric in SUMS:
            raise ValueError(
                f"odd_day is about shares, times and scores, not about sums such as {self.metric}"
            )
        if self.window != "1d":
            raise ValueError("odd_day looks at the last whole day (UTC): leave `window` out")
        if hours_of(self.before) < 24 * _FEWEST_DAYS:
            raise ValueError(f'odd_day needs {_FEWEST_DAYS} days before or more: before = "{_DAYS_BEFORE}"')
        return self

    @property
    def past_is_needed(self) -> bool:
        """Whether the time before the window is looked at."""
        return self.rise is not None or self.drop is not None or self.odd_day is not None

    @property
    def limit(self) -> tuple[Limit, float]:
        """Which limit it has, and the figure of it."""
        for name in _LIMITS:
            value = getattr(self, name)
            if value is not None:
                return name, value
        raise AssertionError("a rule was made without a limit")

    @property
    def hours(self) -> int:
        """How long the window is."""
        return hours_of(self.window)

    @property
    def step(self) -> float:
        """How many hours lie between two looks of a rule on a rise or a drop."""
        return max(1.0, self.hours / _LOOKS)


class MonitorSettings(Noun):
    """What is looked at in production, and who is told."""

    checks: tuple[str, ...] | dict[str, dict[str, JsonValue]] = ()
    """Metrics without a target, by name, or as tables with their options."""
    alert: tuple[AlertRule, ...] = ()
    command: tuple[str, ...] = ()
    """A program and its arguments, which reads an alert as JSON; no shell."""
    webhook: str | None = None
    """An address that takes an alert as JSON by POST: https, or http on this machine."""
    webhook_env: str | None = None
    """The environment variable that holds that address, where it is a secret."""
    seconds: float = Field(default=10.0, gt=0, le=300)
    """How long a command or one call of a webhook may take."""

    @field_validator("webhook_env")
    @classmethod
    def _check_variable(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError("webhook_env names an environment variable that holds the address")
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [rule.name for rule in self.alert]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two alerts are named {twice[0]!r}")
        if self.webhook is not None and self.webhook_env is not None:
            raise ValueError("give webhook or webhook_env, not both")
        return self


def hours_of(length: str) -> int:
    """Return the hours of a length of time such as 6h, 1d or 2w."""
    return int(length[:-1]) * _HOURS[length[-1]]
