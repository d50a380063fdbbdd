"""The plots that answer to a mouse. What they draw of data is in a table; the rest are words of ours.

Streamlit draws them with Vega behind the page's policy (no text becomes a script), and a hint over a point
shows its fields as text: tests/dashboards/test_text_browser.py holds both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dashboards import monitorframes
from dashboards.textframes import CASE, NEAR, PICKED

QUIET, BLUE = "#8a94a6", "#3d7dbf"
KINDS = ("#d1495b", "#e08e1b", "#8d5fd3", "#1b9aaa", "#b5558f", "#7a8b21", "#c06014", "#5b6ee1")
"""As many as there are uncovered kinds at most; all can be told from the ground of light and dark pages."""


def trend(days: pd.DataFrame) -> None:
    """Draw each day's distance from the reference above the band of what chance alone shows."""
    x = {"field": "day", "type": "ordinal", "axis": {"labelAngle": -40, "labelOverlap": True, "title": None}}
    y = {"type": "quantitative", "title": "distance (MMD²)"}
    hint = [
        {"field": name, "type": "nominal"} for name in ("day", "side", "texts", "p after Holm", "finding")
    ]
    hint += [
        {"field": name, "type": "quantitative", "format": "+.4f"} for name in ("distance", "by chance below")
    ]
    band = {
        "mark": {"type": "bar", "color": QUIET, "opacity": 0.25, "width": {"band": 1}},
        "encoding": {"x": x, "y": {**y, "field": "by chance below"}},
    }
    points = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "x": x,
            "y": {**y, "field": "distance"},
            "color": {
                "field": "finding",
                "type": "nominal",
                "scale": {"domain": ["differs", "as by chance"], "range": [KINDS[0], BLUE]},
                "legend": {"orient": "bottom", "title": None},
            },
            "shape": {
                "field": "side",
                "type": "nominal",
                "scale": {"domain": ["second", "first"], "range": ["circle", "square"]},
                "legend": None,
            },
            "tooltip": hint,
        },
    }
    st.vega_lite_chart(
        days,
        {"layer": [band, points], "height": 260, "description": "Each day's distance, and its band"},
        width="stretch",
    )


def series(rows: pd.DataFrame, *, shares: bool) -> None:
    """Draw a measure of each day (or version) with its interval; findings have a mark of their own."""
    x = {
        "field": "name",
        "type": "ordinal",
        "sort": None,
        "axis": {"labelAngle": -40, "labelOverlap": True, "title": None, "labelLimit": 120},
    }
    words = ("name", "figure", "95 %, at every look", "n", "records", "finding")
    hint = [{"field": name, "type": "nominal"} for name in words]
    axis = {"format": ".0%"} if shares else {}
    y = {"type": "quantitative", "title": None, "scale": {"zero": shares}, "axis": axis}
    ends = {
        "mark": {"type": "rule", "color": QUIET, "strokeWidth": 3, "opacity": 0.6},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    domain = ["as before", monitorframes.CHANGED, monitorframes.FAR]
    points = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
        "encoding": {
            "x": x,
            "y": {**y, "field": "value"},
            "color": {
                "field": "finding",
                "type": "nominal",
                "scale": {"domain": domain, "range": [BLUE, KINDS[0], KINDS[0]]},
                "legend": None,
            },
            "shape": {
                "field": "finding",
                "type": "nominal",
                "scale": {"domain": domain, "range": ["circle", "square", "triangle-up"]},
                "legend": None,
            },
            "tooltip": hint,
        },
    }
    spec = {"layer": [ends, points], "height": 300, "description": "A measure with its intervals"}
    st.vega_lite_chart(rows, spec, width="stretch")


def coverage_map(points: pd.DataFrame, kinds: list[str], key: str, changed: Callable[[], None]) -> None:
    """Draw texts of production and cases on their plane; a click on a point calls `changed`."""
    groups = [NEAR, CASE, *kinds]
    colours = [QUIET, BLUE, *KINDS[: len(kinds)]]
    legend = {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 420, "symbolOpacity": 1}
    axis = {"labels": False, "ticks": False, "domain": False, "gridOpacity": 0.4}
    spec: dict[str, Any] = {
        "description": "Texts of production and cases of the set on a plane",
        "height": 440,
        "params": [{"name": "picked", "select": {"type": "point", "fields": ["place"]}}],
        "mark": {"type": "point", "filled": True, "cursor": "pointer", "strokeWidth": 1},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "first direction", "axis": axis},
            "y": {"field": "y", "type": "quantitative", "title": "second direction", "axis": axis},
            "color": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": groups, "range": colours},
                "legend": legend,
            },
            "stroke": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": groups, "range": colours},
                "legend": None,
            },
            "shape": {**_by_role(["circle", "square", "diamond"]), "type": "nominal"},
            "size": _by_role([36, 70, 190]),
            "fillOpacity": _by_role([1, 0, 1]),
            "opacity": {"condition": {"param": "picked", "value": 0.8}, "value": 0.15},
            "tooltip": [{"field": name, "type": "nominal"} for name in ("group", "which", "text")],
        },
    }
    st.vega_lite_chart(points, spec, key=key, on_select=changed, width="stretch")


def _by_role(values: list[Any]) -> dict[str, Any]:
    """Return how a text of production, a case and a suggestion differ in one respect."""
    scale = {"domain": [NEAR, CASE, PICKED], "range": values}
    return {"field": "drawn as", "type": "ordinal", "scale": scale, "legend": None}
