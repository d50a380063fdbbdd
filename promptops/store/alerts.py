"""What became of alert rules: a row whenever one rings, falls quiet, or is told at last; never changed."""

from __future__ import annotations

import json

from sqlalchemy import func, insert, select

from promptops.production.told import Told
from promptops.store.database import Database
from promptops.store.encoding import json_text
from promptops.store.tables import alerts


class Alerts(Database):
    """The newest row of a rule tells how it stood at the last check that changed anything."""

    def add_alert(self, told: Told) -> None:
        """Write down what became of a rule."""
        with self.writing() as connection:
            connection.execute(insert(alerts).values(_row(told)))

    def last_alerts(self) -> dict[str, Told]:
        """Return the newest row of each rule, by its name."""
        newest = select(func.max(alerts.c.id)).group_by(alerts.c.rule)
        query = select(alerts).where(alerts.c.id.in_(newest)).order_by(alerts.c.id)
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["rule"]: _told(dict(row)) for row in rows}

    def alert_history(self, limit: int = 100) -> list[Told]:
        """Return what became of rules, the newest first."""
        query = select(alerts).order_by(alerts.c.id.desc()).limit(limit)
        with self.reading() as connection:
            return [_told(dict(row)) for row in connection.execute(query).mappings()]


def _row(told: Told) -> dict[str, object]:
    channels = None if told.told_channels is None else json_text(list(told.told_channels))
    return {**told.model_dump(), "told_channels": channels}


def _told(row: dict[str, object]) -> Told:
    kept = {key: value for key, value in row.items() if key != "id"}
    channels = kept["told_channels"]
    return Told.model_validate({**kept, "told_channels": json.loads(str(channels)) if channels else None})
