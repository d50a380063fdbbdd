"""What the pages read from the project, remembered until the database changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboards.opened import kept, project
from promptops import (
    Bill,
    Case,
    Comparison,
    DeclaredJudges,
    Drift,
    Estimate,
    Labelling,
    Preference,
    PromptopsError,
    Run,
    Sample,
    Slices,
    Verdict,
)
from promptops import types as nouns

PICKED_FROM = 100
"""So many of the newest runs stand in the boxes to choose from; older ones are reached from the Runs page."""

BESIDE = ("labels", "certificates", "anchors/*")
"""Folders of a set whose files change what a page shows."""


def runs(limit: int, offset: int, evalset: str | None) -> list[Run]:
    """List some runs, the newest first."""
    return [_now(found) for found in _runs(limit, offset, evalset)]


@kept()
def run_count(evalset: str | None) -> int:
    """Return how many runs there are."""
    return project().run_count(evalset=evalset)


@kept()
def run_evalsets() -> list[str]:
    """List the evaluation sets that have runs."""
    return project().run_evalsets()


def run(reference: str) -> Run:
    """Return a run by id, the beginning of its id, or `latest`."""
    return _now(_run(reference))


def figures(found: Run) -> dict[str, float | None]:
    """Return a run's figures; none where its metrics can't be made again on this machine."""
    settings = project().settings
    try:
        return _figures(settings.database, found.id, found.status, found.done, found.errors)
    except PromptopsError:
        return {}


def bill(found: Run) -> Bill:
    """Return what a run took, however many calls it has."""
    return _bill(project().settings.database, found.id, found.status, found.done, found.errors)


def bills(found: Sequence[Run]) -> dict[str, Bill]:
    """Return what some runs took; those with very many calls are left out."""
    return _bills(tuple(run.id for run in found))


@kept(entries=32)
def estimates(reference: str) -> tuple[Estimate, ...]:
    """Return a run's figures with intervals, whole and by slice."""
    return project().estimates(reference)


@kept(entries=32)
def judge_notes(reference: str) -> dict[str, tuple[str, ...]]:
    """Return what belongs beside the figures of a run's judges."""
    return project().judge_notes(reference)


@kept(entries=32)
def cases(reference: str, limit: int, offset: int) -> list[Case]:
    """Return a page of a run's results."""
    return project().cases_of(reference, limit=limit, offset=offset)


@kept(entries=32)
def some_cases(reference: str, sample_ids: Sequence[str]) -> list[Case]:
    """Return a run's results on some samples."""
    return project().cases_of(reference, sample_ids=sample_ids)


def paired_cases(
    baseline: str, candidate: str, sample_ids: Sequence[str], repeat: int
) -> dict[str, tuple[Case | None, Case | None]]:
    """Return what both sides answered on some samples."""
    return _paired_cases(baseline, candidate, tuple(sample_ids), repeat, _state(baseline))


# Files are read whole, and the database knows nothing of them.
@kept(entries=8, seconds=20)
def baselines(evalset: str) -> dict[str, Run]:
    """Return the baselines accepted for a set, by file; none where the set's files are not here."""
    opened = project()
    try:
        return opened.baselines(evalset) if evalset in opened.evalsets() else {}
    except PromptopsError:
        return {}


@kept()
def sample(reference: str, sample_id: str) -> Sample:
    """Return one sample that a run was asked."""
    return project().sample(reference, sample_id)


@kept(entries=32)
def asked(reference: str, sample_id: str) -> tuple[nouns.Message, ...] | str:
    """Return the messages that a run sent for a sample, or why they can't be made again."""
    try:
        return project().asked(reference, sample_id)
    except PromptopsError as error:
        return str(error)


def comparison(baseline: str, candidate: str) -> Comparison:
    """Compare two runs, or an accepted baseline's file with a run."""
    return _comparison(baseline, candidate, _state(baseline))


def changes(baseline: str, candidate: str, metric: str, part: str | None) -> dict[str, float | None]:
    """Return each sample's change in one metric, the largest first."""
    return _changes(baseline, candidate, metric, part, _state(baseline))


def slices(evalset: str, baseline: str, candidate: str, metric: str) -> Slices:
    """Return one metric's change in every group of samples, with all of them in mind."""
    return _slices(baseline, candidate, metric, (_state(baseline), *set_state(evalset)))


def verdict(evalset: str, baseline: str, candidate: str) -> Verdict | str:
    """Decide by the rules of the set, or say why nothing can be decided."""
    return _verdict(evalset, baseline, candidate, (_state(baseline), *set_state(evalset)))


@kept(entries=32)
def preference(baseline: str, candidate: str) -> Preference | None:
    """Return what a pairwise judge said of two runs, if it was asked."""
    return project().preference(baseline, candidate)


def judges() -> DeclaredJudges:
    """List the judges of the sets, each with its certificate."""
    return _judges(tuple((name, *set_state(name)) for name in project().evalsets()))


def drift(judge: str) -> Drift | None:
    """Return what a judge said of its anchors over time; None where it has none."""
    return _drift(judge, set_state(judge.rpartition(":")[0]))


@kept()
def preferences(limit: int) -> tuple[Preference, ...]:
    """Return what pairwise judges said of two runs, the latest first."""
    return project().preferences(limit)


def labelling(judge: str) -> Labelling:
    """Return the cases that were drawn for a judge, with what people said of them."""
    return _labelling(judge, set_state(judge.rpartition(":")[0]))


def set_state(evalset: str) -> tuple[object, ...]:
    """Return what changes when a file of a set does; empty where the set is not here."""
    try:
        folder = project().evalset_folder(evalset)
        paths = [*folder.iterdir(), *(path for name in BESIDE for path in folder.glob(f"{name}/*"))]
        facts = [(path.name, path.stat()) for path in paths]
        return tuple(sorted((name, stat.st_mtime_ns, stat.st_ino, stat.st_size) for name, stat in facts))
    except (OSError, PromptopsError):
        return ()


@kept()
def prompts() -> list[tuple[nouns.PromptVersion, dict[str, int]]]:
    """List every prompt's latest version with its aliases."""
    opened = project()
    return [(opened.prompt_version(name), opened.aliases(name)) for name in opened.prompt_names()]


@kept(seconds=5.0)
def prompt_references() -> list[str]:
    """List what may be run: aliases and newest versions of registered prompts, and files in prompts/."""
    opened = project()
    found: list[str] = []
    for version, aliases in prompts():
        found += [*(f"{version.name}@{alias}" for alias in aliases), f"{version.name}@{version.number}"]
    folder = opened.root / "prompts"
    files = opened.prompt_files([folder]) if folder.is_dir() else []
    return [*found, *(str(Path(file).relative_to(opened.root)) for file in files)]


@kept()
def model_names() -> list[str]:
    """List the models of the settings and of earlier runs, the settings' first."""
    opened = project()
    asked = [run.model for run in opened.runs(limit=PICKED_FROM)]
    return list(dict.fromkeys([*([opened.settings.model] if opened.settings.model else []), *asked]))


@kept()
def versions(name: str) -> list[nouns.PromptVersion]:
    """List a prompt's versions, the oldest first."""
    return project().versions(name)


@kept()
def alias_history(name: str) -> list[nouns.AliasMove]:
    """List every move of a prompt's aliases, the oldest first."""
    return project().alias_history(name)


@kept()
def prompt_text(reference: str) -> str:
    """Return a registered version as a prompt file."""
    return project().prompt_text(reference)


# Keyed by how far the run is, not by the database: another run's progress doesn't change these.
@st.cache_data(max_entries=2000, show_spinner=False)
def _figures(database: str, run_id: str, status: str, done: int, errors: int) -> dict[str, float | None]:
    return project().figures(run_id)


@st.cache_data(max_entries=2000, show_spinner=False)
def _bill(database: str, run_id: str, status: str, done: int, errors: int) -> Bill:
    return project().bill(run_id)


@kept(entries=8)
def _bills(run_ids: tuple[str, ...]) -> dict[str, Bill]:
    opened = project()
    return opened.bills([opened.run(run_id) for run_id in run_ids])


def _state(baseline: str) -> int:
    """Return what changes when a baseline's file does: of that the database knows nothing."""
    try:
        return Path(baseline).stat().st_mtime_ns if baseline.endswith(".jsonl") else 0
    except OSError:
        return 0


# A judge's model may stand in the settings, which are read once; its prompt may be a file of the set.
@kept(entries=4, seconds=60)
def _judges(state: tuple[object, ...]) -> DeclaredJudges:
    return project().judges()


@kept(entries=16)
def _drift(judge: str, state: tuple[object, ...]) -> Drift | None:
    return project().drift(judge)


@kept(entries=8)
def _labelling(judge: str, state: tuple[object, ...]) -> Labelling:
    return project().labelling(judge)


@kept(entries=32)
def _comparison(baseline: str, candidate: str, state: int) -> Comparison:
    return project().compare(baseline, candidate)


@kept(entries=32)
def _changes(
    baseline: str, candidate: str, metric: str, part: str | None, state: int
) -> dict[str, float | None]:
    return project().changes(baseline, candidate, metric, slice=part)


# Which slices are declared, and the rules, stand in the set's files, of which the database knows nothing.
@kept(entries=32)
def _slices(baseline: str, candidate: str, metric: str, state: tuple[object, ...]) -> Slices:
    return project().slices(baseline, candidate, metric)


# Notes on earlier baselines come from git, whose history is in no key.
@kept(entries=32, seconds=600)
def _verdict(evalset: str, baseline: str, candidate: str, state: tuple[object, ...]) -> Verdict | str:
    opened = project()
    if evalset not in opened.evalsets():
        return (
            f"The files of {evalset!r} are not in this project, so there are no rules to decide by. "
            "Put the set's folder into evalsets/ to get a verdict."
        )
    try:
        return opened.gate(evalset, run=candidate, baseline=baseline)
    except PromptopsError as error:
        return str(error)


@kept(entries=32)
def _paired_cases(
    baseline: str, candidate: str, sample_ids: Sequence[str], repeat: int, state: int
) -> dict[str, tuple[Case | None, Case | None]]:
    return project().paired_cases(baseline, candidate, sample_ids, repeat=repeat)


@kept()
def _runs(limit: int, offset: int, evalset: str | None) -> list[Run]:
    return project().runs(limit=limit, offset=offset, evalset=evalset)


@kept()
def _run(reference: str) -> Run:
    return project().run(reference)


def _now(found: Run) -> Run:
    """Return a run as it stands: a process that is held or killed changes nothing in the database."""
    return project().run(found.id) if found.at_work else found
