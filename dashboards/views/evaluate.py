"""A new run: choose, see what it will take, start it, and watch it."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import streamlit as st

from dashboards import frames, reading, shown
from dashboards.opened import project
from promptops import Budget, Forecast, PromptopsError, Selection

ESTIMATED, STARTED = "estimated-run", "started-run"
WHOLE, FIRST, DRAWN = "the whole set", "the first ones", "drawn at random"


class Wish(NamedTuple):
    """What is to be run; equal by its values, for the class is another one each time the page is drawn."""

    evalset: str
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    repeats: int
    select: Selection
    max_calls: int | None
    max_cost: float | None
    batch: bool


def show() -> None:
    """Draw the page."""
    st.header("New run", anchor=False)
    try:
        started = st.session_state.get(STARTED)
        if started is not None:
            _followed(started)
            return
        wish = _chosen()
        if wish is not None:
            _estimated(wish)
    except PromptopsError as error:
        shown.refuse(error, running=True)


def _chosen() -> Wish | None:
    """Draw what is to be chosen; return it once it is enough."""
    sets, prompts = project().evalsets(), reading.prompt_references()
    if not sets:
        shown.empty(
            "There is no evaluation set yet. Make a project with one, then reload this page:",
            "promptops init",
        )
    if not prompts:
        shown.empty(
            "There is no prompt yet. Write one into prompts/, then reload this page:", "promptops init"
        )
    left, right = st.columns(2, gap="medium")
    with left:
        evalset = st.selectbox("Evaluation set", sets, format_func=frames.cell)
        chosen = st.multiselect(
            "Prompts", prompts, format_func=frames.cell, help="Registered versions, and files in prompts/."
        )
        models = st.multiselect(
            "Models",
            reading.model_names(),
            format_func=frames.cell,
            accept_new_options=True,
            help="provider/model; without one, the model that the prompt or the settings name.",
        )
        if not models:
            _defaults(chosen)
    with right:
        part = st.segmented_control("Samples", [WHOLE, FIRST, DRAWN], default=WHOLE) or WHOLE
        many = st.number_input("How many", 1, 10**6, 20, disabled=part == WHOLE)
        repeats = st.number_input("Answers for each sample", 1, 100, 1)
        batch = st.checkbox(
            "As a batch",
            help="Hand all requests in as files: the server answers within a day, often at half price. "
            "Limits can't end a batch, so there are none.",
        )
        with st.expander("Limits"):
            calls = st.number_input(
                "Calls at most",
                0,
                10**9,
                0,
                disabled=batch,
                help="Retries and judges count; 0 sets no limit. It can be resumed.",
            )
            cost = st.number_input(
                "US dollars at most",
                0.0,
                10.0**6,
                0.0,
                disabled=batch,
                help="Needs known prices; 0 sets no limit.",
            )
    if not chosen:
        st.caption("Choose at least one prompt.")
        return None
    select = Selection(
        limit=int(many) if part == FIRST else None, sample=int(many) if part == DRAWN else None
    )
    return Wish(
        str(evalset),
        tuple(chosen),
        tuple(models),
        int(repeats),
        select,
        None if batch else int(calls) or None,
        None if batch else float(cost) or None,
        batch,
    )


def _defaults(prompts: list[str]) -> None:
    """Say which models are asked where none is chosen."""
    told = []
    for each in prompts:
        try:
            told.append(f"{each} asks {project().model_of(_found(each))}")
        except PromptopsError as error:
            told.append(str(error))
    general = project().settings.model
    if not prompts:
        told.append(f"The settings name {general}." if general else "The settings name none.")
    shown.quiet("Without a choice: " + "; ".join(told))


def _estimated(wish: Wish) -> None:
    """Draw the estimate of what is chosen, and the start once there is one."""
    if st.button("Estimate", help="Checks everything and asks nobody."):
        st.session_state.pop(ESTIMATED, None)
        with st.spinner("Checking every sample"):
            found = project().forecast(
                wish.evalset,
                [_found(each) for each in wish.prompts],
                wish.models,
                repeats=wish.repeats,
                select=wish.select,
                budget=Budget(wish.max_calls, wish.max_cost),
                batch=wish.batch,
            )
        # What is started is what was estimated: another choice needs another look.
        st.session_state[ESTIMATED] = (wish, found, secrets.token_hex(8))
    before, forecast, token = st.session_state.get(ESTIMATED, (None, None, ""))
    if before != wish:
        st.caption(
            "Estimate it before it is started: calls, tokens, cost and time are shown, and nobody is asked."
        )
        return
    _forecast(forecast)
    if st.button(
        "Start",
        type="primary",
        help="Runs on this machine and with its keys, also after this page is closed.",
    ):
        project().evaluate_apart(
            wish.evalset,
            wish.prompts,
            wish.models,
            token=token,
            repeats=wish.repeats,
            select=wish.select,
            budget=Budget(wish.max_calls, wish.max_cost),
            batch=wish.batch,
        )
        st.session_state[STARTED] = token
        st.session_state.pop(ESTIMATED, None)
        st.rerun()


def _forecast(found: Forecast) -> None:
    shown.lead(f"{found.asked}: {found.sentence}")
    shown.quiet(f"How sure: {found.how_sure}. Nobody was asked.")
    shown.table(
        frames.forecast_frame(found),
        right=("calls", "cached", "read", "written", "cost"),
        alt="What each prompt's answers and each judge will take",
    )
    for note in found.all_notes:
        shown.text(f"- {note}")


@st.fragment(run_every=1.0)
def _followed(token: str) -> None:
    """Wait for the process to begin its runs, then lead to them."""
    begun = project().begun_apart(token)
    if begun.runs:
        st.session_state.pop(STARTED, None)
        st.switch_page("views/runs.py", query_params={"run": list(begun.runs[:1])})
    if not begun.ended:
        st.caption("A process of its own is checking everything, then it begins.")
        return
    st.markdown("**It has not begun**")
    shown.block(begun.said or "It said nothing.")
    if st.button("Choose again"):
        st.session_state.pop(STARTED, None)
        st.rerun()


def _found(reference: str) -> str:
    """Return a reference as it is found from here: files are named from the project's folder."""
    return str(project().root / reference) if "/" in reference else reference


show()
