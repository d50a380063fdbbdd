"""Answers that did not come: what is told of them, and when it is told first."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.summary import Row, Side, tally
from promptops.gate import decision as gate
from promptops.gate.missing import ALPHA, missing_warnings, unequal_missing
from promptops.gate.rules import GateRule
from promptops.metrics import Metric
from promptops.metrics.bleu import Bleu
from promptops.metrics.exact import Exact
from tests.gate.test_decision import run_of, samples

Answers = Sequence[Sequence[float | str | None]]
"""For each sample its repeats: a score, a kind of failure, or None where the instrument failed."""


def paired(old: Answers, new: Answers, metric: Metric | None = None, counts: int = 1) -> Pairing:
    asked, metrics = samples(len(old)), {"exact": metric or Exact()}

    def side(name: str, answers: Answers) -> Side:
        rows: list[Row] = []
        for sample, repeats in zip(asked, answers, strict=True):
            for repeat, value in enumerate(repeats):
                if isinstance(value, str):
                    rows.append((sample.id, repeat, value, {}))
                elif value is None:
                    rows.append((sample.id, repeat, None, {"exact": {"counts": (), "unscored": "broken"}}))
                else:
                    score = {"counts": (value,) * counts, "unscored": None}
                    rows.append((sample.id, repeat, None, {"exact": score}))
        run = run_of(name, metrics, len(asked))
        return Side(run, tally(asked, rows, run.metrics))

    return pair(side("old", old), side("new", new), metrics)


def silent(n: int, places: range, value: float = 1.0) -> list[list[float | str | None]]:
    return [["timeout"] if place in places else [value] for place in range(n)]


def notes(pairing: Pairing, *names: str | None) -> list[str]:
    return missing_warnings(pairing, [pairing.cell("exact", name).delta for name in names or (None,)])


def test_a_candidate_that_fails_to_answer_more_often_is_told_first() -> None:
    found = notes(paired(silent(200, range(1)), silent(200, range(10, 22))))
    assert found[0] == (
        "The candidate fails to answer more often: 12 of 200 against 1 of 200 (exact McNemar p = .0034)."
    )
    assert found[1] == (
        "12 of 200 samples got no answer from the candidate (6.0%: they count as worst), "
        "1 from the baseline (0.5%: PASS holds with their best too)."
    )
    assert found[2] == (
        "exact: the change is -0.0603; with missing answers left out it would be +0.0000 (187 samples)."
    )
    assert len(found) == 3


def test_a_candidate_that_answers_more_often_is_told_too() -> None:
    found = notes(paired(silent(200, range(12)), silent(200, range(20, 21))))
    assert found[0].startswith("The candidate fails to answer less often: 1 of 200 against 12 of 200")


@given(
    *(st.integers(0, 12) for _ in range(3)),
    st.integers(1, 30),
)
def test_it_is_told_just_where_statsmodels_finds_a_difference(
    both: int, lost: int, gained: int, answered: int
) -> None:
    table = [[answered, lost], [gained, both]]
    old: Answers = [["server"]] * both + [[1.0]] * lost + [["server"]] * gained + [[1.0]] * answered
    new: Answers = [["server"]] * both + [["timeout"]] * lost + [[1.0]] * gained + [[1.0]] * answered
    found = unequal_missing(paired(old, new))
    p = float(mcnemar(table, exact=True).pvalue)
    assert bool(found) == (p < ALPHA)
    if found:
        n = both + lost + gained + answered
        assert f"{both + lost} of {n} against {both + gained} of {n}" in found[0]
        shown = re.search(r"p (?:= |<)(\S+)\)", found[0])
        assert shown and float(shown[1]) == pytest.approx(p, abs=1e-4)


values = st.one_of(st.floats(0, 1), st.none())


@given(st.lists(st.tuples(values, values), min_size=2, max_size=30))
def test_nothing_is_told_where_every_answer_came(scores: list[tuple[float | None, float | None]]) -> None:
    pairing = paired([[old] for old, _ in scores], [[new] for _, new in scores])
    found = notes(pairing, None, "odd")
    assert all("could not be scored" in note for note in found)
    if all(value is not None for pair_ in scores for value in pair_):
        assert found == []


def test_the_change_without_missing_answers_is_that_of_the_samples_answered_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    old, new = rng.random(60), rng.random(60)
    without = [[value] if place % 7 else ["timeout"] for place, value in enumerate(new.tolist())]
    found = notes(paired([[value] for value in old.tolist()], without))
    kept = np.arange(60) % 7 > 0
    expected = f"{np.mean(new[kept] - old[kept]):+.4f} ({kept.sum()} samples)"
    primary = f"{np.mean(np.where(kept, new, 0) - old):+.4f}"
    assert any(note.startswith(f"exact: the change is {primary};") and expected in note for note in found)


def test_a_sample_is_missing_where_all_its_repeats_are() -> None:
    old: Answers = [[1.0, 1.0]] * 40
    new: Answers = [["timeout", "timeout"]] * 2 + [["timeout", 1.0]] * 9 + [[1.0, 1.0]] * 29
    found = notes(paired(old, new))
    assert found[0].startswith("2 of 40 samples got no answer from the candidate (5.0%"), "2 are no evidence"
    assert found[1] == (
        "9 samples got no answer from the candidate on some repeats only: these repeats count as worst."
    )
    assert "change is -0.1625; with missing answers left out it would be +0.0000 (38 samples)" in found[2]


def test_an_answer_that_could_not_be_scored_is_not_missing() -> None:
    old: Answers = [[1.0, 1.0]] * 30
    found = notes(paired(old, [["timeout", None]] * 10 + [[1.0, 1.0]] * 20))
    assert not any(note.startswith("The candidate fails") for note in found)
    assert any(note.startswith("10 samples got no answer from the candidate on some") for note in found)


def test_of_slices_it_speaks_where_the_whole_is_not_asked_for() -> None:
    pairing = paired(silent(200, range(0)), silent(200, range(1, 41, 2)))
    rules = [GateRule(metric="exact", margin=0.1, slice="odd"), GateRule(metric="exact", margin=0.1)]
    odd = gate.judge(pairing, rules[:1]).warnings
    assert any(
        "20 of 100 samples got no answer from the candidate on slice 'odd' (20.0%" in note for note in odd
    )
    assert any(note.startswith("exact on slice 'odd': the change is -0.2000;") for note in odd)
    both = gate.judge(pairing, rules).warnings
    assert not any("on slice 'odd': the change" in note for note in both)


def test_a_metric_without_a_worst_value_tells_the_change_without_missing_answers() -> None:
    answered: Answers = [[5.0]] * 30
    found = notes(paired(answered, silent(30, range(4), 6.0), Bleu(), counts=10))
    assert any(note.startswith("exact: the change ") and "26 samples" in note for note in found)
    nobody: Answers = [["server"]] * 5
    assert any("no sample was answered" in note for note in notes(paired(nobody, nobody)))
