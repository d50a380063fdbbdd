"""Evaluation sets: what their samples are worth, a smaller one for a first look, and what became of them."""

from __future__ import annotations

import streamlit as st

from dashboards import frames, setchanges, setframes, shown, sides, urlstate
from dashboards.opened import kept, project
from dashboards.reading import sample, set_state
from promptops import PromptopsError, SetValue
from promptops.texts.figures import figure

SIZES = ("0", "8", "12", "16", "24", "32", "50", "100", "200")
LISTED = 200
"""Samples of a kind that the page lists; the command's --json lists all."""
OF_SET = ("metric", "kind", "sample", "subset", "version", "change")


def show() -> None:
    """Draw the page."""
    st.header("Evaluation sets", anchor=False)
    try:
        sets = {name: frames.cell(name) for name in project().evalsets()}
        if not sets:
            shown.empty(
                "There is no evaluation set yet. Make a project with one, then reload this page:",
                "promptops init",
            )
        evalset = sides.choice("Evaluation set", "evalset", sets, next(iter(sets)), OF_SET)
        _worth(evalset)
    except PromptopsError as error:
        shown.refuse(error)
    setchanges.show(evalset)


def _worth(evalset: str) -> None:
    st.subheader("What its samples are worth", anchor=False, divider="gray")
    found_set = project().evalset(evalset)
    metrics = {
        "": "the first that all runs have",
        **{spec.label: frames.cell(spec.label) for spec in found_set.metrics},
    }
    left, right = st.columns(2, gap="medium")
    with left:
        metric = sides.choice("Metric", "metric", metrics, "", ("kind", "sample"))
    sizes = [size for size in SIZES if int(size) < len(found_set.samples)]
    with right:
        size = urlstate.choice(
            "Samples of a smaller set",
            "subset",
            sizes,
            shown=lambda each: "none" if each == "0" else each,
            default="0",
        )
    try:
        with st.spinner("Looking at stored runs"):
            found = _value(evalset, metric, int(size), set_state(evalset))
    except PromptopsError as error:
        shown.text(str(error))
        return
    shown.lead(found.sentence)
    for note in found.notes:
        shown.text(f"Note: {note}")
    _cases(found)
    _removals(found)
    if found.subset is not None:
        _subset(found)
    with st.expander("Versions that were looked at"):
        shown.table(setframes.versions_frame(found), right=(found.metric,), alt="Versions and their figures")
        if found.alpha is not None:
            shown.text(f"Cronbach's alpha {found.alpha:.2f}: how reliably the samples order these versions.")
    chosen = [*(["--metric", metric] if metric else []), *(["--subset", size] if size != "0" else [])]
    shown.block(
        " ".join(["promptops evalset value", *map(shown.quoted, [evalset, *chosen])]), language="shell"
    )


@kept(entries=8)
def _value(evalset: str, metric: str, size: int, state: tuple[object, ...]) -> SetValue:
    return project().case_values(evalset, metric=metric or None, subset=size or None)


def _cases(found: SetValue) -> None:
    kinds = setframes.kinds_of(found)
    kind = sides.choice("Samples that", "kind", kinds, next(iter(kinds)), ("sample",))
    ids = setframes.ids_of(found, kind)[:LISTED]
    frame = (
        setframes.twins_frame(found)[:LISTED]
        if kind == setframes.TWINS
        else setframes.cases_frame(found, ids)
    )
    wanted = urlstate.read("sample")

    def keep(rows: list[int]) -> None:
        urlstate.write(sample=ids[rows[0]] if rows else "")

    key = f"worth-{found.evalset}-{found.metric}-{kind}"
    changed = urlstate.selected(key, [ids.index(wanted)] if wanted in ids else [], keep)
    right = ("mean", "spread", "noise", "without noise", "with the rest", "upper - lower", "alike")
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config=shown.columns(frame, right=right),
        height="auto" if len(frame) <= 10 else 400,
        alt="Samples of the kind that was chosen, those that tell most first",
    )
    shown.quiet(
        "Mean over versions. Spread: between versions; noise: of one version, from its repeats. With the "
        "rest: the correlation with all others; upper - lower: the best 27 % of versions less the worst. "
        "A sample that always passes guards against regressions; none of this says that it should go."
    )
    if wanted in ids:
        _sample(found, wanted)
    else:
        st.caption("Tick a sample to read it.")


def _sample(found: SetValue, name: str) -> None:
    read = sample(found.versions[0].run, name)
    left, right = st.columns(2, gap="medium")
    inputs = read.inputs
    with left:
        shown.text(f"{name} asks")
        shown.value(dict(inputs) if len(inputs) > 1 else next(iter(inputs.values()), ""))
    with right:
        shown.text("and wants")
        shown.value(list(read.target) if len(read.target) != 1 else read.target[0])
        if read.tags:
            shown.text(f"Tags: {', '.join(read.tags)}")


def _removals(found: SetValue) -> None:
    if not found.removals:
        return
    st.markdown("**What it would cost to take samples out**")
    for each in found.removals:
        error = "" if each.error is None else f", with {each.error:.2f} times their standard error"
        shown.text(
            f"{len(each.ids):,} {each.what}: figures would move by up to {figure(each.figure)}, differences "
            f"between versions by up to {figure(each.difference)}{error}. {each.guards}"
        )


def _subset(found: SetValue) -> None:
    subset = found.subset
    if subset is None:
        return
    st.markdown("**A smaller set for a first look**")
    shown.text(subset.sentence)
    shown.table(setframes.subset_frame(found), right=("stands for",), alt="Samples of the smaller set")
    shown.quiet("Write the list, and ask these only:")
    command = [
        "promptops",
        "evalset",
        "value",
        found.evalset,
        "--subset",
        str(subset.size),
        "--write",
        "first.ids",
    ]
    shown.block(" ".join(map(shown.quoted, command)), language="shell")


show()
