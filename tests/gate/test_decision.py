"""The gate's decisions on made-up runs whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from promptops.analysis.comparison import Pairing, pair
from promptops.analysis.summary import SEED, Row, Side, tally
from promptops.errors import NotComparable, UsageError
from promptops.gate import decision as gate
from promptops.gate.rules import GateRule
from promptops.metrics import Metric
from promptops.metrics.bleu import Bleu
from promptops.metrics.exact import Exact
from promptops.stats import decision
from promptops.stats.resampling import swap_test
from promptops.types import Completion, Message, MetricRecord, Prompt, Run, Sample

PROMPT = Prompt(messages=(Message(role="user", content="x"),))
RULE = GateRule(metric="exact", margin=0.05)


def samples(n: int, groups: int | None = None) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            id=f"s{number:04}",
            inputs={},
            target=("a b c d e",),
            tags=("odd" if number % 2 else "even",),
            group=None if groups is None else f"g{number % groups}",
        )
        for number in range(n)
    )


def run_of(name: str, metrics: Mapping[str, Metric], n: int, digest: str = "set") -> Run:
    return Run(
        id=name,
        created_at="2026-01-01T00:00:00",
        status="finished",
        evalset="made-up",
        evalset_digest=digest,
        prompt=PROMPT,
        prompt_ref="p@1",
        model="mock/echo",
        metrics=tuple(metric.record(label, label) for label, metric in metrics.items()),
        samples=n,
    )


def side(
    name: str, values: Sequence[float | None | str], asked: tuple[Sample, ...], metrics: Mapping[str, Metric]
) -> Side:
    """A number is a score, a string the kind of a failure, None an instrument that failed."""
    label = next(iter(metrics))
    rows: list[Row] = []
    for sample, value in zip(asked, values, strict=True):
        if isinstance(value, str):
            rows.append((sample.id, 0, value, {}))
        elif value is None:
            rows.append((sample.id, 0, None, {label: {"counts": (), "unscored": "broken"}}))
        else:
            rows.append((sample.id, 0, None, {label: {"counts": (value,), "unscored": None}}))
    run = run_of(name, metrics, len(asked))
    return Side(run, tally(asked, rows, run.metrics))


def paired(
    old: Sequence[float | None | str], new: Sequence[float | None | str], groups: int | None = None
) -> Pairing:
    asked = samples(len(old), groups)
    metrics = {"exact": Exact()}
    return pair(side("old", old, asked, metrics), side("new", new, asked, metrics), metrics)


def coin(n: int, share: float, seed: int) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).random(n) < share]


def test_a_clear_improvement_passes_and_turned_around_fails() -> None:
    worse, better = coin(200, 0.5, 1), coin(200, 0.9, 2)
    good = gate.judge(paired(worse, better), [RULE])
    assert (good.outcome, good.cells[0].label) == ("PASS", "improved")
    assert gate.judge(paired(better, worse), [RULE]).outcome == "FAIL"


def test_noise_without_evidence_is_inconclusive_and_says_how_many_more() -> None:
    verdict = gate.judge(paired(coin(60, 0.5, 3), coin(60, 0.5, 4)), [RULE])
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.cells[0].needed and verdict.cells[0].needed > 100
    assert "more samples" in verdict.reason


def test_the_bounds_shown_are_those_that_decide() -> None:
    for seed in range(20):
        pairing = paired(coin(80, 0.6, seed), coin(80, 0.6, seed + 100))
        verdict = gate.judge(pairing, [RULE])
        delta = verdict.cells[0].delta
        assert delta and delta.low is not None and delta.high is not None and delta.p_value is not None
        expected = "PASS" if delta.low > -0.05 else "FAIL" if delta.high < 0 else "INCONCLUSIVE"
        assert verdict.outcome == expected
        assert (delta.p_value < delta.alpha) == (delta.low > 0 or delta.high < 0)


def test_identical_outputs_pass_and_are_called_identical() -> None:
    values = coin(50, 0.5, 5)
    verdict = gate.judge(paired(values, values), [RULE], identical=True)
    assert (verdict.outcome, verdict.cells[0].label) == ("PASS", "identical")
    assert any("same run twice" in warning for warning in verdict.warnings)


def test_a_candidate_without_an_answer_counts_as_the_worst() -> None:
    values = [1.0] * 100
    verdict = gate.judge(paired(values, ["timeout" if n < 20 else 1.0 for n in range(100)]), [RULE])
    delta = verdict.cells[0].delta
    assert delta and delta.difference == pytest.approx(-0.2) and delta.candidate_missing == 20
    assert verdict.outcome == "FAIL"
    assert any("20 of 100 samples got no answer" in warning for warning in verdict.warnings)


def test_a_baseline_without_answers_can_not_make_a_pass_easier() -> None:
    old: list[float | str | None] = ["timeout" if n < 40 else 1.0 for n in range(100)]
    new = [0.0 if n < 40 else 1.0 for n in range(100)]
    delta = paired(old, new).cell("exact").delta
    assert delta.difference == 0.0 and delta.baseline_missing == 40
    assert gate.judge(paired(old, new), [RULE]).outcome != "PASS"


def test_an_instrument_that_fails_too_often_can_not_measure() -> None:
    old = coin(100, 0.5, 6)
    few: list[float | None] = [None if n < 5 else 1.0 for n in range(100)]
    many: list[float | None] = [None if n < 6 else 1.0 for n in range(100)]
    assert gate.judge(paired(old, few), [RULE]).outcome == "PASS"
    verdict = gate.judge(paired(old, many), [RULE])
    assert verdict.outcome == "CANNOT_MEASURE" and "could not be scored" in verdict.reason


def test_a_metric_that_was_not_measured_can_not_pass() -> None:
    values = coin(50, 0.5, 7)
    verdict = gate.judge(paired(values, values), [RULE, GateRule(metric="rouge", margin=0.1)])
    assert verdict.outcome == "CANNOT_MEASURE"


def test_all_errors_do_not_pass() -> None:
    assert gate.judge(paired([1.0] * 30, ["server"] * 30), [RULE]).outcome == "CANNOT_MEASURE"
    assert gate.judge(paired([1.0] * 30, ["server"] * 29 + [1.0]), [RULE]).outcome == "FAIL"
    assert gate.judge(paired(["server"] * 30, ["server"] * 30), [RULE]).outcome == "CANNOT_MEASURE"


def test_a_margin_is_never_guessed_and_the_smallest_that_can_be_resolved_is_told() -> None:
    with pytest.raises(UsageError, match="smallest margin that this set can resolve: 0"):
        gate.judge(paired(coin(50, 0.5, 8), coin(50, 0.5, 9)), [GateRule(metric="exact")])
    with pytest.raises(UsageError, match="no gate rule"):
        gate.judge(paired(coin(50, 0.5, 8), coin(50, 0.5, 9)), [])


def test_under_twenty_pairs_only_the_betting_bound_decides() -> None:
    assert gate.judge(paired([0.0] * 19, [0.0] * 18 + [1.0]), [RULE]).outcome == "INCONCLUSIVE"
    assert gate.judge(paired([1.0] * 19, [0.0] * 19), [RULE]).outcome == "FAIL"


def test_absolute_rules_are_decided_by_the_interval_and_not_the_point() -> None:
    values = coin(100, 0.85, 10)
    pairing = paired(values, values)
    mean = float(np.mean(values))
    outcomes = {
        limit: gate.judge(pairing, [GateRule(metric="exact", min=limit)]).outcome
        for limit in (0.5, round(mean - 0.01, 4), 0.99)
    }
    assert list(outcomes.values()) == ["PASS", "INCONCLUSIVE", "FAIL"]
    assert gate.judge(pairing, [GateRule(metric="exact", max=0.5)]).outcome == "FAIL"


def test_one_bad_slice_is_named_though_the_whole_passes() -> None:
    old = [0.5] * 200
    new = [0.3 if number % 2 else 0.9 for number in range(200)]
    verdict = gate.judge(paired(old, new), [GateRule(metric="exact", margin=0.1)])
    assert verdict.outcome == "PASS"
    assert any("worse on slice 'odd'" in warning for warning in verdict.warnings)


def test_many_rules_do_not_fail_by_the_luck_of_one() -> None:
    rng = np.random.default_rng(11)
    alone = together = 0
    for _ in range(150):
        old, new = rng.random((2, 40)).round().tolist()
        pairing = paired(old, new)
        rules = [GateRule(metric="exact", margin=0.01, slice=name) for name in (None, "odd", "even")]
        verdict = gate.judge(pairing, rules)
        alone += any(cell.outcome == "FAIL" for cell in verdict.cells)
        together += verdict.outcome == "FAIL"
    assert together < alone
    assert together / 150 <= 0.11


@pytest.mark.parametrize(("n", "exact"), [(60, True), (12, False)])
def test_what_a_rule_sees_is_what_the_bets_that_decide_it_see(n: int, exact: bool) -> None:
    old, new = coin(n, 0.7, 4), coin(n, 0.7, 5)
    rule = GateRule(metric="exact", margin=0.3, exact=exact)
    pairing = paired(old, new)
    seen = gate.judge(pairing, [rule]).cells[0].delta
    plain = pairing.cell("exact").delta
    assert seen is not None and seen.resolves is not None and plain.resolves is not None
    assert seen.resolves > plain.resolves
    with pytest.raises(UsageError) as told:
        gate.judge(pairing, [GateRule(metric="exact", exact=exact)])
    smallest = float(str(told.value).rpartition(": ")[2])
    # Rounded up to two digits.
    assert seen.resolves <= smallest <= 1.1 * seen.resolves


def test_a_candidate_that_gave_no_answer_is_not_told_for_each_slice() -> None:
    found = gate.judge(paired([1.0] * 60, ["timeout"] * 60), [RULE])
    assert found.outcome == "CANNOT_MEASURE"
    assert not any("slice" in note for note in found.warnings)


def test_groups_widen_the_bounds() -> None:
    rng = np.random.default_rng(12)
    effect = np.repeat(rng.normal(0, 0.3, 20), 10)
    new = (0.5 + effect).clip(0, 1)
    order = np.arange(200).reshape(20, 10).T.ravel()
    loose = paired([0.5] * 200, new[order].tolist(), groups=20).cell("exact").delta
    tight = paired([0.5] * 200, new[order].tolist()).cell("exact").delta
    assert loose.clusters == 20 and loose.low is not None and tight.low is not None
    assert loose.low < tight.low


BLEU: dict[str, Metric] = {"bleu": Bleu()}
BLEU_RULE = GateRule(metric="bleu", margin=2.0)


def texts(n: int, wrong: float, rng: np.random.Generator) -> list[Completion]:
    words = np.array(["a", "b", "c", "d", "e"])
    return [Completion(text=" ".join(np.where(rng.random(5) < wrong, "z", words).tolist())) for _ in range(n)]


def by_bleu(old: list[Completion], new: list[Completion]) -> Pairing:
    asked = samples(len(old))

    def made(name: str, said: list[Completion]) -> Side:
        run = run_of(name, BLEU, len(asked))
        rows: list[Row] = [
            (
                sample.id,
                0,
                None,
                {"bleu": {"counts": BLEU["bleu"].score(text, sample).counts, "unscored": None}},
            )
            for sample, text in zip(asked, said, strict=True)
        ]
        return Side(run, tally(asked, rows, run.metrics))

    return pair(made("old", old), made("new", new), BLEU)


def test_corpus_metrics_are_compared_by_their_corpus_figure() -> None:
    rng = np.random.default_rng(13)
    good, bad = texts(60, 0.1, rng), texts(60, 0.4, rng)
    assert gate.judge(by_bleu(bad, good), [BLEU_RULE]).outcome == "PASS"
    moved = by_bleu(good, bad)
    assert gate.judge(moved, [BLEU_RULE]).outcome == "FAIL"
    counts = [side.table.columns["bleu"].counts for side in (moved.baseline, moved.candidate)]
    # That test itself is held against sacrebleu's in tests/stats/test_resampling.py.
    expected = swap_test(*counts, np.ones(60), None, Bleu().combine, swaps=2000, seed=SEED)
    assert moved.swap_p("bleu") == expected.p < 0.01


@pytest.mark.parametrize(("n", "outcome"), [(20, "INCONCLUSIVE"), (200, "PASS")])
def test_counts_that_are_all_the_same_have_p_one_and_a_width(n: int, outcome: str) -> None:
    """Nothing that was seen changed; a loss that is rare may not have been drawn."""
    good = texts(n, 0.1, np.random.default_rng(13))
    same = by_bleu(good, good)
    delta = same.cell("bleu").delta
    assert delta.p_value == same.swap_p("bleu") == 1.0
    assert delta.low is not None and delta.high is not None and delta.low < 0 < delta.high
    assert gate.judge(same, [BLEU_RULE]).outcome == outcome
    assert gate.judge(same, [BLEU_RULE], identical=True).outcome == "PASS"


@pytest.mark.parametrize("turned", [False, True])
def test_under_twenty_groups_nothing_is_decided_about_a_corpus_figure(turned: bool) -> None:
    rng = np.random.default_rng(14)
    sides = [texts(19, share, rng) for share in (0.0, 0.6)]
    pairing = by_bleu(*(sides[::-1] if turned else sides))
    rules = [BLEU_RULE, GateRule(metric="bleu", min=60.0)]
    found = gate.judge(pairing, rules)
    assert found.outcome == "INCONCLUSIVE"
    assert [cell.p_harm for cell in found.cells] == [None, None]
    assert "Under 20 groups nothing decides; there are 19" in found.cells[0].sentence
    assert "Under 20 groups nothing is certain of it; there are 19." in found.cells[1].sentence


def test_runs_on_other_questions_or_with_other_signatures_are_refused_with_both_named() -> None:
    asked = samples(30)
    metrics: dict[str, Metric] = {"exact": Exact()}
    old = side("old", [1.0] * 30, asked, metrics)
    other_set = Side(old.run.model_copy(update={"evalset_digest": "another"}), old.table)
    with pytest.raises(NotComparable, match="different questions"):
        pair(other_set, old, metrics)
    strict = Exact(ignore_case=False).record("exact", "exact")
    changed: MetricRecord = old.run.metrics[0].model_copy(update={"signature": strict.signature})
    other_signature = Side(old.run.model_copy(update={"metrics": (changed,)}), old.table)
    with pytest.raises(NotComparable, match="ignore_case:false") as caught:
        pair(other_signature, old, metrics)
    assert "ignore_case:true" in str(caught.value)


def test_under_twenty_groups_only_a_very_clear_change_decides() -> None:
    rng = np.random.default_rng(3)
    old = rng.choice([0.4, 0.5, 0.6], size=60)
    new = old - np.tile(rng.choice([0.0, 0.15], size=12), 5)
    small = gate.judge(paired(old.tolist(), new.tolist(), groups=12), [RULE])
    assert small.outcome == "INCONCLUSIVE"
    assert "there are 12, so add samples of other groups" in small.reason
    clear = gate.judge(paired([1.0] * 60, [0.0] * 60, groups=12), [RULE])
    assert clear.outcome == "FAIL"
    alone = gate.judge(paired(old.tolist(), new.tolist()), [RULE])
    assert alone.outcome == "FAIL"


def test_the_gate_decides_as_the_function_that_is_simulated() -> None:
    rng = np.random.default_rng(4)
    for case in range(60):
        n, groups = int(rng.integers(5, 120)), int(rng.integers(2, 60))
        old, new = rng.random(n), np.clip(rng.random(n) * 0.5 + rng.random() * 0.5, 0, 1)
        sides = paired(old.tolist(), new.tolist(), groups=groups)
        codes = sides.candidate.table.clusters
        if len(np.unique(codes)) < 2:
            continue
        expected = decision.decide(new - old, RULE.margin or 0.0, codes)
        assert gate.judge(sides, [RULE]).cells[0].outcome == decision.NAMES[int(expected)], case


def test_a_worst_slice_margin_is_a_rule_for_each_slice() -> None:
    old = [1.0] * 200
    new = [0.0 if n % 2 and n < 60 else 1.0 for n in range(200)]  # 30 of the 100 odd ones
    rule = GateRule(metric="exact", margin=0.3, worst_slice_margin=0.2)
    verdict = gate.judge(paired(old, new), [rule])
    outcomes = {(cell.rule.slice, cell.rule.margin): cell.outcome for cell in verdict.cells}
    assert outcomes == {(None, 0.3): "PASS", ("even", 0.2): "PASS", ("odd", 0.2): "FAIL"}
    assert verdict.outcome == "FAIL"
    assert "exact on 'odd'" in verdict.reason


def test_slices_that_are_too_small_are_named_and_where_all_are_nothing_holds() -> None:
    rule = GateRule(metric="exact", worst_slice_margin=0.2)
    verdict = gate.judge(paired([1.0] * 30, [0.9] * 30), [rule])
    assert verdict.outcome == "CANNOT_MEASURE"
    assert "no slice is large enough" in verdict.reason
    assert any("'odd' has 15 groups, too few" in warning for warning in verdict.warnings)
