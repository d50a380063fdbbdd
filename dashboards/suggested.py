"""Texts of production to add: read, tick, and take over as candidates for the set."""

from __future__ import annotations

import streamlit as st

from dashboards import frames, shown, sides, textframes, urlstate
from dashboards.opened import project
from dashboards.sides import Measure
from promptops import PromptopsError, SetCoverage
from promptops.texts.figures import counted

WRITTEN, TOLD, TARGETS = "written-candidates", "told-of-candidates", "candidate-targets"
NONE = "none"
"""What the address says where every tick was taken away; at first what newly covers something is ticked."""
LEAST = 0.0005
"""The share of production that is told as 0.1 %, and no longer as 0.0 %."""


def show(found: SetCoverage, wanted: Measure) -> None:
    """Draw the suggestions with their ticks, and the button that writes them down."""
    if not wanted.suggest:
        return
    st.subheader("Cases to add", anchor=False, divider="gray")
    _told(wanted)
    if not found.suggestions:
        st.text("Nothing to add: no text would bring production nearer to the set.")
        return
    ticked = _ticked(found)
    shown.quiet(
        "The ticked ones are taken; at first those that newly cover something. Newly covered: the share of "
        "production that was far from every case and is near this one; mass: the share that would be nearest "
        "to it. Without a kind, a case is near it already."
    )
    _whole(found, wanted)
    _write(found, wanted, ticked)


def _ticked(found: SetCoverage) -> list[int]:
    """Draw the table; return the places of what is ticked."""
    frame = textframes.suggestions_frame(found)
    said = urlstate.read_all("add")
    everything = range(len(found.suggestions))
    usual = [place for place in everything if found.suggestions[place].covered >= LEAST]
    named = [place for place in everything if str(found.suggestions[place].index) in said]
    rows = named if said else usual

    def keep(rows: list[int]) -> None:
        names = [str(found.suggestions[place].index) for place in rows]
        urlstate.write(add="" if sorted(rows) == usual else names or NONE)

    key = f"suggested-{found.evalset}-{found.production}-{len(everything)}"
    changed = urlstate.selected(key, rows, keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="multi-row",
        column_config=shown.columns(frame, right=("newly covered", "mass")),
        height="auto" if len(frame) <= 10 else 400,
        alt="Texts of production to add to the set",
    )
    return rows


def _whole(found: SetCoverage, wanted: Measure) -> None:
    """Draw one suggestion whole, and a box for what should be answered to it."""
    names = {
        str(place): f"{frames.cell(each.where)}   {frames.cell(each.text)}"
        for place, each in enumerate(found.suggestions)
    }
    each = found.suggestions[int(sides.choice("Read", "read", names, "0"))]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        shown.whole(each.text, f"suggested-{each.index}")
    with right:
        key = f"target-{wanted.evalset}-{wanted.production}-{each.index}"

        def keep() -> None:
            # Boxes that are not drawn forget what stands in them.
            st.session_state[TARGETS] = {**_targets(), (wanted.production, each.index): st.session_state[key]}

        st.text_area(
            "What should be answered",
            value=_targets().get((wanted.production, each.index), ""),
            key=key,
            on_change=keep,
            height=110,
            help="Its target; where the set's metrics need none, leave it empty.",
        )


def _targets() -> dict[tuple[str, int], str]:
    """Return what was written as targets, by file and place of the text."""
    found: dict[tuple[str, int], str] = st.session_state.get(TARGETS, {})
    return found


def _write(found: SetCoverage, wanted: Measure, ticked: list[int]) -> None:
    chosen = found.model_copy(
        update={
            "production": sides.located(found.production),
            "suggestions": tuple(found.suggestions[place] for place in ticked),
        }
    )
    targets = {
        each.index: target
        for each in chosen.suggestions
        if (target := _targets().get((wanted.production, each.index), "").strip())
    }
    wish = (wanted, tuple(each.index for each in chosen.suggestions), targets)
    done, file = st.session_state.get(WRITTEN, ((), ""))

    def tell(sentence: str, copied: str = "", *more: tuple[str, str]) -> None:
        st.session_state[TOLD] = (wanted.evalset, wanted.production, ((sentence, copied), *more))

    def write() -> None:
        # A click that comes twice writes one file.
        if st.session_state.get(WRITTEN, ((), ""))[0] == wish:
            return
        file = _free_name()
        try:
            count = project().write_candidates(
                chosen, project().root / file, field=wanted.field or None, targets=targets
            )
        except PromptopsError as error:
            tell(str(error))
        else:
            st.session_state[WRITTEN] = (wish, file)
            tell(
                f"Wrote {counted(count, 'candidate')} to {file}. "
                "Review them (names and streets are not taken out), give targets to those that lack one, "
                "then take them into the set."
            )

    def take() -> None:
        if st.session_state.pop(WRITTEN, None) is None:
            return  # A click that comes twice takes them once.
        try:
            added = project().add_samples(wanted.evalset, project().root / file)
        except PromptopsError as error:
            st.session_state[WRITTEN] = (done, file)
            tell(str(error))
        else:
            count, alike = len(added.samples), len(added.alike)
            pairs = counted(alike, "pair is", "pairs are")
            near = f" {pairs} nearly the same as what was there." if alike else ""
            tell(
                f"Took {counted(count, 'sample')} into {wanted.evalset}, which had {added.before}.{near} "
                "The figures above are those with them. Commit the set's files, then evaluate again:",
                f"promptops eval {shown.quoted(wanted.evalset)} --prompt FILE",
                *((rule.sentence, rule.toml) for rule in added.rules),
            )
            # What was ticked and read was said of other suggestions.
            urlstate.write(add="", read="", point="", kind="")

    with st.container(horizontal=True):
        st.button(
            "Write candidates",
            type="primary" if done != wish else "secondary",
            disabled=not ticked or done == wish,
            on_click=write,
            help="Writes them as samples to be reviewed, without secrets, addresses and numbers of people.",
        )
        st.button(
            "Take them into the set",
            type="primary" if done == wish else "secondary",
            disabled=done != wish,
            on_click=take,
            help="Adds what stands in the file now, all or none, as promptops evalset add does.",
        )


def _told(wanted: Measure) -> None:
    """Tell what became of the last click, if it was about this set and production."""
    *about, told = st.session_state.get(TOLD, ("", "", ()))
    if about == [wanted.evalset, wanted.production]:
        shown.told(told)


def _free_name() -> str:
    """Return the name of a file that isn't there yet: nothing is overwritten."""
    names = ("candidates.jsonl", *(f"candidates-{number}.jsonl" for number in range(2, 1000)))
    return next((name for name in names if not (project().root / name).exists()), names[0])
