"""A set's versions in git as a changelog, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from promptops.config import Settings
from promptops.errors import FileProblems, UsageError
from promptops.gate.baselinefits import BaselineFit, SetState, baseline_fits
from promptops.noun import Noun
from promptops.sets.changes import Changes, changes_between
from promptops.sets.evalset import SETTINGS, read_evalset
from promptops.sets.gitsets import Commit, commit_of, commits_of, copied, files_at, is_shallow, read_copy
from promptops.texts.figures import listed
from promptops.types import EvalSet

WORKING_TREE = "the working tree"


class StateFacts(Noun):
    """One of the two states that were compared."""

    name: str
    """As it was asked for: a branch, a tag, a commit, or the working tree."""
    commit: str | None
    digest: str | None
    """Of its questions; None where there was no such set."""
    samples: int


class SetDiff(Noun):
    """What changed of a set from one state to another."""

    evalset: str
    first: StateFacts
    second: StateFacts
    changes: Changes
    baselines: tuple[BaselineFit, ...]
    sentence: str
    """What changed, and what that does to the baselines, in plain words."""

    @property
    def breaks(self) -> bool:
        """Whether a baseline that could be compared with before can't be any more."""
        return any(each.broken for each in self.baselines)


class SetVersion(Noun):
    """One state of a set in git, and what it changed of the state before."""

    commit: str | None
    """None for what is not committed yet."""
    date: str
    author: str
    subject: str
    digest: str | None
    samples: int | None
    added: int | None
    removed: int | None
    changed: int | None
    other: tuple[str, ...] = ()
    """What else changed: `metric f1`, `rule f1: margin`, `card`, `slices`."""
    problem: str = ""
    """Why this state or the one before can't be read today; then there are no figures."""


class SetLog(Noun):
    """The versions of a set, the newest first."""

    evalset: str
    versions: tuple[SetVersion, ...]
    more: bool
    """Whether there are older ones than were asked for."""
    cut_off: bool
    """Whether git's history was fetched in part only, so that the oldest version may be none."""


def set_diff(folder: Path, first: str, second: str | None, settings: Settings) -> SetDiff:
    """Compare a set between two git states; without a `second` the first with the working tree.

    Raises UsageError outside of git, for an unknown name, and where neither state holds the set, FileProblems
    where one of them can't be read.
    """
    with ExitStack() as stack:
        before, first_commit = stack.enter_context(_state(folder, first))
        if second is None:
            after, second_commit = _here(folder), None
        else:
            after, second_commit = stack.enter_context(_state(folder, second))
        if before is None and after is None:
            told = WORKING_TREE if second is None else second
            raise UsageError(f"Neither {first} nor {told} holds an evaluation set {folder.name!r}.")
        changes = changes_between(_set(before), _set(after))
        fits = () if after is None else baseline_fits(before, after, changes, settings)
        facts = (
            _facts(first, first_commit, before),
            _facts(second or WORKING_TREE, second_commit, after),
        )
        return SetDiff(
            evalset=folder.name,
            first=facts[0],
            second=facts[1],
            changes=changes,
            baselines=fits,
            sentence=_sentence(folder.name, facts, changes, fits),
        )


def set_log(folder: Path, tip: str, most: int) -> SetLog:
    """List a set's versions up to a commit, and what is not committed where `tip` is HEAD.

    Each is compared with the state in its first parent. Raises UsageError outside of git.
    """
    commit = commit_of(folder.parent, tip)
    commits = commits_of(folder, commit, most + 1)
    read = _Reader(folder)
    versions = [_version(read, each) for each in commits[:most]]
    if tip == "HEAD":
        versions = [*_uncommitted(read, commit), *versions]
    return SetLog(
        evalset=folder.name,
        versions=tuple(versions),
        more=len(commits) > most,
        cut_off=is_shallow(folder.parent),
    )


@contextmanager
def _state(folder: Path, reference: str) -> Iterator[tuple[SetState | None, str]]:
    commit = commit_of(folder.parent, reference)
    with copied(folder, commit, reference) as copy:
        yield (None if copy is None else SetState(read_copy(copy, reference), copy)), commit[:12]


def _here(folder: Path) -> SetState | None:
    return SetState(read_evalset(folder), folder) if (folder / SETTINGS).is_file() else None


def _set(state: SetState | None) -> EvalSet | None:
    return None if state is None else state.evalset


def _facts(name: str, commit: str | None, state: SetState | None) -> StateFacts:
    if state is None:
        return StateFacts(name=name, commit=commit, digest=None, samples=0)
    found = state.evalset
    return StateFacts(name=name, commit=commit, digest=found.digest, samples=len(found.samples))


def _sentence(
    name: str, facts: tuple[StateFacts, StateFacts], changes: Changes, fits: Sequence[BaselineFit]
) -> str:
    first, second = facts
    between = f"from {first.name} to {second.name}"
    if second.digest is None:
        return f"{name} is gone {between}; it had {_samples(first.samples)}."
    if first.digest is None:
        return f"{name} is new {between}, with {_samples(second.samples)}."
    if not changes.any:
        return f"{name} is the same {between}: {_samples(second.samples)}, digest {second.digest[:12]}."
    what = [
        f"{len(each)} {word}"
        for word, each in (
            ("added", changes.added),
            ("removed", changes.removed),
            ("changed", changes.changed),
        )
        if each
    ]
    told = f"{name} {between}: of {_samples(first.samples)} " + (", ".join(what) if what else "none changed")
    rest = [
        *([f"metrics: {len(changes.metrics)}"] if changes.metrics else []),
        *([f"gate rules: {len(changes.rules)}"] if changes.rules else []),
        *(["the card"] if changes.card else []),
        *(["declared slices"] if changes.slices_added or changes.slices_removed else []),
    ]
    told += f"; changed besides: {', '.join(rest)}." if rest else "."
    eased = [each.name for each in changes.rules if each.eased]
    if eased:
        told += f" The gate lets more pass than before: {listed(eased)}."
    lost = [each.file for each in fits if each.broken]
    if lost:
        told += (
            f" {listed(lost)} can't be compared with any more: evaluate the accepted prompt on the new state "
            f"and accept that run in the same pull request ({_asked(changes)})."
        )
    return told


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"


def _asked(changes: Changes) -> str:
    if not changes.asked_anew:
        return "no question is new, so stored answers serve where the cache has them"
    return f"questions without a stored answer: {changes.asked_anew:,}"


class _Reader:
    """Reads a set's states in git, each once: most commits change one of its two files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: dict[tuple[str, ...], EvalSet | str | None] = {}

    def at(self, commit: str | None) -> EvalSet | str | None:
        """Return the set at a commit, why it can't be read, or None where there was none."""
        if commit is None:
            return None
        key = tuple(f"{blob.name} {blob.id}" for blob in files_at(self.folder, commit) if blob.asks)
        if key not in self._last:
            # The next version is compared with this one, and one more is enough for a side branch.
            while len(self._last) > 3:
                self._last.pop(next(iter(self._last)))
            self._last[key] = self._read(commit)
        return self._last[key]

    def here(self) -> EvalSet | str | None:
        """Return the set in the working tree in the same way."""
        try:
            return _set(_here(self.folder))
        except FileProblems as error:
            return str(error.problems[0])

    def _read(self, commit: str) -> EvalSet | str | None:
        try:
            with copied(self.folder, commit, commit[:12], only_set=True) as copy:
                return None if copy is None else read_copy(copy, commit[:12])
        except FileProblems as error:
            return str(error.problems[0])
        except UsageError as error:
            return str(error)


def _version(read: _Reader, commit: Commit) -> SetVersion:
    found = _compared(read.at(commit.parent), read.at(commit.id))
    return found.model_copy(
        update={
            "commit": commit.id[:12],
            "date": commit.date,
            "author": commit.author,
            "subject": commit.subject,
        }
    )


def _uncommitted(read: _Reader, head: str) -> list[SetVersion]:
    before, after = read.at(head), read.here()
    found = _compared(before, after)
    whole = isinstance(before, EvalSet) and isinstance(after, EvalSet)
    same = whole and not (found.added or found.removed or found.changed or found.other)
    return [] if same or (before is None and after is None) else [found]


def _compared(before: EvalSet | str | None, after: EvalSet | str | None) -> SetVersion:
    problem = next((each for each in (after, before) if isinstance(each, str)), "")
    readable = not isinstance(before, str) and not isinstance(after, str)
    changes = changes_between(before, after) if readable else None  # type: ignore[arg-type]  # told by `readable`
    return SetVersion(
        commit=None,
        date="",
        author="",
        subject="",
        digest=after.digest if isinstance(after, EvalSet) else None,
        samples=len(after.samples) if isinstance(after, EvalSet) else None,
        added=None if changes is None else len(changes.added),
        removed=None if changes is None else len(changes.removed),
        changed=None if changes is None else len(changes.changed),
        other=() if changes is None or before is None else tuple(_other(changes)),
        problem=problem,
    )


def _other(changes: Changes) -> Iterator[str]:
    for kind, found in (("metric", changes.metrics), ("rule", changes.rules)):
        for each in found:
            fields = f": {', '.join(field.field for field in each.fields)}" if each.kind == "changed" else ""
            yield f"{kind} {each.name} {each.kind}{fields}"
    if changes.card:
        yield f"card: {', '.join(field.field for field in changes.card)}"
    if changes.slices_added or changes.slices_removed:
        yield "slices"
