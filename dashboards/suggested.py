"""Texts of production to add: read, tick, and take over as candidates for the set."""

from __future__ import annotations

import streamlit as st

from dashboards import frames, shown, sides, textframes, urlstate
from dashboards.opened import project
from dashboards.sides import Measure
from promptops import PromptopsError, SetCoverage

WRITTEN = "written-candidates"
NONE = "none"
"""What the address says where every tick was taken away; without a word all are ticked."""


def show(found: SetCoverage, wanted: Measure) -> None:
    """Draw the suggestions with their ticks, and the button that writes them down."""
    if not wanted.suggest:
        return
    st.subheader("Cases to add", anchor=False, divider="gray")
    if not found.suggestions:
        st.text("Nothing to add: no text would bring production nearer to the set.")
        return
    ticked = _ticked(found)
    shown.quiet(
        "The ticked ones are taken. Newly covered: the share of production that was far from every case and "
        "is near this one; mass: the share that would be nearest to it."
    )
    _whole(found)
    _write(found, wanted, ticked)


def _ticked(found: SetCoverage) -> list[int]:
    """Draw the table; return the places of what is ticked."""
    frame = textframes.suggestions_frame(found)
    said = urlstate.read_all("add")
    everything = range(len(found.suggestions))
    rows = [place for place in everything if not said or str(found.suggestions[place].index) in said]

    def keep(rows: list[int]) -> None:
        names = [str(found.suggestions[place].index) for place in rows]
        urlstate.write(add="" if len(rows) == len(everything) else names or NONE)

    key = f"suggested-{found.evalset}-{found.production}-{len(everything)}"
    changed = urlstate.selected(key, rows, keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="multi-row",
        column_config=shown.columns(frame, right=("newly covered", "mass")),
        height="auto" if len(frame) <= 10 else 400,
        alt="Texts of production to add to the set",
    )
    return rows


def _whole(found: SetCoverage) -> None:
    names = {
        str(place): f"row {each.index + 1}   {frames.cell(each.text)}"
        for place, each in enumerate(found.suggestions)
    }
    place = sides.choice("Read", "read", names, "0")
    shown.whole(found.suggestions[int(place)].text, f"suggested-{place}")


def _write(found: SetCoverage, wanted: Measure, ticked: list[int]) -> None:
    chosen = found.model_copy(
        update={
            "production": sides.located(wanted.production),
            "suggestions": tuple(found.suggestions[place] for place in ticked),
        }
    )
    wish = (wanted, tuple(each.index for each in chosen.suggestions))

    def write() -> None:
        # A click that comes twice writes one file.
        if st.session_state.get(WRITTEN, ((), ""))[0] == wish:
            return
        file = _free_name()
        try:
            count = project().write_candidates(chosen, project().root / file, field=wanted.field or None)
        except PromptopsError as error:
            st.session_state[WRITTEN] = ((), str(error))
        else:
            st.session_state[WRITTEN] = (
                wish,
                f"Wrote {count} candidates to {file}. Review them (names and streets are not taken out), "
                "give them targets, and move them into samples.jsonl.",
            )

    done, told = st.session_state.get(WRITTEN, ((), ""))
    st.button(
        "Write candidates",
        type="primary",
        disabled=not ticked or done == wish,
        on_click=write,
        help="Writes them as samples to be reviewed, without secrets, addresses and numbers of people.",
    )
    if told and done in ((), wish):
        shown.text(told)


def _free_name() -> str:
    """Return the name of a file that isn't there yet: nothing is overwritten."""
    names = ("candidates.jsonl", *(f"candidates-{number}.jsonl" for number in range(2, 1000)))
    return next((name for name in names if not (project().root / name).exists()), names[0])
