"""What came back from production: records by page, one of them whole, and what people said of it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from dashboards import caseform, frames, recordform, recordframes, recordreading, shown, sides, urlstate
from promptops import Feedback, PromptopsError, Record, RecordFilter, chosen_records
from promptops.texts.figures import counted

RECORDS = 50
OF_A_PAGE = ("page", "record")
WHEN = {
    "": "all that are kept",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "28d": "the last 28 days",
}
SAID = {
    "": "whatever was said",
    "bad": "found bad by somebody",
    "good": "found good by somebody",
    "any": "of which something was said",
}
ENDED = {"": "answered or not", "failed": "without an answer", "answered": "answered"}


def show() -> None:
    """Draw the page."""
    st.header("Production", anchor=False)
    try:
        wanted = _wanted()
        count = recordreading.count(wanted)
        if count:
            _records(wanted, count)
        elif recordreading.count(RecordFilter()):
            st.text("No record is like that. Choose less away.")
        else:
            shown.empty(recordreading.NOTHING, recordreading.LOG)
        _record()
    except PromptopsError as error:
        shown.refuse(error)


def _wanted() -> RecordFilter:
    """Draw the boxes; return which records are wanted."""
    places = st.columns(5, gap="small")
    with places[0]:
        prompt = _prompt()
    with places[1]:
        when = sides.choice("When", "when", WHEN, "", OF_A_PAGE)
    with places[2]:
        day = _day()
    with places[3]:
        said = sides.choice("Feedback", "said", SAID, "", OF_A_PAGE)
    with places[4]:
        ended = sides.choice("Ended", "ended", ENDED, "", OF_A_PAGE)
    return chosen_records(
        # To the minute: the same look a moment later is the same question.
        now=datetime.now(UTC).replace(second=0, microsecond=0),
        prompt=prompt or None,
        since=day or when or None,
        until=day or None,
        failed=None if not ended else ended == "failed",
        good=None if said not in ("bad", "good") else said == "good",
        with_feedback=said == "any",
    )


def _prompt() -> str:
    """Draw the box for a prompt, one of its versions or aliases; also one that is not registered."""
    wanted = urlstate.read("prompt")
    names = list(dict.fromkeys([*recordreading.prompts(), *([wanted] if wanted else [])]))
    key = "url-prompt"
    st.session_state[key] = wanted or None

    def keep() -> None:
        urlstate.write(prompt=str(st.session_state[key] or "").strip(), page="", record="")

    st.selectbox(
        "Prompt",
        names,
        key=key,
        format_func=frames.cell,
        on_change=keep,
        accept_new_options=True,
        placeholder="all",
    )
    return wanted


def _day() -> str:
    """Draw the box for one day; empty where none is chosen."""
    written = urlstate.read("day")
    try:
        chosen = date.fromisoformat(written) if written else None
    except ValueError:
        chosen = None
    key = "url-day"
    st.session_state[key] = chosen

    def keep() -> None:
        found = st.session_state[key]
        urlstate.write(day="" if found is None else found.isoformat(), page="", record="")

    st.date_input("Day", value=None, key=key, on_change=keep, format="YYYY-MM-DD")
    return "" if chosen is None else chosen.isoformat()


def _records(wanted: RecordFilter, count: int) -> None:
    shown.text(f"{counted(count, 'record')}, the newest first")
    page = urlstate.page("page", count, RECORDS, forget=("record",))
    found, said = recordreading.page(wanted, RECORDS, page * RECORDS)
    frame = recordframes.records_frame(found, said)
    ids = [each.id for each in found]
    chosen = urlstate.read("record")

    def keep(rows: list[int]) -> None:
        urlstate.write(record=ids[rows[0]] if rows else "")

    key = f"records-{hash(wanted)}-{page}"
    changed = urlstate.selected(key, [ids.index(chosen)] if chosen in ids else [], keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config=shown.columns(frame, right=("seconds",)),
        height=420 if len(frame) > 10 else "auto",
        alt="Records of production, the newest first",
    )
    if not chosen:
        st.caption("Tick a record to read it, and to say something of it.")


def _record() -> None:
    reference = urlstate.read("record")
    if not reference:
        return
    found, said, scores = recordreading.record(reference)
    st.subheader("Record", anchor=False, divider="gray")
    shown.text("   ".join(f"{name}: {fact}" for name, fact in recordframes.facts(found).items()))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Asked**")
        for name, given in found.inputs.items():
            shown.text(name)
            shown.value(given)
    with right:
        st.markdown("**Answered**")
        if found.output is None:
            shown.text(f"No answer: {found.error or 'it is not known why'}.")
        else:
            shown.whole(found.output, f"part-{found.id}")
    if found.metadata:
        with st.expander("What else was logged with it"):
            shown.value(found.metadata)
    for score in scores:
        told = f"unscored: {score.unscored}" if score.value is None else f"{score.value:.4g}"
        shown.text(f"{score.label}: {told}   {score.reason}")
    _said(found, said)
    recordform.show(found)
    st.markdown("**Make a case of it**")
    caseform.show([found.id], f"record-{found.id}")
    st.code(f"promptops records show {shown.quoted(found.id)}", language="shell")


def _said(found: Record, said: tuple[Feedback, ...]) -> None:
    st.markdown("**Said of it**")
    if not said:
        st.text("Nothing yet.")
    for each in said:
        shown.text(recordframes.said_in_short(each))
        if each.comment:
            shown.block(each.comment)
        if each.edit is not None:
            st.text("the answer as it should have been:")
            shown.block(each.edit)


show()
