"""The cases of a comparison: a sorted, paged list, and one case after the other by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboards import drilldown, frames, reading, shown, urlstate
from promptops import Case, Run
from promptops.texts.figures import signed

SIZE = 50
KINDS = {"": "all", "up": "higher", "down": "lower", "same": "unchanged", "none": "not measured"}


@dataclass(frozen=True)
class Side:
    """What a run is compared with: another run, or the file of an accepted one."""

    reference: str
    """The id of a run, or the path of a baseline."""
    run: Run


def show(baseline: Side, candidate: Run, metric: str, part: str | None) -> None:
    """Draw the list of cases by how much a metric changed, and the chosen case."""
    st.subheader("Cases by change", anchor=False, divider="gray")
    changes = reading.changes(baseline.reference, candidate.id, metric, part)
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
    baseline: Side,
    candidate: Run,
    metric: str,
    chosen: str,
) -> None:
    before, after = _cases(baseline, candidate, listed)
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
    ids: list[str], chosen: str, changes: Mapping[str, float | None], baseline: Side, candidate: Run
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
    repeat = _repeat(max(baseline.run.repeats, candidate.repeats))
    before, after = _cases(baseline, candidate, [chosen], repeat)
    drilldown.two_runs(reading.sample(candidate.id, chosen), before.get(chosen), after.get(chosen))


def _go(ids: list[str], place: int) -> None:
    urlstate.write(case=ids[place], page="", repeat="")


def _repeat(repeats: int) -> int:
    if repeats == 1:
        return 0
    numbers = [str(number) for number in range(repeats)]
    return int(urlstate.choice("Repeat", "repeat", numbers, shown=str, default="0"))


def _cases(
    baseline: Side, candidate: Run, ids: list[str], repeat: int = 0
) -> tuple[dict[str, Case], dict[str, Case]]:
    found = reading.paired_cases(baseline.reference, candidate.id, ids, repeat)
    before = {name: case for name, (case, _) in found.items() if case is not None}
    after = {name: case for name, (_, case) in found.items() if case is not None}
    return before, after


def _kind(change: float | None) -> str:
    if change is None:
        return "none"
    return "up" if change > 0 else "down" if change < 0 else "same"


def _told(change: float | None) -> str:
    return "not measured in both runs" if change is None else f"changed by {signed(change)}"
