"""How data of users and models is put on a page: as text, never as markdown or HTML."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NoReturn

import pandas as pd
import streamlit as st

from dashboards.markup import quiet_html, sentence_html
from promptops import Plot, PromptopsError, Run
from promptops.texts.visible import visible, visible_line

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

LONGEST = 20_000
"""Characters of one text that a page shows."""

TALL, TALL_LINES = 1_500, 16
"""Texts beyond this scroll in a box of their own."""

MARKS: dict[str, Literal["green", "red", "orange", "violet"]] = {
    "PASS": "green",
    "FAIL": "red",
    "INCONCLUSIVE": "orange",
    "CANNOT_MEASURE": "violet",
}


def text(written: str) -> None:
    """Show a sentence that may hold data."""
    st.text(visible(written))


def lead(sentence: str) -> None:
    """Show the sentence that says it all."""
    st.html(sentence_html(sentence))


def quiet(explanation: str) -> None:
    """Show how a table or plot is read."""
    st.html(quiet_html(explanation))


def block(written: str, *, language: str | None = None) -> None:
    """Show a whole text as it is, wrapped and in fixed width."""
    found = shortened(visible(written))
    tall = len(found) > TALL or found.count("\n") > TALL_LINES
    st.code(found, language=language, wrap_lines=True, height=320 if tall else "content")


def whole(written: str, key: str) -> None:
    """Show a whole text, however long: one part after the other."""
    parts = -(-len(written) // LONGEST) or 1
    part = 0
    if parts > 1:
        st.caption("This text is shown in parts. Look at all of them.")
        part = int(st.pagination(parts, key=key)) - 1
    block(written[part * LONGEST : (part + 1) * LONGEST])


def plot(drawn: Plot) -> None:
    """Show a plot as an image, in which nothing can act, with its caption."""
    image = base64.b64encode(drawn.svg.encode("utf-8")).decode("ascii")
    st.image(f"data:image/svg+xml;base64,{image}", width="stretch", alt=visible_line(drawn.told, LONGEST))
    quiet(drawn.caption)


def value(found: object) -> None:
    """Show a JSON value; a string as it is."""
    if isinstance(found, str):
        block(found)
    else:
        block(json.dumps(found, indent=2, ensure_ascii=False), language="json")


def told(parts: Sequence[tuple[str, str]]) -> None:
    """Show sentences, each with what is to be copied below it: a command, lines of a file, or nothing."""
    for sentence, copied in parts:
        text(sentence)
        if copied:
            block(copied)


def quoted(name: str) -> str:
    """Return a name as a shell takes it, with everything visible."""
    return shlex.quote(visible_line(name, LONGEST))


def shortened(written: str) -> str:
    """Return at most LONGEST characters, and say how many are left out."""
    left = len(written) - LONGEST
    return written if left <= 0 else f"{written[:LONGEST]}\n… {left} more characters"


def table(frame: pd.DataFrame, *, right: tuple[str, ...] = (), alt: str) -> None:
    """Show a small table; columns of formatted numbers stand to the right."""
    st.dataframe(frame, hide_index=True, column_config=columns(frame, right=right), alt=alt)


def columns(frame: pd.DataFrame, *, right: tuple[str, ...] = ()) -> dict[str, ColumnConfig]:
    """Return the settings of a table's columns: numbers as the command line writes them."""
    found: dict[str, ColumnConfig] = {
        name: st.column_config.TextColumn(alignment="right", width=_pixels(frame[name], name))
        for name in right
        if name in frame
    }
    for name in frame.columns:
        if str(frame[name].dtype) == "float64":
            top = frame[name].abs().max()
            sign = "+" if name == "change" else ""
            places = 2 if pd.notna(top) and top >= 10 else 4
            found[name] = st.column_config.NumberColumn(format=f"%{sign}.{places}f")
    return found


def _pixels(column: pd.Series[str], name: str) -> int:
    """Return a width at which no figure loses its sign: a narrower table is scrolled."""
    longest = max((len(str(text)) for text in (*column, name)), default=0)
    return 8 * longest + 24


def run_name(run: Run) -> str:
    """Return how a run is called on a page."""
    written = run.created_at[:16].replace("T", " ")
    part = f" · part: {run.samples} of {run.part.samples} samples" if run.part is not None else ""
    return visible_line(f"{run.id}   {run.prompt_ref} · {run.model} · {run.evalset} · {written}{part}")


def baseline_name(file: str, accepted: Run) -> str:
    """Return how an accepted baseline is called on a page."""
    return visible_line(f"{file}   {accepted.prompt_ref} · {accepted.model} · accepted, in the files")


def refuse(error: PromptopsError, *, running: bool = False) -> NoReturn:
    """Say what is wrong and what to do, and end the page: what can't be shown, or can't be run."""
    with st.container(border=True):
        st.markdown(
            ":material/error: **This can't be run**"
            if running
            else ":material/error: **This can't be shown**"
        )
        text(str(error))
    st.stop()


def empty(sentence: str, command: str) -> NoReturn:
    """Say what is not there yet and which command makes it, and end the page."""
    st.text(sentence)
    st.code(command, language="shell")
    st.stop()
