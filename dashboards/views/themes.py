"""What bad feedback is about: kinds of requests, how often each was bad, whether it grows."""

from __future__ import annotations

import shlex

import streamlit as st

from dashboards import caseform, frames, recordreading, shown, sides, themeframes, urlstate
from dashboards.opened import project
from promptops import PromptopsError, RecordFilter, Themes, kind_tags
from promptops.texts.figures import counted

WHAT_FOR = (
    "Sorts the records that users judged into kinds, by their words: how often each was found bad, beside "
    "the rest, and whether it grows. No model is asked."
)
SORTED = "sorted"
SINCE = {
    "7d": "the last 7 days",
    "28d": "the last 28 days",
    "90d": "the last 90 days",
    "365d": "the last year",
}
ABOUT = {"requests": "what was asked", "comments": "what was said of bad answers"}
COUNTS = {"": "as many as lie apart", **{str(n): str(n) for n in (2, 3, 4, 6, 8, 10, 12, 15, 20)}}
OF_THEMES = (SORTED, "theme")
MOST = 20
"""Records of a theme that cases are made of at once."""
SECONDS = 300.0
"""How long themes are remembered: production goes on, and to sort it takes a while."""


def show() -> None:
    """Draw the page."""
    st.header("Themes", anchor=False)
    try:
        if not recordreading.count(RecordFilter()):
            shown.empty(recordreading.NOTHING, recordreading.LOG)
        prompt, since, about, field, count = _chosen()
        st.button("Sort", type="primary", on_click=urlstate.write, kwargs={SORTED: "1"})
        if not urlstate.read(SORTED):
            shown.quiet(WHAT_FOR)
            return
        with st.spinner("Sorting records"):
            found = _themes(project().settings.database, prompt, since, about, field, count)
        _found(found)
        of = ["--prompt", prompt] if prompt else []
        which = [*(["--field", field] if field else []), *(["--themes", count] if count else [])]
        command = shlex.join(
            ["promptops", "records", "themes", *of, "--since", since, "--about", about, *which]
        )
        shown.block(command, language="shell")
    except PromptopsError as error:
        shown.refuse(error)


def _chosen() -> tuple[str, str, str, str, str]:
    places = st.columns(5)
    with places[0]:
        prompts = {"": "all", **{name: frames.cell(name) for name in recordreading.prompts()}}
        prompt = sides.choice("Prompt", "prompt", prompts, "", OF_THEMES)
    with places[1]:
        since = sides.choice("Since", "since", SINCE, "28d", OF_THEMES)
    with places[2]:
        about = sides.choice("Sorted by", "about", ABOUT, "requests", OF_THEMES)
    with places[3]:
        count = sides.choice("Themes", "themes", COUNTS, "", OF_THEMES)
    if about == "comments":
        return prompt, since, about, "", count
    with places[4]:
        there = sides.fields(f"{sides.RECORDS}prompt={prompt}" if prompt else sides.RECORDS)
        field = sides.field_choice("Which input", "field", there, "the usual one", OF_THEMES)
    return prompt, since, about, field, count


@st.cache_data(max_entries=8, ttl=SECONDS, show_spinner=False)
def _themes(database: str, prompt: str, since: str, about: str, field: str, count: str) -> Themes:
    return project().themes(
        prompt or None,
        since=since,
        about="comments" if about == "comments" else "requests",
        field=field or None,
        count=int(count) if count else None,
    )


def _found(found: Themes) -> None:
    shown.lead(found.sentence)
    for note in found.notes:
        shown.text(f"Note: {note}")
    if not found.measured:
        shown.text(f"No themes: {found.reason}.")
        return
    frame = themeframes.themes_frame(found)
    names = [str(each.number) for each in found.themes]
    wanted = urlstate.read("theme")

    def keep(rows: list[int]) -> None:
        urlstate.write(theme=names[rows[0]] if rows else "")

    key = f"themes-{found.about}-{len(names)}"
    changed = urlstate.selected(key, [names.index(wanted)] if wanted in names else [], keep)
    columns = shown.columns(frame, right=("bad", "people", "share", "95 %", "elsewhere", "p"))
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config={**columns, "over time": st.column_config.BarChartColumn(y_min=0)},
        alt="Themes of feedback, the one with most bad records first",
    )
    shown.quiet(
        "Bad: records found bad, of those judged; people: the persons or conversations behind these. "
        f"The p-value holds a kind against the others ({found.test_name}, Holm over all). "
        f"Over time: bad records in each of {len(found.periods)} periods, from {found.periods[0]} on; rising "
        f"and falling by a trend among all judged records ({found.trend_name}, Holm). Two "
        "words mark a theme; it may be an accident of sorting, so look at its records."
    )
    if wanted in names:
        _theme(found, names.index(wanted))
    else:
        st.caption("Tick a theme to read its records, and to make cases of them.")


def _theme(found: Themes, number: int) -> None:
    theme = found.themes[number]
    st.subheader("Theme", anchor=False, divider="gray")
    shown.text(themeframes.called(found, number))
    if theme.good_name:
        shown.quiet(
            f"A mixture: what is good of this kind is about {theme.good_name!r}. Read before you make cases."
        )
    for place, each in enumerate(theme.examples):
        left, right = st.columns(2, gap="medium")
        with left:
            shown.block(each.request)
        with right:
            shown.block(each.comment or "(nothing was said in words)")
            if st.button("Read this record", key=f"read-{theme.number}-{place}"):
                st.switch_page("views/production.py", query_params={"record": each.record})
    st.markdown("**Make cases of its records**")
    records = project().spread_records(theme.records, most=MOST)
    if len(records) < theme.bad:
        shown.quiet(
            f"{len(records)} of its {counted(theme.bad, 'bad record')}: few of each person and conversation, "
            "those nearest to its middle first."
        )
    caseform.show(records, f"theme-{theme.number}-{theme.bad}", kind_tags(theme.name))


show()
