"""What `evalset ... --json` prints, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.cli.documents import Document
from promptops.sets.history import SetDiff, SetLog
from promptops.sets.value import SetValue


class EvalsetDiffDocument(Document):
    """`evalset diff`."""

    diff: SetDiff
    exit_code: int = 0
    """1 with `--check` only."""


class EvalsetLogDocument(Document):
    """`evalset diff --log`."""

    log: SetLog


class EvalsetValueDocument(Document):
    """`evalset value`."""

    value: SetValue
    file: str | None = None
    """Where the subset was written."""
