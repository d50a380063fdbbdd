"""Whether a certificate that fits still stands: its ratings, and the judge that the set declares by now."""

from __future__ import annotations

from pathlib import Path

from promptops.errors import FileProblems
from promptops.gate.rules import GateRule
from promptops.judging.certificates import (
    Certificate,
    certificate_file,
    changed_parts,
    demands,
    read_certificate,
)
from promptops.labels.labels import ratings_digest, read_cases
from promptops.labels.steps import step_of
from promptops.pairs.rules import PairRule
from promptops.types import EvalSet, MetricRecord


def ratings_changed(folder: Path, held: Certificate) -> str:
    """Say that a certificate's ratings are others by now; empty where they are the same, or elsewhere."""
    path = folder / held.labels
    if not path.is_file():
        return "its ratings are gone" if "/" in held.labels else ""
    try:
        digest = ratings_digest(read_cases(path))
    except FileProblems:
        return "its ratings can't be read any more"
    return "" if digest == held.labels_digest else "its ratings have changed since"


def aged_notes(evalset: EvalSet, folder: Path, run: dict[str, MetricRecord]) -> list[str]:
    """Say which certificates that rules ask for rest on ratings of before; none that does not fit a run's."""
    asking = [rule for rule in evalset.gate if demands(rule) and rule.metric in run]
    asking += [rule for rule in evalset.shifts if isinstance(rule, PairRule) and demands(rule)]
    found = []
    for label in dict.fromkeys(rule.metric for rule in asking):
        path = certificate_file(folder, label)
        held = read_certificate(path) if path.is_file() else None
        fits = held is not None and (label not in run or held.signature == run[label].signature)
        changed = ratings_changed(folder, held) if held and fits else ""
        if held and changed:
            found.append(
                f"The certificate of {label} is valid, but {changed} ({held.made_at[:10]}); certify anew: "
                f"promptops judge certify {evalset.name}:{label}"
            )
    return found


def another_declared(
    rule: GateRule, record: MetricRecord, now: MetricRecord, evalset: EvalSet, folder: Path
) -> str:
    """Say that a set declares another judge by now than the certified one that scored a run.

    Ends with the next step. Raises FileProblems where the ratings can't be read.
    """
    what = changed_parts(record.signature, now.signature)
    step = step_of(f"{evalset.name}:{rule.metric}", rule.metric, folder, evalset.samples)
    return (
        f"the set declares another judge {rule.metric} by now than scored this run and is certified ({what})"
        f"{step.told}"
    )


def another_model(record: MetricRecord, now: str, then: str) -> str:
    """Say that a set declares the judge that scored a run, at another model."""
    return (
        f"This run was scored by {record.label} at {then}, which is certified; the set declares it at {now} "
        "by now. If that is meant to stay, certify it and score anew."
    )
