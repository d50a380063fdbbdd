"""Draw cases for people to rate: outputs of some runs, at random."""

from __future__ import annotations

import streamlit as st

from dashboards import reading, shown
from dashboards.opened import project
from promptops import DeclaredJudge, PromptopsError, Run

COUNT, SECOND = 60, 30
MAKE_ONE = "promptops eval EVALSET --prompt FILE --model PROVIDER/MODEL"


_NOTES = "drawn-notes"


def told() -> None:
    """Tell once what may come unexpected of the last draw."""
    for note in st.session_state.pop(_NOTES, ()):
        shown.quiet(note)


def first(judge: DeclaredJudge) -> None:
    """Draw the form for a judge that has no cases."""
    shown.lead("No cases are drawn for this judge yet.")
    shown.quiet(
        "Samples are drawn at random, whatever the judge said of them, and the runs' outputs to them are the "
        "cases. Whoever rates sees neither prompt nor model. 60 are enough for an interval that is worth "
        "reading; 20 are the least."
    )
    _form(judge)


def more(judge: DeclaredJudge) -> None:
    """Draw the form for a judge that has some."""
    shown.quiet("What somebody has rated stays. What nobody has rated yet is drawn anew.")
    _form(judge)


def _form(judge: DeclaredJudge) -> None:
    runs = {run.id: run for run in reading.runs(reading.PICKED_FROM, 0, judge.evalset)}
    if not runs:
        st.text("This set has no run yet, so there is nothing to draw from. Make one, then reload this page:")
        st.code(MAKE_ONE, language="shell")
        return
    chosen = _two(runs) if judge.pairs else _some(runs)
    left, middle, right = st.columns(3)
    with left:
        count = st.number_input("Samples in all", 1, 100_000, COUNT)
    with middle:
        second = st.number_input(
            "Per cent for two people", 0, 100, SECOND, help="So that people can be held against people."
        )
    with right:
        seed = st.number_input("Seed", 0, 10**9, 0, help="The same seed draws the same cases.")
    if st.button("Draw", type="primary", disabled=len(set(chosen)) < 1 + judge.pairs):
        try:
            held = project().draw_cases(
                judge.name, chosen, count=int(count), seed=int(seed), second=int(second) / 100
            )
        except PromptopsError as error:
            shown.text(str(error))
        else:
            st.session_state[_NOTES] = held.drawn.notes if held.drawn is not None else ()
            st.rerun()


def _some(runs: dict[str, Run]) -> list[str]:
    return st.multiselect(
        "Runs",
        list(runs),
        default=list(runs)[:1],
        format_func=lambda name: shown.run_name(runs[name]),
        help="Of several runs the same samples are drawn, so that people's difference can be told.",
    )


def _two(runs: dict[str, Run]) -> list[str]:
    """Let two runs be chosen, the older one first: their outputs to a sample are one pair."""
    newest = list(runs)
    found = []
    for side, label, place in zip(st.columns(2), ("Older run", "Newer run"), (1, 0), strict=True):
        with side:
            usual = min(place, len(newest) - 1)
            chosen = st.selectbox(
                label, newest, index=usual, format_func=lambda name: shown.run_name(runs[name])
            )
            found.append(str(chosen))
    return found
