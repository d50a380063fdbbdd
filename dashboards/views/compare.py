"""Two sides on the same samples: the verdict, what changed and how sure that is, and every case."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import streamlit as st

from dashboards import casebrowser, frames, lead, reading, shown, slicetable, urlstate
from dashboards.casebrowser import Side
from promptops import (
    ORIGIN_SLICES,
    Comparison,
    PromptopsError,
    Run,
    Verdict,
    changes_plot,
    evidence_of,
    judge_lines,
    preference_sentences,
    smallest_change,
    verdicts,
)

BOUNDS = ("baseline", "candidate", "change", "[L, U]", "p", "sees")
OF_A_CASE = ("page", "case", "repeat")


def show() -> None:
    """Draw the page."""
    st.header("Compare", anchor=False)
    try:
        baseline, candidate = _sides()
        comparison = reading.comparison(baseline.reference, candidate.id)
        found = reading.verdict(candidate.evalset, baseline.reference, candidate.id)
        lead.show(comparison, found)
        metric, part = _figures(comparison, found)
        _preference(baseline.reference, candidate.id)
        chosen = (run.part.failed_from for run in (baseline.run, candidate) if run.part is not None)
        if candidate.status != "stopped" and not any(chosen):
            slicetable.show(reading.slices(candidate.evalset, baseline.reference, candidate.id, metric))
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


def _figures(comparison: Comparison, found: Verdict | str) -> tuple[str, str | None]:
    """Draw the boxes and the figures; return the metric and the slice that were chosen."""
    labels = list(dict.fromkeys(delta.label for delta in comparison.deltas))
    rows = () if isinstance(found, str) else evidence_of(found)
    first = next((row.metric for row in rows if row.leads and row.metric in labels), labels[0])
    slices = list(dict.fromkeys(delta.slice for delta in comparison.deltas if delta.slice is not None))
    st.subheader("Metrics", anchor=False, divider="gray")
    left, right = st.columns([13, 10], gap="medium")
    with left:
        boxes = st.columns(2)
        with boxes[0]:
            metric = urlstate.choice(
                "Metric", "metric", labels, shown=frames.cell, default=first, forget=OF_A_CASE
            )
        with boxes[1]:
            chosen = urlstate.choice(
                "Slice", "slice", ["", *slices], shown=_slice_name, default="", forget=OF_A_CASE
            )
        part = chosen or None
        told = (None, *ORIGIN_SLICES) if part is None else (part,)
        st.markdown("**Every metric** on the chosen slice")
        shown.table(
            frames.deltas_frame(delta for delta in comparison.deltas if delta.slice in told),
            right=BOUNDS,
            alt="Every metric's change with its bounds, p-value and number of cases",
        )
        lines = judge_lines(comparison.judges)
        if lines:
            st.markdown("**Beside the judges' figures**")
            shown.text("\n".join(f"• {line}" for line in lines))
        delta = next(each for each in comparison.deltas if (each.label, each.slice) == (metric, part))
        st.markdown("**What could have been seen**")
        shown.text(smallest_change(delta))
        shown.quiet(
            f"[L, U]: one-sided bounds at alpha = {delta.alpha:g} each, the gate's own; p: one-sided, for "
            "the side the change lies on; sees: the smallest change that so many cases show in 80 of 100 "
            "comparisons."
        )
    with right:
        _plot(comparison, delta)
    return metric, part


def _preference(baseline: str, candidate: str) -> None:
    """Show what a pairwise judge said, where `promptops compare --pairwise` asked one."""
    found = reading.preference(baseline, candidate)
    if found is None:
        return
    st.subheader("Side by side before a judge", anchor=False, divider="gray")
    first, *more = preference_sentences(found)
    shown.lead(first)
    for told in (*more, *(f"Note: {each}" for each in found.warnings)):
        shown.text(told)


def _plot(comparison: Comparison, delta: verdicts.Delta) -> None:
    st.markdown("**Change of each case**")
    changes = reading.changes(comparison.baseline, comparison.candidate, delta.label, delta.slice)
    drawn = changes_plot([each for each in changes.values() if each is not None], delta)
    if drawn is None:
        st.caption("No case has a figure in both runs.")
    else:
        shown.plot(drawn)


def _slice_name(name: str) -> str:
    return frames.cell(name) if name else frames.WHOLE


show()
