"""One declared judge: whether its certificate fits it as it is, and what to do next."""

from __future__ import annotations

from pathlib import Path

from promptops.errors import PromptopsError
from promptops.gate.rules import GateRule
from promptops.instruments import Found
from promptops.judges import Judge
from promptops.judging.aging import ratings_changed
from promptops.judging.certificates import (
    Certificate,
    certificate_file,
    demands,
    read_certificate,
    voided,
    why_not,
)
from promptops.judging.changes import held
from promptops.judging.declared import DeclaredJudge, LastCheck, State
from promptops.judging.drifting import to_frozen
from promptops.labels.labels import Case, labels_file, read_cases
from promptops.labels.steps import APART, MEND, MORE, step_towards
from promptops.stats.intervals import wilson_interval
from promptops.types import EvalSet, MetricRecord, MetricSpec


def state_of(
    evalset: EvalSet, folder: Path, spec: MetricSpec, judge: Judge | PromptopsError
) -> DeclaredJudge:
    """Return a judge with its certificate and labels; an error in its place says why it can't be made."""
    bare = DeclaredJudge(
        evalset=evalset.name,
        label=spec.label,
        kind=spec.metric,
        state="unknown",
        demanded=bool(_demanding(evalset, spec.label)),
    )
    if isinstance(judge, PromptopsError):
        return bare.model_copy(update={"why": str(judge)})
    record = judge.record(spec.label, spec.metric)
    made = bare.model_copy(
        update={
            "models": judge.models,
            "stand_in": judge.stand_in,
            "signature": judge.signature,
            "pairs": judge.pairs,
            "check": _last_check(folder, record),
            "low": None if judge.pairs else record.low,
            "high": None if judge.pairs else record.high,
        }
    )
    if not judge.pairs and (record.low is None or record.high is None):
        told = "People can't rate in its place: its scale has no ends."
        return made.model_copy(update={"state": "none", "why": told})
    try:
        cases = _cases(labels_file(folder, spec.label), record, pairs=judge.pairs)
        path = certificate_file(folder, spec.label)
        held = read_certificate(path) if path.is_file() else None
        state, why = _state(evalset, folder, record, held)
        outdated = ratings_changed(folder, held) if held is not None and state == "valid" else ""
        certify = f"promptops judge certify {made.name}"
        weak = held.labels_digest if held is not None and state == "weak" else ""
        step = step_towards(
            made.name,
            cases,
            evalset.samples,
            weak,
            pairs=judge.pairs,
            alike=held is not None and held.alike,
        )
        if state == "none" and cases and step.why:
            why = f"{why} {_sentence(step.why)}"
        if step.kind in (MORE, MEND, APART):
            why = f"{why} {step.kind[2:-2]}."
    except PromptopsError as error:
        return made.model_copy(update={"why": str(error)})
    return made.model_copy(
        update={
            "state": state,
            "why": why,
            "outdated": outdated,
            "command": certify if outdated else "" if state == "valid" else step.command,
            "drawn": len(cases),
            "rated": sum(bool(case.ratings) for case in cases),
            "raters": tuple(sorted({rater for case in cases for rater in case.ratings})),
            "certificate": held,
            "unread": None if held is None else _unread(held),
        }
    )


def _last_check(folder: Path, record: MetricRecord) -> LastCheck | None:
    """Return what a judge's anchors showed last; None without any. Raises FileProblems."""
    past = held(folder, record.label)
    if past is None:
        return None
    anchors = past.anchors
    of_these = [each for each in past.readings if each.anchors == anchors.digest]
    mine = [each for each in of_these if each.signature == record.signature]
    alarm = next((each for each in mine if each.alarm), None)
    scale = record.low, record.high
    return LastCheck(
        frozen_at=anchors.freezing.frozen_at,
        anchors=len(anchors.cases),
        date=mine[-1].date if mine else None,
        drifted=alarm is not None,
        before=alarm.before if alarm else None,
        since=alarm.since if alarm else None,
        another=anchors.freezing.signature != record.signature,
        difference=to_frozen(anchors, mine[-1], scale) if mine else Found(),
    )


def _demanding(evalset: EvalSet, label: str) -> list[GateRule]:
    """Return the rules of the gate that ask for a judge's certificate."""
    rules = (*evalset.gate, *evalset.shifts)
    return [rule for rule in rules if rule.metric == label and demands(rule)]


def _cases(path: Path, record: MetricRecord, *, pairs: bool) -> tuple[Case, ...]:
    if not path.is_file():
        return ()
    if pairs:
        return read_cases(path, pairs=True)
    return read_cases(path, record.low or 0.0, 1.0 if record.high is None else record.high, pairs=False)


def _state(
    evalset: EvalSet, folder: Path, record: MetricRecord, held: Certificate | None
) -> tuple[State, str]:
    if held is None:
        return "none", "Nobody has held it against people."
    if held.signature != record.signature:
        return "void", _sentence(voided(held, record))
    path = certificate_file(folder, record.label)
    reasons = (why_not(rule, record, path) for rule in _demanding(evalset, record.label))
    weak = next(filter(None, reasons), "")
    return ("weak", _sentence(weak)) if weak else ("valid", "")


def _unread(held: Certificate) -> Found | None:
    unread = held.unscored - held.unanswered
    asked = held.cases + unread
    if not asked:
        return None
    share = wilson_interval(unread, asked)
    return Found(value=share.value, low=share.low, high=share.high, n=asked)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
