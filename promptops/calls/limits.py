"""The limiters of a run: one for each server and key, shared by all models and judges that ask it."""

from __future__ import annotations

from dataclasses import dataclass, field

from promptops.calls.limiter import Limiter
from promptops.providers import Model


@dataclass
class Limits:
    """The Limiters of a run."""

    _limiters: dict[str, Limiter] = field(default_factory=dict)

    def of(self, model: Model, name: str) -> Limiter:
        """Return the limiter that a model shares with all others of its server and key."""
        settings, provider = model.settings, name.partition("/")[0]
        limited = (settings.rpm, settings.tpm, settings.concurrency) != (None, None, None)
        account = model.account or (provider if limited else name)
        if account not in self._limiters:
            self._limiters[account] = Limiter(provider)
        self._limiters[account].tighten(settings.rpm, settings.tpm, settings.concurrency)
        return self._limiters[account]

    def let_go(self) -> None:
        """Let all who wait for a place go without one."""
        for limiter in self._limiters.values():
            limiter.let_go()

    def told(self) -> tuple[str, ...]:
        """Return what holds calls back now, a server each."""
        return tuple(told for limiter in self._limiters.values() if (told := limiter.told()))
