"""Two sides on the same samples: the verdict, what changed and how sure that is, and every case."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import streamlit as st

from dashboards import casebrowser, charts, frames, reading, shown, urlstate
from dashboards.casebrowser import Side
from promptops import Comparison, PromptopsError, Run, Verdict
from promptops import types as nouns

BOUNDS = ("baseline", "candidate", "change", "[L, U]", "p", "sees")
OF_A_CASE = ("page", "case", "repeat")


def show() -> None:
    """Draw the page."""
    st.header("Compare", anchor=False)
    try:
        baseline, candidate = _sides()
        comparison = reading.comparison(baseline.reference, candidate.id)
        found = reading.verdict(candidate.evalset, baseline.reference, candidate.id)
        _verdict(found)
        _notes(comparison, found)
        metric, part = _figures(comparison)
        casebrowser.show(baseline, candidate, metric, part)
    except PromptopsError as error:
        shown.refuse(error)


def _sides() -> tuple[Side, Run]:
    """Draw the boxes; return the baseline, a run or an accepted file, and the run that is the candidate."""
    newest = reading.runs(reading.PICKED_FROM, 0, None)
    if not newest:
        _nothing_to_compare()
    candidate = reading.run(urlstate.read("candidate") or newest[0].id)
    accepted = {
        Path(path).name: Side(path, found) for path, found in reading.baselines(candidate.evalset).items()
    }
    others = [run for run in newest if run.id != candidate.id]
    named = urlstate.read("baseline")
    if named in accepted:
        baseline, chosen = accepted[named], named
    else:
        if not named and not others and not accepted:
            _nothing_to_compare()
        of_the_set = [run for run in others if run.evalset == candidate.evalset]
        run = reading.run(named) if named else next(iter([*of_the_set, *others]), None)
        chosen = run.id if run else next(iter(accepted))
        baseline = Side(run.id, run) if run else accepted[chosen]
    # An abbreviated id in a link is written out, so that the boxes can be bound to it.
    urlstate.write(baseline=chosen, candidate=candidate.id)
    known = {run.id: shown.run_name(run) for run in (*newest, candidate)}
    first = {**{name: shown.baseline_name(name, side.run) for name, side in accepted.items()}, **known}
    first.setdefault(chosen, shown.run_name(baseline.run))
    left, right, swap = st.columns([10, 10, 1.4], vertical_alignment="bottom")
    with left:
        _box("Baseline", "baseline", first)
    with right:
        _box("Candidate", "candidate", known)
    with swap:
        st.button(
            "Swap",
            on_click=_swap,
            args=(chosen, candidate.id),
            disabled=chosen in accepted,
            help="Take the other as the baseline; an accepted file can be nothing else",
        )
    return baseline, candidate


def _nothing_to_compare() -> NoReturn:
    shown.empty(
        "A comparison needs two runs of one evaluation set, or a run and an accepted baseline. "
        "Make another run, then reload this page:",
        "promptops eval EVALSET --prompt OTHER_FILE --model PROVIDER/MODEL",
    )


def _box(label: str, name: str, known: dict[str, str]) -> None:
    urlstate.choice(label, name, list(known), shown=known.__getitem__, default="", forget=OF_A_CASE)


def _swap(baseline: str, candidate: str) -> None:
    urlstate.write(baseline=candidate, candidate=baseline)


def _verdict(found: Verdict | str) -> None:
    if isinstance(found, str):
        with st.expander("No verdict", icon=":material/gavel:"):
            shown.text(found)
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(found.outcome.replace("_", " "), color=shown.MARKS[found.outcome])
            shown.text(found.reason)
        with st.expander("Rules"):
            shown.table(frames.rules_frame(found), alt="Each gate rule with its verdict and evidence")


def _notes(comparison: Comparison, found: Verdict | str) -> None:
    told = dict.fromkeys((*comparison.warnings, *(found.warnings if isinstance(found, Verdict) else ())))
    for warning in told:
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            st.badge("note", color="orange")
            shown.text(warning)


def _figures(comparison: Comparison) -> tuple[str, str | None]:
    labels = list(dict.fromkeys(delta.label for delta in comparison.deltas))
    slices = list(dict.fromkeys(delta.slice for delta in comparison.deltas if delta.slice is not None))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        boxes = st.columns(2)
        with boxes[0]:
            metric = urlstate.choice(
                "Metric", "metric", labels, shown=frames.cell, default=labels[0], forget=OF_A_CASE
            )
        with boxes[1]:
            chosen = urlstate.choice(
                "Slice", "slice", ["", *slices], shown=_slice_name, default="", forget=OF_A_CASE
            )
        part = chosen or None
        st.markdown("**Every metric** on the chosen slice")
        shown.table(
            frames.deltas_frame(delta for delta in comparison.deltas if delta.slice == part),
            right=BOUNDS,
            alt="Every metric's change with its bounds, p-value and number of cases",
        )
        if slices:
            st.markdown("**Every slice** by the chosen metric")
            shown.table(
                frames.deltas_frame(
                    (delta for delta in comparison.deltas if delta.label == metric), by_slice=True
                ),
                right=BOUNDS,
                alt="The chosen metric's change on every slice",
            )
        alpha = comparison.deltas[0].alpha
        st.caption(
            f"[L, U]: one-sided bounds at alpha = {alpha:g} each, the gate's own; p: one-sided, for the side "
            "the change lies on; sees: the smallest change that so many cases show in 80 of 100 comparisons."
        )
    with right:
        delta = next(each for each in comparison.deltas if (each.label, each.slice) == (metric, part))
        _plot(comparison, delta)
    return metric, part


def _plot(comparison: Comparison, delta: nouns.Delta) -> None:
    st.markdown("**Change of each case**")
    frame = frames.changes_frame(
        reading.changes(comparison.baseline, comparison.candidate, delta.label, delta.slice)
    )
    if frame.empty:
        st.caption("No case has a figure in both runs.")
        return
    st.altair_chart(
        charts.changes_chart(
            frame, delta.difference, delta.low, delta.high, higher_is_better=delta.higher_is_better
        ),
        width="stretch",
        alt="Paired differences of all cases, sorted, with the change of the whole and its bounds",
    )
    st.caption(
        "Line: the change of the whole. Band: its [L, U]. Green bars: better cases; red bars: worse ones."
    )


def _slice_name(name: str) -> str:
    return frames.cell(name) if name else frames.WHOLE


show()
