"""Which accepted baselines a change of a set leaves without anything to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from promptops.calls.models import build_metric, is_judge, is_pairwise
from promptops.config import Settings
from promptops.errors import FileProblems, PromptopsError
from promptops.gate.baselines import Header, accepted, read_header
from promptops.noun import Noun
from promptops.sets.changes import Changes
from promptops.types import EvalSet, MetricSpec

Fit = Literal["fits", "scored again", "not comparable", "unreadable"]


class BaselineFit(Noun):
    """One baseline file of the set's second state, and what it is good for there."""

    file: str
    fit: Fit
    why: tuple[str, ...] = ()
    broken: bool = False
    """Whether it could be compared with in the first state, and can't in the second."""
    accepted_anew: bool = False
    """Whether the file itself differs between the states."""


@dataclass(frozen=True)
class SetState:
    """A set in one state, and the folder that it was read from."""

    evalset: EvalSet
    folder: Path


def baseline_fits(
    first: SetState | None, second: SetState, changes: Changes, settings: Settings
) -> tuple[BaselineFit, ...]:
    """Tell of each baseline of a set's second state whether it fits that state, and if not, why.

    `first` is None where there was no set before. Nothing is asked and no result is read.
    """
    found: list[BaselineFit] = []
    for path in accepted(second.folder):
        before = None if first is None else first.folder / path.name
        anew = before is None or not before.is_file() or before.read_bytes() != path.read_bytes()
        try:
            header = read_header(path)
        except FileProblems as error:
            why = (error.problems[0].reason,)
            found.append(BaselineFit(file=path.name, fit="unreadable", why=why, accepted_anew=anew))
            continue
        asks_other = header.evalset_digest != second.evalset.digest
        faults = list(_faults(header, second, first, settings))
        fit = _fit(asks_other, faults)
        lost = fit == "not comparable" and not anew
        broken = lost and first is not None and _fitted(header, first, settings)
        asked = (_questions(header, first, changes),) if asks_other else ()
        why = (*asked, *(fault.told for fault in faults))
        found.append(BaselineFit(file=path.name, fit=fit, why=why, broken=broken, accepted_anew=anew))
    return tuple(found)


class _Fault(NamedTuple):
    """What is different about a metric, and whether that keeps its figures from being compared."""

    told: str
    grave: bool


def _fit(asks_other: bool, faults: Sequence[_Fault]) -> Fit:
    if asks_other or any(fault.grave for fault in faults):
        return "not comparable"
    return "scored again" if faults else "fits"


def _fitted(header: Header, state: SetState, settings: Settings) -> bool:
    asks_other = header.evalset_digest != state.evalset.digest
    return _fit(asks_other, list(_faults(header, state, None, settings))) != "not comparable"


def _questions(header: Header, first: SetState | None, changes: Changes) -> str:
    if first is not None and header.evalset_digest == first.evalset.digest:
        counts = (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed))
        told = ", ".join(f"{len(each)} {word}" for word, each in counts if each)
        return f"it answers the questions of before: {told} since"
    return f"it answers questions of neither state ({header.evalset_digest[:12]})"


def _faults(header: Header, state: SetState, before: SetState | None, settings: Settings) -> Iterator[_Fault]:
    records = {record.label: record for record in header.metrics}
    ruled = {rule.metric for rule in state.evalset.gate}
    earlier = {} if before is None else {spec.label: spec for spec in before.evalset.metrics}
    for spec in state.evalset.metrics:
        if is_pairwise(spec):
            continue
        if spec.label not in records:
            if spec.label in ruled:
                yield _Fault(f"{spec.label}: a rule is about it, and the baseline was not scored by it", True)
            continue
        signature = _signature(spec, state, settings)
        if signature is None or signature == records[spec.label].signature:
            continue
        if not is_judge(spec):
            told = f"{spec.label}: it is scored otherwise now; the gate scores the kept outputs again"
            lost = f"{spec.label}: it is scored otherwise now, and the outputs were left out"
            yield _Fault(told if header.outputs else lost, not header.outputs)
        # Which model judges may be said on the command line, so only what this change did is told of a judge.
        elif _other_judge(signature, earlier.get(spec.label), before, settings):
            yield _Fault(f"{spec.label}: another judge scored it", True)


def _other_judge(
    signature: str, earlier: MetricSpec | None, before: SetState | None, settings: Settings
) -> bool:
    if earlier is None or before is None:
        return False
    return signature != _signature(earlier, before, settings)


def _signature(spec: MetricSpec, state: SetState, settings: Settings) -> str | None:
    """Return what a metric's figures depend on; None where it can't be made here."""
    language = state.evalset.card.language
    try:
        metric = build_metric(
            spec, folder=state.folder, language=language, judge_model=None, settings=settings
        )
    except PromptopsError:
        return None
    return metric.signature
