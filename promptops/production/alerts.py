"""The nouns of alerts: how a rule stands, and how all of them do."""

from __future__ import annotations

from promptops.instruments import Found
from promptops.noun import Noun
from promptops.production.alertrules import AlertRule
from promptops.production.told import AlertState


class Alert(Noun):
    """How a rule stands at a check."""

    rule: str
    metric: str
    prompt: str | None
    model: str | None
    window: str
    state: AlertState | None
    """None where there is too little to say; then it stays as it was."""
    found: Found
    """The measure over the window; of a rule on a limit with the bounds that decide."""
    before: float | None
    """The measure over the time before, of a rule on a rise or a drop."""
    change: tuple[float | None, float | None] | None = None
    """Between what the change from the time before lies; the end towards the limit decides."""
    expected: tuple[float, float] | None = None
    """Where a day would lie by the days before, of a rule on single days."""
    sentence: str
    since: str | None = None
    """Since when it rings."""
    changed: bool = False
    delivered: bool | None = None
    """Whether the change was told; None where there was nothing to tell, or nobody."""
    fault: str = ""
    """Why it could not be told."""

    @classmethod
    def of(
        cls,
        rule: AlertRule,
        found: Found,
        sentence: str,
        state: AlertState | None = None,
        *,
        before: float | None = None,
        change: tuple[float | None, float | None] | None = None,
        expected: tuple[float, float] | None = None,
    ) -> Alert:
        """Return how a rule stands; without a state there is too little to say."""
        return cls(
            rule=rule.name,
            metric=rule.metric,
            prompt=rule.prompt,
            model=rule.model,
            window=rule.window,
            state=state,
            found=found,
            before=before,
            change=change,
            expected=expected,
            sentence=f"{rule.metric} {sentence}" if state else f"{rule.metric}: {sentence}",
        )


class AlertCheck(Noun):
    """All rules at one moment."""

    at: str
    alerts: tuple[Alert, ...]

    @property
    def exit_code(self) -> int:
        """3 where something could not be told or nothing measured, 1 where a rule rings, else 0."""
        if any(each.fault for each in self.alerts):
            return 3
        if any(each.state == "firing" for each in self.alerts):
            return 1
        return 3 if any(each.state is None for each in self.alerts) else 0
