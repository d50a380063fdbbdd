"""The group `judge` with all its verbs, each of which is put into it where it is made."""

from __future__ import annotations

from promptops.cli import (
    agreeing,
    anchoring,
    certifying,
    correcting,
    declaring,
    judgeprompts,
    labelling,
    pairranking,
    sounding,
)
from promptops.cli.judging import judge_command

__all__ = [
    "agreeing",
    "anchoring",
    "certifying",
    "correcting",
    "declaring",
    "judge_command",
    "judgeprompts",
    "labelling",
    "pairranking",
    "sounding",
]
