"""Shifts and coverages as tables: texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

import pandas as pd

from dashboards.frames import cell
from promptops import SetCoverage, Shift, feature_sides
from promptops.texts.figures import figure, interval, p_value

NEAR, CASE, PICKED = "production", "case of the set", "suggested"


def features_frame(shift: Shift) -> pd.DataFrame:
    """Return one row a feature: those that changed by how well they tell texts apart, then the others."""
    ordered = sorted(
        shift.features,
        key=lambda item: (item.adjusted_p >= shift.alpha, -item.separation, item.adjusted_p),
    )
    rows = []
    for item in ordered:
        name, first, second = feature_sides(item)
        rows.append(
            {
                "feature": cell(item.name),
                "changed": "yes" if item.adjusted_p < shift.alpha else "",
                "first": cell(f"{name} {first}".lstrip()),
                "second": second,
                "told apart": f"{item.separation:.2f}",
                "p after Holm": p_value(item.adjusted_p),
                "JS": f"{item.jensen_shannon:.3f}",
                "Wasserstein": figure(item.wasserstein),
                "PSI": figure(item.psi),
                "p of PSI": "-" if item.psi_p is None else p_value(item.psi_p),
            }
        )
    return pd.DataFrame(rows)


def days_frame(shift: Shift) -> pd.DataFrame:
    """Return one row a day that has a distance."""
    rows = [
        {
            "day": each.day,
            "side": each.side,
            "texts": each.texts,
            "distance": each.distance,
            "by chance below": each.high,
            "p after Holm": p_value(each.adjusted_p or 0.0),
            "finding": "differs" if (each.adjusted_p or 0.0) < shift.alpha else "as by chance",
        }
        for each in shift.days
        if each.distance is not None
    ]
    columns = ["day", "side", "texts", "distance", "by chance below", "p after Holm", "finding"]
    return pd.DataFrame(rows, columns=columns)


def map_frame(found: SetCoverage) -> pd.DataFrame:
    """Return one row a text on the map, with the group that it is drawn as."""
    picked = {each.index for each in found.suggestions}
    kinds = kind_names(found)
    rows = [
        {
            "place": place,
            "x": point.x,
            "y": point.y,
            "group": CASE if point.kind is None and point.sample is not None else _group(point.kind, kinds),
            "drawn as": _drawn_as(point.sample, point.index, picked),
            "which": cell(point.where if point.sample is None else point.sample),
            "text": cell(point.text),
        }
        for place, point in enumerate(found.map.points if found.map else ())
    ]
    return pd.DataFrame(rows)


def kind_names(found: SetCoverage) -> list[str]:
    """Return what the uncovered kinds are called, the largest first."""
    return [
        f"uncovered {place}: {cell(kind.theme) or 'no words'}"
        for place, kind in enumerate(found.uncovered, 1)
    ]


def kinds_frame(found: SetCoverage) -> pd.DataFrame:
    """Return one row an uncovered kind."""
    rows = [
        {
            "kind": name,
            "of all production": f"{kind.share:.1%}",
            "texts": kind.texts,
            "in the middle of it": cell(kind.examples[0] if kind.examples else ""),
        }
        for name, kind in zip(kind_names(found), found.uncovered, strict=True)
    ]
    return pd.DataFrame(rows)


def suggestions_frame(found: SetCoverage) -> pd.DataFrame:
    """Return one row a text to add."""
    rows = [
        {
            "from": cell(each.where),
            "newly covered": f"{each.covered:.1%}",
            "mass": f"{each.mass:.1%}",
            "kind": "" if each.kind is None else cell(found.uncovered[each.kind].theme),
            "text": cell(each.text),
        }
        for each in found.suggestions
    ]
    return pd.DataFrame(rows, columns=["from", "newly covered", "mass", "kind", "text"])


def reestimates_frame(found: SetCoverage) -> pd.DataFrame:
    """Return one row a metric of a run: as it stands, and weighted as production asks."""
    rows = [
        {
            "metric": cell(each.plain.label),
            "plain": figure(each.plain.value),
            "95 % of plain": interval(each.plain.low, each.plain.high),
            "weighted": figure(each.weighted.value),
            "95 % of weighted": interval(each.weighted.low, each.weighted.high),
            "effective n": f"{each.effective_n:.1f} of {each.plain.n}",
        }
        for each in found.estimates
    ]
    return pd.DataFrame(rows)


def _group(kind: int | None, kinds: list[str]) -> str:
    return NEAR if kind is None else kinds[kind]


def _drawn_as(sample: str | None, index: int | None, picked: set[int]) -> str:
    if sample is not None:
        return CASE
    return PICKED if index in picked else NEAR
