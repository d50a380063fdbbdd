"""What became of a set: its versions in git, and one of them against the one before."""

from __future__ import annotations

import streamlit as st

from dashboards import setframes, shown, urlstate
from dashboards.difftext import side_html
from dashboards.opened import kept, project
from dashboards.reading import set_state
from promptops import PromptopsError, SetDiff, SetLog

SECONDS = 20.0
"""How long git's history is remembered: nothing that the dashboard sees tells of a new commit."""
VERSIONS = 50
LISTED = 500
"""Samples that the page lists of one change."""
HERE = "here"
"""What the address calls files that are not committed."""


def show(evalset: str) -> None:
    """Draw the history, and the change that is ticked."""
    st.subheader("What became of it", anchor=False, divider="gray")
    try:
        log = _log(evalset, set_state(evalset))
        if not log.versions:
            st.text("git holds no version of this set yet.")
            return
        place = _versions(log)
        if place is None:
            st.caption("Tick a version to see what it changed.")
            return
        _change(evalset, log, place)
    except PromptopsError as error:
        shown.text(str(error))


@kept(entries=8, seconds=SECONDS)
def _log(evalset: str, state: tuple[object, ...]) -> SetLog:
    return project().evalset_log(evalset, limit=VERSIONS)


@kept(entries=8, seconds=SECONDS)
def _diff(evalset: str, first: str, second: str | None, state: tuple[object, ...]) -> SetDiff:
    return project().evalset_diff(evalset, first, second)


def _versions(log: SetLog) -> int | None:
    """Draw the versions; return the place of the one that is ticked."""
    frame = setframes.log_frame(log)
    names = [each.commit or HERE for each in log.versions]
    wanted = urlstate.read("version")

    def keep(rows: list[int]) -> None:
        urlstate.write(version=names[rows[0]] if rows else "", change="")

    key = f"versions-{log.evalset}-{len(names)}"
    changed = urlstate.selected(key, [names.index(wanted)] if wanted in names else [], keep)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        column_config=shown.columns(frame, right=("samples", "added", "removed", "changed")),
        height="auto" if len(frame) <= 10 else 400,
        alt="Versions of the set in git, the newest first",
    )
    shown.quiet("The digest of a set's samples is its version; runs and baselines carry it.")
    if log.more:
        st.text("There are older versions: promptops evalset diff --log --limit lists them.")
    if log.cut_off:
        st.text("git's history was fetched in part only, so the oldest version may be none.")
    return names.index(wanted) if wanted in names else None


def _change(evalset: str, log: SetLog, place: int) -> None:
    """Draw what a version changed of the next older one that has a commit."""
    older = next((each.commit for each in log.versions[place + 1 :] if each.commit), None)
    if older is None:
        st.text("There is no older version on this page to hold it against.")
        return
    commit = log.versions[place].commit
    found = _diff(evalset, older, commit, set_state(evalset))
    shown.lead(found.sentence)
    for frame, alt in (
        (setframes.baselines_frame(found), "Baselines, and whether they can be compared with"),
        (setframes.settings_frame(found), "Metrics, rules, slices and card that changed"),
    ):
        if not frame.empty:
            shown.table(frame, alt=alt)
    _samples(found)
    command = ["promptops", "evalset", "diff", evalset, older, *([commit] if commit else [])]
    shown.block(" ".join(map(shown.quoted, command)), language="shell")


def _samples(found: SetDiff) -> None:
    frame = setframes.samples_frame(found)
    if frame.empty:
        return
    ids = [each.id for each in found.changes.changed]
    wanted = urlstate.read("change")
    rows = frame[:LISTED]

    def keep(picked: list[int]) -> None:
        urlstate.write(change=ids[picked[0]] if picked and picked[0] < len(ids) else "")

    key = f"changes-{found.evalset}-{found.first.commit}-{found.second.commit}"
    changed = urlstate.selected(key, [ids.index(wanted)] if wanted in ids[:LISTED] else [], keep)
    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        height="auto" if len(rows) <= 10 else 400,
        alt="Samples that changed, came or went",
    )
    if len(frame) > LISTED:
        shown.text(f"And {len(frame) - LISTED:,} more; the command lists them.")
    if wanted in ids:
        _fields(found, wanted)
    elif ids:
        st.caption("Tick a changed sample to see it before and after.")


def _fields(found: SetDiff, name: str) -> None:
    """Draw what changed of a sample: texts side by side, word by word."""
    change = next(each for each in found.changes.changed if each.id == name)
    for field in change.fields:
        shown.text(f"{name}: {field.field} {field.kind}")
        left, right = st.columns(2, gap="medium")
        with left:
            if field.parts:
                st.html(side_html(field.parts, "removed"))
            elif field.kind != "added":
                shown.block(setframes.told_value(field.before))
        with right:
            if field.parts:
                st.html(side_html(field.parts, "added"))
            elif field.kind != "removed":
                shown.block(setframes.told_value(field.after))
