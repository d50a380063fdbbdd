"""Where a judge is off, in plain words, the same on every face."""

from __future__ import annotations

from collections.abc import Sequence

from promptops.instruments import BiasPart
from promptops.texts.figures import interval, listed, signed

SCATTER = (
    "People's own scatter alone pulls the bias by value towards the middle: above 0 at low values, below 0 "
    "at high ones."
)


def hidden_biases(parts: Sequence[BiasPart], allowed: float | None = None) -> str:
    """Tell on which parts of the cases a judge is off; empty where that is on none.

    It is off where the bias is clearly not 0, or larger than a rule of the gate has `allowed` for all.
    """
    off = [each for each in parts if each.clear or _exceeds(each, allowed)]
    if not off:
        return ""
    told = listed([f"{_where(each)} {_bias(each)}" for each in off])
    scatter = f" {SCATTER}" if any(each.by in ("value", "preference") for each in off) else ""
    both = len({(each.bias.value or 0.0) > 0 for each in off}) > 1
    what = "Opposite biases cancel in the mean" if both else "The bias on parts of the cases"
    return f"{what}: {told}.{scatter}"


def _exceeds(part: BiasPart, allowed: float | None) -> bool:
    return allowed is not None and part.bias.value is not None and abs(part.bias.value) > allowed


def _where(part: BiasPart) -> str:
    sign = "+" if part.by == "difference" else ""
    low, high = format(part.low, f"{sign}g"), format(part.high, f"{sign}g")
    ends = low if low == high else f"{low} to {high}"
    if part.by == "preference":
        side = "older" if part.high < 0 else "newer"
        return (
            "where people are of two minds"
            if part.low <= 0 <= part.high
            else f"where people like the {side} one"
        )
    if part.by == "difference":
        return f"where the newer answer is longer by {ends} characters"
    return f"where people say {ends}" if part.by == "value" else f"on answers of {ends} characters"


def _bias(part: BiasPart) -> str:
    found = part.bias
    return f"{signed(found.value)} {interval(found.low, found.high, sign=True)} ({found.n} cases)"
