"""What a reader says of a record: a thumb, stars, words, the answer as it should have been."""

from __future__ import annotations

import uuid

import streamlit as st

from dashboards import shown
from dashboards.opened import writing
from promptops import PromptopsError, Record

PROBLEM, STORED = "feedback-problem", "feedback-stored"


def show(record: Record) -> None:
    """Draw the form; what is said is stored with the click, and replaces nothing."""
    st.markdown("**Say something of it**")
    # A form that was stored gets new keys, so that it is empty again.
    turn = len(st.session_state.get(STORED, ()))
    end = f"{record.id}-{turn}"
    left, right = st.columns(2, gap="medium")
    with left:
        st.segmented_control("Thumb", ["up", "down"], key=f"thumb-{end}")
        st.segmented_control("Stars", ["1", "2", "3", "4", "5"], key=f"stars-{end}")
        st.text_input("Outcome", key=f"outcome-{end}", help="What became of the answer, such as resolved.")
        st.text_input("Your name", key=f"by-{end}", help="Only a mark of it is kept.")
    with right:
        st.text_area("Comment", key=f"comment-{end}", height=110)
        st.text_area("The answer as it should have been", key=f"edit-{end}", height=150)
    problem = st.session_state.pop(PROBLEM, "")
    if problem:
        shown.text(problem)
    # Two clicks at once may both be heard before either is through: they say one thing, with one id.
    said = st.session_state.setdefault(f"said-{end}", uuid.uuid4().hex)
    st.button("Store", type="primary", key=f"store-{end}", on_click=_store, args=(record.id, end, said))
    st.caption("Keys, addresses and telephone numbers are taken out. It adds to what was said before.")


def _store(record: str, end: str, said_id: str) -> None:
    if end in st.session_state.get(STORED, ()):
        return  # the second half of a double click
    said = {name: st.session_state.get(f"{name}-{end}") or None for name in ("thumb", "stars", "edit", "by")}
    words = {name: str(st.session_state.get(f"{name}-{end}") or "") for name in ("comment", "outcome")}
    try:
        with writing() as project:
            project.add_feedback(
                record,
                thumb=said["thumb"],
                stars=int(said["stars"]) if said["stars"] else None,
                comment=words["comment"],
                edit=said["edit"],
                outcome=words["outcome"] or None,
                by=said["by"],
                id=said_id,
            )
    except PromptopsError as error:
        st.session_state[PROBLEM] = str(error)
    else:
        st.session_state[STORED] = (*st.session_state.get(STORED, ()), end)
