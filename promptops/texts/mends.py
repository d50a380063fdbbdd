"""What stands between a reason and the command that mends it, where that is about a baseline."""

from __future__ import annotations

ACCEPT = ". Accept one with its outputs: "
AGAINST = ". Score the baseline's run anew, and gate against the run that this makes: "
BASELINE_MENDS = (ACCEPT, AGAINST)
