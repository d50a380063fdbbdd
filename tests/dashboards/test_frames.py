from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import frames, recordframes
from promptops import Bill, Record, evidence_of
from promptops.analysis.groupchanges import GroupChange
from promptops.analysis.slices import Slices
from promptops.gate.rules import GateRule
from promptops.types import (
    Case,
    Completion,
    Estimate,
    Failure,
    Message,
    MetricRecord,
    Prompt,
    PromptVersion,
    Result,
    Run,
    Score,
)
from promptops.verdicts import CellVerdict, Delta, Verdict

RECORD = MetricRecord(
    label="f1", metric="f1", signature="f1|1", higher_is_better=True, low=0, high=1, unit="", corpus=False
)
RUN = Run(
    id="abcdef012345",
    created_at="2026-11-21T09:30:59.000+00:00",
    status="finished",
    evalset="mails",
    evalset_digest="d",
    prompt=Prompt(messages=(Message(role="user", content="x"),)),
    prompt_ref="reply@2",
    model="mock/echo",
    metrics=(RECORD, RECORD.model_copy(update={"label": "judge", "stand_in": True})),
    samples=10,
    done=9,
    errors=1,
)
DELTA = Delta(
    label="f1",
    baseline=0.5,
    candidate=0.6,
    difference=0.1,
    low=0.02,
    high=0.18,
    p_value=0.0123,
    n=40,
    clusters=40,
)


def case(sample_id: str, text: str | None = "answer", figure: float | None = 0.5) -> Case:
    failure = None if text is not None else Failure(kind="timeout", message="too late")
    completion = None if text is None else Completion(text=text)
    scores = {"f1": Score.of(figure, reason="because")} if figure is not None else {}
    result = Result(sample_id=sample_id, completion=completion, failure=failure, scores=scores)
    return Case(result=result, figures={"f1": figure})


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r=1"])
def test_a_cell_never_begins_like_a_formula(formula: str) -> None:
    assert frames.cell(formula).startswith("'")


def test_a_dash_for_what_is_not_there_is_shown_as_it_is() -> None:
    assert [frames.cell(text) for text in ("-", " - ", "-1-", "- one")] == ["-", "-", "'-1-", "'- one"]
    record = Record(id="r1", at="2026-11-01T10:00:00", inputs={"mail": "Hello"}, output="-")
    [row] = recordframes.records_frame([record], {}).to_dict("records")
    assert (row["prompt"], row["answered"], row["seconds"]) == ("-", "-", "-")


@given(st.text())
def test_a_cell_is_one_short_line_whatever_a_model_wrote(text: str) -> None:
    shown = frames.cell(text)
    assert "\n" not in shown
    assert len(shown) <= frames.CELL + 1
    assert not any(mark in shown for mark in "\x1b\u202e\u200b\x00")


def test_runs_have_a_row_each_with_the_figures_of_the_first_metrics() -> None:
    figures: dict[str, dict[str, float | None]] = {RUN.id: {"f1": 0.5, "judge": None}}
    bill = Bill(calls=9, cached=0, tokens_in=1000, tokens_out=234, cost=0.0123, saved=0.0)
    row = frames.runs_frame([RUN], figures, ["f1", "judge"], {RUN.id: bill}).iloc[0]
    assert row["run"] == RUN.id
    assert row["date"] == "2026-11-21 09:30"
    assert row["done"] == "9 of 10"
    assert (row["f1"], row["judge"]) == ("0.5000", "-")
    assert (row["cost"], row["tokens"]) == ("$0.0123", "1,234")
    waiting = RUN.model_copy(update={"status": "waiting", "waiting_since": "2026-11-21T10:31:00+00:00"})
    unknown = bill.model_copy(update={"cost": None, "tokens_in": None})
    rows = frames.runs_frame([waiting, RUN], figures, [], {waiting.id: unknown})
    assert rows["status"][0] == "waiting, in a batch since 2026-11-21 10:31"
    assert list(rows["cost"]) == ["unknown"] * 2 and list(rows["tokens"]) == ["unknown"] * 2
    assert list(frames.runs_frame([RUN], figures, [], {})["cost"]) == [""]


def test_the_first_metrics_are_listed_once_in_their_order() -> None:
    assert frames.first_labels([RUN, RUN], 4) == ["f1", "judge"]
    assert frames.first_labels([RUN], 1) == ["f1"]


def test_an_estimate_of_a_stand_in_judge_is_marked() -> None:
    found = [
        Estimate(label="f1", value=0.5, low=0.4, high=0.6, n=40),
        Estimate(label="judge", slice="short", value=None, n=0, unscored=3),
    ]
    table = frames.estimates_frame(found, RUN)
    assert list(table["metric"]) == ["f1", "judge*"]
    assert list(table["slice"]) == [frames.WHOLE, "short"]
    assert list(table["95 % interval"]) == ["[0.4000, 0.6000]", "-"]
    assert list(table["unscored"]) == [0, 3]


def test_changes_are_written_as_the_command_line_writes_them() -> None:
    both = frames.deltas_frame([DELTA, DELTA.model_copy(update={"slice": "origin: human"})])
    assert [name.partition(", ")[2] for name in both["metric"]] == [frames.WHOLE, "origin: human"]
    row = frames.deltas_frame([DELTA]).iloc[0]
    assert (row["change"], row["[L, U]"], row["p"], row["n"]) == (
        "+0.1000",
        "[+0.0200, +0.1800]",
        ".0123",
        40,
    )


@pytest.mark.parametrize(
    ("update", "word"),
    [
        ({}, "better"),
        ({"higher_is_better": False}, "worse"),
        ({"low": -0.1}, "no clear change"),
        ({"low": -0.3, "high": -0.1}, "worse"),
        ({"low": None, "high": None, "note": "one group only: no interval"}, "one group only: no interval"),
        ({"difference": None}, "not measured"),
    ],
)
def test_what_an_interval_says_is_told_in_words(update: dict[str, object], word: str) -> None:
    assert frames.direction(DELTA.model_copy(update=update)) == word


def test_pairs_show_both_sides_and_leave_gaps_where_a_side_is_missing() -> None:
    table = frames.pairs_frame(
        ["a", "b"],
        {"a": 0.1, "b": None},
        {"a": case("a")},
        {"a": case("a", "other", 0.6), "b": case("b")},
        "f1",
    )
    assert list(table["candidate answers"]) == ["other", "answer"]
    assert list(table["baseline answers"]) == ["answer", ""]
    assert pd.isna(table["change"].iloc[1])
    assert pd.isna(table["baseline"].iloc[1])


def test_a_failed_sample_is_told_as_such() -> None:
    table = frames.cases_frame([case("a", None, None), case("b")], ["f1"])
    assert list(table["ended"]) == ["failed: timeout", "stop"]
    assert pd.isna(table["f1"].iloc[0])


def test_scores_stand_side_by_side() -> None:
    table = frames.scores_frame({"baseline": case("a"), "candidate": None})
    assert list(table.iloc[0]) == ["f1", "0.5000", "-"]


def test_an_unscored_metric_says_why() -> None:
    result = Result(
        sample_id="a", completion=Completion(text="x"), scores={"f1": Score.missing("unreadable")}
    )
    assert frames.reason(Case(result=result, figures={"f1": None}), "f1") == "unscored: unreadable"


def test_rules_have_a_row_each() -> None:
    passed = CellVerdict(rule=GateRule(metric="f1", margin=0.1), outcome="PASS", sentence="x", delta=DELTA)
    chance = passed.model_copy(update={"outcome": "FAIL", "p_harm": 0.04, "p_harm_adjusted": 0.08})
    found = Verdict(outcome="INCONCLUSIVE", reason="x", cells=(passed, chance))
    table = frames.rules_frame(evidence_of(found))
    bounds = "[+0.0200, +0.1800]"
    assert list(table.iloc[0]) == ["PASS", "f1", "may lose 0.1", "+0.1000", bounds, "40", "-", ""]
    assert table["verdict"].iloc[1] == "INCONCLUSIVE" and table["remark"].iloc[1] == "FAIL alone"


def test_slices_have_a_row_each_and_small_ones_say_so() -> None:
    judged = GroupChange(
        **{"name": "=night", "facet": "tags", "standing": "exploratory", "judged": True, "n": 40},
        **{"clusters": 40, "change": -0.1, "low": -0.2, "high": -0.01, "joint_low": -0.3, "joint_high": 0.1},
        **{"shrunken": -0.05, "p_harm": 0.03, "adjusted_p": 0.06},
    )
    small = GroupChange(
        **{"name": "day", "facet": "tags", "standing": "confirmatory", "judged": False, "n": 3},
        **{"clusters": 3, "change": 0.2, "note": "too small to judge"},
    )
    found = Slices(
        **{"baseline": "a", "candidate": "b", "evalset": "e", "label": "f1", "higher_is_better": True},
        **{"alpha": 0.05, "seed": 0, "sentence": "x", "whole": DELTA, "groups": (judged, small)},
    )
    table = frames.slices_frame(found)
    assert list(table.iloc[0]) == [
        *("'=night", "exploratory", 40, "-0.1000", "-0.0500", "[-0.2000, -0.0100]", "[-0.3000, +0.1000]"),
        *(".0300", "q .0600", ""),
    ]
    assert list(table.iloc[1]) == ["day", "declared", 3, "+0.2000", *[""] * 5, "too small to judge"]


def test_versions_are_newest_first_with_their_aliases() -> None:
    versions = [PromptVersion(name="reply", number=number, prompt=RUN.prompt) for number in (1, 2)]
    table = frames.versions_frame(versions, {"production": 1})
    assert list(table["version"]) == [2, 1]
    assert list(table["aliases"]) == ["", "production"]


def test_empty_lists_give_empty_tables_with_their_columns() -> None:
    for table in (
        frames.estimates_frame([], RUN),
        frames.deltas_frame([]),
        frames.moves_frame([]),
        frames.prompts_frame([]),
        frames.rules_frame([]),
    ):
        assert table.empty
        assert len(table.columns) > 2
