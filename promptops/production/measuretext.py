"""How the figures of measures are written for people."""

from __future__ import annotations

from promptops.texts.figures import dollars, figure

ERROR = "error:"
"""Before a class of errors: the share of calls that went wrong so."""
_SECONDS = ("p50", "p90", "p95", "p99")


def figure_text(name: str, value: float | None) -> str:
    """Return a measure's figure: shares in percent, times in seconds, costs in dollars."""
    if value is None:
        return "-"
    if name in ("errors", "refusals", "truncated", "good") or name.startswith(ERROR):
        return f"{value:.1%}"
    if name in _SECONDS:
        return f"{value:.2f} s"
    if name in ("cost", "cost_total"):
        small = 0 < value < 0.001
        return dollars(value) if small else f"${value:,.4f}" if value < 1 else f"${value:,.2f}"
    return f"{value:,.0f}" if name == "calls" else figure(value)
