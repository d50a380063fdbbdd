"""What `evalset ... --json` prints, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.casevalue import SetValue
from promptops.cli.documents import Document
from promptops.sethistory import SetDiff, SetLog


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
