"""Where one metric changed: every slice with the luck of many slices taken out."""

from __future__ import annotations

import streamlit as st

from dashboards import frames, shown
from promptops import Slices

FIGURES = ("change", "shrunken", "[L, U]", "all together", "p of a loss", "corrected")


def show(found: Slices) -> None:
    """Draw what was found in one sentence, and the slices."""
    st.subheader("Slices", anchor=False, divider="gray")
    shown.text(found.sentence)
    if not found.groups:
        return
    shown.table(frames.slices_frame(found), right=FIGURES, alt="The chosen metric's change on every slice")
    shown.quiet(
        "change: the slice's own; shrunken: pulled to the mean of its kind by how little is known of it. "
        f"[L, U]: bounds for a slice alone, at alpha = {found.alpha:g} each; all together: bounds that hold "
        "for all slices at once. corrected: p by Holm over the slices that the set declares, q by Benjamini "
        "and Hochberg over all others. Those are exploratory: confirm them on new samples."
    )
