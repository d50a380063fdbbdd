"""The record that is being made: calls within it are its children."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple


class Current(NamedTuple):
    """A traced call that has not ended."""

    id: str
    root: str
    """The outermost record: all within it are kept together, or none."""
    session: object = None

    def inherited(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return what a record within it has from it."""
        session = given.get("session")
        return {"parent": self.id, "root": self.root, "session": self.session if session is None else session}


_CURRENT: ContextVar[Current | None] = ContextVar("promptops record", default=None)


def current() -> Current | None:
    """Return the traced call in which this code runs."""
    return _CURRENT.get()


def current_record() -> str | None:
    """Return the id of the record that is being made here, for `feedback`; None outside of a traced call."""
    within = _CURRENT.get()
    return None if within is None else within.id


class Inside:
    """Makes a call the current one, for as long as a `with` block lasts."""

    __slots__ = ("_before", "_call")

    def __init__(self, call: Current) -> None:
        self._call = call

    def __enter__(self) -> None:
        self._before = _CURRENT.set(self._call)

    def __exit__(self, *details: object) -> None:
        # A generator that is thrown away may be closed in another context, which never had this call.
        with contextlib.suppress(ValueError):
            _CURRENT.reset(self._before)
