"""JUnit XML: one test a rule, as Jenkins, GitLab and the like show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar
from xml.etree import ElementTree as ET

from promptops.gate.headline import about, limits, outcome_word, reason, settled
from promptops.reports import Form, Report
from promptops.reports._facts import facts
from promptops.texts.figures import figure
from promptops.texts.visible import visible
from promptops.types import Outcome
from promptops.verdicts import CellVerdict

# What XML 1.0 can't hold even as a reference; controls are shown by `visible` already.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Junit(Form):
    """One testsuite a gate, one testcase a rule; only what exits with 0 is no failure."""

    needs_verdict: ClassVar[bool] = True

    def render(self, report: Report) -> str:
        """Return the document. FAIL is a failure, CANNOT_MEASURE an error, an open verdict what it does."""
        suite = ET.Element("testsuite", name=_text(f"promptops gate {report.evalset}"))
        cells = report.verdict.cells if report.verdict else ()
        names = _unique([_name(cell) for cell in cells])
        properties = ET.SubElement(suite, "properties")
        for name, value in _properties(report):
            ET.SubElement(properties, "property", name=name, value=_text(value))
        for cell, name in zip(cells, names, strict=True):
            _case(suite, report, name, settled(cell), _told(cell, len(cells)))
        if not cells and report.verdict is not None:
            _case(suite, report, "the gate", report.verdict.outcome, report.verdict.reason)
        ET.SubElement(suite, "system-out").text = _text(_summary(report))
        _count(suite)
        whole = ET.Element("testsuites", {"name": "promptops", **_counts(suite)})
        whole.append(suite)
        ET.indent(whole)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(whole, encoding="unicode") + "\n"


def _case(suite: ET.Element, report: Report, name: str, outcome: Outcome, sentence: str) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(f"promptops.{report.evalset}"), name=_text(name), time="0"
    )
    kind = _kind(outcome, report.inconclusive_blocks)
    if kind is None:
        ET.SubElement(case, "system-out").text = _text(sentence)
        return
    found = ET.SubElement(case, kind, message=_text(f"{outcome_word(outcome)}: {sentence}"))
    if kind != "skipped":
        found.set("type", outcome)
    found.text = _text(sentence)


def _told(cell: CellVerdict, rules: int) -> str:
    seen = figure(cell.delta.resolves) if cell.delta is not None else "-"
    told = reason(cell, rules)
    return (
        told
        if seen == "-" or cell.outcome == "CANNOT_MEASURE"
        else f"{told} The smallest change that it could show: {seen}."
    )


def _kind(outcome: Outcome, blocks: bool) -> str | None:
    if outcome == "INCONCLUSIVE":
        return "failure" if blocks else "skipped"
    return {"PASS": None, "FAIL": "failure", "CANNOT_MEASURE": "error"}[outcome]


def _name(cell: CellVerdict) -> str:
    """Name a rule by what it asks for, so that its history stays together whatever was found."""
    rule = cell.rule
    where = f" on {rule.slice}" if rule.slice else ""
    if rule.margin is not None:
        return f"{rule.metric}{where}: may lose {rule.margin:g}{about(rule)}"
    return f"{rule.metric}{where}: {limits(rule)}"


def _unique(names: Sequence[str]) -> list[str]:
    """Number names that come again: GitLab leaves out all but the first."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return found


def _properties(report: Report) -> list[tuple[str, str]]:
    return [(name, "; ".join(values)) for name, values in facts(report)]


def _summary(report: Report) -> str:
    if report.verdict is None:
        return report.headline
    return "\n".join([report.headline, *(f"Note: {each}" for each in report.verdict.warnings)])


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", "0")


def _counts(suite: ET.Element) -> dict[str, str]:
    return {name: str(suite.get(name)) for name in ("tests", "failures", "errors", "skipped", "time")}


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", visible(text))
