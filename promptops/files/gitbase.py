"""Which prompt files say something else than where this branch began?"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptops.errors import FileProblems, UsageError
from promptops.files.git import ask_git
from promptops.prompts.files import read_prompt
from promptops.types import Prompt

DEFAULTS = ("origin/HEAD", "origin/main", "origin/master", "main", "master", "HEAD")
"""What a branch is held against where nothing is named: the first one that git knows."""


@dataclass(frozen=True)
class Changed:
    """Prompt files beside git's base."""

    base: str
    """What was named, or found."""
    commit: str
    """The commit in which this branch left it, nine characters."""
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What to say of it, in a line."""
        of = f"{len(self.changed)} of {len(self.changed) + len(self.unchanged)} prompts"
        return f"{of} changed since {self.base} (commit {self.commit})."


def changed_since(files: Sequence[str], base: str | None = None) -> Changed:
    """Tell which prompt files changed since the merge base of HEAD and `base`.

    A prompt changed where its digest or its model did: layout, comments, note and tags don't count. What git
    doesn't hold there, and what couldn't be read then, counts as changed. Raises UsageError outside of git or
    for an unknown base, FileProblems for a file that can't be read now.
    """
    changed: list[str] = []
    unchanged: list[str] = []
    found: dict[Path, tuple[str, str]] = {}
    for written in files:
        now = read_prompt(Path(written))
        path = Path(written).resolve()
        folder = path.parent
        if folder not in found:
            found[folder] = _base(folder, base)
        before = _prompt_at(folder, found[folder][1], path.name)
        same = before is not None and (before.digest, before.model) == (now.digest, now.model)
        (unchanged if same else changed).append(written)
    name, commit = next(iter(found.values()))
    return Changed(name, commit[:9], tuple(changed), tuple(unchanged))


def _base(folder: Path, wanted: str | None) -> tuple[str, str]:
    """Return a base's name and the commit where HEAD left it."""
    inside = ask_git(folder, "rev-parse", "--is-inside-work-tree")
    if inside.code != 0 or inside.line != "true":
        why = inside.why or "it has no work tree"
        raise UsageError(f"--changed asks git, and {str(folder)!r} is no folder of a git repository: {why}.")
    for name in (wanted,) if wanted is not None else DEFAULTS:
        known = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if known.code != 0:
            continue
        left = ask_git(folder, "merge-base", known.line, "HEAD")
        if left.code == 0 and left.line:
            return name, left.line
        raise UsageError(
            f"--changed: git finds no commit that {name} and HEAD have in common. In CI, fetch the history: "
            "`fetch-depth: 0` with actions/checkout, or `git fetch --unshallow`."
        )
    if wanted is None:
        raise UsageError("--changed: this git repository has no commit yet, so nothing can have changed.")
    raise UsageError(
        f"--changed: git knows no commit {wanted!r} here. Name a branch, tag or commit; "
        "in CI it may have to be fetched first: `git fetch origin main`."
    )


def _prompt_at(folder: Path, commit: str, name: str) -> Prompt | None:
    """Return a prompt as it was in a commit; None where it wasn't there, or was no prompt."""
    held = ask_git(folder, "cat-file", "blob", f"{commit}:./{name}")
    if held.code is None:
        raise UsageError(f"--changed: {held.why}.")
    if held.code != 0:
        return None
    try:
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / name
            copy.write_bytes(held.out)
            return read_prompt(copy)
    except FileProblems:
        return None
