"""What commands on production print with `--json`, one object a command, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.cli.documents import Document
from promptops.production.alerts import AlertCheck
from promptops.production.monitor import JudgedRecords, Monitor
from promptops.production.reliability import Reliability


class MonitorDocument(Document):
    """`monitor`."""

    monitor: Monitor
    judged: JudgedRecords | None = None
    """Who was asked, with `--judge`."""


class AlertDocument(Document):
    """`monitor --check`."""

    check: AlertCheck
    exit_code: int


class ReliabilityDocument(Document):
    """`reliability`."""

    reliability: Reliability
