"""The state of a page, kept in its URL alone: it survives a reload and can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st


def read(name: str) -> str:
    """Return a parameter of the URL; empty where it is not there."""
    return str(st.query_params.get(name, ""))


def read_all(name: str) -> list[str]:
    """Return all values of a parameter."""
    return [str(value) for value in st.query_params.get_all(name)]


def write(**values: str | Sequence[str]) -> None:
    """Set parameters; an empty value takes a parameter away."""
    for name, value in values.items():
        if value:
            st.query_params[name] = value if isinstance(value, str) else list(value)
        elif name in st.query_params:
            del st.query_params[name]


def choice(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    shown: Callable[[str], str],
    default: str,
    forget: Sequence[str] = (),
) -> str:
    """Draw a box to choose from that is bound to a parameter.

    A choice takes away the parameters in `forget`, which spoke of the former one. A value of the URL
    that is no option counts as the default.
    """
    key = f"url-{name}"
    wanted = read(name) or default
    st.session_state[key] = wanted if wanted in options else default

    def keep() -> None:
        now = str(st.session_state[key])
        write(**{name: "" if now == default else now}, **dict.fromkeys(forget, ""))

    taken = str(st.selectbox(label, options, key=key, format_func=shown, on_change=keep))
    if wanted not in options:
        st.caption("The address names something that is not there; this is shown instead.")
    return taken


def page(name: str, rows: int, size: int, *, default: int = 0, forget: Sequence[str] = ()) -> int:
    """Draw the page numbers where there is more than one page; returns the page, counted from 0."""
    pages = max(1, -(-rows // size))
    written = read(name)
    wanted = int(written) if written.isdecimal() and len(written) < 10 else default + 1
    wanted = min(max(wanted, 1), pages)
    if pages == 1:
        return 0
    key = f"url-{name}"
    st.session_state[key] = wanted

    def keep() -> None:
        write(**{name: str(st.session_state[key])}, **dict.fromkeys(forget, ""))

    return int(st.pagination(pages, key=key, on_change=keep)) - 1


def selected(key: str, rows: Sequence[int], keep: Callable[[list[int]], None]) -> Callable[[], None]:
    """Let a table that is about to be drawn show these rows as selected; returns its callback."""
    st.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}

    def changed() -> None:
        keep([int(row) for row in st.session_state[key]["selection"]["rows"]])

    return changed
