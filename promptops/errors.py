"""The errors that a user can mend: each says what, where, and what to do next.

PromptopsError
├── UsageError            a wrong flag or combination                        exit 2
│   ├── NothingToAsk      nothing that was chosen is left to be asked          exit 0
│   └── UnknownName       no such prompt, run, metric ... (did you mean?)    exit 2
├── FileProblems          one or more faults in the user's files             exit 2
├── SettingsError         promptops.toml, environment, database URL          exit 2
├── StoreError            the database can't be opened, written or trusted   exit 2
│   └── Altered           a stored row is not what it was                    exit 2
├── TemplateError         a prompt that can't be rendered                    exit 2
├── NotComparable         two runs that must not be compared                 exit 3
├── NotMeasured           too little came back to say anything              exit 3
├── NotRecorded           a cassette without an answer that is needed        exit 3
├── NotReached            a server that can't be asked now; nothing is lost     exit 3
├── NotYet                what a server is still at; the same command does later  exit 3
├── BatchMissing          a batch that its server does not know any more       exit 3
├── RunInterrupted        a run that was stopped and can be resumed          exit 129 / 130 / 143
└── CallFailed            one call to a model failed; recorded, not shown as a crash

Errors carry strings, numbers and ids, never live objects.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

FailureKind = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "server",
    "quota",
    "auth",
    "not_found",
    "rejected",
    "filtered",
    "malformed",
    "too_large",
    "missing_output",
    "target_error",
]
"""Why a call gave no answer; stored with the result."""

RETRYABLE: frozenset[FailureKind] = frozenset(
    {"timeout", "connection", "rate_limited", "server", "malformed"}
)
"""Failures that may pass by themselves."""

FATAL: frozenset[FailureKind] = frozenset({"quota", "auth", "not_found"})
"""Failures that the next call would meet too."""

SHOWN_PROBLEMS = 20
NEWEST = 5
"""Names that are listed with what they are."""


class PromptopsError(Exception):
    """Something that the user can mend."""

    exit_code = 2


class UsageError(PromptopsError):
    """A flag, argument or combination that makes no sense."""


class NothingToAsk(UsageError):
    """A selection that leaves nothing to be asked, with nothing wrong about it."""

    exit_code = 0


class UnknownName(UsageError):
    """A name that nothing answers to, with the nearest ones that exist.

    Where names alone say little, `about` says by name what each is, the newest first. They are told by the
    alphabet, but for those that are to come `first`.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str],
        hint: str = "",
        *,
        about: Mapping[str, str] | None = None,
        first: Sequence[str] = (),
    ) -> None:
        names = [*first, *sorted(set(known) - set(first))]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            advice = "Did you mean " + " or ".join(_with(item, about) for item in near) + "?"
        elif about:
            newest = [_with(item, about) for item in list(about)[:NEWEST]]
            advice = "The newest: " + "; ".join(newest) + "."
        elif names:
            advice = "There is: " + ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") + "."
        else:
            advice = f"There is no {kind} yet."
        super().__init__(f"No {kind} is named {name!r}. {advice}" + (f" {hint}" if hint else ""))
        self.kind = kind
        self.name = name


def _with(name: str, about: Mapping[str, str] | None) -> str:
    return f"{name!r} ({about[name]})" if about and name in about else repr(name)


@dataclass(frozen=True)
class Problem:
    """One fault in a file: where it stands and what is wrong."""

    file: str
    reason: str
    line: int | None = None
    column: int | None = None
    field: str = ""
    part: str = ""
    """Which of a line's parts it is about, where a line holds many: a span."""

    @property
    def unit(self) -> str:
        """What its line counts: a table that is no text has rows."""
        return "row" if self.file.endswith(".parquet") else "line"

    @property
    def where(self) -> str:
        """The place in words: file, line and column, part."""
        place = self.file
        if self.line is not None and self.unit == "row":
            place += f", row {self.line}"
        elif self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        return f"{place}: {self.part}" if self.part else place

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.reason}" if self.field else f"{self.where}: {self.reason}"


class FileProblems(PromptopsError):
    """Faults in the user's files, all of them at once (the first twenty kinds are shown).

    One fault of many lines is told at its first, with how often it comes again; `advice` stands below them.
    """

    def __init__(self, problems: Sequence[Problem], advice: str = "") -> None:
        self.problems = tuple(problems)
        alike: dict[tuple[str, str, str], list[Problem]] = {}
        for problem in self.problems:
            alike.setdefault((problem.file, problem.field, problem.reason), []).append(problem)
        kinds = list(alike.values())
        shown = [_told(kind) for kind in kinds[:SHOWN_PROBLEMS]]
        more = sum(len(kind) for kind in kinds[SHOWN_PROBLEMS:])
        if more:
            shown.append(f"... and {more:,} more")
        super().__init__("\n".join([*shown, advice] if advice else shown))


def _told(alike: Sequence[Problem]) -> str:
    again = len(alike) - 1
    if not again:
        return str(alike[0])
    others = [problem for problem in alike[1:] if problem.part or problem.line is not None][:3]
    lines = [problem.part or f"{problem.unit} {problem.line}" for problem in others]
    where = ": " + ", ".join(lines) + (", ..." if again > len(lines) else "") if lines else ""
    return f"{alike[0]} (and {again} more such{where})"


class SettingsError(PromptopsError):
    """A setting that is missing, unknown or out of its range."""


class StoreError(PromptopsError):
    """The database can't be opened, written or trusted."""


class Altered(StoreError):
    """A stored row is not what it was when it was stored."""


class TemplateError(PromptopsError):
    """A message template that can't be read or rendered."""


class NotComparable(PromptopsError):
    """Two runs whose figures don't mean the same."""

    exit_code = 3


class NotMeasured(PromptopsError):
    """What was to be measured could not be: too little came back that can be read."""

    exit_code = 3


class NotRecorded(PromptopsError):
    """A cassette, or a database, that has no answer to what must be asked; nobody else is asked."""

    exit_code = 3


class NotReached(PromptopsError):
    """A server that can't be asked now; what is stored and what was handed in stays."""

    exit_code = 3


class NotYet(PromptopsError):
    """What must wait until a server has ended something; the same command will do then."""

    exit_code = 3


class BatchMissing(PromptopsError):
    """A batch that was handed in, and that its server neither lists nor finds by its id."""

    exit_code = 3


class RunInterrupted(PromptopsError):
    """A run that was stopped by a signal; what was answered is stored."""

    def __init__(self, how: str, exit_code: int = 130, lost: str = "") -> None:
        """Take how to go on, and what was lost, as sentences."""
        super().__init__(" ".join(filter(None, ["Interrupted; what was answered is stored.", lost, how])))
        self.exit_code = exit_code
        self.lost = lost


class CallFailed(PromptopsError):
    """One attempt at a model that gave no usable answer."""

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether another attempt may succeed."""
        return self.kind in RETRYABLE
