"""Records as one side of a comparison, by name: `records:7d`, `records:reply/2026-11-01..2026-11-15`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from promptops.errors import UsageError
from promptops.files.located import did_you_mean, shown
from promptops.production.periods import end_moment, first_moment, prompt_fields, spelled
from promptops.production.records import RecordFilter
from promptops.texts.figures import counted

PREFIX = "records:"
GRAMMAR = (
    "Write records: and then, with / between them, a prompt (reply, reply@3, reply@production), a time "
    "(7d, 24h, 2026-11-01, 2026-11-01..2026-11-15), good or bad, tag=NAME, session=NAME, model=NAME (last)."
)
_KEYS = ("prompt", "tag", "session", "model")
_WORDS = {"good": True, "bad": False}
_UNITS = ("h", "d", "w")
_PERIOD = re.compile(r"\d{1,5}[hdw]|\d{4}-\d{2}-\d{2}|.*\.\..*")


class Reference(NamedTuple):
    """Which records a name means."""

    wanted: RecordFilter
    name: str
    """The same with moments in place of `7d`, so that it means the same later."""


def is_records(reference: str) -> bool:
    """Tell whether a side is records of production."""
    return reference.startswith(PREFIX)


def read_reference(reference: str, now: datetime) -> Reference:
    """Return which records are meant; `records:` alone means all. Raises UsageError with the grammar."""
    fields: dict[str, object] = {}
    rest, parts = reference.removeprefix(PREFIX), list[str]()
    while rest:
        # A model's name may hold slashes, so that it takes all that is left.
        part, _, rest = (rest, "", "") if rest.startswith("model=") else rest.partition("/")
        found = _part(part, reference, now)
        for key, value in found.items():
            if key in fields:
                raise UsageError(f"{shown(reference, 100)} says {key!r} twice. {GRAMMAR}")
            fields[key] = value
        parts.append(_fixed(part, found))
    return Reference(RecordFilter.model_validate(fields), PREFIX + "/".join(parts))


def in_words(reference: str) -> str:
    """Return records as people call them, such as `records of reply, 7 days to 2026-11-27 15:17 UTC`.

    Any other side is returned as it is.
    """
    if not is_records(reference):
        return reference
    prompt, told = "", list[str]()
    rest = reference.removeprefix(PREFIX)
    while rest:
        part, _, rest = (rest, "", "") if rest.startswith("model=") else rest.partition("/")
        key, mark, value = part.partition("=")
        if part in _WORDS:
            told.append(f"found {part} by somebody")
        elif _PERIOD.fullmatch(part):
            told.append(_period_in_words(part))
        elif mark and key != "prompt":
            told.append(f"{key} {value}")
        else:
            prompt = f" of {value or part}"
    return ", ".join([f"records{prompt}", *told])


def _part(part: str, reference: str, now: datetime) -> dict[str, object]:
    if part in _WORDS:
        return {"good": _WORDS[part]}
    if _PERIOD.fullmatch(part):
        return _period(part, now)
    key, mark, value = part.partition("=")
    if mark and (key not in _KEYS or not value):
        told = f"{shown(part)} is none of them.{did_you_mean(key, _KEYS)}"
        raise UsageError(f"{shown(reference, 100)}: {told} {GRAMMAR}")
    if not part:
        raise UsageError(f"{shown(reference, 100)} has nothing between two slashes. {GRAMMAR}")
    if mark and key != "prompt":
        return {key: value}
    try:
        return dict(prompt_fields(value if mark else part))
    except UsageError:
        raise UsageError(f"{shown(reference, 100)}: {shown(part)} is none of them. {GRAMMAR}") from None


def _period(part: str, now: datetime) -> dict[str, object]:
    first, dots, last = part.partition("..")
    found: dict[str, object] = {}
    if first:
        found["since"] = first_moment(first, now)
    if last or (first and not dots):
        # A day alone is that day, and so long ago until now.
        found["until"] = spelled(now) if part[-1] in _UNITS and not dots else end_moment(last or first, now)
    if not found or (len(found) == 2 and str(found["since"]) >= str(found["until"])):
        raise UsageError(f"{shown(part)} is no time: the first moment must lie before the last. {GRAMMAR}")
    return found


def _period_in_words(part: str) -> str:
    first, dots, last = part.partition("..")
    if not dots:
        return part
    try:
        since, until = (datetime.fromisoformat(each) for each in (first, last))
        days = (until - since) / timedelta(days=1)
    except (ValueError, TypeError):
        return f"{_to_the_minute(first)} .. {_to_the_minute(last)}".strip()
    if "T" in first and days.is_integer():
        return f"{counted(int(days), 'day')} to {_to_the_minute(last)}"
    return f"{_to_the_minute(first)} to {_to_the_minute(last)}"


def _to_the_minute(moment: str) -> str:
    """Return a moment as dates and times are read; a day alone as it is."""
    clock = " UTC" if moment.endswith("+00:00") else ""
    return f"{moment[:16].replace('T', ' ')}{clock}" if "T" in moment else moment


def _fixed(part: str, found: dict[str, object]) -> str:
    """Return a part with moments in place of what would mean another time later."""
    if not any(each[-1:] in _UNITS for each in part.split("..")) or not {"since", "until"} & set(found):
        return part
    return f"{found.get('since', '')}..{found.get('until', '')}"
