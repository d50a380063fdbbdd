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
    from promptops.additions import Added
    from promptops.biaswords import hidden_biases
    from promptops.bills import Bill
    from promptops.budget import Budget
    from promptops.casevalue import SetValue
    from promptops.certificates import Certificate
    from promptops.coverage import SetCoverage
    from promptops.declared import DeclaredJudge, DeclaredJudges
    from promptops.errors import PromptopsError
    from promptops.evidence import Evidence, evidence_of
    from promptops.forecast import Forecast
    from promptops.gaterules import GateRule
    from promptops.generation import Generated
    from promptops.headline import smallest_change
    from promptops.idfile import Ids, read_ids
    from promptops.instruments import Drift, Found, Preference
    from promptops.judges import Judge
    from promptops.judgetext import judge_lines
    from promptops.labelling import Labelling, OwnCase
    from promptops.metrics import Metric
    from promptops.origins import ORIGIN_SLICES
    from promptops.plots import Plot, agreement_plot, changes_plot, drift_plot, rules_plot
    from promptops.preferencetext import preference_sentences
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
    from promptops.reportfiles import render_report, write_report
    from promptops.reports import Report
    from promptops.selection import Selection
    from promptops.setchanges import FieldChange
    from promptops.sethistory import SetDiff, SetLog
    from promptops.shift import Shift
    from promptops.shifttext import (
        coverage_facts,
        coverage_sentence,
        feature_sides,
        lacks_kinds,
        shift_facts,
        shift_sentence,
    )
    from promptops.slices import Slices
    from promptops.types import Case, Completion, Estimate, EvalSet, Prompt, Result, Run, Sample, Score
    from promptops.verdicts import Comparison, Verdict
    from promptops.worddiff import word_diff

__version__ = "0.1.0"

_HOMES = {
    "Bill": "bills",
    "Budget": "budget",
    "Case": "types",
    "Comparison": "verdicts",
    "DeclaredJudge": "declared",
    "DeclaredJudges": "declared",
    "Labelling": "labelling",
    "Completion": "types",
    "Estimate": "types",
    "EvalSet": "types",
    "Evidence": "evidence",
    "GateRule": "gaterules",
    "Ids": "idfile",
    "Judge": "judges",
    "Metric": "metrics",
    "Model": "providers",
    "Monitor": "production.monitor",
    "OwnCase": "labelling",
    "Plot": "plots",
    "Preference": "instruments",
    "Project": "project",
    "Prompt": "types",
    "PromptopsError": "errors",
    "Report": "reports",
    "Result": "types",
    "Run": "types",
    "Sample": "types",
    "Score": "types",
    "Forecast": "forecast",
    "Found": "instruments",
    "Feedback": "production.records",
    "Record": "production.records",
    "MadeCases": "production.usercases",
    "Themes": "production.themes",
    "RecordFilter": "production.records",
    "RecordScore": "production.records",
    "chosen_records": "production.periods",
    "Selection": "selection",
    "Added": "additions",
    "Generated": "generation",
    "ORIGIN_SLICES": "origins",
    "SetCoverage": "coverage",
    "FieldChange": "setchanges",
    "SetDiff": "sethistory",
    "SetLog": "sethistory",
    "SetValue": "casevalue",
    "Shift": "shift",
    "Slices": "slices",
    "Verdict": "verdicts",
    "Certificate": "certificates",
    "Drift": "instruments",
    "agreement_plot": "plots",
    "changes_plot": "plots",
    "drift_plot": "plots",
    "evidence_of": "evidence",
    "hidden_biases": "biaswords",
    "judge_lines": "judgetext",
    "preference_sentences": "preferencetext",
    "read_ids": "idfile",
    "render_report": "reportfiles",
    "rules_plot": "plots",
    "smallest_change": "headline",
    "coverage_facts": "shifttext",
    "coverage_sentence": "shifttext",
    "lacks_kinds": "shifttext",
    "feature_sides": "shifttext",
    "figure_text": "production.measuretext",
    "shift_facts": "shifttext",
    "shift_sentence": "shifttext",
    "configure_logging": "production.face",
    "current_record": "production.current",
    "feedback": "production.face",
    "flush": "production.face",
    "log": "production.face",
    "logger": "production.face",
    "trace": "production.trace",
    "word_diff": "worddiff",
    "write_report": "reportfiles",
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
