"""Rate outputs blind: choose a judge and say who you are, then one case after the other."""

from __future__ import annotations

import streamlit as st

from dashboards import drawform, frames, labelform, reading, shown, urlstate
from promptops import DeclaredJudge, Labelling, PromptopsError

DECLARE = '[metrics.quality]\nmetric = "rubric"\nmodel = "PROVIDER/MODEL"'


def show() -> None:
    """Draw the page."""
    st.header("Label", anchor=False)
    try:
        left, right = st.columns(2, gap="medium")
        with left:
            judge = _judge()
        labelform.problem()
        drawform.told()
        if not judge.drawn:
            drawform.first(judge)
            return
        held = reading.labelling(judge.name)
        with right:
            rater = _rater(held)
        if rater:
            labelform.show(judge.name, held, rater)
        else:
            st.caption("Say who you are: ratings are kept by name, and everybody has an order of their own.")
        with st.expander("Draw further cases"):
            drawform.more(judge)
    except PromptopsError as error:
        shown.refuse(error)


def _judge() -> DeclaredJudge:
    found = reading.judges()
    usable = {judge.name: judge for judge in found.judges if judge.low is not None or judge.pairs}
    if not usable:
        for judge in found.judges:
            shown.text(f"{judge.name}: {judge.why}")
        for name, why in found.broken.items():
            shown.text(f"{name}: {why}")
        shown.empty(
            "There is no judge in whose place people could rate. Declare one in a set's evalset.toml, then "
            "reload this page:",
            DECLARE,
        )
    names = list(usable)
    name = urlstate.choice(
        "Judge", "judge", names, shown=frames.cell, default=names[0], forget=("case", "rater")
    )
    return usable[name]


def _rater(held: Labelling) -> str:
    """Draw the box for a name, which may be a new one; empty where there is none yet.

    Once there is one, the box goes: it would hold the keys that rate.
    """
    wanted = urlstate.read("rater").strip()
    if wanted:
        with st.container(horizontal=True, vertical_alignment="center"):
            shown.text(f"You are {wanted}.")
            st.button("Somebody else", on_click=_forget)
        return wanted
    key = "rater-name"

    def keep() -> None:
        urlstate.write(rater=str(st.session_state[key] or "").strip(), case="")

    chosen = st.selectbox(
        "Your name",
        sorted(held.raters),
        index=None,
        key=key,
        format_func=frames.cell,
        on_change=keep,
        accept_new_options=True,
        placeholder="Type your name",
    )
    return str(chosen or "").strip()


def _forget() -> None:
    urlstate.write(rater="", case="")


show()
