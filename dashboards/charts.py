"""Plots, as Altair charts without any text of a user or model in them."""

from __future__ import annotations

import altair as alt
import pandas as pd

BETTER, WORSE = "#2a9d63", "#d1495b"
SINGLE = 120
"""Up to so many cases have a bar each."""


def changes_chart(
    frame: pd.DataFrame,
    difference: float | None,
    low: float | None,
    high: float | None,
    *,
    higher_is_better: bool,
) -> alt.LayerChart | alt.FacetChart:
    """Return every case's change from the lowest to the highest, with the change of all and its [L, U]."""
    up, down = (BETTER, WORSE) if higher_is_better else (WORSE, BETTER)
    place = alt.X("case:Q", title="cases, from the lowest to the highest change", scale=alt.Scale(nice=False))
    layers: list[alt.Chart] = []
    if low is not None and high is not None:
        bounds = pd.DataFrame({"low": [low], "high": [high]})
        layers.append(
            alt.Chart(bounds).mark_rect(opacity=0.25, color="#3d5a80").encode(y="low:Q", y2="high:Q")
        )
    layers += [_side(frame, place, "gain", up), _side(frame, place, "loss", down)]
    if difference is not None:
        middle = pd.DataFrame({"change": [difference]})
        layers.append(alt.Chart(middle).mark_rule(color="#3d5a80", strokeWidth=2).encode(y="change:Q"))
    return alt.layer(*layers).properties(height=330)


def _side(frame: pd.DataFrame, place: alt.X, field: str, colour: str) -> alt.Chart:
    if len(frame) > SINGLE:
        marked = alt.Chart(frame).mark_area(interpolate="step", color=colour)
    else:
        marked = alt.Chart(frame).mark_bar(color=colour, size=max(2.0, min(14.0, 480 / len(frame))))
    drawn: alt.Chart = marked.encode(
        x=place,
        y=alt.Y(f"{field}:Q", title="change"),
        tooltip=[alt.Tooltip("case:Q"), alt.Tooltip("change:Q", format="+.4f")],
    )
    return drawn
