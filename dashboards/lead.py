"""What a comparison leads with: the verdict in one plain sentence, and right below what it hangs on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import frames, shown
from promptops import Comparison, Verdict, evidence_of, rules_plot

FIGURES = ("found", "[L, U]", "n", "sees")


def show(comparison: Comparison, found: Verdict | str) -> None:
    """Draw the verdict and its evidence; where there is none, what changed and why nothing was decided."""
    with st.container(border=True):
        if isinstance(found, str):
            st.badge("no verdict", color="gray")
            shown.lead(comparison.sentence)
            st.markdown("**Why there is no verdict, and what to do**")
            shown.text(found)
            _notes(comparison.warnings)
        else:
            st.badge(found.outcome.replace("_", " "), color=shown.MARKS[found.outcome])
            shown.lead(found.sentence)
            if found.stopping is not None:
                shown.text(found.stopping.sentence)
            _evidence(found)
            _notes(tuple(dict.fromkeys((*comparison.warnings, *found.warnings))))


def _evidence(found: Verdict) -> None:
    rows, drawn = evidence_of(found), rules_plot(found)
    if not rows:
        return
    places = st.columns([13, 10], gap="medium") if drawn else [st.container()]
    with places[0]:
        st.markdown("**Rules**")
        shown.table(
            frames.rules_frame(rows), right=FIGURES, alt="Each gate rule with its verdict and figures"
        )
        with st.expander("Each rule in full"):
            shown.text("\n".join(f"{row.outcome.replace('_', ' ')}: {row.why}" for row in rows))
    if drawn:
        with places[-1]:
            shown.plot(drawn)


def _notes(notes: Sequence[str]) -> None:
    if notes:
        st.badge("notes", color="orange")
        shown.text("\n".join(f"• {note}" for note in notes))
