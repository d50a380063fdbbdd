"""How two short answers are made comparable: one spelling of characters, spaces and case."""

from __future__ import annotations

import unicodedata


def fold(text: str, ignore_case: bool) -> str:
    """Return the text in NFKC with runs of spaces made one, without case if so asked."""
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    return folded.casefold() if ignore_case else folded
