"""What a set's samples are worth: which tell versions apart, which never do, and which say the same twice.

A sample that all versions pass tells none of them apart and may still be the only one that notices when the
next version breaks: what it guards is told with it, and nothing here says that it should go.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from promptops.analysis.sides import Loaded
from promptops.noun import Noun
from promptops.sets.removals import Removal, removals_of
from promptops.sets.scores import CaseScores, case_scores
from promptops.sets.subset import Subset, best_subset, refuse_subset
from promptops.sets.twins import Redundant, twins_of
from promptops.stats.items import (
    cronbach_alpha,
    discrimination_index,
    item_rest,
    noise,
    signal,
    spread,
)

Kind = Literal["tells", "noise", "always passed", "always failed", "same"]
"""`tells`: versions differ on it, by more than repeats do where these are known; `noise`: by no more."""


class VersionFigure(Noun):
    """One version: a prompt and a model, and its figure on the samples that all have a score on."""

    run: str
    prompt_ref: str
    model: str
    figure: float
    repeats: int


class CaseValue(Noun):
    """One sample over all versions."""

    id: str
    kind: Kind
    mean: float
    """Over versions, in the metric's own unit; of a binary metric the difficulty."""
    spread: float
    """The standard deviation between versions."""
    noise: float | None
    """The standard error of one version's mean, from repeats; None where there are none."""
    signal: float | None
    """The spread without the noise."""
    rest: float | None
    """The correlation, over versions, with the mean of all other samples; None where one is constant."""
    index: float | None
    """Of a binary metric: the upper 27 % of versions' mean less that of the lower 27 %."""


class SetValue(Noun):
    """What the samples of a set are worth, by one metric and the versions that answered them."""

    evalset: str
    metric: str
    versions: tuple[VersionFigure, ...]
    samples: int
    unmeasured: tuple[str, ...]
    """Samples without a score in some version: nothing is said of them."""
    binary: bool
    repeated: bool
    """Whether repeats tell the noise."""
    alpha: float | None
    """Cronbach's alpha: how reliably the samples order these versions; None where versions don't differ."""
    cases: tuple[CaseValue, ...]
    """In the set's order."""
    counts: dict[Kind, int]
    against: tuple[str, ...]
    """Samples on which better versions do worse (rest under -0.5), the worst first: is the target right?"""
    redundant: tuple[Redundant, ...]
    removals: tuple[Removal, ...]
    subset: Subset | None
    sentence: str
    notes: tuple[str, ...]


AGAINST = -0.5
_KINDS: tuple[Kind, ...] = ("tells", "noise", "always passed", "always failed", "same")


def set_value(
    loaded: Sequence[Loaded], *, metric: str | None = None, subset: int | None = None, seed: int = 0
) -> SetValue:
    """Tell what samples are worth by the runs of several versions; `subset` asks for the best so many.

    Raises NotMeasured where there are too few versions, or samples that all have a score on, UsageError,
    NotComparable, UnknownName.
    """
    found = case_scores(loaded, metric)
    if subset is not None:
        refuse_subset(subset, len(found.samples), len(loaded))
    cases = _cases(found)
    redundant = twins_of(found, [_worth(case) for case in cases])
    groups = {kind: [case.id for case in cases if case.kind == kind] for kind in _KINDS}
    ids = [sample.id for sample in found.samples]
    label = found.record.label
    return SetValue(
        evalset=loaded[0].side.run.evalset,
        metric=label,
        versions=_versions(loaded, found),
        samples=len(found.samples),
        unmeasured=found.unmeasured,
        binary=found.binary,
        repeated=found.repeated,
        alpha=_known(cronbach_alpha(found.scores)),
        cases=cases,
        counts=_counts(cases),
        against=_against(cases),
        redundant=redundant,
        removals=removals_of(found, groups["always passed"], groups["always failed"], redundant),
        subset=None
        if subset is None
        else best_subset(ids, found.scores, found.weights, subset, label=label, seed=seed),
        sentence=_sentence(found, cases, len(loaded)),
        notes=_notes(found, cases, len(loaded)),
    )


def _versions(loaded: Sequence[Loaded], found: CaseScores) -> tuple[VersionFigure, ...]:
    figures = np.abs(found.scores @ found.weights / found.weights.sum())
    return tuple(
        VersionFigure(
            run=each.side.run.id,
            prompt_ref=each.side.run.prompt_ref,
            model=each.side.run.model,
            figure=float(figure),
            repeats=each.side.run.repeats,
        )
        for each, figure in zip(loaded, figures, strict=True)
    )


def _cases(found: CaseScores) -> tuple[CaseValue, ...]:
    between, within = spread(found.scores), noise(found.repeats)
    real = signal(between, within)
    rest = item_rest(found.scores, found.weights)
    index = discrimination_index(found.scores, found.weights)
    means = found.scores.mean(axis=0) * (1.0 if found.record.higher_is_better else -1.0)
    return tuple(
        CaseValue(
            id=sample.id,
            kind=_kind(found, place, between[place], real[place]),
            mean=float(means[place]),
            spread=float(between[place]),
            noise=_known(within[place]),
            signal=_known(real[place]),
            rest=_known(rest[place]),
            index=float(index[place]) if found.binary else None,
        )
        for place, sample in enumerate(found.samples)
    )


def _kind(found: CaseScores, place: int, between: float, real: float) -> Kind:
    if found.passed[:, place].all():
        return "always passed"
    if found.failed[:, place].all():
        return "always failed"
    if between == 0.0:
        return "same"
    return "noise" if real == 0.0 else "tells"


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _counts(cases: Sequence[CaseValue]) -> dict[Kind, int]:
    counted = Counter(case.kind for case in cases)
    return {kind: counted[kind] for kind in _KINDS}


def _against(cases: Sequence[CaseValue]) -> tuple[str, ...]:
    found = [(case.rest, case.id) for case in cases if case.kind == "tells" and case.rest is not None]
    return tuple(name for rest, name in sorted(found, key=lambda pair: pair[0]) if rest < AGAINST)


def _worth(case: CaseValue) -> float:
    return case.spread if case.signal is None else case.signal


def _sentence(found: CaseScores, cases: Sequence[CaseValue], versions: int) -> str:
    counts = _counts(cases)
    told = [f"{counts[kind]:,} are {kind}" for kind in ("always passed", "always failed") if counts[kind]]
    if counts["same"]:
        told.append(f"{counts['same']:,} have the same score throughout")
    if counts["noise"]:
        told.append(f"{counts['noise']:,} differ by no more than their own repeats do")
    rest = f"; {', '.join(told)}" if told else ""
    return (
        f"{counts['tells']:,} of {len(cases):,} samples tell {versions} versions apart in "
        f"{found.record.label}{rest}."
    )


def _notes(found: CaseScores, cases: Sequence[CaseValue], versions: int) -> tuple[str, ...]:
    notes: list[str] = []
    if found.unmeasured:
        notes.append(
            f"{len(found.unmeasured)} samples have no score in some version and are left out of all of this."
        )
    if not found.repeated:
        notes.append(
            "Each sample was asked once, so that luck can't be told from a difference: spreads hold noise "
            "too. Evaluate with --repeats 3."
        )
    if versions < 6:
        notes.append(
            f"A correlation over {versions} versions is a rough one: signs and extremes, not digits."
        )
    against = _against(cases)
    if against:
        notes.append(
            f"On {len(against)} samples better versions do worse. Some do by chance; look whether their "
            "targets are right."
        )
    return tuple(notes)
