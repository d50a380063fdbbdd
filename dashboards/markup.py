"""HTML of the dashboard: a text is escaped here, and tags and styles around it are constants.

What is given to st.html comes from `sentence_html`, `quiet_html` or `difftext.side_html`, which
tests/dashboards/test_output_safety.py holds.
"""

from __future__ import annotations

import html

from promptops.texts.visible import visible

_SENTENCE = "margin:0;font-size:1.2rem;line-height:1.5;font-weight:600;overflow-wrap:anywhere"

_QUIET = "margin:0;font-size:0.9rem;line-height:1.45;opacity:0.7;overflow-wrap:anywhere"


def sentence_html(text: str) -> str:
    """Return the sentence that a page leads with, set larger than the rest."""
    return f'<p style="{_SENTENCE}">{escaped(text)}</p>'


def quiet_html(text: str) -> str:
    """Return what explains a table or a plot, set smaller than the rest."""
    return f'<p style="{_QUIET}">{escaped(text)}</p>'


def escaped(text: str) -> str:
    """Return text that HTML shows as it is: no tag, no entity, no control or direction character."""
    return html.escape(visible(text), quote=True)
