"""Two collections of texts: do they differ, by how much, in what, and since when?"""

from __future__ import annotations

import streamlit as st

from dashboards import charts, shown, sides, textframes, urlstate
from dashboards.sides import Sides
from promptops import PromptopsError, Shift, shift_facts, shift_sentence

WHAT_FOR = (
    "Asks whether two collections of texts differ, by how much and in what, whatever their quality: what "
    "users ask and what the set asks, last week's answers and this week's. No model is asked."
)
MEASURED = "measured"
OF_FIELDS = ("field", "date", "days", MEASURED)


def show() -> None:
    """Draw the page."""
    st.header("Shift", anchor=False)
    try:
        chosen = _chosen()
        # What is measured is written out: a newer file would be offered first.
        named = {"first": chosen.first, "second": chosen.second, MEASURED: "1"}
        st.button("Measure", type="primary", on_click=urlstate.write, kwargs=named)
        if not urlstate.read(MEASURED):
            shown.quiet(WHAT_FOR)
            return
        with st.spinner("Measuring"):
            found = sides.shift(chosen)
        _found(found)
        shown.quiet("The same on the command line; --embed compares embeddings instead of words.")
        shown.block(chosen.command, language="shell")
    except PromptopsError as error:
        shown.refuse(error)


def _chosen() -> Sides:
    """Draw what is to be chosen."""
    there = sides.known(urlstate.read("first"), urlstate.read("second"))
    if not there:
        shown.empty(
            "There is no set, no run and no file with texts yet. Make a project, then reload this page:",
            "promptops init",
        )
    names = list(there)
    left, right = st.columns(2, gap="medium")
    with left:
        first = sides.choice("First side: what is known", "first", there, names[0], OF_FIELDS)
    with right:
        usual = sides.newest(names[-1], there)
        second = sides.choice("Second side: what is new", "second", there, usual, OF_FIELDS)
    fields = sides.fields(first, second)
    dates = sides.dated(second)
    places = st.columns(4 if fields or dates else 1)
    with places[0]:
        what = sides.what_choice((MEASURED,))
    if not fields and not dates:
        return Sides(first, second, what, "", "", whole_days=False)
    with places[1]:
        field = sides.field_choice("Field of the text", "field", fields, "the usual one", (MEASURED,))
    with places[2]:
        date = sides.date_choice(dates, (MEASURED,))
    with places[3]:
        days = ""
        if date and sides.dated(first):
            days = sides.choice(
                "Days",
                "days",
                {"": "each by itself", "whole": "also shuffled whole"},
                "",
                (MEASURED,),
            )
    return Sides(first, second, what, field, date, whole_days=bool(days))


def _found(found: Shift) -> None:
    with st.container(border=True):
        if not found.measured:
            st.badge("not measured", color="violet")
        elif found.alarmed:
            st.badge("ALARM", color="red")
        else:
            st.badge("no alarm", color="green")
        shown.lead(shift_sentence(found))
        if found.measured:
            shown.text(f"{shift_facts(found)}.")
    if not found.measured:
        return
    shown.quiet(
        "An alarm needs evidence and effect: a p-value under the level (MMD looks at texts as a whole, the "
        "features at what is counted below; Holm over both), and texts that can be told apart with an AUC of "
        ".55 at least, where .5 is guessing. Over .65 is strong."
    )
    for note in found.notes:
        shown.text(f"Note: {note}")
    if found.days:
        _trend(found)
    _panel(found)
    if found.current_tokens or found.reference_tokens:
        _words(found)
    if found.foreign and not found.paired:
        _examples(found)


def _panel(found: Shift) -> None:
    st.subheader("In what they differ", anchor=False, divider="gray")
    frame = textframes.features_frame(found)
    shown.table(
        frame,
        right=("first", "second", "told apart", "p after Holm", "JS", "Wasserstein", "PSI", "p of PSI"),
        alt="Each feature on both sides, with its effect and p-value",
    )
    shown.quiet(
        "Means, or the share of the name whose share changed most. Told apart: the AUC by this feature "
        "alone. JS: Jensen-Shannon divergence, 0 to 1. PSI has no fixed level: look at its p-value."
    )


def _trend(found: Shift) -> None:
    st.subheader("Day by day", anchor=False, divider="gray")
    frame = textframes.days_frame(found)
    if frame.empty:
        st.text("No day has five texts that were looked at, so that none has a distance.")
        return
    charts.trend(frame)
    shown.quiet(
        "Each day's distance from the first side, of which 0 is expected. 95 % of as many texts drawn from "
        "both together lie within the grey; a day differs where it is over that with all days in mind (Holm)."
    )
    if (frame["side"] == "first").any():
        shown.quiet("Squares are days of the first side, each held against the other days of it.")


def _words(found: Shift) -> None:
    st.subheader("Words that mark each side", anchor=False, divider="gray")
    left, right = st.columns(2, gap="medium")
    for place, title, tokens in (
        (left, "More in the first", found.reference_tokens),
        (right, "More in the second", found.current_tokens),
    ):
        with place:
            st.text(title)
            shown.block("  ".join(tokens) or "-")


def _examples(found: Shift) -> None:
    st.subheader("Texts of the second side", anchor=False, divider="gray")
    left, right = st.columns(2, gap="medium")
    for place, title, texts in (
        (left, "Least like the first side", found.foreign),
        (right, "Most like the first side", found.typical),
    ):
        with place:
            st.text(title)
            for each in texts:
                shown.text(each.where)
                shown.block(each.text)


show()
