"""How figures are written for people, on a terminal and on a page alike."""

from __future__ import annotations


def figure(value: float | None) -> str:
    """Return a figure with four significant digits; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def signed(value: float | None) -> str:
    """Return a change with its sign."""
    if value is None:
        return "-"
    return f"{value:+.2f}" if abs(value) >= 10 else f"{value:+.4f}"


def interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """Return an interval in brackets."""
    if low is None or high is None:
        return "-"
    shown = signed if sign else figure
    return f"[{shown(low)}, {shown(high)}]"


def p_value(value: float) -> str:
    """Return a p-value as it is printed in papers."""
    return "<.0001" if value < 0.0001 else f"{value:.4f}".lstrip("0") if value < 1 else "1"
