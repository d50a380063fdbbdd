"""Text from models and users made harmless for a terminal and a CI log."""

from __future__ import annotations

import re

from promptops.texts.visible import visible

# What GitHub's runner takes for a command: `::` at the beginning of a line, and since a terminal's width
# may break a line anywhere, before a command's name everywhere; the older `##[` wherever it stands.
_COMMANDS = (
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher|save-state"
    "|set-env|set-output|stop-commands|warning|internal-set-repo-path"
)
_WORKFLOW = re.compile(rf"^([^\S\n]*)::|::(?=(?:{_COMMANDS})(?:[\s:]|$))", re.MULTILINE | re.IGNORECASE)


def safe_lines(text: str) -> str:
    """Show control and direction characters instead of sending them; keep line breaks and tabs.

    What would be a command to GitHub's runner gets a visible space.
    """
    return _WORKFLOW.sub(r"\1: :", visible(text)).replace("##[", "# #[")


def safe_line(text: str, limit: int = 200) -> str:
    """Return one harmless line of at most `limit` characters."""
    flat = " ".join(safe_lines(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
