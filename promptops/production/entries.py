"""From what a caller said to a line of the spool: checked field by field, drawn, and censored.

A wrong field costs itself and never the record: what is left out is named in the metadata, under `logging`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from pydantic import BaseModel, JsonValue, ValidationError

from promptops.production.buffer import ABSENT, Entry
from promptops.production.censor import Censor
from promptops.production.finishes import finish_of
from promptops.production.records import Feedback, Record, subject_mark
from promptops.production.settings import LoggingSettings
from promptops.production.snapshots import whole_words
from promptops.production.tally import Tally

LONGEST_NAME = 500
"""Characters of a prompt's name, a model, an outcome, a tag: what databases keep indexes of."""
LARGEST = 2**31 - 1
AHEAD = timedelta(days=1)
"""How far from now a call may begin: clocks and zones differ, and what lies later would never be pruned."""

_NAMES = ("model", "alias", "outcome", "error", "parent")
_WHOLE = ("tokens_in", "tokens_out", "version")
_Noun = TypeVar("_Noun", bound=BaseModel)


class Entries:
    """Makes lines of entries, by the settings of one project."""

    def __init__(self, settings: LoggingSettings, censor: Censor, tally: Tally) -> None:
        self._settings = settings
        self._censor = censor
        self._tally = tally

    def line(self, entry: Entry) -> bytes | None:
        """Return an entry's line; None for one that is not kept."""
        noun = self._feedback(entry) if entry.kind == "feedback" else self._record(entry)
        if noun is None:
            return None
        content = noun.model_dump(exclude_defaults=True)
        text = json.dumps({entry.kind: content}, ensure_ascii=False, separators=(",", ":"))
        # No half character is left by a censored text; whatever else slipped in must not stop the spool.
        return text.encode("utf-8", "replace") + b"\n"

    def _record(self, entry: Entry) -> Record | None:
        given = dict(entry.fields)
        wrong: set[str] = set()
        self._tell_absent(given.pop(ABSENT, None))
        values = _reference(given, wrong)
        root = given.pop("root", None)
        rate = self._rate(given, values, str(given.get("session") or root or entry.id))
        if rate is None:
            self._tally.count("sampled_out")
            return None
        values |= _figures(given, wrong)
        seconds = values.get("seconds")
        values["at"] = _moment(entry.nanoseconds, given.pop("at", None), seconds, wrong)
        if "prompt" in values:
            values["prompt"] = self._censor.text(str(values["prompt"]))
        values |= self._texts(given, wrong)
        kept = _built(Record, {**values, "id": entry.id, "rate": rate}, wrong)
        if kept is None:
            self._tally.count("failed")
            return None
        return self._noted(kept, given, wrong, cuts=entry.cuts)

    def _rate(self, given: Mapping[str, object], values: Mapping[str, object], key: str) -> float | None:
        """Return the share of such calls that is kept; None where this one is not.

        Drawn by a hash of the session, so that sessions are whole. An error that is kept always stands for
        itself only: its rate is 1 in sessions that are kept anyway, too, or errors would count too much.
        """
        if given.get("error") is not None and self._settings.keep_errors:
            return 1.0
        prompt = values.get("prompt")
        share = self._settings.share(prompt if isinstance(prompt, str) else None)
        return share if share >= 1 or place_of(key) < share else None

    def _texts(self, given: dict[str, object], wrong: set[str]) -> dict[str, object]:
        """Take the texts out of what is given, each without what must not be written."""
        censor = self._censor
        found: dict[str, object] = {}
        for name in _NAMES:
            value = given.pop(name, None)
            if value is not None:
                found[name] = censor.text(_short(value, name, wrong))
        inputs = given.pop("inputs", None)
        if inputs is not None:
            held = inputs if isinstance(inputs, dict) else {"input": inputs}
            found["inputs"] = censor.value(cast("JsonValue", held))
        output = given.pop("output", None)
        if output is not None:
            found["output"] = censor.answer(output if isinstance(output, str) else _json(output))
        tags = given.pop("tags", None)
        if tags is not None:
            listed = tags if isinstance(tags, list) else [tags]
            found["tags"] = tuple(censor.text(_short(tag, "tags", wrong)) for tag in listed)
        subject, session = given.pop("subject", None), given.pop("session", None)
        if subject is not None:
            found["subject"] = subject_mark(str(subject))
        if session is not None:
            found["session"] = censor.name(_short(session, "session", wrong), subject_mark)
        return found

    def _noted(
        self, record: Record, given: dict[str, object], wrong: set[str], *, cuts: Sequence[str]
    ) -> Record:
        """Return a record with its metadata, and under `logging` what is not in it."""
        metadata = given.pop("metadata", None)
        held = metadata if isinstance(metadata, dict) else {} if metadata is None else {"metadata": metadata}
        notes: dict[str, object] = {}
        if cuts:
            notes["cut"] = list(cuts)
            self._tally.count("cut")
            places = self._censor.text(", ".join(cuts))
            self._tally.tell("cut", f"promptops.log: a record was too large, and is cut off at {places}.")
        if wrong:
            notes["wrong"] = sorted(wrong)
            self._complain("log", wrong)
        if given:
            notes["unknown"] = given
            self._tally.count("wrong", len(given))
            names = self._censor.text(whole_words(", ".join(sorted(given)), LONGEST_NAME))
            self._tally.tell(
                f"unknown {names}",
                f"promptops.log has no argument {names}; the values are kept in the record's metadata.",
            )
        if notes:
            held = {**held, "logging": notes}
        if not held:
            return record
        return record.model_copy(update={"metadata": self._censor.value(cast("JsonValue", held))})

    def _feedback(self, entry: Entry) -> Feedback | None:
        given = dict(entry.fields)
        wrong: set[str] = set()
        values: dict[str, object] = {
            "id": entry.id,
            "at": _moment(entry.nanoseconds, given.pop("at", None), None, wrong),
            "record": self._censor.text(_short(given.pop("record", ""), "record", wrong)),
        }
        for name in ("comment", "edit", "outcome"):
            value = given.pop(name, None)
            if value is not None:
                clean = self._censor.answer if name == "edit" else self._censor.text
                values[name] = clean(value if isinstance(value, str) else _json(value))
        by = given.pop("by", None)
        if by is not None:
            values["by"] = subject_mark(str(by))
        thumb = given.pop("thumb", None)
        if thumb is not None:
            values["thumb"] = (
                {True: "up", False: "down"}.get(thumb, thumb) if isinstance(thumb, bool) else thumb
            )
        stars = given.pop("stars", None)
        if isinstance(stars, bool):
            wrong.add("stars")
        elif stars is not None:
            values["stars"] = stars
        said = _built(Feedback, values, wrong)
        wrong |= set(given)
        if wrong:
            self._complain("feedback", wrong)
        if said is None or (said.thumb, said.stars, said.comment, said.edit, said.outcome) == (
            None, None, "", None, None,
        ):  # fmt: skip
            self._tally.count("failed")
            self._tally.tell("empty", "promptops.feedback: nothing was said, or of no record.")
            return None
        return said

    def _tell_absent(self, absent: object) -> None:
        for function, option, name in absent if isinstance(absent, list) else ():
            self._tally.tell(
                f"absent {function} {option} {name}",
                f"promptops.trace of {function}: a call came without the argument {name!r}, which {option} "
                "names. Where it can be left out, all is well.",
            )

    def _complain(self, function: str, wrong: set[str]) -> None:
        self._tally.count("wrong", len(wrong))
        names = self._censor.text(whole_words(", ".join(sorted(wrong)), LONGEST_NAME))
        self._tally.tell(
            f"wrong {function} {names}",
            f"promptops.{function}: {names} could not be used, as type or range is wrong; the rest is kept.",
        )


def place_of(key: str) -> float:
    """Return a number in [0, 1) that a key always has."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _reference(given: dict[str, object], wrong: set[str]) -> dict[str, object]:
    """Take a prompt's name and version from `reply`, `reply@3` and `reply@production`."""
    prompt, version, found = given.pop("prompt", None), given.pop("version", None), dict[str, object]()
    if isinstance(prompt, str):
        name, _, pointer = prompt.partition("@")
        if name:
            found["prompt"] = _short(name, "prompt", wrong)
        if pointer.isdecimal():
            found["version"] = int(pointer) if len(pointer) < 10 else LARGEST + 1
        elif pointer and given.get("alias") is None:
            given["alias"] = pointer
    elif prompt is not None:
        wrong.add("prompt")
    if version is not None:
        found["version"] = version
    if isinstance(number := found.get("version"), int) and number < 1:
        wrong.add("version")
        del found["version"]
    return _in_range(found, wrong)


def _figures(given: dict[str, object], wrong: set[str]) -> dict[str, object]:
    names = ("tokens_in", "tokens_out", "seconds", "cost")
    found = {name: given.pop(name) for name in names if given.get(name) is not None}
    reason = given.pop("finish_reason", None)
    if reason is not None:
        found["finish_reason"] = finish_of(reason)
    return _in_range(found, wrong)


def _in_range(found: dict[str, object], wrong: set[str]) -> dict[str, object]:
    for name in list(found):
        value = found[name]
        if isinstance(value, bool) or (isinstance(value, int) and abs(value) > LARGEST):
            wrong.add(name)
            del found[name]
    return found


def _moment(nanoseconds: int, given: object, seconds: object, wrong: set[str]) -> str:
    """Return when a call began: as given, else so many seconds before it was logged."""
    now = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    if given is not None:
        begun = _read(given)
        if begun is not None and begun <= now + AHEAD:
            return _utc(begun)
        wrong.add("at")
    took = seconds if isinstance(seconds, int | float) and math.isfinite(seconds) else 0
    return _utc(now - timedelta(seconds=min(max(took, 0), 10**8)))


def _read(given: object) -> datetime | None:
    try:
        if isinstance(given, str):
            moment = datetime.fromisoformat(given)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(given, int | float):
            return datetime.fromtimestamp(given, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _short(value: object, name: str, wrong: set[str]) -> str:
    text = value if isinstance(value, str) else _json(value)
    if len(text) <= LONGEST_NAME:
        return text
    wrong.add(name)
    return whole_words(text, LONGEST_NAME)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _built(kind: type[_Noun], values: dict[str, object], wrong: set[str]) -> _Noun | None:
    """Return a noun of the values that it takes; None where it can't do without one that is wrong."""
    for _ in range(len(values)):
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            bad = {str(fault["loc"][0]) for fault in error.errors(include_input=False)}
            wrong |= bad
            values = {name: value for name, value in values.items() if name not in bad}
            if not bad:
                return None
    return None
