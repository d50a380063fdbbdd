"""promptops: versions, evaluation sets, a parallel runner and an honest gate for prompts.

from promptops import Project

with Project.open() as project:
    old, new = project.evaluate("replies", ["reply@1", "reply@2"], ["openai/gpt-4o-mini"])
    print(project.gate("replies", run=new.id, baseline=old.id).outcome)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptops.analysis.reportfiles import render_report, write_report
    from promptops.analysis.slices import Slices
    from promptops.calls.bills import Bill
    from promptops.calls.budget import Budget
    from promptops.calls.forecast import Forecast
    from promptops.distributions.coverage import SetCoverage
    from promptops.distributions.shift import Shift
    from promptops.distributions.text import (
        coverage_facts,
        coverage_sentence,
        feature_sides,
        lacks_kinds,
        shift_facts,
        shift_sentence,
    )
    from promptops.errors import PromptopsError
    from promptops.files.idfile import Ids, read_ids
    from promptops.gate.evidence import Evidence, evidence_of
    from promptops.gate.headline import smallest_change
    from promptops.gate.rules import GateRule
    from promptops.generation import Generated
    from promptops.instruments import Drift, Found, Preference
    from promptops.judges import Judge
    from promptops.judging.biaswords import hidden_biases
    from promptops.judging.certificates import Certificate
    from promptops.judging.declared import DeclaredJudge, DeclaredJudges
    from promptops.judging.text import judge_lines
    from promptops.labels.labelling import Labelling, OwnCase
    from promptops.metrics import Metric
    from promptops.pairs.text import compared_sentences, preference_sentences
    from promptops.plots.images import Plot, agreement_plot, changes_plot, drift_plot, rules_plot
    from promptops.production.current import current_record
    from promptops.production.face import configure_logging, feedback, flush, log, logger
    from promptops.production.measuretext import figure_text
    from promptops.production.monitor import Monitor
    from promptops.production.periods import chosen_records
    from promptops.production.records import Feedback, Record, RecordFilter, RecordScore
    from promptops.production.themes import Themes
    from promptops.production.trace import trace
    from promptops.production.usercases import MadeCases
    from promptops.project import Project
    from promptops.providers import Model
    from promptops.reports import Report
    from promptops.sets.additions import Added
    from promptops.sets.changes import FieldChange
    from promptops.sets.history import SetDiff, SetLog
    from promptops.sets.kindtags import KindRule, kind_tags
    from promptops.sets.origins import ORIGIN_SLICES
    from promptops.sets.selection import Selection
    from promptops.sets.value import SetValue
    from promptops.texts.worddiff import word_diff
    from promptops.types import Case, Completion, Estimate, EvalSet, Prompt, Result, Run, Sample, Score
    from promptops.verdicts import Comparison, Verdict

__version__ = "0.1.0"

_HOMES = {
    "Bill": "calls.bills",
    "Budget": "calls.budget",
    "Case": "types",
    "Comparison": "verdicts",
    "DeclaredJudge": "judging.declared",
    "DeclaredJudges": "judging.declared",
    "Labelling": "labels.labelling",
    "Completion": "types",
    "Estimate": "types",
    "EvalSet": "types",
    "Evidence": "gate.evidence",
    "GateRule": "gate.rules",
    "Ids": "files.idfile",
    "Judge": "judges",
    "Metric": "metrics",
    "Model": "providers",
    "Monitor": "production.monitor",
    "OwnCase": "labels.labelling",
    "Plot": "plots.images",
    "Preference": "instruments",
    "Project": "project",
    "Prompt": "types",
    "PromptopsError": "errors",
    "Report": "reports",
    "Result": "types",
    "Run": "types",
    "Sample": "types",
    "Score": "types",
    "Forecast": "calls.forecast",
    "Found": "instruments",
    "Feedback": "production.records",
    "Record": "production.records",
    "MadeCases": "production.usercases",
    "Themes": "production.themes",
    "RecordFilter": "production.records",
    "RecordScore": "production.records",
    "chosen_records": "production.periods",
    "Selection": "sets.selection",
    "Added": "sets.additions",
    "KindRule": "sets.kindtags",
    "kind_tags": "sets.kindtags",
    "Generated": "generation",
    "ORIGIN_SLICES": "sets.origins",
    "SetCoverage": "distributions.coverage",
    "FieldChange": "sets.changes",
    "SetDiff": "sets.history",
    "SetLog": "sets.history",
    "SetValue": "sets.value",
    "Shift": "distributions.shift",
    "Slices": "analysis.slices",
    "Verdict": "verdicts",
    "Certificate": "judging.certificates",
    "Drift": "instruments",
    "agreement_plot": "plots.images",
    "changes_plot": "plots.images",
    "drift_plot": "plots.images",
    "evidence_of": "gate.evidence",
    "hidden_biases": "judging.biaswords",
    "judge_lines": "judging.text",
    "compared_sentences": "pairs.text",
    "preference_sentences": "pairs.text",
    "read_ids": "files.idfile",
    "render_report": "analysis.reportfiles",
    "rules_plot": "plots.images",
    "smallest_change": "gate.headline",
    "coverage_facts": "distributions.text",
    "coverage_sentence": "distributions.text",
    "lacks_kinds": "distributions.text",
    "feature_sides": "distributions.text",
    "figure_text": "production.measuretext",
    "shift_facts": "distributions.text",
    "shift_sentence": "distributions.text",
    "configure_logging": "production.face",
    "current_record": "production.current",
    "feedback": "production.face",
    "flush": "production.face",
    "log": "production.face",
    "logger": "production.face",
    "trace": "production.trace",
    "word_diff": "texts.worddiff",
    "write_report": "analysis.reportfiles",
}

__all__ = [
    "ORIGIN_SLICES",
    "Added",
    "Bill",
    "Budget",
    "Case",
    "Certificate",
    "Comparison",
    "Completion",
    "DeclaredJudge",
    "DeclaredJudges",
    "Drift",
    "Estimate",
    "EvalSet",
    "Evidence",
    "Feedback",
    "FieldChange",
    "Forecast",
    "Found",
    "GateRule",
    "Generated",
    "Ids",
    "Judge",
    "KindRule",
    "Labelling",
    "MadeCases",
    "Metric",
    "Model",
    "Monitor",
    "OwnCase",
    "Plot",
    "Preference",
    "Project",
    "Prompt",
    "PromptopsError",
    "Record",
    "RecordFilter",
    "RecordScore",
    "Report",
    "Result",
    "Run",
    "Sample",
    "Score",
    "Selection",
    "SetCoverage",
    "SetDiff",
    "SetLog",
    "SetValue",
    "Shift",
    "Slices",
    "Themes",
    "Verdict",
    "agreement_plot",
    "changes_plot",
    "chosen_records",
    "compared_sentences",
    "configure_logging",
    "coverage_facts",
    "coverage_sentence",
    "current_record",
    "drift_plot",
    "evidence_of",
    "feature_sides",
    "feedback",
    "figure_text",
    "flush",
    "hidden_biases",
    "judge_lines",
    "kind_tags",
    "lacks_kinds",
    "log",
    "logger",
    "preference_sentences",
    "read_ids",
    "render_report",
    "rules_plot",
    "shift_facts",
    "shift_sentence",
    "smallest_change",
    "trace",
    "word_diff",
    "write_report",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for, so that `import promptops` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'promptops' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"promptops.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(_HOMES)
