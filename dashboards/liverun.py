"""A run at work, interrupted or without some answers: its state, and how it is stopped or resumed."""

from __future__ import annotations

import time

import streamlit as st

from dashboards import frames, shown
from dashboards.opened import project
from promptops import PromptopsError, Run

EVERY = 2.0
"""Seconds between two looks at a run at work."""
BEGUN = "begun-runs"
"""In the session: runs for which a process was started here that has not been seen at work yet."""
RESUME = "Ask what is missing, from this machine and with its keys; nothing stored is asked again."
BRING = "Ask the batch's server for its answers, from this machine and with its keys, and score them."
RETRY = "Ask again what has no answer, from this machine and with its keys; the old errors are kept."
STOPPED = "Calls under way are closed at once, and may be charged all the same. It can be resumed."


def panel(run: Run) -> None:
    """Draw the state of a run that is not finished or lacks answers; one at work is looked at often."""
    if run.at_work or project().resumes_apart(run.id):
        _followed(run.id, run.status)
    else:
        _state(run)
        _resume(run)


@st.fragment(run_every=EVERY)
def _followed(run_id: str, status: str) -> None:
    try:
        run = project().run(run_id)
        starting = not run.at_work and project().resumes_apart(run_id)
    except PromptopsError as error:
        shown.refuse(error)
    if run.status != status or not (run.at_work or starting):
        # The list, its figures and cases are to be drawn too.
        if run.at_work:
            st.session_state.get(BEGUN, set()).discard(run_id)
        st.rerun()
    _state(run)
    if starting:
        st.caption("A process of its own is starting to finish it. This page shows when it is at work.")
        return
    with st.container(horizontal=True):
        _pause(run)
        _stop(run)


def _state(run: Run) -> None:
    if run.status != "finished":
        total, through = run.samples * run.repeats, run.done + run.errors
        errors = f", {run.errors:,} of them without an answer" if run.errors else ""
        shown.text(f"{through:,} of {total:,} through{errors}; {run.standing}{_pace(run, through)}")
        st.progress(through / total if total else 1.0)
    failures = project().failures(run.id)
    if run.status == "finished":
        for each in failures:
            shown.text(f"{each.count:,} x {each.kind}: {frames.cell(each.example)}")
    elif failures:
        shown.table(frames.failures_frame(failures), right=("answers",), alt="Why answers are missing")


def _pace(run: Run, through: int) -> str:
    """Return how quickly results were stored lately, and what is left at that pace."""
    rate = project().pace(run.id) if run.status == "running" else None
    if rate is None:
        return ""
    left = (run.samples * run.repeats - through) / rate
    often = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.0f} a minute"
    return (
        f", {often}, about {left:,.0f} s left" if left < 90 else f", {often}, about {left / 60:,.0f} min left"
    )


def _pause(run: Run) -> None:
    held = run.status == "paused"
    wanted = (
        st.button("Go on", key=f"go-on-{run.id}", help="Let calls begin again.")
        if held
        else st.button("Pause", key=f"pause-{run.id}", help="Let no further call begin for now.")
    )
    if wanted:
        try:
            project().pause(run.id, hold=not held)
            _await_change(run)
        except PromptopsError as error:
            shown.text(str(error))
        else:
            st.rerun()


def _await_change(run: Run) -> None:
    """Wait a moment until the process has heard of it, so that the page does not show what was."""
    ends = time.monotonic() + 1.0
    while project().run(run.id).status == run.status and time.monotonic() < ends:
        time.sleep(0.05)


def _stop(run: Run) -> None:
    if st.button("Stop", key=f"stop-{run.id}", help=STOPPED):
        try:
            project().stop(run.id)
            st.caption("It was told to end.")
        except PromptopsError as error:
            shown.text(str(error))


def _resume(run: Run) -> None:
    finished, key = run.status == "finished", f"resume-{run.id}"
    commands = [] if finished else [f"promptops resume {run.id}"]
    if run.errors:
        commands.append(f"promptops resume {run.id} --retry-errors")
    st.code("\n".join(commands), language="shell")
    pressed = retry = False
    with st.container(horizontal=True):
        if run.status == "waiting":
            pressed = st.button("Bring what is there", key=key, help=BRING)
        elif not finished:
            pressed = st.button("Resume here", key=key, help=RESUME)
        if run.errors and run.status != "waiting":
            label = "Ask again what has no answer" if finished else "Resume here, errors too"
            retry = st.button(label, key=f"retry-{run.id}", help=RETRY)
    if pressed or retry:
        try:
            project().resume_apart(run.id, retry_errors=retry)
        except PromptopsError as error:
            shown.text(str(error))
        else:
            st.session_state.setdefault(BEGUN, set()).add(run.id)
            st.rerun()
    said = project().said_apart(run.id)
    if not finished and run.id in st.session_state.get(BEGUN, set()):
        if run.status == "waiting":
            st.markdown("**The process that brought what is there has ended, and the run is not finished**")
        else:
            st.markdown("**The process that was to finish it has ended, and the run is not finished**")
        shown.block(said or "It said nothing.")
    elif said.strip():
        with st.expander("What the last process that was to finish it said"):
            shown.block(said)
