"""The group `records` with all its verbs, each of which is put into it where it is made."""

from __future__ import annotations

from promptops.cli import recorddeleting, recorddraining, recordlearning, recordmoving
from promptops.cli.recordshowing import records_command

__all__ = ["recorddeleting", "recorddraining", "recordlearning", "recordmoving", "records_command"]
