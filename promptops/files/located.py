"""Where things stand in a user's file, and the faults found there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of objects and indices of lists."""

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""What a prompt, an evaluation set or a metric's label may be called; safe as a file name."""

NAME_RULE = "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 100 of them"

MAX_DEPTH = 40
"""Levels of nesting that a file may have; real ones need fewer than ten."""

MAX_PROBLEMS = 1000
"""Faults after which the rest of a file isn't read any more."""


class Place(NamedTuple):
    """A line and a column, both from 1; None where the file's format doesn't tell."""

    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Located:
    """A value from a file, with the way to find where each part of it stands."""

    value: JsonValue
    place: Callable[[KeyPath], Place]

    def inside(self, value: JsonValue, path: KeyPath) -> Located:
        """Return a part of this value as a located value of its own."""
        return Located(value, lambda rest: self.place((*path, *rest)))


class Faults:
    """Collects the faults of one value in one file, so that they are told all at once."""

    def __init__(self, file: str, located: Located, problems: list[Problem] | None = None) -> None:
        self.file = file
        self.problems: list[Problem] = [] if problems is None else problems
        self._place = located.place

    def add(self, path: KeyPath, reason: str) -> None:
        """Note one fault at the value that `path` leads to."""
        place = self._place(path)
        self.problems.append(Problem(self.file, reason, place.line, place.column, field_name(path)))

    def unknown_keys(self, path: KeyPath, found: Iterable[str], known: Iterable[str]) -> None:
        """Note each key that isn't known, with the nearest one that is."""
        names = tuple(known)
        for key in found:
            if key not in names:
                self.add((*path, key), "unknown key." + did_you_mean(key, names))

    def stop(self) -> None:
        """Raise FileProblems if any fault was noted."""
        if self.problems:
            raise FileProblems(self.problems)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return advice on a name that isn't known, as a sentence with a space before it."""
    names = list(known)
    near = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean {shown(near[0])}?"
    listed = (known if known.isprintable() and len(known) <= 60 else shown(known) for known in names[:20])
    return (
        " Known are: " + ", ".join(listed) + (f" and {len(names) - 20:,} more." if len(names) > 20 else ".")
        if names
        else ""
    )


def is_name(text: str) -> bool:
    """Tell whether a text may name a prompt, an evaluation set or a metric."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def field_name(path: KeyPath) -> str:
    """Spell a path as people write it: `messages[0].role`; long or odd keys are quoted and cut."""
    spelled = ""
    for step in path:
        if isinstance(step, int):
            spelled += f"[{step}]"
        else:
            key = step if re.fullmatch(r"[\w$-]{1,60}", step) else shown(step)
            spelled += f".{key}" if spelled else key
    return spelled


def shown(value: object, length: int = 60) -> str:
    """Spell a value for a message on one line, cut where it is long."""
    if isinstance(value, str | bytes):
        value = value[: length + 1]
    spelled = repr(value)
    return spelled if len(spelled) <= length else spelled[: length - 4] + " ..."


def kind_of(value: object) -> str:
    """Name a JSON value's kind with its article, for messages."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a true/false"),
        (str, "a text"),
        (int, "a number"),
        (float, "a number"),
        (dict, "an object"),
        (list, "a list"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "empty (null)")


def too_deep(value: JsonValue, depth: int = MAX_DEPTH) -> bool:
    """Tell whether lists and objects are nested deeper than `depth`; never recurses itself."""
    level: list[dict[str, JsonValue] | list[JsonValue]] = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        level = [
            child
            for outer in level
            for child in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return bool(level)
