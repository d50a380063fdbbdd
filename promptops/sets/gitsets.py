"""An evaluation set as git holds it: copied out of a commit, and read by the same strict readers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from promptops.errors import FileProblems, Problem, UsageError
from promptops.files.git import Said, ask_git
from promptops.files.textfile import file_name
from promptops.sets.evalset import SETTINGS, read_evalset
from promptops.sets.samplefiles import FILES
from promptops.types import EvalSet

MOST_BYTES = 256 * 2**20
"""Of a set's files in one commit: git hands a file over whole, so it is held in memory once."""
_LINK = "120000"


@dataclass(frozen=True)
class Blob:
    """One file of a set in one commit."""

    name: str
    """Below the set's folder, with slashes."""
    id: str
    size: int
    link: bool

    @property
    def asks(self) -> bool:
        """Whether it is one of the two files that make the set."""
        return self.name == SETTINGS or self.name in FILES


@dataclass(frozen=True)
class Commit:
    """One commit that touched a set's settings or samples."""

    id: str
    parent: str | None
    date: str
    author: str
    subject: str


def commit_of(folder: Path, reference: str) -> str:
    """Return the commit that a branch, tag or commit stands for.

    Raises UsageError outside of git and for a name that git does not know.
    """
    inside = ask_git(folder, "rev-parse", "--is-inside-work-tree")
    if inside.code != 0 or inside.line != "true":
        why = inside.why or "it has no work tree"
        raise UsageError(f"{file_name(folder)!r} is no folder of a git repository: {why}.")
    known = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if known.code == 0 and known.line:
        return known.line
    if reference == "HEAD":
        raise UsageError("This git repository has no commit yet, so a set can't have changed since one.")
    raise UsageError(
        f"git knows no commit {reference!r} here. Name a branch, tag or commit; in CI it may have to be "
        "fetched first: `git fetch origin main`, or `fetch-depth: 0` with actions/checkout."
    )


def is_shallow(folder: Path) -> bool:
    """Tell whether git's history was cut off when it was fetched."""
    return ask_git(folder, "rev-parse", "--is-shallow-repository").line == "true"


def files_at(folder: Path, commit: str) -> tuple[Blob, ...]:
    """List the files that a set's folder held in a commit; none where it wasn't there. Raises UsageError."""
    told = _told(ask_git(folder.parent, "ls-tree", "-r", "-l", "-z", commit, "--", f"{folder.name}/"))
    found: list[Blob] = []
    for entry in told.out.decode("utf-8", "surrogateescape").split("\0"):
        facts, _, path = entry.partition("\t")
        fields = facts.split()
        if len(fields) == 4 and fields[1] == "blob":
            name = path.removeprefix(f"{folder.name}/")
            found.append(Blob(name, fields[2], int(fields[3]), fields[0] == _LINK))
    return tuple(found)


@contextmanager
def copied(folder: Path, commit: str, reference: str, *, only_set: bool = False) -> Iterator[Path | None]:
    """Yield a copy of a set's folder as it was in a commit, gone afterwards; None where there was no set.

    With `only_set` only its settings and samples are copied. Links are left out: what they lead to is not in
    the commit. Raises UsageError for a set that is too large, FileProblems where one of its files is a link.
    """
    blobs = [blob for blob in files_at(folder, commit) if blob.asks or not only_set]
    if all(blob.name != SETTINGS for blob in blobs):
        yield None
        return
    links = [blob.name for blob in blobs if blob.link and blob.asks]
    if links:
        told = "is a link in this commit; only files of the set itself are read from git"
        raise FileProblems([Problem(_spelled(reference, folder.name, name), told) for name in links])
    size = sum(blob.size for blob in blobs if not blob.link)
    if size > MOST_BYTES:
        raise UsageError(
            f"{folder.name!r} holds {size:,} bytes at {reference}; up to {MOST_BYTES:,} are read from git."
        )
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / folder.name
        for blob in blobs:
            if not blob.link and _inside(blob.name):
                target = copy.joinpath(*PurePosixPath(blob.name).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_told(ask_git(folder.parent, "cat-file", "blob", blob.id)).out)
        yield copy


def read_copy(copy: Path, reference: str) -> EvalSet:
    """Read a copied set. Raises FileProblems whose files are named as git names them: REF:SET/FILE."""
    try:
        return read_evalset(copy)
    except FileProblems as error:
        above = f"{file_name(copy.parent)}/"
        raise FileProblems(
            [
                replace(each, file=f"{reference}:{each.file.removeprefix(above)}", reason=each.reason)
                for each in error.problems
            ]
        ) from error


def commits_of(folder: Path, tip: str, most: int) -> list[Commit]:
    """List the commits up to `tip` that touched a set's settings or samples, the newest first."""
    paths = [f":(literal){folder.name}/{name}" for name in (SETTINGS, *FILES)]
    form = "--format=%H%x1f%P%x1f%cs%x1f%an%x1f%s"
    told = _told(ask_git(folder.parent, "log", "-z", f"--max-count={most}", form, tip, "--", *paths))
    found: list[Commit] = []
    for entry in told.out.decode("utf-8", "replace").split("\0"):
        fields = entry.strip("\n").split("\x1f")
        if len(fields) == 5:
            commit, parents, date, author, subject = fields
            found.append(Commit(commit, next(iter(parents.split()), None), date, author, subject))
    return found


def _told(said: Said) -> Said:
    if said.code != 0:
        raise UsageError(f"git could not tell: {said.why or 'it gave no reason'}.")
    return said


def _inside(name: str) -> bool:
    """Tell whether a path of a commit stays below the folder that it is copied to."""
    return ".." not in PurePosixPath(name).parts and not name.startswith("/")


def _spelled(reference: str, evalset: str, name: str) -> str:
    return file_name(Path(f"{reference}:{evalset}/{name}"))
