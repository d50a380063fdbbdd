"""Words of reasons that stand before the command that mends them, where that is about a baseline."""

from __future__ import annotations

ACCEPT = ". Accept one with its outputs: "
AGAINST = ". Score the baseline's run anew, and gate against the run that this makes: "
IN_BOTH = "was not measured in both runs"
"""What a rule lacks whose metric one of the runs doesn't have."""
BASELINE_MENDS = (ACCEPT, AGAINST)
