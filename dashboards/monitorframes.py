"""Production over time as tables: texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

import pandas as pd

from dashboards.frames import cell
from promptops import Found, Monitor, figure_text
from promptops.texts.figures import p_value

CHANGED = "changed here"
FAR = "far off the other days"


def whole_frame(found: Monitor) -> pd.DataFrame:
    """Return one row a measure over the whole time; errors by their class below."""
    rows = []
    for name, each in found.whole.measures.items():
        unscored = found.whole.unscored.get(name)
        rows.append(
            {
                "measure": cell(name),
                "figure": figure_text(name, each.value),
                "95 %, at every look": bounds(name, each),
                "n": f"{each.n:,}" + (f" ({unscored:,} unscored)" if unscored else ""),
            }
        )
        if name == "errors":
            rows += [
                {
                    "measure": f"  {cell(kind)}",
                    "figure": figure_text(name, share),
                    "95 %, at every look": "",
                    "n": "",
                }
                for kind, share in found.whole.errors.items()
            ]
    return pd.DataFrame(rows)


def series_frame(found: Monitor, measure: str) -> pd.DataFrame:
    """Return one row a day, version or whatever has a row, with one measure and its bounds."""
    changed = {each.at for each in found.changes if each.measure == measure and found.by == found.unit}
    far = {each.day for each in found.far_days if each.measure == measure and found.by == "day"}
    rows = []
    for each in found.rows:
        figure = each.measures.get(measure)
        if figure is None or figure.value is None:
            continue
        rows.append(
            {
                "name": cell(each.name),
                "value": figure.value,
                "low": figure.low,
                "high": figure.high,
                "figure": figure_text(measure, figure.value),
                "95 %, at every look": bounds(measure, figure),
                "n": figure.n,
                "records": each.records,
                "finding": CHANGED if each.name in changed else FAR if each.name in far else "as before",
            }
        )
    columns = ["name", "value", "low", "high", "figure", "95 %, at every look", "n", "records", "finding"]
    return pd.DataFrame(rows, columns=columns).astype({"low": "float64", "high": "float64"})


def changes_frame(found: Monitor) -> pd.DataFrame:
    """Return one row a change of the series."""
    rows = [
        {
            "at": each.at,
            "measure": cell(each.measure),
            "before": figure_text(each.measure, each.before),
            "after": figure_text(each.measure, each.after),
            "p": p_value(each.p),
            "came then": cell(", ".join(each.deployed)),
        }
        for each in found.changes
    ]
    return pd.DataFrame(rows)


def far_days_frame(found: Monitor) -> pd.DataFrame:
    """Return one row a single day on which a measure lies far off the others."""
    rows = [
        {
            "day": each.day,
            "measure": cell(each.measure),
            "figure": figure_text(each.measure, each.value),
            "expected": f"{figure_text(each.measure, each.low)} to {figure_text(each.measure, each.high)}",
            "n": f"{each.n:,}",
            "p": p_value(each.p),
        }
        for each in found.far_days
    ]
    return pd.DataFrame(rows)


def deploys_frame(found: Monitor) -> pd.DataFrame:
    """Return one row a measure before and after a version came."""
    rows = [
        {
            "version": cell(each.version),
            "since": each.since,
            "against": cell(each.previous),
            "measure": cell(each.measure),
            "before": figure_text(each.measure, each.before.value),
            "after": figure_text(each.measure, each.after.value),
            "change": _change(each.measure, each.low, each.high),
        }
        for each in found.deploys
    ]
    return pd.DataFrame(rows)


def bounds(name: str, each: Found) -> str:
    """Return an interval in brackets; an end can be open."""
    if each.low is None and each.high is None:
        return "-"
    high = "open" if each.high is None else figure_text(name, each.high)
    return f"[{figure_text(name, each.low)}, {high}]"


def _change(name: str, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "-"
    ends = [figure_text(name, each) for each in (low, high)]
    return "[" + ", ".join(each if each.startswith("-") else f"+{each}" for each in ends) + "]"
