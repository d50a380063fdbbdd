"""The project that the dashboard looks at, and a memory of what was read from it."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import streamlit as st

from promptops import Project

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


def project() -> Project:
    """Return the project of PROMPTOPS_ROOT and PROMPTOPS_DATABASE, opened for reading only."""
    return _opened(os.environ.get("PROMPTOPS_ROOT", "."), os.environ.get("PROMPTOPS_DATABASE"))


@contextlib.contextmanager
def writing() -> Iterator[Project]:
    """Open the project for one write; what is read stays behind the connection that only reads."""
    with Project.open(os.environ.get("PROMPTOPS_ROOT", ".")) as found:
        yield found


def kept(
    *, entries: int = 64, seconds: float | None = None
) -> Callable[[Callable[Arguments, Found]], Callable[Arguments, Found]]:
    """Remember what a function read until the database changes, or for so many seconds."""

    def decorate(read: Callable[Arguments, Found]) -> Callable[Arguments, Found]:
        def remembered(
            database: str, version: str, arguments: tuple[object, ...], named: dict[str, object]
        ) -> Found:
            return read(*arguments, **named)  # type: ignore[arg-type]

        # Streamlit tells functions apart by this name; all of these would be one.
        remembered.__qualname__ = f"kept.{read.__qualname__}"
        memory = st.cache_data(max_entries=entries, ttl=seconds, show_spinner=False)(remembered)

        @functools.wraps(read)
        def look(*arguments: Arguments.args, **named: Arguments.kwargs) -> Found:
            opened = project()
            return memory(opened.settings.database, opened.data_version(), arguments, named)

        return look

    return decorate


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(root: str, database: str | None) -> Project:
    # As an argument the environment's database would hold the records, too, whatever `[logging]` says.
    found = Project.open(root, read_only=True)
    found.data_version()  # opens the database, once for all who look at it
    return found
