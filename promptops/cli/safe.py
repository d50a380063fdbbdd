"""Text from models and users made harmless for a terminal and a CI log."""

from __future__ import annotations

import re

from promptops.visible import visible

_WORKFLOW = re.compile(r"^(\s*)::", re.MULTILINE)


def safe_lines(text: str) -> str:
    """Show control and direction characters instead of sending them; keep line breaks and tabs.

    A line that begins with `::` would be a command to GitHub's runner; it gets a visible space.
    """
    return _WORKFLOW.sub(r"\1: :", visible(text))


def safe_line(text: str, limit: int = 200) -> str:
    """Return one harmless line of at most `limit` characters."""
    flat = " ".join(safe_lines(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
