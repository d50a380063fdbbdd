"""Judges as tables: pandas frames whose texts are one harmless line each. Knows nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dashboards.frames import cell
from promptops import Certificate, DeclaredJudge, Found, Preference
from promptops.texts.figures import figure, interval, p_value, signed

STATES = {
    "valid": "valid",
    "weak": "too weak for the gate",
    "void": "void",
    "none": "none",
    "unknown": "can't be told",
}
MEASURES = {
    "accuracy": "accuracy",
    "kappa": "Cohen's kappa",
    "linear_kappa": "linear kappa",
    "quadratic_kappa": "quadratic kappa",
    "alpha_nominal": "alpha, nominal",
    "alpha_ordinal": "alpha, ordinal",
    "alpha_interval": "alpha, interval",
    "pearson": "Pearson's r",
    "spearman": "Spearman's rho",
    "kendall": "Kendall's tau",
}
NO_PEOPLE = "one person only"


def judges_frame(judges: Iterable[DeclaredJudge]) -> pd.DataFrame:
    """Return one row a judge: its certificate, and agreement beside that of people with one another."""
    rows = []
    for judge in judges:
        held = judge.certificate
        rows.append(
            {
                "judge": cell(judge.name),
                "kind": cell(judge.kind),
                "model": cell(" + ".join(judge.models)) + ("*" if judge.stand_in else ""),
                "certificate": _certificate(judge),
                "last check": judge.check.told if judge.check is not None else "-",
                "measure": MEASURES.get(held.main, cell(held.main)) if held else "-",
                "judge with people": told(held.agreement.judge_human) if held else "-",
                "people with people": told(held.agreement.human_human, NO_PEOPLE) if held else "-",
                "bias": told(held.bias, sign=True) if held else "-",
                "unread": share(judge.unread),
                "rated": f"{judge.rated} of {judge.drawn}",
            }
        )
    return pd.DataFrame(rows)


def _certificate(judge: DeclaredJudge) -> str:
    if judge.outdated:
        return "valid, but outdated"
    return "valid, but no better than chance" if judge.doubt else STATES[judge.state]


def measures_frame(held: Certificate) -> pd.DataFrame:
    """Return one row a measure; the main one first."""
    rows = [
        {
            "measure": MEASURES.get(each.measure, cell(each.measure)),
            "judge with people": told(each.judge_human),
            "people with people": told(each.human_human, NO_PEOPLE),
            "difference": told(each.gap, "-", sign=True),
        }
        for each in held.measures
    ]
    return pd.DataFrame(rows, columns=["measure", "judge with people", "people with people", "difference"])


def classes_frame(held: Certificate) -> pd.DataFrame:
    """Return one row a value of the scale: how often it is right and found, and how far the judge is off."""
    rows = [
        {
            "value": held.called(each.value),
            "right": told(each.precision, "never said"),
            "found": told(each.recall, "no such case"),
            "missed": str(each.missed),
            "false": str(each.false),
            "bias": told(each.bias, sign=True),
        }
        for each in held.classes
    ]
    return pd.DataFrame(rows, columns=["value", "right", "found", "missed", "false", "bias"])


def pairs_frame(found: Iterable[Preference]) -> pd.DataFrame:
    """Return one row a comparison by a pairwise judge, with what the place of an answer did to it."""
    rows = [
        {
            "judge": cell(each.label) + ("*" if each.stand_in else ""),
            "model": cell(each.judge),
            "baseline": each.baseline,
            "candidate": each.candidate,
            "candidate won": _within(each.share, each.low, each.high),
            "chose the first": _within(each.first_rate, each.first_low, each.first_high),
            "flipped": _within(each.flip_rate, each.flip_low, each.flip_high),
            "p of the order": "-" if each.order_p is None else p_value(each.order_p),
            "unread": str(each.unscored),
            "n": str(each.n),
        }
        for each in found
    ]
    return pd.DataFrame(rows)


def told(found: Found | None, none: str = "-", *, sign: bool = False) -> str:
    """Return a figure with its interval; `none` where there is no figure."""
    if found is None or found.value is None:
        return none
    return _within(found.value, found.low, found.high, sign=sign)


def share(found: Found | None) -> str:
    """Return a share in per cent with its interval."""
    if found is None or found.value is None:
        return "-"
    ends = "" if found.low is None or found.high is None else f" [{found.low:.1%}, {found.high:.1%}]"
    return f"{found.value:.1%}{ends}"


def _within(value: float | None, low: float | None, high: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    written = signed(value) if sign else figure(value)
    return written if low is None or high is None else f"{written} {interval(low, high, sign=sign)}"
