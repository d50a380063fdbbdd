"""How figures are written for people, on a terminal and on a page alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import floor, log10

NAMED = 5
"""So many things at most are listed in a sentence."""


def figure(value: float | None) -> str:
    """Return a figure with four significant digits; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return how many there are, with the word for one or for several: `1 record`, `1,200 records`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


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


def dollars(cost: float | None) -> str:
    """Return an amount as it is told to people."""
    if cost is None:
        return "cost unknown"
    if cost >= 0.1 or cost <= 0:
        return f"${cost:,.2f}"
    # Two digits that say something at least, and no exponent.
    return f"${cost:.{4 if cost >= 0.001 else 1 - floor(log10(cost))}f}"


def pace(rate: float) -> str:
    """Return how many come in a second, or in a longer time where few do."""
    if rate >= 1:
        return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    return f"{rate * 60:.0f}/min" if rate >= 1 / 60 else f"{rate * 3600:.0f}/h"


def duration(seconds: float) -> str:
    """Return a time that is to pass, roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def span(before: str, since: str) -> str:
    """Return two dates in words, to the minute, and to the second where they share it."""
    times = (datetime.fromisoformat(each).astimezone(UTC) for each in (before, since))
    first, last = (f"{each:%Y-%m-%d %H:%M:%S}" for each in times)
    length = 19 if first[:16] == last[:16] else 16
    return f"between {first[:length]} and {last[:length]} UTC"


def listed(names: Sequence[str]) -> str:
    """Return names as a part of a sentence: a, b and c; of many the first ones."""
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def shortened(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters: its beginning and its end, either may tell it apart."""
    if len(name) <= limit:
        return name
    end = (limit - 1) // 2
    return f"{name[: limit - 1 - end]}\N{HORIZONTAL ELLIPSIS}{name[-end:]}"


def costs_text(total: float | None, each: float | None, known: float | None) -> str:
    """Say what all records cost and an answer costs, and of how large a share (0 to 1) that is known."""
    if not known:
        return "cost unknown"
    told = "" if known == 1 else f" (known of {min(round(known * 100), 99)}% of the records)"
    return f"{dollars(total)} in all, {dollars(each)} an answer{told}"
