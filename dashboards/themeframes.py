"""Themes of feedback as tables: texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

import pandas as pd

from dashboards.frames import cell
from promptops import Themes
from promptops.texts.figures import p_value


def themes_frame(found: Themes) -> pd.DataFrame:
    """Return one row a theme: how often it was bad, beside the others, and its bad records over time."""
    rows = [
        {
            "theme": called(found, place),
            "bad": f"{each.bad:,} of {each.judged:,}",
            "people": f"{each.people:,}",
            "share": "-" if each.bad_share is None else f"{each.bad_share:.0%}",
            "95 %": "-" if each.low is None or each.high is None else f"[{each.low:.0%}, {each.high:.0%}]",
            "elsewhere": "-" if each.elsewhere is None else f"{each.elsewhere:.0%}",
            "p": "-" if each.p_value is None else p_value(each.p_value),
            "finding": _finding(found, place),
            "over time": list(each.by_period),
        }
        for place, each in enumerate(found.themes)
    ]
    return pd.DataFrame(rows)


def called(found: Themes, place: int) -> str:
    """Return a theme's number and the words that mark it; without any, how its first request begins."""
    theme = found.themes[place]
    words = theme.name or (f'"{theme.examples[0].request}"' if theme.examples else "no words")
    return f"{theme.number}  {cell(words)}"


def _finding(found: Themes, place: int) -> str:
    """Say in words what is certain of a theme."""
    theme = found.themes[place]
    told = ["bad more often than the rest"] if theme.worse else []
    told += [theme.movement] if theme.movement != "steady" else []
    return ", ".join(told)
