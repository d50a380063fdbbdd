"""The pages of the dashboard and how one gets to them."""

from __future__ import annotations

import streamlit as st


def home() -> None:
    """Lead on to the runs: a page has an address of its own only where it isn't the default one."""
    st.switch_page(RUNS)


RUNS = st.Page("views/runs.py", title="Runs", url_path="runs")
st.set_page_config(page_title="promptops", layout="wide", initial_sidebar_state="collapsed")
st.navigation(
    [
        st.Page(home, default=True, visibility="hidden"),
        RUNS,
        st.Page("views/evaluate.py", title="New run", url_path="evaluate"),
        st.Page("views/compare.py", title="Compare", url_path="compare"),
        st.Page("views/prompts.py", title="Prompts", url_path="prompts"),
    ],
    position="top",
).run()
