"""What a reply's headers say is left of its limits, as OpenAI, Azure, Anthropic and others write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from promptops.providers import Allowance, AllowanceKind

MOST = 10**15
"""A figure above this is no limit."""
LONGEST_RESET = 40 * 86_400.0

_OPENAI: tuple[AllowanceKind, ...] = ("requests", "tokens")
_ANTHROPIC: tuple[AllowanceKind, ...] = ("requests", "tokens", "input-tokens", "output-tokens")


def _openai(kind: str) -> tuple[str, str, str]:
    return (
        f"x-ratelimit-remaining-{kind}",
        f"x-ratelimit-limit-{kind}",
        f"x-ratelimit-reset-{kind}",
    )


def _anthropic(kind: str) -> tuple[str, str, str]:
    start = f"anthropic-ratelimit-{kind}"
    return f"{start}-remaining", f"{start}-limit", f"{start}-reset"


_NAMES: tuple[tuple[AllowanceKind, str, str, str], ...] = (
    *((kind, *_openai(kind)) for kind in _OPENAI),
    *((kind, *_anthropic(kind)) for kind in _ANTHROPIC),
)
"""Kind, then the headers of what remains, of the limit and of the reset."""
_SECONDS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|us|µs|ns|d|h|m|s)")
_WHOLE = re.compile(rf"(?:{_DURATION.pattern})+")


def allowances(headers: Mapping[str, str], now: datetime | None = None) -> tuple[Allowance, ...]:
    """Return what is left of which limit; what can't be understood is left out.

    `now` is the server's time where a date is told, by default that of its `Date` header or ours.
    """
    return tuple(
        told
        for kind, remaining, limit, reset in _NAMES
        if remaining in headers
        and (told := _allowance(kind, headers, remaining, limit, reset, now)) is not None
    )


def _allowance(
    kind: AllowanceKind,
    headers: Mapping[str, str],
    remaining: str,
    limit: str,
    reset: str,
    now: datetime | None,
) -> Allowance | None:
    left, whole = _count(headers[remaining]), _count(headers.get(limit))
    # Some proxies write 0 where there is no limit, and more left than there is in all.
    if left is None or whole == 0 or (whole is not None and left > whole):
        return None
    return Allowance(kind, whole, left, _reset(headers.get(reset), headers, now))


def _count(text: str | None) -> int | None:
    if text is None or not text.isascii():
        return None
    digits = text.strip()
    if not digits.isdigit() or len(digits) > 16:
        return None
    return value if (value := int(digits)) <= MOST else None


def _reset(text: str | None, headers: Mapping[str, str], now: datetime | None) -> float | None:
    if text is None or len(text) > 60:
        return None
    seconds = _seconds(text.strip())
    if seconds is None:
        seconds = _until(text.strip(), headers, now)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_RESET else None


def _seconds(text: str) -> float | None:
    """Return the seconds of `1s`, `6m0s`, `120ms` or `1.5`; of a moment in seconds since 1970, None."""
    if _WHOLE.fullmatch(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text) if float(text) <= LONGEST_RESET else None
    return None


def _until(text: str, headers: Mapping[str, str], now: datetime | None) -> float | None:
    moment = _moment(text)
    if moment is None:
        return None
    if now is None:
        from email.utils import parsedate_to_datetime  # only servers that write dates need it

        try:
            now = parsedate_to_datetime(headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            now = datetime.now(UTC)
        now = now if now.tzinfo is not None else now.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def _moment(text: str) -> datetime | None:
    if text.isascii() and text.isdigit():
        seconds = int(text) / (1000 if len(text) >= 13 else 1)
        return datetime.fromtimestamp(seconds, UTC) if seconds < 10**11 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
