"""A cassette: answers of runs in a file that can be committed and answered from, by content address.

A header line, then one line a request, sorted. The same runs give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from promptops.canonical import canonical_json
from promptops.errors import FileProblems, Problem
from promptops.files.jsonfile import read_json_lines
from promptops.files.located import Faults, Located, shown
from promptops.files.textfile import file_name, replacing
from promptops.noun import Noun
from promptops.types import Completion, FinishReason, Message, TokenLogprob

Shaped = TypeVar("Shaped", bound=BaseModel)

FORMAT = 1
KIND = "promptops cassette"


class Shape(Noun):
    """What shaped a run that was recorded."""

    evalset: str
    evalset_digest: str
    prompt: str | None = None
    """The prompt's name, if it has one."""
    prompt_digest: str
    model: str
    repeats: int = Field(ge=1)
    metrics: dict[str, str]
    """Signatures by label."""


class Played(Noun):
    """An answer as a cassette keeps it: nothing of the server's own words beside the text."""

    text: str
    finish_reason: FinishReason = "stop"
    tokens_in: int | None = Field(default=None, ge=0)
    tokens_out: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    model: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None

    @classmethod
    def of(cls, completion: Completion) -> Played:
        """Return what is kept of a completion."""
        kept = {name: getattr(completion, name) for name in cls.model_fields}
        return cls.model_validate({**kept, "logprobs": completion.logprobs or None})

    @property
    def completion(self) -> Completion:
        """The completion again."""
        return Completion.model_validate({**self.model_dump(), "logprobs": self.logprobs or ()})


class Asking(Noun):
    """What was asked, for people to read; the content address alone decides."""

    messages: tuple[Message, ...]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    response_format: dict[str, JsonValue] | None = None


class Entry(Noun):
    """One request and its answer."""

    address: str = Field(pattern="^[0-9a-f]{64}$")
    sample: str | None = None
    """Where the same request got several answers in one run: whose this one is. The first has none."""
    model: str
    prompt: str = Field(pattern="^[0-9a-f]{64}$")
    """The digest of the prompt."""
    repeat: int = Field(ge=0)
    request: Asking | None = None
    completion: Played
    redacted: bool = False
    """Whether a secret was replaced, so that the answer is not word for word what was given."""


class Head(Noun):
    """The first line."""

    kind: str
    format: int
    models: dict[str, str]
    """Where each was reached, by name."""
    runs: tuple[Shape, ...]
    entries: int


class Cassette:
    """A cassette that was read."""

    def __init__(self, path: Path, head: Head, entries: Iterable[Entry], sha256: str) -> None:
        self.path = path
        self.head = head
        self.sha256 = sha256
        """Of the file."""
        self._answers = {(entry.address, entry.sample): entry.completion for entry in entries}

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return file_name(self.path)

    @property
    def has_juries(self) -> bool:
        """Whether a jury judged in one of the runs."""
        told = (signature for shape in self.head.runs for signature in shape.metrics.values())
        return any(signature.partition("|")[0] == "jury" for signature in told)

    def find(self, address: str, sample_id: str) -> Completion | None:
        """Return what was answered to a request; None where it was not recorded."""
        found = self._answers.get((address, sample_id)) or self._answers.get((address, None))
        return None if found is None else found.completion


def write_cassette(
    path: Path, models: Mapping[str, str], runs: Iterable[Shape], entries: Iterable[Entry]
) -> tuple[int, int, str]:
    """Write a cassette whole or not at all; return entries, bytes and the file's SHA-256.

    Raises FileProblems where it can't be written.
    """
    lines = sorted(
        (entry.address, entry.sample or "", canonical_json(entry.model_dump(mode="json", exclude_none=True)))
        for entry in entries
    )
    shapes = {canonical_json(shape.model_dump(mode="json")): shape for shape in runs}
    head = Head(
        kind=KIND,
        format=FORMAT,
        models=dict(models),
        runs=tuple(shapes[key] for key in sorted(shapes)),
        entries=len(lines),
    )
    digest, size = hashlib.sha256(), 0
    with replacing(path) as file:
        for text in (canonical_json(head.model_dump(mode="json")), *(line for _, _, line in lines)):
            data = text.encode("utf-8") + b"\n"
            digest.update(data)
            size += len(data)
            file.write(data)
    return len(lines), size, digest.hexdigest()


def read_cassette(path: Path) -> Cassette:
    """Return a cassette. Raises FileProblems with every fault and its line."""
    problems: list[Problem] = []
    rows = read_json_lines(path, problems)
    head = _head(next(rows, None), path, problems)
    entries: list[Entry] = []
    seen: set[tuple[str, str | None]] = set()
    for row in rows:
        faults = Faults(file_name(path), row, problems)
        entry = _validated(Entry, row, faults)
        if entry is None:
            continue
        if (entry.address, entry.sample) in seen:
            faults.add(("address",), "stands above already")
        seen.add((entry.address, entry.sample))
        entries.append(entry)
    if not problems and len(entries) != head.entries:
        reason = f"holds {len(entries)} answers, but its first line says {head.entries}; was it cut off?"
        problems.append(Problem(file_name(path), reason))
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    with path.open("rb") as file:
        return Cassette(path, head, entries, hashlib.file_digest(file, "sha256").hexdigest())


_MAKE = "make one with `promptops record RUN`"


def _head(row: Located | None, path: Path, problems: list[Problem]) -> Head:
    file = file_name(path)
    if problems:  # one line that is none is enough: the other ones of a text of another kind say no more
        raise FileProblems(
            [Problem(file, f"is no cassette: line {problems[0].line} {problems[0].reason}; {_MAKE}")]
        )
    if row is None:
        raise FileProblems([Problem(file, f"is empty; {_MAKE}", 1)])
    faults = Faults(file, row)
    if not isinstance(row.value, dict) or row.value.get("kind") != KIND:
        faults.add((), f"is no cassette; {_MAKE}")
    elif row.value.get("format") != FORMAT or isinstance(row.value.get("format"), bool):
        told = shown(row.value.get("format"))
        faults.add(("format",), f"must be {FORMAT}, not {told}; a newer promptops may read it")
    faults.stop()
    head = _validated(Head, row, faults)
    faults.stop()
    if head is None:
        raise FileProblems([Problem(file, "is no cassette", 1)])
    return head


def _validated(kind: type[Shaped], row: Located, faults: Faults) -> Shaped | None:
    try:
        return kind.model_validate(row.value)
    except ValidationError as error:
        for fault in error.errors():
            faults.add(tuple(fault["loc"]), f"{fault['msg'][:1].lower()}{fault['msg'][1:]}")
    return None
