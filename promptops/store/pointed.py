"""Which version an alias stood for when a record came about."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from sqlalchemy import Connection, select

from promptops.production.records import Record
from promptops.store.tables import alias_moves

_PAGE = 500


def with_versions(connection: Connection, found: Sequence[Record]) -> list[Record]:
    """Give the version to records that name a prompt's alias only: where it pointed at their moment.

    By the history of the registry in the same database. What names a version keeps it, and what names an
    alias that was not there then has none.
    """
    names = sorted({each.prompt for each in found if each.prompt and _is_open(each)})
    moves = _moves(connection, names)
    return [_pointed(each, moves) if _is_open(each) else each for each in found]


def _is_open(record: Record) -> bool:
    return record.version is None and record.alias is not None


def _moves(
    connection: Connection, names: Sequence[str]
) -> dict[tuple[str, str], list[tuple[str, int | None]]]:
    """Return when each alias of some prompts was moved to what, the oldest first."""
    found: dict[tuple[str, str], list[tuple[str, int | None]]] = {}
    for start in range(0, len(names), _PAGE):
        query = (
            select(alias_moves.c.name, alias_moves.c.alias, alias_moves.c.moved_at, alias_moves.c.to_number)
            .where(alias_moves.c.name.in_(names[start : start + _PAGE]))
            .order_by(alias_moves.c.moved_at, alias_moves.c.id)
        )
        for name, alias, moved_at, number in connection.execute(query):
            found.setdefault((name, alias), []).append((moved_at, number))
    return found


def _pointed(record: Record, moves: dict[tuple[str, str], list[tuple[str, int | None]]]) -> Record:
    known = moves.get((record.prompt or "", record.alias or ""), [])
    place = bisect_right(known, record.at, key=lambda move: move[0])
    number = known[place - 1][1] if place else None
    return record if number is None else record.model_copy(update={"version": number})
