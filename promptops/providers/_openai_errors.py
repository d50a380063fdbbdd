"""What a server's refusal means: its status and body become a CallFailed of the right kind."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from promptops.errors import CallFailed, FailureKind
from promptops.providers._wording import masked, one_line

_BY_CODE: dict[str, FailureKind] = {
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "rate_limit_exceeded": "rate_limited",
    "content_filter": "filtered",
    "content_policy_violation": "filtered",
    "invalid_api_key": "auth",
    "model_not_found": "not_found",
    "context_length_exceeded": "rejected",
}
_VERSION = re.compile(r"/v\d")
"""In the path of nearly all servers of that API."""
_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "not_found",
    407: "auth",
    408: "timeout",
    409: "server",
    425: "server",
    429: "rate_limited",
}


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, key: str | None, asked: str = ""
) -> CallFailed:
    """Return the failure that an answer with a status other than 2xx stands for.

    `asked` is the address, which is told where nothing is there, or not what was asked for.
    """
    if 300 <= status < 400:
        return _redirect(status, headers, key)
    error = _error_object(body)
    words = one_line(masked(_message(error, body), key))
    message = f"The server answered {status}: {words}" if words else f"The server answered {status}."
    if status in (404, 405) and asked:
        place = asked.partition("?")[0]
        at_fault = not _VERSION.search(place) and error.get("code") != "model_not_found"
        advice = (
            f"{'.' if words[-1:] not in ('', '.') else ''} Its base_url usually ends in /v1"
            if at_fault
            else ""
        )
        message = f"The server answered {status} at {place}{f': {words}' if words else ''}{advice}"
    return CallFailed(_kind(status, error), message, status=status, retry_after=retry_after(headers))


def error_in_answer(error: object, status: int, headers: Mapping[str, str], key: str | None) -> CallFailed:
    """Return the failure that an `error` in an answer with status 200 stands for."""
    given = error if isinstance(error, dict) else {"message": error}
    code = given.get("code")
    meant = code if isinstance(code, int) and 400 <= code < 600 else 500
    words = one_line(masked(_message(given, b""), key)) or "no message"
    return CallFailed(
        _kind(meant, given),
        f"The server answered {status} with an error: {words}",
        status=status,
        retry_after=retry_after(headers),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait; None where it says nothing usable."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    seconds = _number(given)
    if seconds is not None or given is None:
        return seconds
    until, now = _date(given), _date(headers.get("date", "")) or datetime.now(UTC)
    wait = (until - now).total_seconds() if until is not None else -1.0
    return wait if wait > 0 else None


def _redirect(status: int, headers: Mapping[str, str], key: str | None) -> CallFailed:
    place = one_line(masked(headers.get("location", "").partition("?")[0], key), 150)
    return CallFailed(
        "rejected",
        f"The server answered {status}, a redirect to {place!r}. Redirects are not followed, so that the key "
        "stays where it belongs; if that is the right server, write it as base_url.",
        status=status,
    )


_LARGER_THAN_LIMIT = "request too large"
"""How the message of a 429 begins that no waiting helps: one request over the tokens of a minute."""


def _kind(status: int, error: Mapping[str, object]) -> FailureKind:
    if status == 429 and str(error.get("message")).lower().startswith(_LARGER_THAN_LIMIT):
        return "rejected"
    for field in ("code", "type"):
        code = error.get(field)
        if isinstance(code, str) and code in _BY_CODE:
            return _BY_CODE[code]
    inner = error.get("innererror")
    if isinstance(inner, dict) and inner.get("code") == "ResponsibleAIPolicyViolation":
        return "filtered"
    return _BY_STATUS.get(status, "server" if status >= 500 else "rejected")


def _error_object(body: bytes) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    error = parsed.get("error", parsed)
    return error if isinstance(error, dict) else {"message": error}


def _message(error: Mapping[str, object], body: bytes) -> str:
    for field in ("message", "detail", "error", "msg"):
        value = error.get(field)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict | list) and value:
            return repr(value)
    for field in ("code", "type"):
        if isinstance(error.get(field), str | int):
            return str(error[field])
    return body[:2000].decode("utf-8", "replace")


def _number(text: str | None) -> float | None:
    # Only digits and a point: float() would also take "nan", "1e999", "1_0" and digits of other scripts.
    if text is None or not text.isascii() or not text.strip().replace(".", "", 1).isdigit():
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
