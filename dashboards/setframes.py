"""What samples are worth, and what became of a set, as tables. Knows nothing of Streamlit."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from dashboards.frames import cell
from promptops import FieldChange, SetDiff, SetLog, SetValue
from promptops.texts.figures import figure

TELLS, AGAINST, TWINS = "tells", "against", "twins"
NAMES = {
    TELLS: "tell versions apart",
    AGAINST: "better versions do worse on them",
    TWINS: "say the same twice",
    "always passed": "always passed",
    "always failed": "always failed",
    "same": "scored alike by all, neither right nor wrong",
    "noise": "versions differ by no more than repeats do",
}
"""Kinds of samples, in the order in which one looks at them."""


def kinds_of(found: SetValue) -> dict[str, str]:
    """Return the kinds that the set has, with how many samples are of each."""
    counts: dict[str, int] = {AGAINST: len(found.against), TWINS: len(found.redundant)}
    counts |= {str(kind): count for kind, count in found.counts.items()}
    return {kind: f"{name} ({counts[kind]:,})" for kind, name in NAMES.items() if counts.get(kind)}


def ids_of(found: SetValue, kind: str) -> list[str]:
    """Return the samples of a kind: those that tell most first, twins the most alike first."""
    if kind == AGAINST:
        return list(found.against)
    if kind == TWINS:
        return [pair.other for pair in found.redundant]
    cases = [case for case in found.cases if case.kind == kind]
    worth = {case.id: case.spread if case.signal is None else case.signal for case in cases}
    return sorted(worth, key=lambda name: -worth[name])


def cases_frame(found: SetValue, ids: Sequence[str]) -> pd.DataFrame:
    """Return one row a sample: what versions did on it."""
    by_id = {case.id: case for case in found.cases}
    rows = [
        {
            "sample": cell(case.id),
            "mean": figure(case.mean),
            "spread": figure(case.spread),
            "noise": figure(case.noise),
            "without noise": figure(case.signal),
            "with the rest": _signed(case.rest),
            "upper - lower": _signed(case.index),
        }
        for case in (by_id[name] for name in ids)
    ]
    return pd.DataFrame(rows)


def twins_frame(found: SetValue) -> pd.DataFrame:
    """Return one row a sample that says the same as another one."""
    rows = [
        {
            "sample": cell(pair.other),
            "says the same as": cell(pair.kept),
            "alike": f"{pair.alike:.2f}",
            "scores": "the same throughout" if pair.correlation is None else f"r = {pair.correlation:.2f}",
        }
        for pair in found.redundant
    ]
    return pd.DataFrame(rows)


def versions_frame(found: SetValue) -> pd.DataFrame:
    """Return one row a version whose run was looked at."""
    rows = [
        {
            "run": each.run,
            "prompt": cell(each.prompt_ref),
            "model": cell(each.model),
            found.metric: figure(each.figure),
            "repeats": each.repeats,
        }
        for each in found.versions
    ]
    return pd.DataFrame(rows)


def subset_frame(found: SetValue) -> pd.DataFrame:
    """Return one row a sample of the smaller set, and how many samples it stands for."""
    members = () if found.subset is None else found.subset.members
    return pd.DataFrame([{"sample": cell(each.id), "stands for": f"{each.weight:.2f}"} for each in members])


def log_frame(found: SetLog) -> pd.DataFrame:
    """Return one row a state of the set, with what it changed of the one before."""
    rows = [
        {
            "commit": each.commit or "-",
            "date": each.date or "-",
            "author": cell(each.author) or "-",
            "version": (each.digest or "-")[:12],
            "samples": _count(each.samples),
            "added": _count(each.added),
            "removed": _count(each.removed),
            "changed": _count(each.changed),
            "what": cell(each.problem or each.subject or "not committed"),
            "changed besides": cell("; ".join(each.other)),
        }
        for each in found.versions
    ]
    return pd.DataFrame(rows)


def baselines_frame(found: SetDiff) -> pd.DataFrame:
    """Return one row a baseline of the later state."""
    rows = [
        {
            "baseline": cell(each.file),
            "fits": each.fit + (", accepted anew" if each.accepted_anew else ""),
            "why": cell("; ".join(each.why)),
        }
        for each in found.baselines
    ]
    return pd.DataFrame(rows)


def settings_frame(found: SetDiff) -> pd.DataFrame:
    """Return one row a metric, rule, slice or line of the card that changed."""
    changes = found.changes
    rows = [
        {
            "what": f"{what} {cell(each.name)}",
            "change": each.kind + _eased(each.eased),
            "how": _how(each.fields),
        }
        for what, named in (("metric", changes.metrics), ("rule", changes.rules))
        for each in named
    ]
    rows += [{"what": "card", "change": field.kind, "how": _how([field])} for field in changes.card]
    for kind, slices in (("added", changes.slices_added), ("removed", changes.slices_removed)):
        rows += [{"what": f"slice {cell(name)}", "change": kind, "how": ""} for name in slices]
    return pd.DataFrame(rows)


def samples_frame(found: SetDiff) -> pd.DataFrame:
    """Return one row a sample that came, went or changed; changed ones first."""
    changes = found.changes
    rows = [
        {
            "change": "changed",
            "sample": cell(each.id),
            "what": cell(", ".join(field.field for field in each.fields)),
        }
        for each in changes.changed
    ]
    for kind, briefs in (("added", changes.added), ("removed", changes.removed)):
        rows += [{"change": kind, "sample": cell(each.id), "what": cell(each.text)} for each in briefs]
    return pd.DataFrame(rows)


def told_value(value: object) -> str:
    """Return a value of a sample as text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _how(fields: Sequence[FieldChange]) -> str:
    told = {
        "added": lambda field: f"+ {told_value(field.after)}",
        "removed": lambda field: f"- {told_value(field.before)}",
        "changed": lambda field: f"{told_value(field.before)} -> {told_value(field.after)}",
    }
    return cell("; ".join(f"{field.field}: {told[field.kind](field)}" for field in fields))


def _eased(eased: bool | None) -> str:
    return "" if eased is None else ", lets more pass" if eased else ", lets less pass"


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
