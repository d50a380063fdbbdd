"""What was told of an alert rule: a noun of the store, and so without the statistics of alerts."""

from __future__ import annotations

from typing import Literal

from promptops.noun import Noun

AlertState = Literal["firing", "quiet"]
Channel = Literal["command", "webhook"]


class Told(Noun):
    """What became of a rule at a check that changed something."""

    rule: str
    digest: str
    """Of all that the rule says: a rule that was rewritten has no past."""
    state: AlertState
    delivered: bool
    """Whether it reached whom it was to reach; else the next check tries again."""
    at: str
    sentence: str
    told_channels: tuple[Channel, ...] | None = None
    """Whom this state reached so far; None in rows of earlier schemas, which did not say."""
