"""Rules as rows: the same words and figures for every face."""

from __future__ import annotations

from promptops.gate.evidence import evidence_of
from promptops.gate.rules import GateRule
from promptops.types import Estimate
from tests.reports.hostile import cell, delta, verdict


def test_a_rule_is_told_with_what_it_asks_and_what_was_found() -> None:
    [row] = evidence_of(verdict("PASS", cell("PASS", delta(name="night", n=1200), label="improved")))
    assert (row.name, row.asked, row.found) == ("rouge_l on night", "may lose 0.05", "+0.0370")
    assert (row.bounds, row.n, row.remark, row.leads) == ("[-0.0020, +0.0770]", "1,200", "improved", True)


def test_a_rule_tells_how_small_a_change_its_evidence_shows_and_whom_it_is_about() -> None:
    suite = GateRule(metric="rouge_l", margin=0.05, estimand="suite")
    first, second = evidence_of(verdict("PASS", cell("PASS", delta()), cell("PASS", delta(), rule=suite)))
    assert (first.sees, first.asked) == ("0.0500", "may lose 0.05")
    assert second.asked == "may lose 0.05 on these very samples"


def test_a_limit_is_told_with_the_figure_itself() -> None:
    level = Estimate(label="fits", value=0.95, low=0.91, high=0.98, n=80)
    limit = cell("PASS", rule=GateRule(metric="fits", min=0.9), estimate=level)
    [row] = evidence_of(verdict("PASS", limit))
    assert (row.sees, row.asked, row.found, row.bounds) == ("-", "at least 0.9", "0.9500", "[0.9100, 0.9800]")


def test_a_loss_that_may_be_chance_is_open_and_says_what_it_is_alone() -> None:
    chance = cell("FAIL", delta(-0.05, -0.09, -0.001), p_harm=0.03, p_harm_adjusted=0.12)
    first, second = evidence_of(verdict("INCONCLUSIVE", cell("PASS", delta()), chance))
    assert (second.outcome, second.alone, second.leads) == ("INCONCLUSIVE", "FAIL", True)
    assert "among 2 rules it may be chance" in second.why and "FAIL alone" in second.remark
    assert (first.outcome, first.leads) == ("PASS", False)


def test_what_was_not_measured_has_no_figures() -> None:
    [row] = evidence_of(verdict("CANNOT_MEASURE", cell("CANNOT_MEASURE")))
    assert (row.found, row.bounds, row.n) == ("-", "-", "-")
    assert evidence_of(verdict("CANNOT_MEASURE")) == ()
