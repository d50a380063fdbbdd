"""Samples made of records: into a file for review, or into a set at once."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import frames, reading, shown
from dashboards.opened import project, writing
from promptops import MadeCases, PromptopsError
from promptops.texts.figures import counted

MADE = "made-cases"
FILE, SET = "a file for review", "the set at once"


def show(records: Sequence[str], key: str, tags: tuple[str, ...] = ()) -> None:
    """Draw the form for some records, whose cases get `tags`; what was made of them is told below it."""
    sets = project().evalsets()
    if not sets:
        st.text("There is no evaluation set yet that cases could be made for: promptops init makes one.")
        return
    left, middle, right = st.columns(3, gap="medium")
    with left:
        evalset = st.selectbox("Evaluation set", sets, format_func=frames.cell, key=f"set-{key}")
    with middle:
        place = st.selectbox("Into", [FILE, SET], key=f"into-{key}")
    with right:
        judges = [""] if place == FILE else ["", *_judges(evalset)]
        label = st.selectbox(
            "Thumbs as ratings for the judge",
            judges,
            format_func=_judge_name,
            key=f"judge-{key}-{evalset}-{place}",
            disabled=place == FILE,
            help="Thumbs and stars become ratings of the old answers, by which a judge can be certified.",
        )
    st.button(
        "Make cases",
        key=f"make-{key}",
        disabled=not records,
        on_click=_make,
        args=(tuple(records), evalset, place == SET, label or None, key, tags),
    )
    about, told = st.session_state.get(MADE, ("", ()))
    if about == key:
        shown.told(told)
    shown.quiet(
        "An edited answer becomes the target, the old answer and what was said stand beside it. Keys, "
        "addresses and telephone numbers are taken out; names and streets are not."
    )


def _make(
    records: tuple[str, ...], evalset: str, add: bool, label: str | None, key: str, tags: tuple[str, ...]
) -> None:
    try:
        with writing() as opened:
            file = None if add else _free_name(evalset)
            made = opened.make_cases(
                evalset,
                records,
                file=None if file is None else opened.root / file,
                add=add,
                labels=label,
                tags=tags,
            )
    except PromptopsError as error:
        st.session_state[MADE] = (key, [(str(error), "")])
    else:
        st.session_state[MADE] = (key, _told(made, evalset, file))


def _told(made: MadeCases, evalset: str, file: str | None) -> list[tuple[str, str]]:
    """Return what was made in sentences, each with what is to be copied below it."""
    count = len(made.samples)
    lines = [(f"Left out: record {frames.cell(record)}: {why}", "") for record, why in made.skipped.items()]
    if made.added:
        lines.append((f"Added {counted(count, 'sample')} to {evalset}.", ""))
    elif file is not None and count:
        lines.append(
            (
                f"Wrote {counted(count, 'sample')} to {file}. "
                "Review them and give targets to those that lack one, then take them into the set:",
                f"promptops evalset add {shown.quoted(evalset)} {shown.quoted(file)}",
            )
        )
    else:
        lines.append(("Nothing new: the set has all of them.", ""))
    if made.most_of_one > 1:
        people = counted(made.people, "person or conversation", "people or conversations")
        lines.append((f"They are of {people}, {made.most_of_one} of one.", ""))
    if made.labels is not None:
        ratings = counted(made.ratings, "rating stands", "ratings stand")
        lines.append((f"{ratings} in the judge's labels.", ""))
    rules = made.rules if made.added else ()
    return [*lines, *((rule.sentence, rule.toml) for rule in rules)]


def _judges(evalset: str) -> list[str]:
    """List the judges of a set that rate on a scale."""
    return [
        each.label for each in reading.judges().judges if each.evalset == evalset and each.low is not None
    ]


def _judge_name(label: str) -> str:
    return frames.cell(label) if label else "none"


def _free_name(evalset: str) -> str:
    """Return the name of a file that isn't there yet: nothing is overwritten."""
    names = (f"cases-{evalset}.jsonl", *(f"cases-{evalset}-{number}.jsonl" for number in range(2, 1000)))
    return next((name for name in names if not (project().root / name).exists()), f"cases-{evalset}.jsonl")
