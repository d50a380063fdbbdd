"""A run that is not finished: how far it is, why answers are missing, and how it is stopped or resumed."""

from __future__ import annotations

import time

import streamlit as st

from dashboards import frames, shown
from dashboards.opened import project
from promptops import PromptopsError, Run

EVERY = 2.0
"""Seconds between two looks at a run at work."""
BEGUN = "begun-runs"


def panel(run: Run) -> None:
    """Draw the state of a run that is not finished; one at work is looked at again and again."""
    if run.status == "running" or _begun_lately(run):
        _followed(run.id, run.status)
    else:
        _state(run)
        _resume(run)


@st.fragment(run_every=EVERY)
def _followed(run_id: str, status: str) -> None:
    try:
        run = project().run(run_id)
    except PromptopsError as error:
        shown.refuse(error)
    if run.status != status:
        # Its figures and cases are to be drawn too.
        st.session_state.get(BEGUN, {}).pop(run_id, None)
        st.rerun()
    _state(run)
    if run.status == "running":
        with st.container(horizontal=True):
            _pause(run)
            _stop(run)
    else:
        st.caption("A process of its own is starting to finish it.")


def _state(run: Run) -> None:
    total, through = run.samples * run.repeats, run.done + run.errors
    shown.text(f"{through:,} of {total:,} through{_pace(run, through)}")
    st.progress(through / total if total else 1.0)
    failures = project().failures(run.id)
    if failures:
        shown.table(frames.failures_frame(failures), right=("answers",), alt="Why answers are missing")


def _pace(run: Run, through: int) -> str:
    """Return the results a second since this page first saw the run, and what is left at that rate."""
    if run.status != "running":
        return f", {run.status}"
    if project().paused(run.id):
        st.session_state.pop(f"seen-{run.id}", None)
        return ", paused"
    seen = st.session_state.setdefault(f"seen-{run.id}", (time.monotonic(), through))
    seconds = time.monotonic() - seen[0]
    rate = (through - seen[1]) / seconds if seconds > 1 else 0.0
    if rate <= 0:
        return ""
    left = (run.samples * run.repeats - through) / rate
    return f", {rate:.1f} a second, about {left:,.0f} s left"


def _pause(run: Run) -> None:
    held = project().paused(run.id)
    wanted = (
        st.button("Go on", key=f"go-on-{run.id}", help="Let calls begin again.")
        if held
        else st.button("Pause", key=f"pause-{run.id}", help="Let no further call begin for now.")
    )
    if wanted:
        try:
            project().pause(run.id, hold=not held)
        except PromptopsError as error:
            shown.text(str(error))


def _stop(run: Run) -> None:
    if st.button("Stop", key=f"stop-{run.id}", help="What is under way is stored; it can be resumed."):
        try:
            project().stop(run.id)
            st.caption("It was told to end.")
        except PromptopsError as error:
            shown.text(str(error))


def _resume(run: Run) -> None:
    st.code(f"promptops resume {run.id}", language="shell")
    if st.button(
        "Resume here",
        key=f"resume-{run.id}",
        help="Ask what is missing, from this machine and with its keys; nothing stored is asked again.",
    ):
        try:
            project().resume_apart(run.id)
        except PromptopsError as error:
            shown.text(str(error))
        else:
            st.session_state.setdefault(BEGUN, {})[run.id] = time.monotonic()
            st.rerun()
    said = project().said_apart(run.id)
    if said.strip():
        with st.expander("What the last process that was to finish it said"):
            shown.block(said)


def _begun_lately(run: Run) -> bool:
    """Tell whether a process was started here that may not have claimed the run yet."""
    begun = st.session_state.get(BEGUN, {}).get(run.id)
    return begun is not None and time.monotonic() - begun < 15
