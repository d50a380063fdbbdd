"""One sample in full: what was asked, what was wanted, what was answered, and every score with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st

from dashboards import frames, shown
from dashboards.difftext import Part, side_html
from promptops import Case, Sample, word_diff
from promptops import types as nouns

DIFFED = 8_000
"""Characters of each text that are compared word by word; longer ones would keep the reader waiting."""


def one_run(sample: Sample, case: Case | None) -> None:
    """Draw a sample with one run's answer."""
    left, right = st.columns(2)
    with left:
        _question(sample)
    with right:
        st.markdown("**Answer**")
        _answer(case)
        _scores({"figure": case})


def two_runs(sample: Sample, before: Case | None, after: Case | None) -> None:
    """Draw a sample with the answers of two runs side by side."""
    sides = {"baseline": before, "candidate": after}
    first, second = frames.answer(before), frames.answer(after)
    parts = word_diff(first[:DIFFED], second[:DIFFED])
    if first and first == second:
        st.caption("Both answers are the same, character for character.")
    left, right = st.columns(2)
    with left:
        st.markdown("**Baseline**")
        _side(before, parts, "removed")
    with right:
        st.markdown("**Candidate**")
        _side(after, parts, "added")
    _scores(sides)
    _question(sample, side_by_side=True)


def _side(case: Case | None, parts: tuple[Part, ...], side: Literal["removed", "added"]) -> None:
    if not frames.answer(case):
        _answer(case)
        return
    st.html(side_html(parts, side))
    left = len(frames.answer(case)) - DIFFED
    if left > 0:
        st.caption(f"… {left} more characters are not compared here.")


def _question(sample: Sample, *, side_by_side: bool = False) -> None:
    places = st.columns(2) if side_by_side else [st.container(), st.container()]
    with places[0]:
        st.markdown("**Inputs**")
        for name, given in sample.inputs.items():
            shown.text(name)
            shown.value(given)
    with places[1]:
        st.markdown("**Targets**" if sample.target else "**No target**")
        for target in sample.target:
            shown.value(target)
        facts = {"tags": ", ".join(sample.tags), "group": sample.group, "origin": sample.origin}
        told = "   ".join(f"{name}: {fact}" for name, fact in facts.items() if fact)
        if told:
            shown.text(told)


def _answer(case: Case | None) -> None:
    if case is not None and case.result.failure is not None:
        failure = case.result.failure
        st.badge("no answer", color="red")
        status = f" (HTTP {failure.status})" if failure.status is not None else ""
        shown.text(f"{failure.kind}{status}, {len(failure.attempts)} attempts")
        shown.block(failure.message)
        _attempts(failure.attempts)
    elif case is None or case.result.completion is None:
        shown.text("There is no answer: it was left out, or the run has not come to it.")
    elif not case.result.completion.text:
        shown.text("The answer is empty.")
    else:
        shown.block(case.result.completion.text)
    if case is not None and case.result.completion is not None:
        completion = case.result.completion
        facts = {
            "ended": frames.ending(case),
            "tokens": _tokens(completion.tokens_in, completion.tokens_out),
            "seconds": None if completion.seconds is None else f"{completion.seconds:.2f}",
        }
        shown.text("   ".join(f"{name}: {fact}" for name, fact in facts.items() if fact))
        if completion.attempts:
            _attempts(completion.attempts)


def _attempts(attempts: Sequence[nouns.Attempt]) -> None:
    """Show every try at the call: what the server said is kept whether it helped or not."""
    shown.table(frames.attempts_frame(attempts), right=("seconds", "waited"), alt="Every try at this call")


def exchange(asked: Sequence[nouns.Message] | str, raw: object) -> None:
    """Draw what was sent, and what of the reply was kept beside its text."""
    with st.expander("The raw exchange"):
        if isinstance(asked, str):
            shown.text(asked)
        else:
            for message in asked:
                shown.text(message.role)
                shown.block(message.content)
        if raw is not None:
            shown.text("kept of the reply")
            shown.value(raw)


def _scores(sides: Mapping[str, Case | None]) -> None:
    st.markdown("**Scores**")
    shown.table(frames.scores_frame(sides), right=tuple(sides), alt="Every metric's figure on this sample")
    labels = dict.fromkeys(label for case in sides.values() if case for label in case.figures)
    for label in labels:
        told = [frames.reason(case, label) for case in sides.values()]
        if any(told):
            for column, why in zip(st.columns(len(told)), told, strict=True):
                with column:
                    shown.text(f"{label}: why")
                    shown.block(why or "no reason given")


def _tokens(into: int | None, out: int | None) -> str | None:
    return (
        None
        if into is None and out is None
        else f"{into if into is not None else '?'} in, {out if out is not None else '?'} out"
    )
