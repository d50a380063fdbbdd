"""All the SQL there is: one Store that opens, upgrades, reads and writes the database.

Names are loaded when they are first used, because sqlmodel takes half a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptops.store.rows import CallRow, PairRow, ResultRow, ScoreRow
    from promptops.store.store import Store
    from promptops.store.writer import Writer

__all__ = ["CallRow", "PairRow", "ResultRow", "ScoreRow", "Store", "Writer"]

_HOMES = {
    "CallRow": "rows",
    "PairRow": "rows",
    "ResultRow": "rows",
    "ScoreRow": "rows",
    "Store": "store",
    "Writer": "writer",
}


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"promptops.store.{_HOMES[name]}"), name)
