"""Moments as people write them: a day, a time, or how long ago; and which records a prompt's name means."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from promptops.errors import UsageError
from promptops.production.records import RecordFilter, subject_mark

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,5})([hdw])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_REFERENCE = re.compile(r"([^@]*)(?:@(.+))?")


def first_moment(text: str, now: datetime) -> str:
    """Return the moment from which on something is meant, as records write theirs.

    `text` is a day (its beginning), an ISO 8601 time (UTC where it names no zone), or 12h, 7d, 2w: that
    long before `now`. Raises UsageError.
    """
    return spelled(_moment(text, now))


def end_moment(text: str, now: datetime) -> str:
    """Return the moment before which something is meant: after a day its end, else as `first_moment`."""
    found = _moment(text, now)
    return spelled(found + timedelta(days=1) if _DAY.fullmatch(text.strip()) else found)


def spelled(moment: datetime) -> str:
    """Return a moment as records write theirs: UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def chosen_records(
    *,
    now: datetime,
    prompt: str | None = None,
    since: str | None = None,
    until: str | None = None,
    before: str | None = None,
    model: str | None = None,
    subject: str | None = None,
    tag: str | None = None,
    failed: bool | None = None,
    good: bool | None = None,
    with_feedback: bool = False,
    id: str | None = None,
) -> RecordFilter:
    """Return a filter from what people write.

    `prompt` is `reply`, `reply@3`, `reply@production` or `@production`; `until` takes its day in, `before`
    does not; `subject` is a person's own name. Raises UsageError.
    """
    if until is not None and before is not None:
        raise UsageError("Say `until` (with its day) or `before` (without it), not both.")
    begins = None if since is None else first_moment(since, now)
    ends = end_moment(until, now) if until is not None else None
    ends = first_moment(before, now) if before is not None else ends
    if begins is not None and ends is not None and begins > ends:
        name, end = ("until", until) if before is None else ("before", before)
        raise UsageError(
            f"`since` ({since}) is later than `{name}` ({end}): no record is between. Swap them."
        )
    return RecordFilter(
        **prompt_fields(prompt) if prompt is not None else {},
        since=begins,
        until=ends,
        model=model,
        subject=None if subject is None else subject_mark(subject),
        tag=tag,
        failed=failed,
        good=good,
        with_feedback=with_feedback,
        id=id,
    )


def prompt_fields(reference: str) -> dict[str, str | int]:
    """Return what a prompt's name, version or alias asks of records. Raises UsageError for none of these."""
    found = _REFERENCE.fullmatch(reference)
    name, which = (found[1], found[2]) if found else ("", None)
    if (not name and not which) or reference.endswith("@"):
        raise UsageError(
            f"{reference!r} names no prompt. Write reply, reply@3, reply@production or @production."
        )
    fields: dict[str, str | int] = {"prompt": name} if name else {}
    if which is not None and which.isdecimal():
        fields["version"] = int(which[:9])
    elif which is not None:
        fields["alias"] = which
    return fields


def _moment(text: str, now: datetime) -> datetime:
    given = text.strip()
    try:
        if ago := _AGO.fullmatch(given):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if _DAY.fullmatch(given):
            day = date.fromisoformat(given)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = datetime.fromisoformat(given)
        # Within an hour of the first and the last year there is no such moment in UTC.
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{given[:60]!r} is no moment. Write a day (2026-11-01), a time (2026-11-01T10:30), or how long "
            "ago: 12h, 7d, 2w."
        ) from None
