"""The cases of a comparison: a sorted, paged list, and one case after the other by key."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboards import drilldown, frames, reading, shown, urlstate
from promptops import Case, Run
from promptops.figures import signed

SIZE = 50
KINDS = {"": "all", "up": "higher", "down": "lower", "same": "unchanged", "none": "not measured"}


def show(baseline: Run, candidate: Run, metric: str, part: str | None) -> None:
    """Draw the list of cases by how much a metric changed, and the chosen case."""
    st.subheader("Cases by change", anchor=False, divider="gray")
    changes = reading.changes(baseline.id, candidate.id, metric, part)
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        kind = urlstate.choice(
            "Show", "show", list(KINDS), shown=KINDS.__getitem__, default="", forget=("page", "case")
        )
    ids = [name for name, change in changes.items() if kind in {"", _kind(change)}]
    if not ids:
        st.caption("There is no such case.")
        return
    named = urlstate.read("case")
    with right:
        home = ids.index(named) // SIZE if named in ids else 0
        page = urlstate.page("page", len(ids), SIZE, default=home, forget=("case", "repeat"))
    chosen = named or ids[page * SIZE]
    listed = ids[page * SIZE : (page + 1) * SIZE]
    _table(listed, changes, baseline, candidate, metric, chosen)
    _case(ids, chosen, changes, baseline, candidate)


def _table(
    listed: list[str],
    changes: Mapping[str, float | None],
    baseline: Run,
    candidate: Run,
    metric: str,
    chosen: str,
) -> None:
    before, after = (_by_sample(run, listed) for run in (baseline, candidate))
    frame = frames.pairs_frame(listed, changes, before, after, metric)

    def keep(rows: list[int]) -> None:
        urlstate.write(case=listed[rows[0]] if rows else "", repeat="")

    key = "pairs"
    changed = urlstate.selected(key, [listed.index(chosen)] if chosen in listed else [], keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config=shown.columns(frame),
        height=300,
        alt="Cases of both runs, the largest change first",
    )


def _case(
    ids: list[str], chosen: str, changes: Mapping[str, float | None], baseline: Run, candidate: Run
) -> None:
    place = ids.index(chosen) if chosen in ids else None
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, step, key in (("Previous", -1, "K"), ("Next", 1, "J")):
            target = None if place is None else place + step
            possible = target is not None and 0 <= target < len(ids)
            st.button(
                label,
                shortcut=key,
                disabled=not possible,
                on_click=_go,
                args=(ids, target),
            )
        if place is not None:
            st.text(f"case {place + 1} of {len(ids)}")
        shown.text(f"{chosen}   {_told(changes.get(chosen))}")
    repeat = _repeat(max(baseline.repeats, candidate.repeats))
    before, after = (_by_sample(run, [chosen], repeat).get(chosen) for run in (baseline, candidate))
    drilldown.two_runs(reading.sample(candidate.id, chosen), before, after)


def _go(ids: list[str], place: int) -> None:
    urlstate.write(case=ids[place], page="", repeat="")


def _repeat(repeats: int) -> int:
    if repeats == 1:
        return 0
    numbers = [str(number) for number in range(repeats)]
    return int(urlstate.choice("Repeat", "repeat", numbers, shown=str, default="0"))


def _by_sample(run: Run, ids: list[str], repeat: int = 0) -> dict[str, Case]:
    found = reading.some_cases(run.id, tuple(ids))
    return {case.result.sample_id: case for case in found if case.result.repeat == repeat}


def _kind(change: float | None) -> str:
    if change is None:
        return "none"
    return "up" if change > 0 else "down" if change < 0 else "same"


def _told(change: float | None) -> str:
    return "not measured in both runs" if change is None else f"changed by {signed(change)}"
