"""What every form of the folder promises; a new file is tested by being there."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptops import plugins
from promptops.analysis.reportfiles import form_for
from promptops.reports import Report
from tests.reports.hostile import EVERYTHING, HOSTILE, cell, delta, hostile_report, report, verdict

FORMS = plugins.names("reports")
OUTCOMES = ("PASS", "FAIL", "INCONCLUSIVE", "CANNOT_MEASURE")


def reports() -> dict[str, Report]:
    """Return a report of every kind."""
    found = {outcome: report(verdict(outcome, cell(outcome, delta()))) for outcome in OUTCOMES}
    refused = report(verdict("CANNOT_MEASURE"), deltas=(), cases=0)
    bare = {"comparison": None, "baseline": None, "candidate": None, "cases": ()}
    found["refused"] = refused.model_copy(update=bare)
    found["comparison"] = report(None)
    found["hostile"] = hostile_report()
    found["private"] = found["FAIL"].model_copy(update={"outputs": False})
    return found


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kind", reports())
def test_every_kind_of_report_has_a_text(name: str, kind: str) -> None:
    told = reports()[kind]
    form = form_for(f"x.{name}")
    if form.needs_verdict and told.verdict is None:
        return
    first = form.render(told)
    assert first.encode("utf-8") and first.endswith("\n")
    assert first == form.render(told)


@pytest.mark.parametrize("name", FORMS)
def test_the_verdict_comes_with_its_sentence(name: str) -> None:
    text = form_for(f"x.{name}").render(reports()["PASS"])
    assert "did not fall by more than 0.05" in text


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("text", [*HOSTILE, EVERYTHING], ids=range(len(HOSTILE) + 1))
def test_control_and_direction_characters_are_not_passed_on(name: str, text: str) -> None:
    made = form_for(f"x.{name}").render(hostile_report(text))
    assert not set(made) & set("\x00\x0b\x0c\x1b\x85\u2028\u202e\ufeff\ud800")


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_breaks_a_form(name: str, text: str) -> None:
    form_for(f"x.{name}").render(hostile_report(text)).encode("utf-8")


@pytest.mark.parametrize("name", FORMS)
def test_a_form_says_in_a_line_what_it_is(name: str) -> None:
    assert plugins.summary("reports", name).endswith(".")
