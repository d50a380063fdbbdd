"""The pages of the dashboard and how one gets to them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import streamlit as st

from dashboards import shown


def home() -> None:
    """Lead on to the runs: a page has an address of its own only where it isn't the default one."""
    st.switch_page(PAGES[0])


def unknown() -> None:
    """Say that an address is nobody's, and which there are."""
    st.header("There is no such page", anchor=False)
    shown.text(f"No page has the address /{_name()}. These are there:")
    for page in PAGES:
        st.page_link(page)


def _name() -> str:
    """Return the last part of the address; empty at the root."""
    return urlsplit(st.context.url or "").path.rstrip("/").rpartition("/")[2]


PAGES = [
    st.Page("views/runs.py", title="Runs", url_path="runs"),
    st.Page("views/evaluate.py", title="New run", url_path="evaluate"),
    st.Page("views/compare.py", title="Compare", url_path="compare"),
    st.Page("views/shift.py", title="Shift", url_path="shift"),
    st.Page("views/coverage.py", title="Coverage", url_path="coverage"),
    st.Page("views/sets.py", title="Evaluation sets", url_path="sets"),
    st.Page("views/production.py", title="Production", url_path="production"),
    st.Page("views/themes.py", title="Themes", url_path="themes"),
    st.Page("views/monitoring.py", title="Monitoring", url_path="monitoring"),
    st.Page("views/judges.py", title="Judges", url_path="judges"),
    st.Page("views/label.py", title="Label", url_path="label"),
    st.Page("views/prompts.py", title="Prompts", url_path="prompts"),
]
here = _name()
# An address that no page has would lead to the default page, which leads on to the runs without a word.
stray = re.fullmatch("[A-Za-z0-9_-]+", here) and here not in {page.url_path for page in PAGES}
st.set_page_config(page_title="promptops", layout="wide", initial_sidebar_state="collapsed")
st.navigation(
    [
        st.Page(home, default=True, visibility="hidden"),
        *PAGES,
        *([st.Page(unknown, title="No such page", url_path=here, visibility="hidden")] if stray else []),
    ],
    position="top",
).run()
