"""JUnit XML as Jenkins and GitLab read it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from promptops.analysis.reportfiles import form_for, render_report
from promptops.errors import UsageError
from promptops.gate.rules import GateRule
from promptops.reports import Report
from promptops.reports.xml import Junit
from promptops.types import Outcome
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, hostile_report, report, verdict

# What Jenkins' own schema of the format allows in this order, and the attributes that it demands.
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "testcase": ["skipped", "error", "failure", "system-out", "system-err"],
    "properties": ["property"],
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name", "classname"}}
COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def suite_of(found: Report) -> ET.Element:
    """Return the one testsuite of a report, after holding the whole against the format."""
    text = Junit().render(found)
    root = ET.fromstring(text)
    etree.fromstring(text.encode("utf-8"), etree.XMLParser(resolve_entities=False, huge_tree=False))
    for element in root.iter():
        order = [CHILDREN[element.tag].index(child.tag) for child in element] if len(element) else []
        assert order == sorted(order), element.tag
        assert set(element.attrib) >= REQUIRED.get(element.tag, set())
    [suite] = root
    cases = suite.findall("testcase")
    for element in (root, suite):
        assert int(element.get("tests", "")) == len(cases)
        for count, kind in COUNTS.items():
            assert int(element.get(count, "")) == sum(case.find(kind) is not None for case in cases)
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)
    return suite


@pytest.mark.parametrize(
    ("outcome", "blocks", "kind"),
    [
        ("PASS", True, None),
        ("FAIL", True, "failure"),
        ("CANNOT_MEASURE", True, "error"),
        ("INCONCLUSIVE", True, "failure"),
        ("INCONCLUSIVE", False, "skipped"),
    ],
)
def test_a_rule_is_a_test_that_fails_where_the_exit_code_does(
    outcome: Outcome, blocks: bool, kind: str | None
) -> None:
    found = report(verdict(outcome, cell(outcome, delta(), sentence="It is so.")))
    [case] = suite_of(found.model_copy(update={"inconclusive_blocks": blocks})).findall("testcase")
    assert (case.get("classname"), case.get("name")) == ("promptops.made-up", "rouge_l: may lose 0.05")
    kinds = [child.tag for child in case if child.tag != "system-out"]
    assert kinds == ([kind] if kind else [])
    if kind:
        [child] = case
        told = str(child.get("message"))
        assert told.startswith(f"{outcome.replace('_', ' ')}: It is so.")
        assert ("The smallest change that it could show: 0.0500." in told) == (outcome != "CANNOT_MEASURE")
        assert child.get("type") == (outcome if kind != "skipped" else None)


def test_a_loss_that_may_be_chance_fails_no_test_that_the_exit_code_lets_pass() -> None:
    alone = cell("FAIL", delta(-0.05, -0.09, -0.001), p_harm=0.03, p_harm_adjusted=0.12)
    found = report(verdict("INCONCLUSIVE", alone, cell("PASS", delta(name="x"))))
    suite = suite_of(found.model_copy(update={"inconclusive_blocks": False}))
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")


def test_a_rule_keeps_its_name_whatever_was_found_and_two_alike_are_told_apart() -> None:
    bound = GateRule(metric="fits", slice="night", min=0.5, max=0.9)
    cells = [cell("PASS", delta()), cell("PASS", delta()), cell("FAIL", rule=bound)]
    suite = suite_of(report(verdict("FAIL", *cells)))
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "rouge_l: may lose 0.05",
        "rouge_l: may lose 0.05 #2",
        "fits on night: at least 0.5 and at most 0.9",
    ]


def test_what_was_refused_as_a_whole_is_one_error() -> None:
    suite = suite_of(report(verdict("CANNOT_MEASURE")))
    assert [case.get("name") for case in suite.iter("testcase")] == ["the gate"]
    assert suite.get("errors") == "1"


def test_the_sentence_the_notes_and_the_way_to_check_are_there() -> None:
    suite = suite_of(report(verdict("PASS", cell("PASS", delta()), warnings=("look here",))))
    assert "did not fall by more than 0.05" in suite.findtext("system-out", "")
    assert "Note: look here" in suite.findtext("system-out", "")
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["Bootstrap"] == "2000 resamples; seed 1"


@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_quoted_text_is_text(text: str) -> None:
    assert len(suite_of(hostile_report(text)).findall("testcase")) == 3


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None), max_size=40))
def test_what_xml_can_not_hold_is_replaced(text: str) -> None:
    suite_of(hostile_report(f"\ufffe\uffff\x00{text}"))


def test_a_comparison_has_no_tests() -> None:
    with pytest.raises(UsageError, match="promptops gate"):
        form_for("x.xml", verdict=False)
    with pytest.raises(UsageError, match="promptops gate"):
        render_report(report(None), "xml")
