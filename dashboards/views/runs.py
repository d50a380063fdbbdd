"""Runs, the newest first; a selected one with its figures and cases, two to be compared."""

from __future__ import annotations

import streamlit as st

from dashboards import drilldown, frames, liverun, reading, shown, urlstate
from promptops import ORIGIN_SLICES, Estimate, PromptopsError, Run

RUNS, CASES = 25, 200
# So many metrics have a column in the list. (A string here would be drawn on the page.)
FIGURES = 4
ALL = "all sets"
MAKE_ONE = "promptops eval EVALSET --prompt FILE --model PROVIDER/MODEL"


def show() -> None:
    """Draw the page."""
    st.header("Runs", anchor=False)
    try:
        total = reading.run_count(None)
        if not total:
            shown.empty("There is no run yet. Make one, then reload this page:", MAKE_ONE)
        selected = _list()
        if len(selected) == 2:
            _offer_comparison(selected)
        for reference in selected[:1] if len(selected) != 2 else []:
            _details(reading.run(reference))
    except PromptopsError as error:
        shown.refuse(error)


def _list() -> list[str]:
    names = reading.run_evalsets()
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        chosen = urlstate.choice(
            "Evaluation set", "set", ["", *names], shown=_set_name, default="", forget=("page",)
        )
    evalset = chosen or None
    with right:
        page = urlstate.page("page", reading.run_count(evalset), RUNS)
    runs = reading.runs(RUNS, page * RUNS, evalset)
    labels = frames.first_labels(runs, FIGURES)
    figures = {run.id: reading.figures(run) for run in runs}
    frame = frames.runs_frame(runs, figures, labels, reading.bills(runs))
    ids = [run.id for run in runs]
    wanted = urlstate.read_all("run")

    def keep(rows: list[int]) -> None:
        urlstate.write(
            run=[ids[row] for row in rows if row < len(ids)][:2], cases="", case="", repeat="", slice=""
        )

    key = f"runs-{chosen}-{page}"
    changed = urlstate.selected(key, [ids.index(name) for name in wanted if name in ids], keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="multi-row",
        column_config=shown.columns(frame, right=("done", "cost", "tokens", *labels)),
        alt="Runs, the newest first",
    )
    st.caption("Tick one run to see its figures and cases, two to compare them.")
    return wanted


def _offer_comparison(references: list[str]) -> None:
    newer, older = sorted(
        (reading.run(reference) for reference in references), key=lambda run: run.created_at, reverse=True
    )
    shown.text(f"Baseline   {shown.run_name(older)}")
    shown.text(f"Candidate  {shown.run_name(newer)}")
    if st.button("Compare these two", type="primary"):
        st.switch_page("views/compare.py", query_params={"baseline": older.id, "candidate": newer.id})


def _details(run: Run) -> None:
    st.subheader("Selected run", anchor=False, divider="gray")
    shown.text(shown.run_name(run))
    if run.status == "finished":
        shown.text(f"{run.done} results, {run.errors} without an answer")
        shown.text(f"It took {reading.bill(run).sentence}.")
    if run.part is not None:
        shown.text(f"A part of the set: {run.part.sentence}")
    if run.status != "finished" or run.errors:
        liverun.panel(run)
    if run.at_work:
        st.caption(
            "The list, figures and cases are those that were there when this page was drawn. Reload it for "
            "newer ones; when the run ends they come by themselves."
        )
    _figures(run)
    _cases(run)


def _figures(run: Run) -> None:
    found = reading.estimates(run.id)
    slices = list(dict.fromkeys(each.slice for each in found if each.slice is not None))
    places = st.columns(2) if slices else [st.container()]
    with places[0]:
        st.markdown("**Figures**")
        _estimates([each for each in found if each.slice in (None, *ORIGIN_SLICES)], run)
        if any(record.stand_in for record in run.metrics):
            st.caption("\\* judged by a rule-based stand-in, not by an LLM; the scores only show the way.")
        notes = [f"{label}: {each}" for label, told in reading.judge_notes(run.id).items() for each in told]
        if notes:
            st.markdown("**Beside the judges' figures**")
            shown.text("\n".join(f"• {note}" for note in notes))
    if slices:
        with places[1]:
            part = urlstate.choice("Slice", "slice", slices, shown=frames.cell, default=slices[0])
            _estimates([each for each in found if each.slice == part], run)


def _estimates(found: list[Estimate], run: Run) -> None:
    shown.table(
        frames.estimates_frame(found, run),
        right=("figure", "95 % interval"),
        alt="Each metric's figure with its interval",
    )


def _cases(run: Run) -> None:
    st.markdown("**Cases**")
    page = urlstate.page("cases", run.done + run.errors, CASES, forget=("case", "repeat"))
    cases = reading.cases(run.id, CASES, page * CASES)
    labels = [record.label for record in run.metrics]
    frame = frames.cases_frame(cases, labels)
    keys = [(case.result.sample_id, case.result.repeat) for case in cases]
    wanted = (
        urlstate.read("case"),
        int(urlstate.read("repeat") or "0") if urlstate.read("repeat").isdecimal() else 0,
    )

    def keep(rows: list[int]) -> None:
        name, repeat = keys[rows[0]] if rows else ("", 0)
        urlstate.write(case=name, repeat=str(repeat) if repeat else "")

    key = f"cases-{run.id}-{page}"
    changed = urlstate.selected(key, [keys.index(wanted)] if wanted in keys else [], keep)
    st.dataframe(
        frame if run.repeats > 1 else frame.drop(columns="repeat"),
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config=shown.columns(frame),
        height=320,
        alt="Results of this run by sample",
    )
    if wanted[0]:
        _case(run, *wanted)
    else:
        st.caption("Tick a case to see its question, answer and scores.")


def _case(run: Run, sample_id: str, repeat: int) -> None:
    found = reading.some_cases(run.id, (sample_id,))
    st.subheader("Case", anchor=False, divider="gray")
    shown.text(f"{sample_id}" + (f", repeat {repeat}" if run.repeats > 1 else ""))
    drilldown.one_run(
        reading.sample(run.id, sample_id),
        case := next((case for case in found if case.result.repeat == repeat), None),
    )
    completion = case.result.completion if case is not None else None
    drilldown.exchange(reading.asked(run.id, sample_id), completion.raw if completion is not None else None)


def _set_name(name: str) -> str:
    return frames.cell(name) if name else ALL


show()
