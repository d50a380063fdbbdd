"""What commands on production print with `--json`, one object a command, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.cli.documents import Document
from promptops.production.monitor import Monitor


class MonitorDocument(Document):
    """`monitor`."""

    monitor: Monitor
