"""A set beside production: what it covers, what it lacks, which cases to add."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, frames, reading, shown, sides, suggested, textframes, urlstate
from dashboards.opened import project
from dashboards.sides import Measure
from promptops import PromptopsError, SetCoverage, coverage_facts, coverage_sentence, lacks_kinds

WHAT_FOR = (
    "Shows how much of what production asks has a case like it in the set, which kinds have none, how much "
    "of the traffic they are, and which texts to add. No model is asked."
)
MEASURED = "measured"
OF_FOUND = (MEASURED, "kind", "point", "add", "read")
COUNTS = ("0", "5", "10", "20", "50", "100")
SURE = 0.05


def show() -> None:
    """Draw the page."""
    st.header("Coverage", anchor=False)
    try:
        wanted = _chosen()
        # What is measured is written out: a newer file would be offered first.
        named = {"evalset": wanted.evalset, "production": wanted.production, MEASURED: "1"}
        st.button("Measure", type="primary", on_click=urlstate.write, kwargs=named)
        if not urlstate.read(MEASURED):
            shown.quiet(WHAT_FOR)
            return
        with st.spinner("Measuring"):
            found = sides.coverage(wanted)
        _found(found)
        if found.measured:
            _kinds(found)
            if found.estimates:
                _estimates(found)
            suggested.show(found, wanted)
        shown.quiet("The same on the command line:")
        shown.block(wanted.command, language="shell")
    except PromptopsError as error:
        shown.refuse(error)


def _chosen() -> Measure:
    """Draw what is to be chosen."""
    sets = {name: frames.cell(name) for name in project().evalsets()}
    if not sets:
        shown.empty(
            "There is no evaluation set yet. Make a project with one, then reload this page:",
            "promptops init",
        )
    left, right = st.columns(2, gap="medium")
    with left:
        evalset = sides.choice(
            "Evaluation set", "evalset", sets, next(iter(sets)), ("run", "production", "field", *OF_FOUND)
        )
    there = {name: told for name, told in sides.known(urlstate.read("production")).items() if name != evalset}
    if not there:
        st.text(
            "There is nothing yet to hold the set against: put a file with what users ask into the project."
        )
        st.stop()
    with right:
        usual = sides.newest(next(iter(there)), there)
        production = sides.choice("Production", "production", there, usual, ("field", *OF_FOUND))
    places = st.columns(3)
    with places[0]:
        suggest = urlstate.choice(
            "Cases to suggest", "suggest", COUNTS, shown=str, default="10", forget=OF_FOUND
        )
    with places[1]:
        runs = {run.id: shown.run_name(run) for run in reading.runs(reading.PICKED_FROM, 0, evalset)}
        run = sides.choice(
            "Figures as production would weigh them", "run", {"": "of no run", **runs}, "", OF_FOUND
        )
    with places[2]:
        field = sides.field_choice(
            "Field of the text", "field", sides.fields(production), "the usual one", OF_FOUND
        )
    return Measure(evalset, production, field, int(suggest), run)


def _found(found: SetCoverage) -> None:
    with st.container(border=True):
        if found.p_value is None:
            st.badge("not measured", color="violet")
        elif found.p_value < SURE:
            st.badge("covers less than expected", color="red")
        elif lacks_kinds(found):
            st.badge("lacks kinds of requests", color="orange")
        else:
            st.badge("covers as much as expected", color="green")
        shown.lead(coverage_sentence(found))
        if found.measured:
            for fact in coverage_facts(found):
                shown.text(fact)
    for note in found.notes:
        shown.text(f"Note: {note}")


def _kinds(found: SetCoverage) -> None:
    st.subheader("Map", anchor=False, divider="gray")
    left, right = st.columns([6, 5], gap="medium")
    with left:
        _map(found)
    with right:
        st.markdown("**What the set lacks**")
        if not found.uncovered:
            st.text("Nothing: no text lies far from every case.")
            return
        shown.table(
            textframes.kinds_frame(found),
            right=("of all production",),
            alt="Kinds of production texts that lie far from every case, the most frequent first",
        )
        names = dict(enumerate(textframes.kind_names(found)))
        kind = urlstate.choice(
            "Examples of",
            "kind",
            [str(place) for place in names],
            shown=lambda each: names[int(each)],
            default="0",
        )
        for text in found.uncovered[int(kind)].examples:
            shown.block(text)


def _map(found: SetCoverage) -> None:
    drawn = found.map
    if drawn is None:
        return
    key = f"map-{found.evalset}-{found.production}"

    def keep() -> None:
        picked = st.session_state[key]["selection"]["picked"]
        urlstate.write(point=str(int(picked[0]["place"])) if picked else "")

    charts.coverage_map(textframes.map_frame(found), textframes.kind_names(found), key, keep)
    shown.quiet(
        f"All texts that were looked at on the first two directions of their space, which hold "
        f"{drawn.variance:.0%} of its variance: what lies side by side here need not be alike. What is far "
        "was decided in the whole space. Squares are cases of the set, diamonds are suggested below. Click a "
        "point to read its text."
    )
    wanted = urlstate.read("point")
    if wanted.isdecimal() and len(wanted) < 6 and int(wanted) < len(drawn.points):
        point = drawn.points[int(wanted)]
        shown.text(point.where if point.sample is None else f"Case {point.sample}")
        shown.block(point.text)


def _estimates(found: SetCoverage) -> None:
    st.subheader("Figures as production would weigh them", anchor=False, divider="gray")
    shown.table(
        textframes.reestimates_frame(found),
        right=("plain", "95 % of plain", "weighted", "95 % of weighted", "effective n"),
        alt="Each metric of the run, plain and weighted",
    )
    shown.quiet(
        "Each sample counts as often as production asks what is nearest to it. Few samples with much weight "
        "know less than many: effective n. No weight makes up for a case that is missing."
    )


show()
