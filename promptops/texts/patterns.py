"""Regular expressions of users on texts of models and people: searched within a time that is bounded.

The standard `re` has no timeout, and a pattern with nested repeats, such as `(a+)+$`, can take for ever
on thirty characters. The `regex` library reads the same patterns and gives up.
It takes 30 ms to import, so whoever has no pattern doesn't.
"""

from __future__ import annotations

SECONDS = 1.0
"""How long one search may take."""


class TooSlow(Exception):
    """A search was given up."""


def fault(pattern: str) -> str | None:
    """Return why a text is no regular expression; None where it is one."""
    import regex

    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


def found(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere. Raises TooSlow."""
    import regex

    try:
        return regex.search(pattern, text, timeout=SECONDS) is not None
    except TimeoutError:
        raise TooSlow(f"the pattern {pattern[:100]!r} takes over {SECONDS:g} s on this output") from None


def replaced(pattern: str, replacement: str, text: str) -> str:
    """Return a text with other words in place of all that a pattern finds. Raises TooSlow."""
    import regex

    try:
        # A function, so that nothing in the replacement is taken for a group.
        changed: str = regex.sub(pattern, lambda _: replacement, text, timeout=SECONDS)
    except TimeoutError:
        raise TooSlow(f"the pattern {pattern[:100]!r} takes over {SECONDS:g} s on this text") from None
    return changed
