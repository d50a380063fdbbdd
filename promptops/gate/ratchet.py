"""Has the quality slipped in steps that were each small enough to pass?

Every accepted baseline may be a margin worse than the one before it, and after five of them nobody has
accepted five margins. Git keeps the file's history: the new version is also held against the oldest
baseline that answered the same questions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptops.analysis.comparison import pair
from promptops.analysis.sides import Loaded, load_baseline
from promptops.errors import NotComparable, PromptopsError
from promptops.files.git import ask_git
from promptops.gate.baselines import read_baseline
from promptops.gate.rules import GateRule
from promptops.stats.decision import holm_over

DEPTH = 50
"""Accepted baselines that are looked at, from the newest back."""


@dataclass(frozen=True)
class Accepted:
    """A baseline file as it once was committed."""

    commit: str
    date: str
    text: bytes


def history(path: Path) -> Iterator[Accepted]:
    """Yield what a baseline file held in git, the oldest of the last DEPTH commits first.

    Nothing where there is no git, or the file was never committed.
    """
    told = _git(path.parent, "log", f"--max-count={DEPTH}", "--format=%H %cs", "--", path.name)
    for line in reversed((told or b"").decode("ascii", "replace").split("\n")):
        commit, _, date = line.partition(" ")
        text = _git(path.parent, "show", f"{commit}:./{path.name}") if commit else None
        if text is not None:
            yield Accepted(commit[:9], date, text)


def slipped(path: Path, folder: Path, candidate: Loaded, rules: Sequence[GateRule]) -> list[str]:
    """Say which ruled metrics have become worse since the oldest comparable baseline in git.

    `path` is the baseline of today, perhaps a copy that a CI job made; the set's `folder` has the history
    of the file of that name. Holm over the rules; nothing is said where the oldest one is today's.
    """
    today = path.read_bytes()
    for old in history(folder / path.name):
        if old.text == today:
            return []
        loaded = _loaded(old, path.name, candidate)
        if loaded is not None:
            return _told(old, loaded, candidate, rules)
    return []


def _told(old: Accepted, first: Loaded, candidate: Loaded, rules: Sequence[GateRule]) -> list[str]:
    try:
        pairing = pair(first.side, candidate.side, candidate.metrics)
    except NotComparable:  # a metric means something else by now
        return []
    gated = [rule for rule in rules if rule.margin is not None and rule.metric in pairing.metrics]
    cells = [pairing.cell(rule.metric, rule.slice, rule.alpha) for rule in gated]
    found: list[str] = []
    for rule, cell, p in zip(gated, cells, holm_over([cell.p_harm for cell in cells]), strict=True):
        delta = cell.delta
        if (
            p is None
            or p >= rule.alpha
            or delta.difference is None
            or abs(delta.difference) <= (rule.margin or 0)
        ):
            continue
        name = f"{rule.metric} on {rule.slice!r}" if rule.slice else rule.metric
        found.append(
            f"{name} has slipped by {delta.difference:+.4g} since the baseline of {old.date} (commit "
            f"{old.commit}), more than the margin of {rule.margin:g}: small steps have added up "
            f"(p = {p:.2g} after Holm)."
        )
    return found


def _loaded(old: Accepted, name: str, candidate: Loaded) -> Loaded | None:
    """Return an old baseline that answered the same questions and is scored alike; else None."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        copy.write_bytes(old.text)
        try:
            accepted, _ = read_baseline(copy)
            if accepted.evalset_digest != candidate.side.run.evalset_digest:
                return None
            samples = candidate.side.table.samples
            return load_baseline(copy, samples, candidate.metrics, candidate.side.run)
        except PromptopsError:
            return None


def _git(folder: Path, *arguments: str) -> bytes | None:
    said = ask_git(folder, *arguments)
    return said.out if said.code == 0 else None
