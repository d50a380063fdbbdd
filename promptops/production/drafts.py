"""One row of a log as a record, with what was said of it and its scores; each fault with its place."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from pydantic import JsonValue, ValidationError

from promptops.canonical import canonical_json
from promptops.errors import UsageError
from promptops.files.located import Faults, KeyPath, kind_of, shown
from promptops.files.textfile import MAX_LINE
from promptops.noun import Noun
from promptops.production.columnmap import OPINIONS, PERSON, TARGETS, mapped, mapping, nearest
from promptops.production.finishes import finish_of
from promptops.production.messages import Said, last_question, messages_of
from promptops.production.periods import prompt_fields, spelled
from promptops.production.records import Feedback, Record, RecordScore, subject_mark

_MOST_KEYS = 100
_LONGEST_NAME = 200
_SENTENCE = re.compile(r".*\n.*|\S+\s.*[.?!…]\s*", re.DOTALL)
MARK = re.compile(r"[0-9a-f]{32}")
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
"""Below which number a time since 1970 is in seconds, milli-, micro- and nanoseconds."""
_THUMBS = {
    **dict.fromkeys(("up", "1", "true", "yes", "positive", "like", "good", "thumbs_up", "+1"), "up"),
    **dict.fromkeys(("down", "0", "-1", "false", "no", "negative", "dislike", "bad", "thumbs_down"), "down"),
}
_Noun = TypeVar("_Noun", bound=Noun)


class Draft(NamedTuple):
    """A record that may be stored, and what comes with it."""

    record: Record
    feedback: tuple[Feedback, ...] = ()
    scores: tuple[RecordScore, ...] = ()
    number: int = 0
    """Of the file's rows, from 0, the one that it was made of."""


class DraftReader:
    """Makes rows into drafts and notes what is wrong with them.

    A row without an id gets one from what it holds and how often the same came before it, so that it has the
    same id whenever it is read.
    """

    def __init__(
        self,
        source: str,
        columns: Mapping[str, str] | None = None,
        defaults: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self._source = source
        self._columns = columns
        self._defaults = dict(defaults or {})
        self._seen: Counter[str] = Counter()
        self.unused: Counter[str] = Counter()
        """How often each key came that is none of ours and that no map names."""
        self.absent = {ours: theirs for ours, theirs in (columns or {}).items() if theirs}
        """What the map names, by our key, and no row had so far."""
        self.keys: dict[str, None] = {}
        """The keys that rows have, in their order."""

    def read(self, row: JsonValue, faults: Faults) -> Draft | None:
        """Return what a row holds; None where something is wrong with it, which is noted."""
        known = len(faults.problems)
        fields: dict[str, JsonValue]
        if not isinstance(row, dict):
            faults.add((), f"a record must be an object, not {kind_of(row)}")
            return None
        fields, paths, unused = mapped(row, self._columns or {})
        self.unused.update(unused)
        if self._columns is None:
            for key in unused:
                faults.add((key,), "unknown key" + _meant(key))
        else:
            self._look_for_absent(row)
        read = _Row(fields, paths, faults, strange=self._columns is not None)
        draft = read.draft(self._defaults, self._source, lambda: self._id(row))
        return draft if len(faults.problems) == known else None

    @property
    def left_out(self) -> dict[str, int]:
        """The keys that a map does not name, with how often they came, the most frequent first."""
        return {} if self._columns is None else dict(self.unused.most_common())

    def advice(self) -> list[str]:
        """Say how a map is written for rows that have other keys than ours; nothing where there is one."""
        if self._columns is not None or not self.unused:
            return []
        suggested = mapping(self.unused) or "--map at=TIME,inputs.question=QUESTION,output=ANSWER"
        return [
            f"Rows with other keys than ours take a map: {suggested}",
            "What a map does not name is left out and told; metadata.region=region keeps it.",
            "Our keys are " + ", ".join(TARGETS) + ".",
        ]

    def _look_for_absent(self, row: Mapping[str, JsonValue]) -> None:
        if self.absent:
            self.keys.update(dict.fromkeys(list(row)[:_MOST_KEYS]))
            self.absent = {
                ours: theirs
                for ours, theirs in self.absent.items()
                if theirs not in row and theirs.partition(".")[0] not in row
            }

    def _id(self, row: Mapping[str, JsonValue]) -> str:
        content = hashlib.sha256(canonical_json(row).encode("utf-8", "surrogatepass")).hexdigest()[:24]
        self._seen[content] += 1
        again = self._seen[content] - 1
        return content if not again else f"{content}-{again}"


def moment_of(value: JsonValue) -> str | None:
    """Return a time as records write it: ISO 8601 (UTC without a zone), or seconds to nanoseconds since 1970.

    None for anything else.
    """
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{9,19}(\.\d+)?", value.strip()):
            value = float(value) if "." in value else int(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        if isinstance(value, str):
            time = datetime.fromisoformat(value.strip())
            return spelled(time if time.tzinfo is not None else time.replace(tzinfo=UTC))
        unit = next(unit for limit, unit in _UNITS if abs(value) < limit)
        if isinstance(value, int):  # exact, where a float of nanoseconds would not be
            whole, rest = divmod(value, int(unit))
            return spelled(
                datetime.fromtimestamp(whole, UTC).replace(microsecond=rest * 1_000_000 // int(unit))
            )
        return spelled(datetime.fromtimestamp(value / unit, UTC))
    except (ValueError, OverflowError, OSError, StopIteration):
        return None


class _Row:
    """One row under our keys, with where each of them stands."""

    def __init__(
        self, fields: dict[str, JsonValue], paths: Mapping[str, KeyPath], faults: Faults, *, strange: bool
    ) -> None:
        self._fields = fields
        self._paths = paths
        self._faults = faults
        self._strange = strange

    def draft(
        self, defaults: Mapping[str, JsonValue], source: str, made_id: Callable[[], str]
    ) -> Draft | None:
        fields = self._fields
        opinions, scores = fields.pop("feedback", []), fields.pop("scores", [])
        given = {**defaults, "source": source, **fields, **self._read_fields()}
        given["tags"] = [*_listed(defaults.get("tags")), *_listed(fields.get("tags"))]
        given.pop(PERSON, None)
        if "id" not in given:
            given["id"] = made_id()
        record = self._noun(Record, given)
        if record is None:
            return None
        if record.version is not None and record.version < 1:
            self._add("version", f"must be 1 or more, not {record.version}")
        if len(record.output or "") > MAX_LINE:
            self._add("output", f"is longer than {MAX_LINE:,} characters")
        return Draft(record, self._feedback(record, opinions), self._scores(record, scores))

    def _read_fields(self) -> dict[str, JsonValue]:
        """Return the fields that may be written in several ways, in ours."""
        fields, found = self._fields, dict[str, JsonValue]()
        found["at"] = self._moment("at", fields.get("at"))
        for key in ("id", "model", "session", "parent", "outcome", "alias"):
            if key in fields:
                found[key] = self._name(key, fields[key])
        for key in ("inputs", "metadata"):
            if key in fields:
                found[key] = self._object(key, fields[key])
        if "inputs" in found and (said := self._conversation("inputs", "user")):
            found |= self._asked(said, found)
        if "output" in fields:
            said = self._conversation("output", "assistant")
            found["output"] = said[-1].text if said else _text(fields["output"])
        if "error" in fields:
            found["error"] = _error(fields["error"])
        if "finish_reason" in fields:
            found["finish_reason"] = finish_of(fields["finish_reason"])
        if isinstance(fields.get("prompt"), str):
            found |= self._prompt(str(fields["prompt"]))
        if PERSON in fields:
            name = self._name(PERSON, fields[PERSON])
            found["subject"] = None if name is None else subject_mark(name)
        elif "subject" in fields and not MARK.fullmatch(str(fields["subject"])):
            self._add("subject", "must be a mark of 32 hexadecimal digits; write a name or an id as `person`")
        return found

    def _conversation(self, key: str, role: str) -> list[Said]:
        """Return the messages that a list of them or an answer's message holds; none where a value is none.

        Only a stranger's text is read as JSON: one of ours is what it is.
        """
        value = self._fields[key]
        if self._strange and isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            value = _unpacked(value)
        whole: list[JsonValue] = (
            [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        )
        if not whole or not all(_is_message(each) for each in whole):
            return []
        said = messages_of(whole, role)
        return said if last_question(said) else []

    def _asked(self, said: Sequence[Said], found: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the last question of a conversation as inputs, and the conversation among the metadata."""
        if len(said) == 1:
            return {"inputs": {"text": said[0].text}}
        metadata = found.get("metadata")
        told: list[JsonValue] = [{"role": each.role, "content": each.text} for each in said]
        kept = metadata if isinstance(metadata, dict) else {}
        return {"inputs": {"text": last_question(said)}, "metadata": {**kept, "messages": told}}

    def _moment(self, key: str, value: JsonValue) -> str:
        found = moment_of(value)
        if found is None and value is None:
            self._add(key, "is not there: when was the call?")
        elif found is None:
            self._add(key, f"must be a time (ISO 8601) or seconds since 1970, not {shown(value)}")
        return found or ""

    def _name(self, key: str, value: JsonValue) -> str | None:
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
        self._add(key, f"must be a text, not {kind_of(value)}")
        return None

    def _object(self, key: str, value: JsonValue) -> dict[str, JsonValue]:
        if isinstance(value, str) and value.startswith("{"):
            value = _unpacked(value)  # a table holds objects as their text
        if isinstance(value, dict):
            return value
        return {"messages" if isinstance(value, list) else "text": value}

    def _prompt(self, reference: str) -> dict[str, JsonValue]:
        if _SENTENCE.fullmatch(reference) or len(reference) > _LONGEST_NAME:
            told = f"{shown(reference)} reads like a text, and this is the name of a prompt"
            self._add("prompt", f"{told}; what was asked is inputs.text")
            return {}
        try:
            found = prompt_fields(reference)
        except UsageError as error:
            self._add("prompt", str(error).rstrip("."))
            return {}
        fields: dict[str, JsonValue] = dict(found)
        return fields | {key: self._fields[key] for key in ("version", "alias") if key in self._fields}

    def _feedback(self, record: Record, told: JsonValue) -> tuple[Feedback, ...]:
        found = []
        for place, each in enumerate(_listed(_unpacked(told))):
            path = "feedback" if isinstance(told, dict) else f"feedback.{place}"
            if not isinstance(each, dict):
                self._add("feedback", f"must be objects, not {kind_of(each)}")
                continue
            known = ("id", "record", *OPINIONS)
            for key in each:
                if key not in known:
                    self._faults.unknown_keys(("feedback",), [key], known)
            given: dict[str, JsonValue] = {
                key: value for key, value in each.items() if value is not None and value != ""
            }
            if not any(key in given for key in OPINIONS if key not in ("at", "by", PERSON)):
                continue
            found.append(self._opinion(record, given, path))
        return tuple(each for each in found if each is not None)

    def _opinion(self, record: Record, given: dict[str, JsonValue], path: str) -> Feedback | None:
        if "thumb" in given:
            thumb = _THUMBS.get(_word(given["thumb"]))
            if thumb is None:
                self._add(f"{path}.thumb", f"must be up or down, not {shown(given['thumb'])}")
            given["thumb"] = thumb
        if isinstance(given.get("stars"), bool):
            self._add(f"{path}.stars", "must be 1 to 5, not true or false")
        if isinstance(given.get("stars"), float) and float(str(given["stars"])).is_integer():
            given["stars"] = int(float(str(given["stars"])))
        if PERSON in given:
            given["by"] = subject_mark(str(given.pop(PERSON)))
        for key in ("comment", "edit", "outcome"):
            if key in given:
                given[key] = _text(given[key])
        given["at"] = self._moment(f"{path}.at", given["at"]) if "at" in given else record.at
        given["record"] = record.id
        if "id" not in given:
            content = canonical_json(given).encode("utf-8", "surrogatepass")
            given["id"] = hashlib.sha256(content).hexdigest()[:24]
        return self._noun(Feedback, given, path)

    def _scores(self, record: Record, told: JsonValue) -> tuple[RecordScore, ...]:
        found = []
        for each in _listed(_unpacked(told)):
            if not isinstance(each, dict):
                self._add("scores", f"must be objects, not {kind_of(each)}")
                continue
            given = {"signature": "imported", "at": record.at, **each, "record": record.id}
            found.append(self._noun(RecordScore, given, f"score.{each.get('label')}"))
        return tuple(each for each in found if each is not None)

    def _noun(self, kind: type[_Noun], given: Mapping[str, JsonValue], path: str = "") -> _Noun | None:
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            for fault in error.errors():
                told = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
                key = ".".join(str(step) for step in fault["loc"])
                self._add(f"{path}.{key}".lstrip("."), f"must be {told}, not {shown(fault['input'])}")
            return None

    def _add(self, key: str, reason: str) -> None:
        """Note a fault at the value that one of our keys, with dots into objects, was made of."""
        path = self._paths.get(key)
        if path is None:
            steps = [int(step) if step.isdecimal() else step for step in key.split(".")]
            path = self._paths.get(str(steps[0]), (steps[0],)) + tuple(steps[1:])
        self._faults.add(path, reason)


def _meant(key: str) -> str:
    ours = nearest(key)
    return f". Did you mean {shown(ours)}?" if ours else ""


def _is_message(value: JsonValue) -> bool:
    return isinstance(value, dict) and "role" in value and ("content" in value or "parts" in value)


def _listed(value: JsonValue) -> list[JsonValue]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return list(value) if isinstance(value, list) else [value]


def _unpacked(value: JsonValue) -> JsonValue:
    """Return what a text of a table means as JSON."""
    if not isinstance(value, str):
        return value
    try:
        found: JsonValue = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _word(value: JsonValue) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _error(value: JsonValue) -> str | None:
    """Return the class of an error that may be told as a flag, a text or an object."""
    if isinstance(value, bool):
        return "error" if value else None
    if isinstance(value, dict):
        value = next((value[key] for key in ("type", "code", "name", "message") if value.get(key)), "error")
    return _text(value)[:200] or None
