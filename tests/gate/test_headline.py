"""The sentence for people who don't read statistics."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.gate.headline import compared, deciding, finding, headline, leading, settled, smallest_change
from promptops.gate.rules import GateRule
from promptops.project import Project
from promptops.types import Estimate, Outcome
from promptops.verdicts import CellVerdict, Comparison, Delta, Verdict
from tests.made import Folder, questions
from tests.reports.hostile import cell, delta, verdict

SURE = "with 95 % confidence each way; 80 cases"
LEVEL = Estimate(label="fits", value=0.95, low=0.91, high=0.98, n=80, level=0.9)
FEW = LEVEL.model_copy(update={"low": 0.3, "high": 1.0, "n": 44, "clusters": 12})
CHANCE = {"p_harm": 0.03, "p_harm_adjusted": 0.12}


def test_a_pass_says_what_did_not_happen_how_sure_that_is_and_what_to_do() -> None:
    assert headline(verdict("PASS", cell("PASS", delta())), "brief@2") == (
        "PASS: rouge_l did not fall by more than 0.05 (change +0.037, between -0.002 and +0.077 "
        f"{SURE}). You can promote brief@2."
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (cell("PASS", delta(0.1, 0.05, 0.2), label="improved"), "rouge_l improved, it rose (change +0.100,"),
        (
            cell("PASS", delta(-0.01, -0.02, -0.001), label="worse within margin"),
            "rouge_l fell, but by no more than the 0.05 that you accept",
        ),
        (
            cell("PASS", delta(12.0, -3.0, 30.0, label="ms", higher_is_better=False)),
            "ms did not rise by more than 0.05",
        ),
        (
            cell("PASS", rule=GateRule(metric="fits", min=0.9), estimate=LEVEL),
            f"fits is at least 0.9 (found 0.950, between 0.910 and 0.980 {SURE}).",
        ),
        (
            cell(
                "PASS",
                rule=GateRule(metric="fits", min=0.9),
                estimate=LEVEL.model_copy(update={"clusters": 31}),
            ),
            "each way; 80 cases in 31 groups)",
        ),
        (cell("PASS", delta(0.0, None, None), label="identical"), "the same as before, byte for byte"),
        (cell("PASS", delta(name="night", n=9, clusters=4)), "rouge_l on night did not fall"),
        (cell("PASS", delta(clusters=12)), "80 cases in 12 groups"),
        (cell("PASS", delta(alpha=0.01)), "99 % confidence"),
    ],
)
def test_a_pass_in_other_words(found: CellVerdict, told: str) -> None:
    assert told in finding(verdict("PASS", found), "brief@2")


def test_a_pass_with_notes_sends_the_reader_to_them_first() -> None:
    two = verdict("PASS", cell("PASS", delta()), warnings=("a", "b"))
    assert finding(two, "brief@2").endswith("Read the 2 notes first; then you can promote brief@2.")
    assert finding(verdict("PASS", cell("PASS", delta())), "a.prompt.yaml").endswith(
        "You can ship a.prompt.yaml."
    )


def test_of_many_rules_the_one_with_the_least_room_is_told() -> None:
    near, far = delta(-0.04, -0.049, 0.0, label="near"), delta(0.1, 0.05, 0.2, label="far")
    many = verdict("PASS", cell("PASS", far), cell("PASS", near), cell("PASS", far))
    told = finding(many, "brief@2")
    assert told.startswith("all 3 rules hold; the closest one: near did not fall by more than 0.05")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (cell("FAIL", delta(-0.7, -0.8, -0.6)), "rouge_l fell by more than the 0.05 that you accept"),
        (
            cell("FAIL", delta(-0.06, -0.1, -0.02)),
            "rouge_l fell, perhaps by more than the 0.05 that you accept",
        ),
        (
            cell("FAIL", delta(9.0, 5.0, 12.0, higher_is_better=False)),
            "rouge_l rose by more than the 0.05 that you accept (change +9.000,",
        ),
        (
            cell("FAIL", rule=GateRule(metric="fits", min=0.99), estimate=LEVEL),
            "fits is below the 0.99 that you ask for",
        ),
        (
            cell("FAIL", rule=GateRule(metric="fits", max=0.5), estimate=LEVEL),
            "fits is above the 0.5 that you allow",
        ),
    ],
)
def test_a_fail_says_what_was_lost_and_what_to_mend(found: CellVerdict, told: str) -> None:
    whole = finding(verdict("FAIL", cell("PASS", delta()), found), "brief@2")
    assert told in whole
    assert whole.endswith(
        "Don't promote brief@2: look at the cases that lost most, mend the prompt, run the gate again."
    )


def test_a_fail_counts_the_other_rules_that_fail() -> None:
    lost = cell("FAIL", delta(-0.7, -0.8, -0.6))
    assert "; 1 more rule fails too." in finding(verdict("FAIL", lost, lost.model_copy()))
    alone = cell("FAIL", delta(-0.7, -0.8, -0.6), **CHANCE)
    assert "more rule" not in finding(verdict("FAIL", lost, alone))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        # what the gate has worked out, rounded up to two digits
        (cell("INCONCLUSIVE", delta(-0.01, -0.07, 0.05), needed=123), "about 130 more cases"),
        # a corpus metric: bounds shrink with the root of n, (0.1 / 0.05)^2 = 4 times as many
        (
            cell("INCONCLUSIVE", rule=GateRule(metric="fits", min=0.7), estimate=FEW),
            "so add at least 8 more groups: cases of other people or documents.",
        ),
        (cell("INCONCLUSIVE", delta(-0.01, -0.07, 0.05, resolves=0.1)), "about 240 more cases"),
        # the change keeps it open: the reach of 0.03 must shrink to the distance of 0.02, 2.25 times as many
        (cell("INCONCLUSIVE", delta(-0.03, -0.06, 0.01, resolves=0.04)), "about 100 more cases"),
        (cell("INCONCLUSIVE", delta(-0.0499, -0.1, 0.01, resolves=0.04)), "not likely to settle it"),
        # fewer than twenty groups: bets decide, whatever the spread
        (cell("INCONCLUSIVE", delta(-0.01, -0.07, 0.05, n=8), needed=3), "add at least 12 more cases"),
        (cell("INCONCLUSIVE", delta(-0.01, -0.07, 0.05, clusters=5)), "add at least 15 more groups"),
        # 2.25 times as many, as above
        (
            cell(
                "INCONCLUSIVE",
                rule=GateRule(metric="fits", min=0.93),
                estimate=LEVEL.model_copy(update={"low": 0.92}),
            ),
            "about 100 more cases would settle it if the figure stays as it is",
        ),
        # z(0.0125) = 2.2414 and z(0.03) = 1.8808: 1.42 times as many
        (cell("FAIL", delta(-0.05, -0.09, -0.001), **CHANCE), "about 34 more cases"),
    ],
)
def test_what_is_open_says_how_many_more_cases_would_settle_it(found: CellVerdict, told: str) -> None:
    whole = finding(verdict("INCONCLUSIVE", cell("PASS", delta()), found), "brief@2")
    assert told in whole and "Don't promote brief@2 yet" in whole


@pytest.mark.parametrize(
    ("found", "why", "advice"),
    [
        (
            cell("CANNOT_MEASURE", sentence="rouge_l was not measured in both runs."),
            "it was not measured in both runs",
            "promptops accept RUN",
        ),
        (
            cell(
                "CANNOT_MEASURE",
                rule=GateRule(metric="rouge_l", worst_slice_margin=0.1),
                sentence="rouge_l: no slice is large enough to judge.",
            ),
            "no slice is large enough to judge",
            "Add cases to the slices",
        ),
        (
            cell(
                "CANNOT_MEASURE", delta(None, unscored=9), sentence="rouge_l: 9 samples (11%) are unscored."
            ),
            "9 samples (11%) are unscored",
            "promptops score c2",
        ),
        (
            cell(
                "CANNOT_MEASURE",
                delta(-0.4, None, None, candidate_missing=80),
                sentence="rouge_l: no answer at all.",
            ),
            "no answer at all",
            "promptops show c2",
        ),
        (
            cell("CANNOT_MEASURE", delta(0.1, None, None, clusters=1), sentence="rouge_l: one group only."),
            "one group only",
            "more than one group",
        ),
        (
            cell("CANNOT_MEASURE", delta(None, n=0), sentence="rouge_l: no sample could be compared."),
            "no sample could be compared",
            "promptops show c2",
        ),
    ],
)
def test_what_can_not_be_measured_says_what_to_mend(found: CellVerdict, why: str, advice: str) -> None:
    whole = headline(verdict("CANNOT_MEASURE", found), "brief@2")
    assert whole.startswith(f"CANNOT MEASURE: rouge_l can't be judged: {why}.") and advice in whole


def test_a_loss_that_may_be_chance_among_many_rules_is_open() -> None:
    alone = cell("FAIL", delta(-0.05, -0.09, -0.001), **CHANCE)
    assert settled(alone) == "INCONCLUSIVE"
    whole = verdict("INCONCLUSIVE", cell("PASS", delta()), cell("INCONCLUSIVE", delta()), alone)
    assert deciding(whole) is alone
    assert "with 3 rules one such result may be chance" in finding(whole)


def test_a_comparison_without_rules_promises_nothing() -> None:
    found = Comparison(baseline="b", candidate="c", evalset="e", deltas=(delta(),))
    told = compared(found, "rouge_l", "brief@1", "brief@2")
    assert told.startswith(
        "rouge_l did not change clearly from brief@1 to brief@2 (change +0.037, between -0.002 and"
    )
    assert told.endswith("No rule was applied: `promptops gate` decides.")
    assert "can't be compared" in compared(found, "f1", "brief@1", "brief@2")


def test_two_models_of_one_prompt_are_told_by_their_names(folder: Folder) -> None:
    folder.evalset("asked", questions(6))
    prompt = folder.prompt("ask", "{{ question }}")
    models = [folder.script(f"{name}.json", {f"q{n:03}": name for n in range(6)}) for name in ("old", "new")]
    with Project.open(folder.path) as project:
        before, after = project.evaluate("asked", [prompt], models)
        told = project.compare(before.id, after.id).sentence
    assert "from mock/script:old.json to mock/script:new.json" in told and "ask.prompt.yaml" not in told


def test_names_are_written_as_the_form_wants_them() -> None:
    found = verdict("PASS", cell("PASS", delta(name="a b")))
    told = finding(found, "brief@2", lambda name: f"<{name}>")
    assert "<rouge_l> on <a b>" in told and "promote <brief@2>" in told


FIGURES = st.floats(-100, 100, allow_nan=False)


@given(
    st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "CANNOT_MEASURE"]),
    st.tuples(FIGURES, FIGURES, FIGURES),
    st.floats(1e-6, 50),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_every_verdict_has_a_sentence(
    outcome: Outcome, figures: tuple[float, float, float], margin: float, higher: bool, n: int
) -> None:
    low, middle, high = sorted(figures)
    found = delta(middle, low, high, n=n, higher_is_better=higher)
    made = cell(outcome, found, rule=GateRule(metric="rouge_l", margin=margin))
    told = headline(verdict(outcome, made), "brief@2")
    assert "rouge_l" in told and told.endswith(".") and "nan" not in told and "inf" not in told
    assert len(told) < 500


def test_a_name_without_end_does_not_bury_the_sentence() -> None:
    told = headline(verdict("PASS", cell("PASS", delta(name="x" * 5000))), "y@" * 5000)
    assert len(told) < 400 and "You can promote y@y@" in told


def test_a_verdict_without_cells_tells_its_reason() -> None:
    assert headline(Verdict(outcome="CANNOT_MEASURE", reason="No baseline.", cells=())) == (
        "CANNOT MEASURE: No baseline."
    )


def test_a_long_path_keeps_the_name_of_the_file() -> None:
    told = finding(verdict("PASS", cell("PASS", delta())), f"{'/folder' * 50}/brief.prompt.yaml")
    assert told.endswith("/brief.prompt.yaml.") and len(told) < 300


def test_one_looks_first_at_what_a_verdict_hangs_on_and_of_a_pass_at_the_first_rule() -> None:
    passed, lost = cell("PASS", delta()), cell("FAIL", delta(-0.7, -0.8, -0.6))
    assert leading(verdict("FAIL", passed, lost)) is lost
    assert leading(verdict("PASS", passed, cell("PASS", delta(-0.01)))) is passed
    assert leading(verdict("CANNOT_MEASURE")) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        # a reach shrinks with the square root of n: half of it takes four times as many
        (
            delta(resolves=0.0594),
            "The smallest change of rouge_l that 80 cases can show is about 0.060: four in five changes of "
            "that size are noticed, and a smaller one may be there unseen. One half as large takes about 240 "
            "more cases.",
        ),
        (
            delta(resolves=3.31, name="night"),
            "change of rouge_l on night that 80 cases can show is about 3.4:",
        ),
        (delta(resolves=41.0), "is about 41: "),
        (delta(resolves=0.05, clusters=40), "80 cases in 40 groups can show"),
        (delta(resolves=0.05, clusters=40), "about 120 more groups."),
        (delta(resolves=0.05, n=8), "Under 20 cases bets decide, which see large changes only: add cases"),
        (delta(resolves=0.0), "can't be told: they did not differ, or too few did."),
        (delta(resolves=None), "can't be told"),
        (delta(None, None, None, n=0), "can't be told: there are none."),
    ],
)
def test_how_small_a_change_could_have_been_seen_is_told_in_plain_words(found: Delta, told: str) -> None:
    assert told in smallest_change(found)


@given(st.floats(1e-7, 1e6), st.integers(1, 10**6))
def test_the_smallest_change_is_rounded_up_and_never_hidden(size: float, n: int) -> None:
    told = smallest_change(delta(resolves=size, n=n))
    written = re.search(r"is about ([\d.]+):", told)
    assert written and size * (1 - 1e-5) <= float(written[1]) <= size * 1.11 + 1


def test_a_rule_about_these_very_samples_says_so() -> None:
    suite = GateRule(metric="rouge_l", margin=0.05, estimand="suite")
    told = finding(verdict("PASS", cell("PASS", delta(), rule=suite)), "brief@2")
    assert told.startswith("rouge_l on these very samples did not fall by more than 0.05 (")


def test_a_change_without_bounds_is_not_called_a_change() -> None:
    ended = delta(-0.2, None, None, note="no bounds: the run ended before all was asked")
    told = compared(
        Comparison(baseline="a", candidate="b", evalset="s", deltas=(ended,)), "rouge_l", "a", "b"
    )
    assert told == (
        "How surely rouge_l changed from a to b can't be told: no bounds: the run ended before all was asked "
        "(change -0.2; 80 cases)."
    )


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("bets on each group (e-process)", "under 20 cases only a very clear change decides"),
        ("BCa cluster bootstrap", "under 20 cases no figure of all texts together decides"),
    ],
)
def test_few_cases_are_told_with_what_decides_there(method: str, told: str) -> None:
    few = delta(-0.1, -0.3, 0.1, n=8, clusters=8).model_copy(update={"method": method})
    said = finding(verdict("INCONCLUSIVE", cell("INCONCLUSIVE", few)), "brief@2")
    assert f"{told}, so add at least 12 more cases" in said
