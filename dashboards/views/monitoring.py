"""Production over time: errors, refusals, latency, feedback and checks, and where they changed."""

from __future__ import annotations

import shlex
from typing import Literal, NamedTuple

import streamlit as st

from dashboards import charts, frames, monitorframes, recordreading, shown, sides, urlstate
from dashboards.opened import project
from promptops import Monitor, PromptopsError, RecordFilter
from promptops.texts.figures import costs_text, counted

LOOKED = "looked"
SINCE = {"24h": "24 hours", "7d": "7 days", "28d": "28 days", "90d": "90 days"}
BY: dict[str, Literal["day", "hour", "version", "alias", "model"]] = {
    "day": "day",
    "hour": "hour",
    "version": "version",
    "alias": "alias",
    "model": "model",
}
OF_A_LOOK = (LOOKED, "measure")
SECONDS = 60.0
"""How long a look is remembered: production goes on, and a look reads all records of the time."""


class Look(NamedTuple):
    """What is looked at."""

    prompt: str
    since: str
    by: str

    @property
    def command(self) -> str:
        """The command that prints the same."""
        of = ["--prompt", self.prompt] if self.prompt else []
        return shlex.join(["promptops", "monitor", *of, "--since", self.since, "--by", self.by])


def show() -> None:
    """Draw the page."""
    st.header("Monitoring", anchor=False)
    try:
        if not recordreading.count(RecordFilter()):
            shown.empty(recordreading.NOTHING, recordreading.LOG)
        look = _look()
        st.button("Look", type="primary", on_click=urlstate.write, kwargs={LOOKED: "1"})
        if not urlstate.read(LOOKED):
            shown.quiet(
                "Reads all records of that time. Intervals hold at every look, so that looking each morning "
                "is no harm. Answers are not scored here: promptops monitor does that."
            )
            return
        with st.spinner("Reading records"):
            found = _monitor(project().settings.database, look)
        _found(found)
        shown.block(look.command, language="shell")
    except PromptopsError as error:
        shown.refuse(error)


def _look() -> Look:
    places = st.columns(3)
    with places[0]:
        prompts = {"": "all", **{name: frames.cell(name) for name in recordreading.prompts()}}
        prompt = sides.choice("Prompt", "prompt", prompts, "", OF_A_LOOK)
    with places[1]:
        since = sides.choice("Since", "since", SINCE, "28d", OF_A_LOOK)
    with places[2]:
        by = sides.choice("A row for each", "by", dict(BY), "day", OF_A_LOOK)
    return Look(prompt, since, by)


@st.cache_data(max_entries=8, ttl=SECONDS, show_spinner=False)
def _monitor(database: str, look: tuple[str, str, str]) -> Monitor:
    prompt, since, by = look
    return project().monitor(prompt or None, since=since, by=BY[by], score=False)


def _found(found: Monitor) -> None:
    whole = found.whole
    calls = round(whole.calls)
    stand_for = "" if whole.records == calls else f", which stand for {counted(calls, 'call')}"
    first, last = frames.moment(found.since), frames.moment(found.until)
    shown.lead(f"{counted(whole.records, 'record')}{stand_for}, {first} to {last} UTC")
    shown.quiet(costs_text(whole.costs.total, whole.costs.each, whole.costs.known))
    for note in found.notes:
        shown.text(f"Note: {note}")
    left, right = st.columns([5, 6], gap="medium")
    with left:
        shown.table(
            monitorframes.whole_frame(found),
            right=("figure", "95 %, at every look", "n"),
            alt="Each measure over the whole time",
        )
    with right:
        names = list(whole.measures)
        measure = urlstate.choice("Measure", "measure", names, shown=frames.cell, default=names[0])
        series = monitorframes.series_frame(found, measure)
        if series.empty:
            st.text("No row has a figure of it.")
        else:
            charts.series(series, shares=str(series["figure"].iloc[0]).endswith("%"))
            shown.quiet(
                "Bars are the intervals. A red square is where the series changed, a red triangle a single "
                "day far off the others."
            )
    if found.changes:
        st.subheader("Changes", anchor=False, divider="gray")
        shown.table(
            monitorframes.changes_frame(found),
            right=("before", "after", "p"),
            alt="Where the series changed",
        )
    if found.far_days:
        st.subheader("Single days far off the others", anchor=False, divider="gray")
        shown.table(
            monitorframes.far_days_frame(found),
            right=("figure", "expected", "n", "p"),
            alt="Days on which a measure lies far off the others",
        )
        shown.quiet("95 % of such days lie in the expected range; p is over all days and measures.")
    if found.deploys:
        st.subheader("Versions", anchor=False, divider="gray")
        shown.table(
            monitorframes.deploys_frame(found),
            right=("before", "after", "change"),
            alt="Each measure before and after a version came",
        )
        shown.quiet("The change's bounds hold at every look; where they leave out 0, it is certain.")


show()
