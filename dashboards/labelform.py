"""The blind form: one case at a time, a button for each value, and each rating stored as it is given."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from dashboards import shown, urlstate
from dashboards.opened import project
from promptops import Labelling, OwnCase, PromptopsError

MOST_BUTTONS = 21
REASONS = (
    "The task is unclear.",
    "I don't know enough about it.",
    "The output can't be read.",
    "Two values fit equally well.",
)
PROBLEM = "label-problem"
_PLAIN = re.compile(r"[^\W_]+(?: [^\W_]+)*")


def problem() -> None:
    """Tell what could not be stored, if anything."""
    told = st.session_state.pop(PROBLEM, None)
    if told:
        st.markdown(":material/error: **Your rating was not stored**")
        shown.text(told)


def show(judge: str, held: Labelling, rater: str) -> None:
    """Draw what a rater has done of the share, and the case that is next or was asked for."""
    mine = held.share_of(rater)
    done = [case for case in mine if case.done]
    _progress(mine, done)
    ids = [case.id for case in mine]
    wanted = urlstate.read("case")
    left = [case.id for case in mine if not case.done]
    if wanted not in ids and not left:
        _finished(judge, ids)
        return
    place = ids.index(wanted if wanted in ids else left[0])
    case = mine[place]
    _case(held, case)
    if held.pairs:
        _choice(judge, case, rater)
    else:
        _scale(judge, held, case, rater)
    _steps(ids, place)
    _no_telling(judge, case, rater)


def _progress(mine: list[OwnCase], done: list[OwnCase]) -> None:
    unrated = sum(case.unrated is not None for case in done)
    told = f", {unrated} of them without telling" if unrated else ""
    st.progress(len(done) / len(mine) if mine else 1.0)
    shown.text(f"{len(done)} of {len(mine)} done{told}. Every rating is stored at once.")


def _finished(judge: str, ids: list[str]) -> None:
    shown.lead("Nothing is left for you. Thank you.")
    st.text("Once 20 cases are rated, the judge can be held against people:")
    st.code(f"promptops judge certify {judge}", language="shell")
    if ids:
        st.button("Look at the last one again", shortcut="K", on_click=_go, args=(ids[-1],))


def _case(held: Labelling, case: OwnCase) -> None:
    sample = held.samples[case.sample]
    st.markdown("**Look for this**")
    shown.text(held.question)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Task**")
        for name, given in {**sample.inputs, **held.judge.material(sample)}.items():
            shown.text(name)
            shown.value(given)
        if sample.target:
            st.markdown("**Expected**")
            for target in sample.target:
                shown.value(target)
    if not held.pairs:
        with right:
            st.markdown("**Output**")
            shown.whole(case.output, f"part-{case.id}")
        return
    for side, name, text in zip(st.columns(2, gap="medium"), "AB", case.shown, strict=True):
        with side:
            st.markdown("**Answer A**" if name == "A" else "**Answer B**")
            shown.whole(text, f"part-{name}-{case.id}")


def _choice(judge: str, case: OwnCase, rater: str) -> None:
    """Draw a button for either answer of a pair, and one for a tie."""
    st.markdown("**Which answer is better?**")
    if case.unrated is not None:
        shown.text(f"You could not tell: {case.unrated}")
    first = -1.0 if case.swapped else 1.0
    with st.container(horizontal=True):
        for shortcut, (word, rating) in enumerate({"A": first, "tie": 0.0, "B": -first}.items(), start=1):
            st.button(
                word,
                key=f"rate-{case.id}-{rater}-{word}",
                shortcut=str(shortcut),
                type="primary" if case.rating == rating else "secondary",
                on_click=_rate,
                args=(judge, rater, case.id, rating),
            )


def _scale(judge: str, held: Labelling, case: OwnCase, rater: str) -> None:
    st.markdown("**Your rating**")
    if case.unrated is not None:
        shown.text(f"You could not tell: {case.unrated}")
    rungs = held.judge.rungs
    if not any(rung.word for rung in rungs):
        ends = ("worst", "best") if held.judge.higher_is_better else ("best", "worst")
        shown.text(f"From {held.low:g} ({ends[0]}) to {held.high:g} ({ends[1]}).")
    if not rungs or len(rungs) > MOST_BUTTONS:
        _number(judge, held, case, rater)
        return
    legend = [f"{rung.value:g}: {rung.word}" for rung in rungs if rung.word and not _plain(rung.word)]
    if legend:
        shown.text("   ".join(legend))
    keys = _keys([rung.value for rung in rungs])
    # The case is in the key: a second click that comes late must not rate the next one.
    with st.container(horizontal=True):
        for rung, shortcut in zip(rungs, keys, strict=True):
            word = f" {rung.word}" if _plain(rung.word) else ""
            st.button(
                f"{rung.value:g}{word}",
                key=f"rate-{case.id}-{rater}-{rung.value}",
                shortcut=shortcut,
                type="primary" if case.rating == rung.value else "secondary",
                on_click=_rate,
                args=(judge, rater, case.id, rung.value),
            )


def _number(judge: str, held: Labelling, case: OwnCase, rater: str) -> None:
    key = f"number-{case.id}-{rater}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rungs = held.judge.rungs
        step = rungs[1].value - rungs[0].value if len(rungs) > 1 else (held.high - held.low) / 20
        typed = st.number_input("Number", held.low, held.high, case.rating, step=step, key=key)
        st.button(
            "Store",
            key=f"store-{case.id}-{rater}",
            type="primary",
            disabled=typed is None,
            on_click=_rate,
            args=(judge, rater, case.id, typed),
        )


def _steps(ids: list[str], place: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, target, key in (("Previous", place - 1, "K"), ("Next", place + 1, "J")):
            possible = 0 <= target < len(ids)
            st.button(
                label,
                shortcut=key,
                disabled=not possible,
                on_click=_go,
                args=(ids[target] if possible else "",),
            )
        st.text(f"case {place + 1} of {len(ids)}")


def _no_telling(judge: str, case: OwnCase, rater: str) -> None:
    key = f"unrated-{case.id}-{rater}"

    def keep() -> None:
        why = st.session_state[key]
        if why:
            _store(lambda: project().leave_cases(judge, rater, {case.id: str(why)}))

    st.selectbox(
        "I can't tell, because",
        REASONS[:-1] if len(case.shown) > 1 else REASONS,  # a pair has ties
        index=None,
        key=key,
        on_change=keep,
        accept_new_options=True,
        placeholder="Choose a reason or write your own",
    )


def _rate(judge: str, rater: str, case: str, value: float) -> None:
    _store(lambda: project().rate_cases(judge, rater, {case: value}))


def _store(write: Callable[[], int]) -> None:
    """Write something down and go on to what is left; what can't be written is told."""
    try:
        write()
    except PromptopsError as error:
        st.session_state[PROBLEM] = str(error)
    else:
        urlstate.write(case="")


def _go(case: str) -> None:
    urlstate.write(case=case)


def _plain(word: str) -> bool:
    """Tell whether a word can stand on a button, whose text is read as Markdown."""
    return len(word) <= 24 and _PLAIN.fullmatch(word) is not None


def _keys(values: list[float]) -> list[str | None]:
    """Return the key of each value: the number itself where all are digits, else its place."""
    if all(value in range(10) for value in values):
        return [f"{value:g}" for value in values]
    digits = "1234567890"
    return [digits[place] if place < len(digits) else None for place in range(len(values))]
